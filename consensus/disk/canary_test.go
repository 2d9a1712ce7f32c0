package disk

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// A fault is what happens to each operation from a moment on, until another moment.
type fault struct {
	after, until time.Duration // since the start; until 0: for ever
	err          error         // nil: the operation hangs
}

// watch runs a canary for up to a minute of fake time and returns why it gave up, and when.
func watch(t *testing.T, f fault) (at time.Duration, doubt string, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		start, release := time.Now(), make(chan struct{})
		fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind != errorfs.OpFileSync {
				return nil
			}
			if s := time.Since(start); s < f.after || f.until > 0 && s >= f.until {
				return nil
			}
			if f.err == nil {
				<-release
			}
			return f.err
		}))
		c := New(Config{FS: fs, Dir: "", Every: time.Second, Limit: 5 * time.Second})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		time.AfterFunc(f.after+4500*time.Millisecond, func() { doubt = c.Doubt() })
		err = c.Run(ctx)
		at = time.Since(start)
		close(release)
		synctest.Wait()
		time.Sleep(time.Minute)
	})
	return at, doubt, err
}

func TestCanary(t *testing.T) {
	for name, test := range map[string]struct {
		fault
		want       error
		from, till time.Duration
		doubt      string
	}{
		"a good disk":          {fault{after: time.Hour}, nil, time.Minute, time.Minute, ""},
		"hangs":                {fault{after: 10 * time.Second}, ErrHung, 15 * time.Second, 17 * time.Second, "under way for"},
		"fails":                {fault{after: 10 * time.Second, err: syscall.EIO}, ErrFailing, 14 * time.Second, 17 * time.Second, "input/output error"},
		"fails for a while":    {fault{after: 10 * time.Second, until: 13 * time.Second, err: syscall.EIO}, nil, time.Minute, time.Minute, ""},
		"is full":              {fault{after: 10 * time.Second, err: syscall.ENOSPC}, ErrFull, 10 * time.Second, 12 * time.Second, ""},
		"is over its quota":    {fault{after: 10 * time.Second, err: syscall.EDQUOT}, ErrFull, 10 * time.Second, 12 * time.Second, ""},
		"hangs from the start": {fault{}, ErrHung, 5 * time.Second, 7 * time.Second, "under way for"},
	} {
		t.Run(name, func(t *testing.T) {
			at, doubt, err := watch(t, test.fault)
			if !errors.Is(err, test.want) || (test.want == nil) != (err == nil) {
				t.Errorf("Run() = %v, want %v", err, test.want)
			}
			if at < test.from || at > test.till {
				t.Errorf("Run() gave up after %s, want between %s and %s", at, test.from, test.till)
			}
			if !strings.Contains(doubt, test.doubt) || (doubt == "") != (test.doubt == "") && test.want != ErrFull {
				t.Errorf("Doubt() shortly before = %q, want %q in it", doubt, test.doubt)
			}
		})
	}
}

// A write that comes back at last says how long it took.
func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind == errorfs.OpFileSync {
				time.Sleep(3 * time.Second)
			}
			return nil
		}))
		c := New(Config{FS: fs, Every: time.Second, Limit: 5 * time.Second})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- c.Run(ctx) }()
		time.Sleep(2 * time.Second)
		if got := c.Latency(); got != 2*time.Second {
			t.Errorf("Latency() two seconds into a write = %s, want 2s", got)
		}
		time.Sleep(1500 * time.Millisecond)
		if got := c.Latency(); got != 3*time.Second {
			t.Errorf("Latency() after the write = %s, want 3s", got)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run() = %v after its context ended, want no error", err)
		}
		time.Sleep(time.Minute)
	})
}

func TestReserve(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, ReserveFile)
	held := func(what string, want int64) {
		t.Helper()
		info, err := os.Stat(path)
		if want == 0 {
			if !errors.Is(err, os.ErrNotExist) {
				t.Errorf("after %s: %v, %v, want no reserve", what, info, err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if allocated := info.Sys().(*syscall.Stat_t).Blocks * 512; info.Size() != want || allocated < want {
			t.Errorf("after %s: a reserve of %d bytes with %d allocated, want %d", what, info.Size(), allocated, want)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("after %s: mode %04o, want 0600", what, info.Mode().Perm())
		}
	}
	for _, step := range []struct {
		size, want int64
	}{{1 << 20, 1 << 20}, {1 << 20, 1 << 20}, {2 << 20, 2 << 20}, {0, 0}, {1 << 60, 0}, {1 << 20, 1 << 20}} {
		got, err := KeepReserve(dir, step.size)
		if err != nil || got != step.want {
			t.Errorf("KeepReserve(%d) = %d, %v, want %d", step.size, got, err, step.want)
		}
		held("KeepReserve", step.want)
	}
	for _, want := range []int64{1 << 20, 0} {
		if got, err := FreeReserve(dir); got != want || err != nil {
			t.Errorf("FreeReserve() = %d, %v, want %d", got, err, want)
		}
		held("FreeReserve", 0)
	}
}
