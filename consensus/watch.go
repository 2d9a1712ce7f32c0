package consensus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"

	"github.com/hutong-project/hutong/consensus/disk"
	"github.com/hutong-project/hutong/consensus/store"
)

// Exit codes of a process whose disk or state went bad under it, in the spirit of sysexits.h. docs/cli.md lists them.
const (
	ExitStorage  = 74 // a write or a sync failed: what is on the disk is unknown until the node starts again
	ExitDiskFull = 75 // there was no room
	ExitDiskHung = 76 // a write did not come back
	ExitState    = 77 // the state does not verify
)

// Remedies, as they are logged when the node stops and printed when it cannot start.
const (
	RemedyFull = "make room on the disk of the data directory, or take the reserve with `hutong node --free-reserve --config FILE` " +
		"(or rm DATADIR/reserve), and start the node again; it lost nothing that it acknowledged"
	RemedyHung = "look at the disk and its controller (dmesg, smartctl, iostat -x), move the data directory if need be, and start " +
		"the node again; it lost nothing that it acknowledged"
	RemedyStorage = "look at the disk (dmesg, smartctl); start the node again, or, if it then names a damaged file, let a new node " +
		"with an empty directory and a new id take its place"
)

// A StopError is why a node stopped for good, or could not start: the state or the disk under it cannot be relied on.
type StopError struct {
	Code   int // that the process ends with
	Err    error
	Remedy string // what the operator does
}

// Error names the reason and the remedy.
func (e *StopError) Error() string { return e.Err.Error() + "; " + e.Remedy }

// Unwrap returns the reason.
func (e *StopError) Unwrap() error { return e.Err }

// stopFor returns what follows from a bad disk.
func stopFor(err error) *StopError {
	switch {
	case disk.IsFull(err):
		return &StopError{ExitDiskFull, err, RemedyFull}
	case errors.Is(err, disk.ErrHung):
		return &StopError{ExitDiskHung, err, RemedyHung}
	}
	return &StopError{ExitStorage, err, RemedyStorage}
}

// reserveEvery is how often a reserve that was taken is made again, if there is room.
const reserveEvery = time.Minute

// watchDisk has a canary tell whether the disk works, until Close.
func (r *Registry) watchDisk(fs vfs.FS) {
	r.canary = disk.New(disk.Config{FS: fs, Dir: r.cfg.Dir, Every: r.cfg.CanaryEvery, Limit: r.cfg.DiskLimit})
	ctx, cancel := context.WithCancel(context.Background())
	r.waiting.Go(func() {
		defer cancel()
		if err := r.canary.Run(ctx); err != nil {
			r.diskFailed(err)
		}
	})
	r.waiting.Go(func() {
		defer cancel()
		r.keepReserve()
	})
}

// keepReserve holds the reserve until Close. That it cannot be held is no reason to stop.
func (r *Registry) keepReserve() {
	t := time.NewTicker(reserveEvery)
	defer t.Stop()
	logged := false
	for {
		if r.cfg.FS == nil {
			held, err := disk.KeepReserve(r.cfg.Dir, r.cfg.Reserve)
			r.reserved.Store(held)
			if short := held < r.cfg.Reserve; short && !logged {
				r.cfg.Logger.Warn("there is no reserve on the disk, for lack of room", "want", r.cfg.Reserve, "error", err)
				logged = true
			} else if !short {
				logged = false
			}
		}
		select {
		case <-t.C:
		case <-r.done:
			return
		}
	}
}

// diskFailed stops the node and ends the process: whether the last writes are on the disk is unknown, and finds out
// when it starts again. Nothing that was not durable was acknowledged. A leader first offers its place to another
// node: as long as the process lives, its heartbeats go on and nobody else stands for election.
func (r *Registry) diskFailed(err error) { r.endProcess(err, r.handOver) }

// logFailed is diskFailed for the goroutine of Raft that would hand over, and cannot while it waits here.
func (r *Registry) logFailed(err error) { r.endProcess(err, func() {}) }

// endProcess takes at most two election timeouts, even if handing over or logging hangs, too.
func (r *Registry) endProcess(err error, handOver func()) {
	stop := stopFor(err)
	r.exiting.Do(func() {
		handed := make(chan struct{})
		go func() {
			defer close(handed)
			handOver()
		}()
		written := make(chan struct{})
		go func() {
			defer close(written)
			r.fail(stop)
		}()
		late := time.NewTimer(2 * r.cfg.ElectionTimeout)
		defer late.Stop()
		for _, done := range []chan struct{}{written, handed} {
			select {
			case <-done:
			case <-late.C:
				late.Reset(0)
			}
		}
		r.cfg.Exit(stop.Code)
	})
}

// backgroundFailed is told of flushes and compactions that failed. They are tried again, but not on a full disk:
// it would fill the memory next.
func (r *Registry) backgroundFailed(err error) {
	if disk.IsFull(err) {
		go r.diskFailed(err)
	}
}

// full ends the process when an error of a snapshot or a restore says that the disk is full.
func (r *Registry) full(err error) error {
	if err != nil && disk.IsFull(err) {
		r.diskFailed(err)
	}
	return err
}

// guardedLogs ends the process when the Raft log cannot be written: Raft itself would step down and go on, with a
// log of which nobody knows what is on the disk.
type guardedLogs struct {
	LogStore
	failed func(error)
}

func (g guardedLogs) guard(err error) error {
	if err != nil {
		err = fmt.Errorf("writing the Raft log: %w", err)
		g.failed(err)
	}
	return err
}

// StoreLog is raft.LogStore's.
func (g guardedLogs) StoreLog(l *raft.Log) error { return g.guard(g.LogStore.StoreLog(l)) }

// StoreLogs is raft.LogStore's.
func (g guardedLogs) StoreLogs(l []*raft.Log) error { return g.guard(g.LogStore.StoreLogs(l)) }

// DeleteRange is raft.LogStore's.
func (g guardedLogs) DeleteRange(low, high uint64) error {
	return g.guard(g.LogStore.DeleteRange(low, high))
}

// Set is raft.StableStore's.
func (g guardedLogs) Set(key, value []byte) error { return g.guard(g.LogStore.Set(key, value)) }

// SetUint64 is raft.StableStore's.
func (g guardedLogs) SetUint64(key []byte, value uint64) error {
	return g.guard(g.LogStore.SetUint64(key, value))
}

// Health is how a node does beside what it believes.
type Health struct {
	Disk    string        // why its disk is in doubt; empty: it is not
	Clock   string        // why its clock is in doubt, so that it signs nothing; empty: it is not
	Canary  time.Duration // how long the last test write took, or the one under way has been
	Reserve int64         // bytes held in reserve
	Trouble store.Trouble
}

// slowMemory is how long a slow disk or a background error is a reason for doubt.
const slowMemory = 30 * time.Second

// Health returns how the node does now. It touches no disk.
func (r *Registry) Health() Health {
	h := Health{Disk: r.canary.Doubt(), Canary: r.canary.Latency(), Reserve: r.reserved.Load(), Trouble: r.store.Trouble()}
	d := r.Reading()
	h.Clock = r.clockDoubt(d.View)
	d.Close()
	t := h.Trouble
	switch {
	case h.Disk != "":
	case t.Stalled:
		h.Disk = "writes of the state wait for flushes or compactions"
	case !t.ErrorAt.IsZero() && time.Since(t.ErrorAt) < slowMemory:
		h.Disk = "background work on the state failed: " + t.LastError
	case !t.SlowAt.IsZero() && time.Since(t.SlowAt) < slowMemory:
		h.Disk = "an operation on the state's files took more than five seconds"
	}
	return h
}
