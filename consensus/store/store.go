package store

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hutong-project/hutong/trust"
)

const current = "CURRENT"

// cacheBytes is Pebble's block cache. The hot part of a registry, filters and indexes of 10 million events, is
// about 20 MiB.
const cacheBytes = 64 << 20

// Config says where a Store lives. All fields but FS and Fatal are needed.
type Config struct {
	FS      vfs.FS // nil: Disk
	Dir     string // holds CURRENT and the databases; created where missing
	Cluster trust.Digest
	Logger  *slog.Logger

	// Fatal is called when the disk's state is unknown: a commit or a sync failed. It must not return; where it
	// does, the calling goroutine ends. nil: panic.
	Fatal func(error)

	// Background is told of each flush or compaction that failed, and must not wait; nil: nobody is.
	Background func(error)
}

// A Store is the state of one node. Commit, Checkpoint and Restore must be called by one goroutine at a time
// (Raft's state machine goroutine); View may be called by any.
type Store struct {
	cfg Config

	mu     sync.Mutex
	db     *handle // what new views read
	number uint64  // of db's directory
	closed bool

	restored int
	backups  int // folders made by Backup so far

	troubles troubles
}

// Open opens the database that CURRENT names, or creates an empty one, and removes what a crash left beside it.
func Open(cfg Config) (*Store, error) {
	if cfg.FS == nil {
		cfg.FS = Disk
	}
	if cfg.Fatal == nil {
		cfg.Fatal = func(err error) { panic(err) }
	}
	s := &Store{cfg: cfg}
	if err := cfg.FS.MkdirAll(cfg.Dir, dirMode); err != nil {
		return nil, fmt.Errorf("opening the state in %s: %w", cfg.Dir, err)
	}
	number, err := s.readPointer()
	if err != nil {
		return nil, fmt.Errorf("opening the state in %s: %w", cfg.Dir, err)
	}
	if number == 0 {
		number = 1
		if err := s.writePointer(number); err != nil {
			return nil, fmt.Errorf("opening the state in %s: %w", cfg.Dir, err)
		}
	}
	if err := s.sweep(number); err != nil {
		return nil, fmt.Errorf("clearing the state in %s: %w", cfg.Dir, err)
	}
	db, err := s.open(number)
	if err != nil {
		return nil, fmt.Errorf("opening the state in %s: %w", s.path(number), err)
	}
	if err := s.syncDirs(); err != nil {
		db.Close()
		return nil, fmt.Errorf("syncing the folder of the state, %s: %w", cfg.Dir, err)
	}
	s.db, s.number = newHandle(db), number
	return s, nil
}

// syncDirs makes the database's folder and its parent's entry for it durable: Pebble syncs what is inside.
func (s *Store) syncDirs() error {
	fs := s.cfg.FS
	if err := syncDir(fs, s.cfg.Dir); err != nil {
		return err
	}
	parent := fs.PathDir(s.cfg.Dir)
	if parent == "." {
		parent = ""
	}
	return syncDir(fs, parent)
}

// Close waits for no reader: the database is closed when the last View is released. A second call does nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	db := s.db
	s.mu.Unlock()
	return db.release()
}

// Applied returns the index and term of the last entry whose effect is in the database; zeros for none.
func (s *Store) Applied() (index, term uint64, err error) {
	v, err := s.View()
	if err != nil {
		return 0, 0, err
	}
	defer v.Close()
	return v.Applied()
}

// NewBatch returns a batch that reads its own writes and, below them, the database.
func (s *Store) NewBatch() *Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &Batch{store: s, b: s.db.db.NewIndexedBatch()}
}

func (s *Store) options() *pebble.Options {
	fs := s.cfg.FS
	o := &pebble.Options{
		FS:                 fs,
		Comparer:           comparer,
		CacheSize:          cacheBytes,
		FormatMajorVersion: formatMajorVersion,
		Logger:             logger{s.cfg.Logger, s.cfg.Fatal},
		MemTableSize:       16 << 20,
	}
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		o.Levels[i].FilterType = pebble.TableFilter
	}
	o.EventListener = s.listener()
	o.WithFSDefaults() // wraps FS: only so does Pebble notice a slow disk
	return o
}

// formatMajorVersion is Pebble's on-disk version. It is raised only in a release that follows one which can read
// the higher version everywhere, as there is no way back.
const formatMajorVersion = pebble.FormatTableFormatV6

func (s *Store) open(number uint64) (*pebble.DB, error) {
	return pebble.Open(s.path(number), s.options())
}

func (s *Store) path(number uint64) string {
	return s.cfg.FS.PathJoin(s.cfg.Dir, directory(number))
}

func directory(number uint64) string { return fmt.Sprintf("%06d", number) }

func (s *Store) readPointer() (uint64, error) {
	names, err := s.cfg.FS.List(s.cfg.Dir)
	if err != nil {
		return 0, err
	}
	found := false
	for _, name := range names {
		found = found || name == current
	}
	if !found {
		return 0, nil
	}
	b, err := ReadFile(s.cfg.FS, s.cfg.FS.PathJoin(s.cfg.Dir, current), 64)
	if err != nil {
		return 0, err
	}
	number, err := strconv.ParseUint(strings.TrimSuffix(string(b), "\n"), 10, 64)
	if err != nil || number == 0 {
		return 0, fmt.Errorf("reading %s: %q is no directory number", current, b)
	}
	return number, nil
}

func (s *Store) writePointer(number uint64) error {
	return WriteFile(s.cfg.FS, s.cfg.Dir, current, []byte(directory(number)+"\n"))
}

// sweep removes databases that CURRENT does not name, checkpoints and half-written files.
func (s *Store) sweep(keep uint64) error {
	names, err := s.cfg.FS.List(s.cfg.Dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if name == current || name == directory(keep) {
			continue
		}
		if err := s.cfg.FS.RemoveAll(s.cfg.FS.PathJoin(s.cfg.Dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// logger passes Pebble's messages on. Pebble ends the process from Fatalf unless told otherwise.
type logger struct {
	log   *slog.Logger
	fatal func(error)
}

func (l logger) Infof(format string, args ...any) {
	l.log.Debug("state database", "detail", fmt.Sprintf(format, args...))
}

func (l logger) Errorf(format string, args ...any) {
	l.log.Error("state database", "detail", fmt.Sprintf(format, args...))
}

func (l logger) Fatalf(format string, args ...any) {
	l.fatal(fmt.Errorf("writing the state: %w", errorOf(format, args)))
	runtime.Goexit() // Pebble relies on Fatalf not returning
}

// errorOf returns a message's text as an error that wraps the errors among its arguments: a full disk must be told
// from a failing one.
func errorOf(format string, args []any) error {
	text := fmt.Sprintf(format, args...)
	for _, a := range args {
		if err, ok := a.(error); ok {
			return fmt.Errorf("%s: %w", strings.TrimSuffix(strings.TrimSuffix(text, err.Error()), ": "), err)
		}
	}
	return errors.New(text)
}
