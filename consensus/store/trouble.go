package store

import (
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Trouble is what the databases of a Store have reported since it was opened.
type Trouble struct {
	BackgroundErrors uint64 // flushes and compactions that failed; they are tried again
	SlowDisk         uint64 // file operations of more than five seconds
	Stalls           uint64 // times that writes had to wait for flushes or compactions

	Stalled   bool      // writes wait now
	LastError string    // the last background error; empty: none
	ErrorAt   time.Time // when it was reported
	SlowAt    time.Time // when the disk was last reported slow
}

// troubles collects reports. Pebble reports from any goroutine and holds locks: nothing here may wait.
type troubles struct {
	mu  sync.Mutex
	now Trouble
}

// Trouble returns what was reported so far.
func (s *Store) Trouble() Trouble {
	s.troubles.mu.Lock()
	defer s.troubles.mu.Unlock()
	return s.troubles.now
}

func (t *troubles) note(f func(*Trouble)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f(&t.now)
}

// listener counts and logs what Pebble reports, and hands background errors on.
func (s *Store) listener() *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: func(err error) {
			s.troubles.note(func(t *Trouble) {
				t.BackgroundErrors++
				t.LastError, t.ErrorAt = err.Error(), time.Now()
			})
			s.cfg.Logger.Error("the state's background work failed", "error", err)
			if s.cfg.Background != nil {
				s.cfg.Background(err)
			}
		},
		DiskSlow: func(info pebble.DiskSlowInfo) {
			s.troubles.note(func(t *Trouble) {
				t.SlowDisk++
				t.SlowAt = time.Now()
			})
			s.cfg.Logger.Warn("the disk is slow", "file", info.Path, "operation", info.OpType.String(), "duration", info.Duration)
		},
		WriteStallBegin: func(info pebble.WriteStallBeginInfo) {
			s.troubles.note(func(t *Trouble) {
				t.Stalls++
				t.Stalled = true
			})
			s.cfg.Logger.Warn("writes of the state are stalled", "reason", info.Reason)
		},
		WriteStallEnd: func() { s.troubles.note(func(t *Trouble) { t.Stalled = false }) },
	}
}

// Size is what the database takes and does.
type Size struct {
	DiskBytes      uint64 // all files, those that readers still hold included
	MemTableBytes  uint64
	L0Files        int64
	CompactionDebt uint64 // bytes that compactions still have to rewrite
}

// Size returns the figures of the database that new views read; zeros after Close.
func (s *Store) Size() Size {
	s.mu.Lock()
	db := s.db
	if s.closed {
		s.mu.Unlock()
		return Size{}
	}
	db.users.Add(1)
	s.mu.Unlock()
	defer db.release()
	m := db.db.Metrics()
	return Size{
		DiskBytes: m.DiskSpaceUsage(), MemTableBytes: m.MemTable.Size,
		L0Files: m.Levels[0].TablesCount, CompactionDebt: m.Compact.EstimatedDebt,
	}
}
