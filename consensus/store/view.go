package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/sm3"
)

// ErrClosed is returned when a closed Store is asked for a view.
var ErrClosed = errors.New("the state is closed")

// handle counts who uses a database: the Store while it is the current one, and each View.
type handle struct {
	db    *pebble.DB
	users atomic.Int64
	gone  func() // called after the database was closed; may be nil
}

func newHandle(db *pebble.DB) *handle {
	h := &handle{db: db}
	h.users.Store(1)
	return h
}

func (h *handle) release() error {
	if h.users.Add(-1) > 0 {
		return nil
	}
	err := h.db.Close()
	if h.gone != nil {
		h.gone()
	}
	return err
}

// A View is the database at one moment. It may be used by several goroutines. Views pin memory and files: they
// are meant to live for a request, or until the state changes.
type View struct {
	handle *handle
	snap   *pebble.Snapshot
	closed atomic.Bool

	mu   sync.Mutex
	idle []*pebble.Iterator // over the events, for the next ScanPrefix: making one costs as much as using it
}

// maxIdle bounds the iterators that a view keeps.
const maxIdle = 16

// View returns the database as it is now.
func (s *Store) View() (*View, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	s.db.users.Add(1)
	return &View{handle: s.db, snap: s.db.db.NewSnapshot()}, nil
}

// Close lets go of the moment. A second call does nothing.
func (v *View) Close() error {
	if v.closed.Swap(true) {
		return nil
	}
	v.mu.Lock()
	idle := v.idle
	v.idle = nil
	v.mu.Unlock()
	var err error
	for _, it := range idle {
		if e := it.Close(); err == nil {
			err = e
		}
	}
	if e := v.snap.Close(); err == nil {
		err = e
	}
	if e := v.handle.release(); err == nil {
		err = e
	}
	return err
}

// Load is Reader.Load.
func (v *View) Load(key []byte) ([]byte, error) { return load(v.snap, key) }

// Scan is Reader.Scan.
func (v *View) Scan(lower, upper []byte, f func(key, value []byte) error) error {
	return scan(v.snap, lower, upper, f)
}

// Applied returns the entry that the view stands at.
func (v *View) Applied() (index, term uint64, err error) {
	b, err := v.Load(appliedKey)
	if err != nil {
		return 0, 0, fmt.Errorf("reading the applied index: %w", err)
	}
	return decodeApplied(b)
}

// ScanPrefix calls f with each key and value under the prefix of an event table, in log order. Where there is
// none it costs a look into bloom filters: a plain read would not consult those of the last level, which holds
// nearly everything.
func (v *View) ScanPrefix(prefix []byte, f func(key, value []byte) error) error {
	it, err := v.iterator()
	if err != nil {
		return err
	}
	for ok := it.SeekPrefixGE(prefix); ok; ok = it.Next() {
		if err = f(it.Key(), it.Value()); err != nil {
			break
		}
	}
	if e := it.Error(); err == nil {
		err = e
	}
	if err == nil && v.keep(it) {
		return nil
	}
	if e := it.Close(); err == nil {
		err = e
	}
	return err
}

// iterator returns one that nobody else uses.
func (v *View) iterator() (*pebble.Iterator, error) {
	v.mu.Lock()
	n := len(v.idle)
	if n == 0 {
		v.mu.Unlock()
		return v.snap.NewIter(&pebble.IterOptions{UseL6Filters: true})
	}
	it := v.idle[n-1]
	v.idle = v.idle[:n-1]
	v.mu.Unlock()
	return it, nil
}

// keep takes it for the next who asks, and reports whether it did: only until Close.
func (v *View) keep(it *pebble.Iterator) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed.Load() || len(v.idle) >= maxIdle {
		return false
	}
	v.idle = append(v.idle, it)
	return true
}

// Digest returns an SM3 over all keys and values: equal on two nodes exactly when their states are equal.
func (v *View) Digest() (d trust.Digest, err error) {
	h := sm3.New()
	var n [8]byte
	err = v.Scan(nil, nil, func(key, value []byte) error {
		for _, b := range [2][]byte{key, value} {
			binary.BigEndian.PutUint64(n[:], uint64(len(b)))
			h.Write(n[:])
			h.Write(b)
		}
		return nil
	})
	h.Sum(d[:0])
	return d, err
}
