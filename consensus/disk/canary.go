package disk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Why a disk is bad.
var (
	// ErrFull is returned when there is no room for the canary's few bytes.
	ErrFull = errors.New("the disk is full")
	// ErrHung is returned when a write or its sync has not come back within the limit.
	ErrHung = errors.New("the disk does not answer")
	// ErrFailing is returned when writes have failed for the whole limit.
	ErrFailing = errors.New("the disk fails")
)

// IsFull reports whether err says that there was no room, of the disk or of the owner's quota.
func IsFull(err error) bool {
	return errors.Is(err, ErrFull) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

const (
	canaryFile  = "canary"
	canaryBytes = 4096
)

// Config says what a Canary writes where. All fields are needed.
type Config struct {
	FS    vfs.FS
	Dir   string
	Every time.Duration // pause between two writes
	Limit time.Duration // how long writes may hang or fail before the disk is given up
}

// A Canary is one watch over a disk. Run is called once; the other methods by any goroutine at any time.
type Canary struct {
	cfg Config

	mu    sync.Mutex
	begun time.Time     // of the write under way; zero: none
	took  time.Duration // by the last write that succeeded
	last  error         // of the last write that ended
}

// New returns a canary that does not write yet.
func New(cfg Config) *Canary { return &Canary{cfg: cfg} }

// Run writes until ctx ends (nil) or the disk is bad: ErrFull at once, ErrHung and ErrFailing once the limit has
// passed. A write that hangs is left behind, as nothing can end it.
func (c *Canary) Run(ctx context.Context) error {
	pause := time.NewTimer(0)
	defer pause.Stop()
	var bad time.Time // when the first of the writes began that did not succeed
	for {
		select {
		case <-pause.C:
		case <-ctx.Done():
			return nil
		}
		now := time.Now()
		if bad.IsZero() {
			bad = now
		}
		done := make(chan error, 1)
		c.begin(now)
		go func() { done <- c.write() }()
		ended, err := c.await(ctx, done, time.Until(bad.Add(c.cfg.Limit)))
		switch {
		case !ended && ctx.Err() != nil:
			return nil
		case !ended:
			return fmt.Errorf("%w: a write of %d bytes has not been synced for %s", ErrHung, canaryBytes, time.Since(now).Round(time.Millisecond))
		}
		c.end(now, err)
		switch {
		case IsFull(err):
			return fmt.Errorf("%w: %w", ErrFull, err)
		case err == nil:
			bad = time.Time{}
		case time.Since(bad) >= c.cfg.Limit:
			return fmt.Errorf("%w: %w", ErrFailing, err)
		}
		pause.Reset(min(c.cfg.Every, c.cfg.Limit/2))
	}
}

// await waits for a write until the limit, and then a moment longer: after the process itself was stopped for a
// while, the timer is found due before the write is found done. After ctx it waits no less, so that no write
// outlives Run on a disk that answers.
func (c *Canary) await(ctx context.Context, done <-chan error, limit time.Duration) (ended bool, err error) {
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case err = <-done:
		return true, err
	case <-t.C:
	case <-ctx.Done():
	}
	grace := time.NewTimer(min(c.cfg.Limit/4, time.Second))
	defer grace.Stop()
	select {
	case err = <-done:
		return true, err
	case <-grace.C:
		return false, nil
	}
}

// write makes the file anew each time: overwriting the same blocks would not notice a full disk.
func (c *Canary) write() error {
	f, err := c.cfg.FS.Create(c.cfg.FS.PathJoin(c.cfg.Dir, canaryFile), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(bytes.Repeat([]byte{0xca}, canaryBytes))
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

func (c *Canary) begin(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begun = now
}

func (c *Canary) end(begun time.Time, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begun, c.last = time.Time{}, err
	if err == nil {
		c.took = time.Since(begun)
	}
}

// Latency returns how long the last write took until it was synced, or how long the one under way has been, where
// that is longer.
func (c *Canary) Latency() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.begun.IsZero() {
		return c.took
	}
	return max(c.took, time.Since(c.begun))
}

// Doubt returns why the disk is doubtful though not given up yet; empty when it is not.
func (c *Canary) Doubt() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.last != nil:
		return "its last test write failed: " + c.last.Error()
	case !c.begun.IsZero() && time.Since(c.begun) > c.cfg.Limit/2:
		return fmt.Sprintf("a test write has been under way for %s", time.Since(c.begun).Round(time.Millisecond))
	}
	return ""
}
