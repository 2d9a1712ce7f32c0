package store

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

var appliedKey = MetaKey("applied")

// A Batch collects the effect of one or more Raft entries. It is used by one goroutine. The first error sticks
// and makes Commit fail: half an entry is never written.
type Batch struct {
	store *Store
	b     *pebble.Batch
	err   error
}

// A Reader reads the latest value of a key.
type Reader interface {
	// Load returns a copy of the value, or nil where the key is absent.
	Load(key []byte) ([]byte, error)
	// Scan calls f with each key and value in [lower, upper) in order until f returns an error. The slices are
	// valid during the call only.
	Scan(lower, upper []byte, f func(key, value []byte) error) error
}

// Set writes a value.
func (b *Batch) Set(key, value []byte) {
	if b.err == nil {
		b.err = b.b.Set(key, value, nil)
	}
}

// Delete removes a key.
func (b *Batch) Delete(key []byte) {
	if b.err == nil {
		b.err = b.b.Delete(key, nil)
	}
}

// Load is Reader.Load, with the batch's own writes seen.
func (b *Batch) Load(key []byte) ([]byte, error) { return load(b.b, key) }

// Scan is Reader.Scan, with the batch's own writes seen as they were when it started.
func (b *Batch) Scan(lower, upper []byte, f func(key, value []byte) error) error {
	return scan(b.b, lower, upper, f)
}

// SetApplied says which entry the batch's writes bring the database to.
func (b *Batch) SetApplied(index, term uint64) {
	var v [16]byte
	binary.BigEndian.PutUint64(v[:8], index)
	binary.BigEndian.PutUint64(v[8:], term)
	b.Set(appliedKey, v[:])
}

// Commit writes the batch as a whole. It is durable with the next Checkpoint or once Pebble flushes; until then
// the Raft log holds it.
func (b *Batch) Commit() error {
	defer b.b.Close()
	if b.err != nil {
		return fmt.Errorf("collecting a batch: %w", b.err)
	}
	if err := b.b.Commit(pebble.NoSync); err != nil {
		return fmt.Errorf("committing a batch: %w", err)
	}
	return nil
}

// Drop forgets the batch.
func (b *Batch) Drop() { b.b.Close() }

func decodeApplied(v []byte) (index, term uint64, err error) {
	if v == nil {
		return 0, 0, nil
	}
	if len(v) != 16 {
		return 0, 0, fmt.Errorf("reading the applied index: %d bytes, want 16", len(v))
	}
	return binary.BigEndian.Uint64(v[:8]), binary.BigEndian.Uint64(v[8:]), nil
}

func load(r pebble.Reader, key []byte) ([]byte, error) {
	v, closer, err := r.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return append(make([]byte, 0, len(v)), v...), closer.Close()
}

func scan(r pebble.Reader, lower, upper []byte, f func(key, value []byte) error) error {
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return err
	}
	for it.First(); it.Valid(); it.Next() {
		if err = f(it.Key(), it.Value()); err != nil {
			break
		}
	}
	if e := it.Error(); err == nil {
		err = e
	}
	if e := it.Close(); err == nil {
		err = e
	}
	return err
}
