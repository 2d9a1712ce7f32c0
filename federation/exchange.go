package federation

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/head"
	"github.com/hutong-project/hutong/trust/registry"
)

const (
	// exchangeProvinces is how many random provinces each periodic exchange asks, one peer each.
	exchangeProvinces = 2
	// greetings is how many exchanges a new leader has under way at a time.
	greetings = 8
)

// summarize says what a view holds.
func summarize(view *registry.View) summary {
	var s summary
	if view.National != nil {
		s.NationalSequence, s.NationalDigest = view.National.Sequence, view.National.Digest
	}
	for _, code := range view.Codes() {
		doc := view.Provinces[code].Head
		if doc == nil || len(s.Provinces) == maxProvinces {
			continue
		}
		s.Provinces = append(s.Provinces, provinceSummary{
			Province: code, Session: doc.Session, Sequence: doc.Sequence, Digest: doc.Digest,
			Generation: doc.Log.Generation, Size: doc.Log.Size,
		})
	}
	return s
}

// headsBeyond returns the heads that view holds and a peer with this summary lacks: those with higher numbers, another
// head under the same number, which is proof of a contradiction, and both halves of every such proof that is held.
func headsBeyond(view *registry.View, theirs *summary) [][]byte {
	known := make(map[trust.Province]provinceSummary, len(theirs.Provinces))
	for _, p := range theirs.Provinces {
		known[p.Province] = p
	}
	var heads [][]byte
	size := 0
	add := func(doc *head.Document) {
		if doc != nil && size+len(doc.Raw) <= exchangeBytes && len(heads) < maxProvinces {
			heads, size = append(heads, doc.Raw), size+len(doc.Raw)
		}
	}
	for _, code := range view.Codes() {
		held := view.Provinces[code]
		if held.Head == nil {
			continue
		}
		their, ok := known[code]
		if !ok || above(held.Head, their) {
			add(held.Head)
		}
		if e := held.Equivocation; e != nil {
			add(e.A)
			add(e.B)
		}
	}
	return heads
}

// above reports whether doc has a higher number than the summary's line, or the same number and another content.
func above(doc *head.Document, line provinceSummary) bool {
	if doc.Session != line.Session {
		return doc.Session > line.Session
	}
	if doc.Sequence != line.Sequence {
		return doc.Sequence > line.Sequence
	}
	return doc.Digest != line.Digest
}

// exchangeWith tells one peer what this cluster holds, learns what the peer's holds. What the answer brings is for the caller
// to absorb.
func (n *Node) exchangeWith(ctx context.Context, id peer.ID) (*exchangeAnswer, error) {
	mine := summarize(n.view())
	var reply exchangeAnswer
	err := n.talk(ctx, id, exchangeConversation, func(_ context.Context, s network.Stream) error {
		sent := n.cfg.Clock()
		if err := writeFrame(s, &mine); err != nil {
			return err
		}
		if err := readFrame(exchangeConversation.awaken(s), s.Scope(), &reply); err != nil {
			return err
		}
		n.peers.noteClock(id, clockSample(sent, n.cfg.Clock(), reply.Time))
		if err := writeFrame(s, &exchangeRest{Heads: headsBeyond(n.view(), &reply.Summary)}); err != nil {
			return err
		}
		if err := s.CloseWrite(); err != nil {
			return err
		}
		// The peer closes when it has read the rest; closing before could cut it off.
		_, _ = exchangeConversation.awaken(s).Read(make([]byte, 1))
		return nil
	})
	if err != nil {
		n.metrics.asks.WithLabelValues("failed").Inc()
		return nil, err
	}
	n.metrics.asks.WithLabelValues("answered").Inc()
	return &reply, nil
}

func (n *Node) serveExchange(_ context.Context, from caller, s network.Stream) error {
	var theirs summary
	if err := readFrame(s, s.Scope(), &theirs); err != nil {
		return err
	}
	view := n.view()
	if err := writeFrame(s, &exchangeAnswer{Summary: summarize(view), Heads: headsBeyond(view, &theirs), Time: uint64(max(0, n.cfg.Clock().UnixMilli()))}); err != nil {
		return err
	}
	var rest exchangeRest
	if err := readFrame(s, s.Scope(), &rest); err != nil {
		return err
	}
	// What follows may take longer than a stream lasts. One peer's exchanges are absorbed one at a time, and one that
	// comes meanwhile has had its answer and is otherwise let go.
	leave, ok := n.streams.enter(absorbing, from.id, from.home)
	if !ok {
		return nil
	}
	if !n.start(func() {
		defer leave()
		n.absorb(n.ctx, from.id, &theirs, rest.Heads)
	}) {
		leave()
	}
	return nil
}

// absorbing bounds how much work exchanges leave behind.
var absorbing = conversation{id: "absorbing", perPeer: 1, perProvince: 4}

// absorb takes what an exchange brought: the national list first, then the heads, whose pulls it does not wait for.
func (n *Node) absorb(ctx context.Context, source peer.ID, theirs *summary, heads [][]byte) {
	n.absorbNational(ctx, source, theirs)
	view := n.view()
	if home, admitted := n.gate.current.Load().home(source); admitted && home != n.cfg.Own {
		for _, line := range theirs.Provinces {
			if held := view.Provinces[line.Province]; held != nil && held.Local && held.Head != nil {
				n.pushers.believe(home, held.Head, line)
			}
		}
	}
	for _, raw := range heads {
		if ctx.Err() != nil {
			return
		}
		doc, err := head.Read(raw)
		if err != nil {
			n.blameHome(source, err)
			continue
		}
		if n.disputed(doc) {
			continue
		}
		// Errors are booked on the head's province by consider.
		_, _ = n.consider(ctx, &candidate{doc: doc, source: source})
	}
}

// disputed reports whether doc is of a session in which its province is known to have contradicted itself: nothing
// more of that session is taken by exchange.
func (n *Node) disputed(doc *head.Document) bool {
	_, held := n.entry(doc.Province)
	return held != nil && held.Equivocation != nil && held.Head != nil && held.Head.Session == doc.Session
}

func (n *Node) blameHome(source peer.ID, err error) {
	n.peers.blame(source, err)
	if home, admitted := n.gate.current.Load().home(source); admitted {
		n.noteRefusal(home, err)
	}
}

// absorbNational follows a higher national number, and fetches once another list under the own number.
func (n *Node) absorbNational(ctx context.Context, source peer.ID, theirs *summary) {
	view := n.view()
	if view.National == nil {
		return
	}
	var err error
	switch have := view.National; {
	case theirs.NationalSequence > have.Sequence:
		err = n.walkNational(ctx, theirs.NationalSequence, []peer.ID{source})
	case theirs.NationalSequence == have.Sequence && theirs.NationalDigest != have.Digest && n.rivals.first(theirs.NationalDigest):
		err = n.fetchNational(ctx, theirs.NationalSequence, source)
	}
	if err != nil {
		n.log.Info("national list not adopted", "peer", source, "number", theirs.NationalSequence, "error", err)
	}
}

// A rivalBook remembers which other national lists under the own number were looked at. The zero value is ready.
type rivalBook struct {
	mu   sync.Mutex
	seen []trust.Digest
}

// maxRivals bounds the memory; who invents digests gets the same list fetched again.
const maxRivals = 64

func (b *rivalBook) first(d trust.Digest) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if slices.Contains(b.seen, d) {
		return false
	}
	if b.seen = append(b.seen, d); len(b.seen) > maxRivals {
		b.seen = b.seen[1:]
	}
	return true
}

// exchangeRandomly exchanges with one random peer each of a few random provinces.
func (n *Node) exchangeRandomly(ctx context.Context) {
	a := n.gate.current.Load()
	targets := slices.Clone(a.targets)
	rand.Shuffle(len(targets), func(i, j int) { targets[i], targets[j] = targets[j], targets[i] })
	var group sync.WaitGroup
	for _, code := range targets[:min(len(targets), exchangeProvinces)] {
		ids := a.byCode[code]
		id := ids[rand.IntN(len(ids))]
		group.Go(func() { n.tryExchange(ctx, code, id) })
	}
	group.Wait()
}

// greet is what a new leader does: it exchanges with every connected peer, and with one peer of each province of which
// none is connected, a few at a time.
func (n *Node) greet(ctx context.Context) {
	a := n.gate.current.Load()
	turns := make(chan struct{}, greetings)
	var group sync.WaitGroup
	for _, code := range a.targets {
		ids := slices.DeleteFunc(slices.Clone(a.byCode[code]), func(id peer.ID) bool { return !n.connected(id) })
		if len(ids) == 0 {
			ids = n.peersOf(code)[:1]
		}
		for _, id := range ids {
			group.Go(func() {
				turns <- struct{}{}
				defer func() { <-turns }()
				n.tryExchange(ctx, code, id)
			})
		}
	}
	group.Wait()
}

func (n *Node) tryExchange(ctx context.Context, code trust.Province, id peer.ID) {
	reply, err := n.exchangeWith(ctx, id)
	if err == nil {
		n.absorb(ctx, id, &reply.Summary, reply.Heads)
	} else if ctx.Err() == nil {
		n.log.Debug("exchanging", "province", code, "error", fmt.Errorf("exchanging with %s: %w", id, err))
	}
}
