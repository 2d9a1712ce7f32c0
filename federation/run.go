package federation

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/registry"
)

// housekeeping is how often the admission is swept and leadership looked at, in case a change went unannounced.
const housekeeping = time.Second

// Run follows the registry until ctx ends or the node is closed: it keeps the admission as the lists have it and, while
// the node leads its cluster, pushes new heads and exchanges with random peers. It returns nil when ctx ended, else
// ErrClosed. What it began goes on until Close. It is called once.
func (n *Node) Run(ctx context.Context) error {
	exchange := time.NewTimer(n.jittered())
	defer exchange.Stop()
	sweep := time.NewTicker(housekeeping)
	defer sweep.Stop()

	f := follower{node: n}
	for {
		changed := n.cfg.Registry.Changed() // before the view is read, so that no change is missed
		f.follow()
		select {
		case <-ctx.Done():
			return nil
		case <-n.ctx.Done():
			if ctx.Err() != nil {
				return nil // both ended: the caller's end is the reason
			}
			return ErrClosed
		case <-changed:
		case <-sweep.C:
			n.sweep(n.gate.current.Load())
		case <-exchange.C:
			exchange.Reset(n.jittered())
			if f.leading && f.exchanging.CompareAndSwap(false, true) {
				if !n.start(func() {
					defer f.exchanging.Store(false)
					n.exchangeRandomly(n.ctx)
				}) {
					return ErrClosed
				}
			}
		}
	}
}

// jittered returns the time to the next exchange: the configured one, ± a fifth, so that nodes that started together
// drift apart.
func (n *Node) jittered() time.Duration {
	return time.Duration(float64(n.cfg.Exchange) * (0.8 + 0.4*rand.Float64()))
}

// A follower is what Run knows of the last view.
type follower struct {
	node       *Node
	lists      map[trust.Province]trust.Digest // whose peers the admission was made from
	national   trust.Digest
	leading    bool
	exchanging atomic.Bool
}

// follow does what a change of the view or of the leadership asks for.
func (f *follower) follow() {
	n := f.node
	view := n.view()
	if f.newLists(view) {
		n.readmit()
	}
	was := f.leading
	f.leading = n.cfg.Registry.Leading()
	if !f.leading {
		return
	}
	if !was {
		n.pushers.forgetOffers()
		n.start(func() { n.greet(n.ctx) })
	}
	n.pushNews(view, n.gate.current.Load())
}

// newLists reports whether a list that names peers has changed since the last call.
func (f *follower) newLists(view *registry.View) bool {
	lists := make(map[trust.Province]trust.Digest, len(view.Provinces))
	changed := f.lists == nil
	for code, p := range view.Provinces {
		if p.List != nil {
			lists[code] = p.List.Digest
			changed = changed || f.lists[code] != p.List.Digest
		}
	}
	var national trust.Digest
	if view.National != nil {
		national = view.National.Digest
	}
	changed = changed || len(lists) != len(f.lists) || national != f.national
	f.lists, f.national = lists, national
	return changed
}

// forgetOffers has every head pushed again: a leader that was one before cannot know what its successors pushed.
func (p *pushers) forgetOffers() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.byTarget {
		clear(t.offered)
	}
}
