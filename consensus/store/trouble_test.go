package store

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// A flush that cannot write its table is reported, with the cause, and succeeds once the disk works again.
func TestBackgroundErrorsAreReported(t *testing.T) {
	var full atomic.Bool
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if full.Load() && op.Kind == errorfs.OpCreate && strings.HasSuffix(op.Path, ".sst") {
			return &errnoError{syscall.ENOSPC}
		}
		return nil
	}))
	causes := make(chan error, 64)
	s, err := Open(Config{
		FS: fs, Dir: "state", Logger: slog.New(slog.DiscardHandler),
		Background: func(err error) {
			select {
			case causes <- err:
			default:
			}
			full.Store(false)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	full.Store(true)
	b := s.NewBatch()
	b.Set([]byte("mx"), []byte("1"))
	if err := b.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := s.db.db.Flush(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-causes:
		if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("Background was told %v, want ENOSPC", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("no background error was reported within 10 s")
	}
	if got := s.Trouble(); got.BackgroundErrors == 0 || !strings.Contains(got.LastError, "no space") || got.ErrorAt.IsZero() {
		t.Errorf("Trouble() = %+v, want the error", got)
	}
	if got := s.Size(); got.DiskBytes == 0 {
		t.Errorf("Size() = %+v, want bytes on the disk", got)
	}
}

type errnoError struct{ errno syscall.Errno }

func (e *errnoError) Error() string { return "write 000004.sst: " + e.errno.Error() }
func (e *errnoError) Unwrap() error { return e.errno }

// What ends the process keeps its cause: a full disk has another exit code than a failing one.
func TestFatalKeepsTheCause(t *testing.T) {
	var got error
	l := logger{slog.New(slog.DiscardHandler), func(err error) { got = err }}
	done := make(chan struct{})
	go func() { // Fatalf ends its goroutine
		defer close(done)
		l.Fatalf("fatal commit error: %v", fmt.Errorf("appending: %w", syscall.ENOSPC))
	}()
	<-done
	if !errors.Is(got, syscall.ENOSPC) || strings.Count(got.Error(), "appending") != 1 {
		t.Errorf("Fatal was told %q, want ENOSPC in it and its text once", got)
	}
}
