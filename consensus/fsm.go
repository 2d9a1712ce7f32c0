package consensus

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hashicorp/raft"

	"github.com/hutong-project/hutong/consensus/state"
	"github.com/hutong-project/hutong/consensus/store"
)

// fsm is the registry as Raft's state machine. Raft calls it from one goroutine, Persist aside.
type fsm struct{ r *Registry }

var (
	_ raft.BatchingFSM = fsm{}

	membersKey = store.MetaKey("members")
)

// Apply applies one entry.
func (f fsm) Apply(l *raft.Log) any { return f.ApplyBatch([]*raft.Log{l})[0] }

// ApplyBatch applies entries in one Pebble batch, which also says up to where it goes. Entries that the database
// already holds, from before a restart, are passed over. When one cannot be applied, nothing of the batch is
// written and none is answered with success: the node stops.
func (f fsm) ApplyBatch(logs []*raft.Log) []any {
	answers := make([]any, len(logs))
	err := f.r.failed()
	if err == nil {
		err = f.r.apply(logs, answers)
	}
	if err != nil {
		_ = f.r.full(err)
		f.r.fail(err)
		for i := range answers {
			answers[i] = ErrStopped
		}
	}
	return answers
}

func (r *Registry) apply(logs []*raft.Log, answers []any) error {
	batch := r.store.NewBatch()
	news := false
	for i, l := range logs {
		if l.Index <= r.machine.AppliedIndex() {
			continue
		}
		news = true
		if l.Type == raft.LogConfiguration {
			batch.Set(membersKey, l.Data)
			r.machine.Skip(batch, l.Index, l.Term)
			continue
		}
		reply, err := r.machine.Apply(batch, l.Index, l.Term, l.Data)
		if err != nil {
			batch.Drop()
			return err
		}
		answers[i] = reply
	}
	if !news {
		batch.Drop()
		return nil
	}
	if err := batch.Commit(); err != nil {
		return err
	}
	r.publish()
	return nil
}

// Snapshot makes a checkpoint, which syncs the database: Raft cuts its log afterwards.
func (f fsm) Snapshot() (raft.FSMSnapshot, error) {
	if err := f.r.failed(); err != nil {
		return nil, err
	}
	c, err := f.r.store.Checkpoint()
	if err != nil {
		return nil, f.r.full(err)
	}
	return snapshot{c, f.r}, nil
}

// Restore replaces the state by a snapshot that the leader sent.
func (f fsm) Restore(archive io.ReadCloser) error {
	defer archive.Close()
	start := time.Now()
	if err := f.r.failed(); err != nil {
		return err
	}
	if err := f.r.store.Restore(archive); err != nil {
		return f.r.full(err)
	}
	if err := f.r.loadMachine(); err != nil {
		f.r.fail(fmt.Errorf("loading the restored state: %w", err))
		return err
	}
	f.r.publish()
	f.r.cfg.Logger.Info("restored the state from a snapshot", "applied", f.r.machine.AppliedIndex(), "duration", time.Since(start))
	return nil
}

type snapshot struct {
	checkpoint *store.Checkpoint
	r          *Registry
}

// Persist writes the archive.
func (s snapshot) Persist(sink raft.SnapshotSink) error {
	if _, err := s.checkpoint.WriteTo(sink); err != nil {
		return s.r.full(errors.Join(err, sink.Cancel()))
	}
	return s.r.full(sink.Close())
}

// Release removes the checkpoint.
func (s snapshot) Release() {
	if err := s.checkpoint.Remove(); err != nil {
		s.r.cfg.Logger.Warn("a checkpoint was not removed", "error", err)
	}
}

// fail stops the node: it applies nothing more, answers nothing with success, and Run returns err.
func (r *Registry) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failure != nil {
		return
	}
	r.failure = err
	close(r.stopped)
	level := r.cfg.Logger.Error
	if errors.Is(err, state.ErrUnknown) {
		level("the node stops: it does not know a command that the cluster applied; install the version that the other nodes run", "error", err)
		return
	}
	level("the node stops", "error", err)
}

func (r *Registry) failed() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failure
}
