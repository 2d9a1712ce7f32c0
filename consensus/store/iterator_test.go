package store

import (
	"errors"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hutong-project/hutong/trust"
)

// Scans of a view share its iterators: at the same time, after one that broke off, with none left over after Close.
func TestIteratorsAreSharedAndClosed(t *testing.T) {
	s := openAt(t, vfs.NewMem())
	subjects := make([]trust.Subject, 50)
	for i := range subjects {
		subjects[i] = trust.Subject{byte(i + 1)}
		if i%2 == 0 {
			write(t, s, uint64(i+1), EventKey("310000", 1, subjects[i], uint64(i), 0))
		}
	}
	v, err := s.View()
	if err != nil {
		t.Fatal(err)
	}
	write(t, s, 99, EventKey("310000", 1, subjects[1], 1, 0)) // which the view must not show
	scan := func(i int) {
		n := 0
		err := v.ScanPrefix(EventPrefix("310000", 1, subjects[i]), func(key, _ []byte) error {
			if position, _, err := EventPosition(key); err != nil || position != uint64(i) {
				t.Errorf("subject %d: event at %d, %v", i, position, err)
			}
			n++
			return nil
		})
		if want := 1 - i%2; err != nil || n != want {
			t.Errorf("subject %d: %d events, %v, want %d", i, n, err, want)
		}
	}
	stop := errors.New("enough")
	if err := v.ScanPrefix(EventPrefix("310000", 1, subjects[0]), func(_, _ []byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("ScanPrefix = %v, want what the callback returned", err)
	}
	var group sync.WaitGroup
	for range 3 * maxIdle {
		group.Go(func() {
			for i := range subjects {
				scan(i)
			}
		})
	}
	group.Wait()
	if n := len(v.idle); n < 1 || n > maxIdle {
		t.Errorf("%d iterators are kept, want 1 to %d", n, maxIdle)
	}
	if err := v.Close(); err != nil {
		t.Errorf("Close() = %v, want nil", err)
	}
	if len(v.idle) != 0 {
		t.Errorf("%d iterators are left after Close", len(v.idle))
	}
	// Pebble refuses to close while an iterator is open.
	if err := s.Close(); err != nil {
		t.Errorf("closing the state: %v, want nil", err)
	}
}
