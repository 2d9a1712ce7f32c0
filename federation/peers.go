package federation

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/national"
)

// A peerBook remembers how admitted peers answered. The zero value is ready.
type peerBook struct {
	mu    sync.Mutex
	pages map[peer.ID]*peerPage
}

type peerPage struct {
	lastOK      time.Time // the last answered stream, of ours or of theirs
	lastFailure time.Time
	lastError   string
	blamedAt    time.Time // the last time that it failed us as a source

	clock   time.Duration // how far ahead of ours its clock was
	clockAt time.Time     // when that was measured; zero: never
}

// page returns id's page; the caller holds mu.
func (b *peerBook) page(id peer.ID) *peerPage {
	p := b.pages[id]
	if p == nil {
		if b.pages == nil {
			b.pages = make(map[peer.ID]*peerPage)
		}
		p = new(peerPage)
		b.pages[id] = p
	}
	return p
}

// book notes how a stream to id ended.
func (b *peerBook) book(id peer.ID, err error, now time.Time) {
	if errors.Is(err, context.Canceled) {
		return // our own doing
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.page(id)
	if err == nil {
		p.lastOK = now
		return
	}
	p.lastFailure, p.lastError = now, clip(err.Error(), maxError)
}

// blame notes that id did not have, or falsified, what it was asked for. It is asked last for a while.
func (b *peerBook) blame(id peer.ID, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.page(id)
	p.blamedAt, p.lastError = time.Now(), clip(err.Error(), maxError)
}

// keep forgets peers that are no longer admitted.
func (b *peerBook) keep(a *admission) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id := range b.pages {
		if a.peers[id] == nil {
			delete(b.pages, id)
		}
	}
}

func (b *peerBook) show(id peer.ID) peerPage {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.pages[id]; p != nil {
		return *p
	}
	return peerPage{}
}

const (
	// maxSources is how many peers are asked for one thing before it is given up until the next head.
	maxSources = 8
	// probation is how long a peer that failed as a source is asked after all others.
	probation = time.Minute
)

// sources returns whom to ask for what a province's head pins: the peer that brought the head, then the province's own
// peers or its host's, then other peers, connected ones first. Those that failed lately come last.
func (n *Node) sources(entry *national.Province, first peer.ID) []peer.ID {
	a := n.gate.current.Load()
	var order []peer.ID
	add := func(ids ...peer.ID) {
		for _, id := range ids {
			if a.peers[id] != nil && !slices.Contains(order, id) {
				order = append(order, id)
			}
		}
	}
	add(first)
	add(a.byCode[entry.Code]...)
	add(a.byCode[entry.Signer()]...)
	add(n.strangers(a, true)...)
	add(n.strangers(a, false)...)
	lately := func(id peer.ID) bool {
		blamed := n.peers.show(id).blamedAt
		return !blamed.IsZero() && time.Since(blamed) < probation
	}
	sorted := slices.Clone(order)
	slices.SortStableFunc(sorted, func(x, y peer.ID) int {
		switch bx, by := lately(x), lately(y); {
		case bx == by:
			return 0
		case by:
			return -1
		}
		return 1
	})
	return sorted[:min(len(sorted), maxSources)]
}

// strangers returns the peers of other provinces that are, or are not, connected, in random order. The own cluster is
// left out: what it has, this node has, too.
func (n *Node) strangers(a *admission, connected bool) []peer.ID {
	var ids []peer.ID
	for id, m := range a.peers {
		if m.provinces[0] != a.own && n.connected(id) == connected {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids) // so that only the shuffle decides
	rand.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	return ids
}

func (n *Node) connected(id peer.ID) bool {
	return n.host.Network().Connectedness(id) == network.Connected
}

// peersOf returns the peers of a province, the one that answered last first.
func (n *Node) peersOf(code trust.Province) []peer.ID {
	ids := slices.Clone(n.gate.current.Load().byCode[code])
	answered := make(map[peer.ID]time.Time, len(ids))
	for _, id := range ids {
		if page := n.peers.show(id); page.lastOK.After(page.lastFailure) {
			answered[id] = page.lastOK
		}
	}
	slices.SortStableFunc(ids, func(x, y peer.ID) int { return answered[y].Compare(answered[x]) })
	return ids
}
