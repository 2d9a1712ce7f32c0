package consensus

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/hutong-project/hutong/consensus/state"
	"github.com/hutong-project/hutong/consensus/store"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/registry"
	"github.com/hutong-project/hutong/trust/statuslog"
)

// sharedReading is one moment of the registry, counted: the Registry holds it while it is the newest.
type sharedReading struct {
	view  *registry.View
	store *store.View
	users atomic.Int64

	// What the log says about certificates, as it was looked up. Each verdict asks about those of its anchor's path,
	// which are few and the same again and again, and for which there is hardly ever an event.
	mu           sync.RWMutex
	certificates map[certificate][]statuslog.Entry
}

type certificate struct {
	province trust.Province
	subject  trust.Subject
}

// maxCertificates bounds how many certificates a reading remembers.
const maxCertificates = 4096

func (s *sharedReading) release() error {
	if s.users.Add(-1) > 0 {
		return nil
	}
	return s.store.Close()
}

// A Reading is one moment of the registry: the View, and the events that belong to it. It may be used by many
// goroutines until it is closed; keep it for a request, not longer, as it holds old files on disk.
type Reading struct {
	View *registry.View

	shared *sharedReading // nil after the registry was closed
	closed atomic.Bool
}

var _ registry.StatusReader = (*Reading)(nil)

// Reading returns the newest moment that this node has applied. It costs no look at the disk. After Close of the
// registry the View is empty and everything else returns ErrClosed.
func (r *Registry) Reading() *Reading {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reading == nil {
		return &Reading{View: registry.New(registry.View{Own: r.cfg.Own})}
	}
	r.reading.users.Add(1)
	return &Reading{View: r.reading.view, shared: r.reading}
}

// Close lets go of the moment. A second call does nothing.
func (d *Reading) Close() error {
	if d.shared == nil || d.closed.Swap(true) {
		return nil
	}
	return d.shared.release()
}

// Events is registry.StatusReader.Events. The entries may be shared: the caller must not change them.
func (d *Reading) Events(p trust.Province, kind statuslog.Kind, s trust.Subject) ([]statuslog.Entry, error) {
	province := d.View.Provinces[p]
	if province == nil {
		return nil, nil
	}
	v, err := d.database()
	if err != nil {
		return nil, err
	}
	if kind == statuslog.KindCertificate {
		return d.shared.certificateEvents(v, province, s)
	}
	return state.Events(v, province, kind, s)
}

func (s *sharedReading) certificateEvents(v *store.View, p *registry.Province, subject trust.Subject) ([]statuslog.Entry, error) {
	c := certificate{province: p.Code, subject: subject}
	s.mu.RLock()
	entries, known := s.certificates[c]
	s.mu.RUnlock()
	if known {
		return entries, nil
	}
	entries, err := state.Events(v, p, statuslog.KindCertificate, subject)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.certificates) < maxCertificates {
		s.certificates[c] = entries
	}
	return entries, nil
}

func (d *Reading) database() (*store.View, error) {
	if d.shared == nil || d.closed.Load() {
		return nil, ErrClosed
	}
	return d.shared.store, nil
}

// NationalChain returns the national lists from a sequence on, as carried, as many as fit into maxBytes but at least
// one where there is one.
func (r *Registry) NationalChain(from uint64, maxBytes int) ([][]byte, error) {
	d := r.Reading()
	defer d.Close()
	v, err := d.database()
	if err != nil {
		return nil, err
	}
	return state.NationalChain(v, from, maxBytes)
}

// ListRaw returns a trust list as carried, also one that is no longer in force, or nil where it is not held.
func (r *Registry) ListRaw(p trust.Province, digest trust.Digest) ([]byte, error) {
	d := r.Reading()
	defer d.Close()
	v, err := d.database()
	if err != nil {
		return nil, err
	}
	return state.ListRaw(v, p, digest)
}

// Leaves returns the leaves at [from, to) of a province's log as far as it is adopted, as many as fit into maxBytes
// but at least one where there is one. Another generation than the one held gives none.
func (r *Registry) Leaves(p trust.Province, generation, from, to uint64, maxBytes int) ([][]byte, error) {
	d := r.Reading()
	defer d.Close()
	v, err := d.database()
	if err != nil {
		return nil, err
	}
	province := d.View.Provinces[p]
	if province == nil || province.Log.Generation != generation {
		return nil, nil
	}
	return state.Leaves(v, p, generation, from, min(to, province.Log.Size), maxBytes)
}

// Changed returns a channel that is closed when a newer Reading can be had, or when leadership changes. Take the
// channel first and the Reading afterwards: nothing is then missed.
func (r *Registry) Changed() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changed
}

// publish makes what the machine holds the newest reading. It is called by the goroutine that owns the machine.
func (r *Registry) publish() {
	v, err := r.store.View()
	if err != nil {
		r.fail(fmt.Errorf("taking a view of the state: %w", err))
		return
	}
	next := &sharedReading{view: r.machine.View(), store: v, certificates: map[certificate][]statuslog.Entry{}}
	next.users.Store(1)
	r.mu.Lock()
	old := r.reading
	r.reading = next
	r.mu.Unlock()
	r.announce()
	if old != nil {
		if err := old.release(); err != nil {
			r.cfg.Logger.Error("an old view of the state was not closed", "error", err)
		}
	}
}

func (r *Registry) announce() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.changed)
	r.changed = make(chan struct{})
}

// waitApplied returns when this node has applied the entry at index.
func (r *Registry) waitApplied(ctx context.Context, index uint64) error {
	for {
		changed := r.Changed()
		d := r.Reading()
		applied := d.View.Applied
		d.Close()
		if applied >= index {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-r.stopped:
			return ErrStopped
		case <-r.done:
			return ErrClosed
		}
	}
}
