package consensus

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"

	"github.com/hutong-project/hutong/consensus/audit"
	"github.com/hutong-project/hutong/consensus/disk"
	"github.com/hutong-project/hutong/consensus/state"
	"github.com/hutong-project/hutong/consensus/store"
)

// A Registry is one node of the cluster. Its methods may be called by many goroutines.
type Registry struct {
	cfg   Config
	raft  *raft.Raft
	store *store.Store

	closers []func() error // opened by Open, in the order of opening

	machine *state.Machine // owned by Raft's state machine goroutine once Raft runs

	mu      sync.Mutex
	reading *sharedReading
	changed chan struct{}
	failure error // why the node stopped; set once
	closed  bool

	stopped   chan struct{} // closed with failure
	done      chan struct{} // closed by Close
	closeOnce sync.Once
	closeErr  error
	waiting   sync.WaitGroup // goroutines that wait for Raft; begun under entry only
	entry     sync.RWMutex   // guards entering; held for writing by Close alone
	entering  bool           // Raft may be asked for something; false from the begin of Close on

	running     atomic.Pointer[raft.Raft] // raft, for its own goroutines, which run before Open is done
	changing    chan struct{}             // held while the members are changed
	settled     atomic.Bool               // leading, and all entries of earlier leaders are applied; see Run
	slots       chan struct{}             // one for each write that Raft has not answered
	caughtUp    atomic.Bool               // see CaughtUp
	settledTerm atomic.Uint64             // in which an entry of the own term was applied while leading; see position
	queueing    atomic.Int64              // writes that wait for a slot
	gathering   gathering
	numbers     numbers
	adopting    provinceLocks

	logs      LogStore // as opened
	snapshots raft.SnapshotStore

	canary   *disk.Canary
	reserved atomic.Int64 // bytes of the reserve
	auditor  *audit.Auditor
	inDoubt  atomic.Bool // the clock, as it was logged
	exiting  sync.Once
}

// maxInFlight bounds the writes that wait for Raft. It stays far below TrailingLogs: a deposed leader with more
// uncommitted entries than that could not be brought up to date again.
const maxInFlight = 256

// Open opens the node's data directory, or makes it, and starts Raft. The node takes part in the cluster from then
// on; Run does what falls to a leader. Errors wrap ErrWrongDir where the directory is another one's.
func Open(cfg Config) (*Registry, error) {
	cfg, err := cfg.filled()
	if err != nil {
		return nil, err
	}
	r := &Registry{
		cfg:       cfg,
		changed:   make(chan struct{}),
		stopped:   make(chan struct{}),
		done:      make(chan struct{}),
		entering:  true,
		slots:     make(chan struct{}, maxInFlight),
		changing:  make(chan struct{}, 1),
		gathering: gathering{limit: maxQueued, lanes: map[string]*lane{}},
	}
	if err := r.open(); err != nil {
		r.closeAll()
		if disk.IsFull(err) {
			err = stopFor(err)
		}
		return nil, fmt.Errorf("opening the registry of %s: %w", cfg.Own, err)
	}
	return r, nil
}

func (r *Registry) open() error {
	disk := r.cfg.FS
	if disk == nil {
		disk = store.Disk
	}
	id, err := claim(&r.cfg, disk)
	if err != nil {
		return err
	}
	if err := r.openState(disk, id); err != nil {
		return err
	}
	logs, err := r.openLogs()
	if err != nil {
		return err
	}
	snapshots, err := r.openSnapshots()
	if err != nil {
		return err
	}
	r.logs, r.snapshots = logs, snapshots
	if err := r.catchUpWithSnapshot(snapshots); err != nil {
		return err
	}
	if err := r.loadMachine(); err != nil {
		return err
	}
	r.publish()
	if err := r.startRaft(disk, id, guardedLogs{logs, r.logFailed}, snapshots); err != nil {
		return err
	}
	r.watchDisk(disk)
	r.watchState(disk)
	return nil
}

func (r *Registry) openState(disk vfs.FS, id identity) error {
	s, err := store.Open(store.Config{
		FS: disk, Dir: disk.PathJoin(r.cfg.Dir, "state"), Cluster: id.Cluster, Logger: r.cfg.Logger, Fatal: r.diskFailed,
		Background: r.backgroundFailed,
	})
	if err != nil {
		return fmt.Errorf("%w (is another process using the directory?)", err)
	}
	r.store = s
	r.closers = append(r.closers, s.Close)
	return nil
}

func (r *Registry) openLogs() (LogStore, error) {
	if r.cfg.Logs != nil {
		return r.cfg.Logs, nil
	}
	dir := filepath.Join(r.cfg.Dir, "raft")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the directory of the Raft log: %w", err)
	}
	logs, err := raftboltdb.New(raftboltdb.Options{
		Path: logFile(r.cfg.Dir),
		BoltOptions: &bbolt.Options{
			NoFreelistSync: true,
			FreelistType:   bbolt.FreelistMapType,
			Timeout:        2 * time.Second,
		},
		MsgpackUseNewTimeFormat: true,
	})
	if err != nil {
		return nil, fmt.Errorf("opening the Raft log in %s: %w (is another process using it?)", dir, err)
	}
	r.closers = append(r.closers, logs.Close)
	return logs, nil
}

// logFile returns the path of the Raft log in a data directory.
func logFile(dir string) string { return filepath.Join(dir, "raft", "log.db") }

func (r *Registry) openSnapshots() (raft.SnapshotStore, error) {
	if r.cfg.Snapshots != nil {
		return r.cfg.Snapshots, nil
	}
	s, err := raft.NewFileSnapshotStoreWithLogger(filepath.Join(r.cfg.Dir, "raft"), 2, raftLogger(r.cfg.Logger))
	if err != nil {
		return nil, fmt.Errorf("opening the snapshots: %w", err)
	}
	return s, nil
}

// catchUpWithSnapshot restores the newest snapshot when it holds more than the database does. That is so when the
// node stopped between receiving a snapshot and restoring it: Raft would then believe that the state has what only
// the snapshot has. The comparison is with the index inside the archive; the one beside it counts other entries.
func (r *Registry) catchUpWithSnapshot(snapshots raft.SnapshotStore) error {
	list, err := snapshots.List()
	if err != nil {
		return fmt.Errorf("listing the snapshots: %w", err)
	}
	if len(list) == 0 {
		return nil
	}
	applied, _, err := r.store.Applied()
	if err != nil {
		return err
	}
	header, err := headerOf(snapshots, list[0].ID)
	if err != nil {
		return fmt.Errorf("looking into snapshot %s: %w", list[0].ID, err)
	}
	if header.Index <= applied {
		return nil
	}
	_, archive, err := snapshots.Open(list[0].ID)
	if err != nil {
		return fmt.Errorf("opening snapshot %s: %w", list[0].ID, err)
	}
	defer archive.Close()
	r.cfg.Logger.Warn("the state is behind the newest snapshot and is restored from it", "state", applied, "snapshot", header.Index)
	return r.store.Restore(archive)
}

func headerOf(snapshots raft.SnapshotStore, id string) (store.Header, error) {
	_, archive, err := snapshots.Open(id)
	if err != nil {
		return store.Header{}, err
	}
	defer archive.Close()
	return store.ReadHeader(archive)
}

func (r *Registry) loadMachine() error {
	v, err := r.store.View()
	if err != nil {
		return err
	}
	defer v.Close()
	r.machine, err = state.Load(r.cfg.Own, v)
	return err
}

// startRaft bootstraps a directory that has never had a Raft state, and starts the node.
func (r *Registry) startRaft(disk vfs.FS, id identity, logs LogStore, snapshots raft.SnapshotStore) error {
	transport := r.cfg.Transport
	if transport == nil {
		var err error
		if transport, err = r.listen(); err != nil {
			return err
		}
		if c, ok := transport.(io.Closer); ok {
			r.closers = append(r.closers, c.Close)
		}
	}
	rc := r.cfg.raft()
	exists, err := raft.HasExistingState(logs, logs, snapshots)
	if err != nil {
		return fmt.Errorf("looking for a Raft state: %w", err)
	}
	if id.Begun && !exists {
		return fmt.Errorf("%w: %s has lost its Raft log; start this node with an empty directory under a new id, or restore the directory", ErrWrongDir, r.cfg.Dir)
	}
	if r.cfg.Bootstrap && !exists {
		if err := raft.BootstrapCluster(rc, logs, logs, snapshots, transport, r.members()); err != nil {
			return fmt.Errorf("bootstrapping the cluster: %w", err)
		}
		exists = true
	}
	if exists && !id.Begun {
		id.Begun = true
		if err := writeIdentity(&r.cfg, disk, id); err != nil {
			return err
		}
	}
	node, err := raft.NewRaft(rc, fsm{r}, logs, logs, snapshots, transport)
	if err != nil {
		return fmt.Errorf("starting Raft: %w", err)
	}
	r.raft = node
	r.running.Store(node)
	return nil
}

func (r *Registry) members() raft.Configuration {
	var c raft.Configuration
	for _, m := range r.cfg.Members {
		c.Servers = append(c.Servers, raft.Server{ID: raft.ServerID(m.ID), Address: raft.ServerAddress(m.Address)})
	}
	return c
}

// Close hands leadership over where this node leads, leaves the cluster's traffic and closes the directory. It
// takes no longer than a few election timeouts. Open readings stay good until they are closed. A second call
// waits for the first and returns the same.
func (r *Registry) Close() error {
	r.closeOnce.Do(func() {
		close(r.done)
		r.settleAsked()
		r.handOver()
		r.closeErr = r.closeAll()
	})
	return r.closeErr
}

// settleAsked lets nothing more be asked of Raft and waits until it has answered what was. That comes before Raft is
// shut down: what then still lies in its queues would never be answered. A running Raft answers everything, at the
// latest when it has lost its quorum and steps down; the wait is bounded for one whose state machine stands still.
func (r *Registry) settleAsked() {
	r.entry.Lock()
	r.entering = false
	r.entry.Unlock()
	answered := make(chan struct{})
	go func() {
		r.waiting.Wait()
		close(answered)
	}()
	t := time.NewTimer(r.patience())
	defer t.Stop()
	select {
	case <-answered:
	case <-t.C:
		r.cfg.Logger.Warn("Raft has not answered all that it was asked before it is stopped")
	case <-r.stopped:
	}
}

// handOver makes another node leader, so that the cluster does not wait for an election.
func (r *Registry) handOver() {
	if r.raft == nil || r.raft.State() != raft.Leader || len(r.cfg.Members) < 2 {
		return
	}
	if err := r.raft.LeadershipTransfer().Error(); err != nil {
		r.cfg.Logger.Info("leadership was not handed over", "error", err)
	}
}

// closeAll stops in the order Raft, readings, files: nothing applies to a closed database.
func (r *Registry) closeAll() error {
	var errs []error
	if r.raft != nil {
		errs = append(errs, r.raft.Shutdown().Error())
	}
	r.mu.Lock()
	r.closed = true
	shared := r.reading
	r.reading = nil
	r.mu.Unlock()
	if shared != nil {
		errs = append(errs, shared.release())
	}
	for i := len(r.closers) - 1; i >= 0; i-- {
		errs = append(errs, r.closers[i]())
	}
	return errors.Join(errs...)
}
