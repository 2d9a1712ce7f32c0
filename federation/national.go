package federation

import (
	"context"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/hutong-project/hutong/trust"
)

const (
	// nationalTurn is how long one waits for another who walks the national chain before doing it as well: a stuck
	// walk must not hold up every province.
	nationalTurn = 2 * time.Second
	// settleTime is how long a follower's own view may take to show what its leader adopted.
	settleTime = 3 * time.Second
	// nationalSources is how many peers one walk tries.
	nationalSources = 4
)

func (n *Node) nationalSequence() uint64 {
	if view := n.view(); view.National != nil {
		return view.National.List.Sequence
	}
	return 0
}

// reachNational walks the national chain up to the number that the head names. A head that does not verify under the
// list in force may be signed with keys of the next one, or be a lie: then only its own source is asked.
func (n *Node) reachNational(ctx context.Context, c *candidate) error {
	want := c.doc.NationalList.Sequence
	if want <= n.nationalSequence() {
		return nil
	}
	sources := []peer.ID{c.source}
	if entry, _ := n.entry(c.doc.Province); entry != nil && c.doc.CheckSigned(entry) == nil {
		sources = n.sources(entry, c.source)
	}
	return n.walkNational(ctx, want, sources)
}

// walkNational fetches and adopts the lists up to number want from the first sources that have them.
func (n *Node) walkNational(ctx context.Context, want uint64, sources []peer.ID) error {
	turn := time.NewTimer(nationalTurn)
	defer turn.Stop()
	select {
	case n.national <- struct{}{}:
		defer func() { <-n.national }()
	case <-turn.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	var last error
	for _, source := range sources[:min(len(sources), nationalSources)] {
		if last = n.walkFrom(ctx, want, source); last == nil || ctx.Err() != nil {
			return last
		}
	}
	return last
}

// walkFrom walks with one source. Every round must bring the view forward, so that it ends.
func (n *Node) walkFrom(ctx context.Context, want uint64, source peer.ID) error {
	for {
		have := n.nationalSequence()
		if have >= want {
			return nil
		}
		if err := n.fetchNational(ctx, have+1, source); err != nil {
			return err
		}
		if !n.await(ctx, settleTime, func() bool { return n.nationalSequence() > have }) {
			return fmt.Errorf("adopting the national list from %s: number %d still stands", source, have)
		}
	}
}

// fetchNational asks source for the chain from number from on and has it adopted.
func (n *Node) fetchNational(ctx context.Context, from uint64, source peer.ID) error {
	var reply nationalAnswer
	if err := n.ask(ctx, source, nationalConversation, &nationalRequest{From: from}, &reply); err != nil {
		return err
	}
	if len(reply.Lists) == 0 {
		return fmt.Errorf("asking %s for national list %d: %w", source, from, ErrNotHeld)
	}
	for _, raw := range reply.Lists {
		n.metrics.fetched.WithLabelValues("national").Add(float64(len(raw)))
	}
	err := n.cfg.Registry.AdoptNational(ctx, reply.Lists)
	if refusal, refused := trust.AsRefusal(err); refused {
		home, _ := n.gate.current.Load().home(source)
		n.metrics.refuse(trust.Province(n.label(home)), refusal.Code)
		n.peers.blame(source, err)
	}
	if err != nil {
		return fmt.Errorf("adopting national lists from %d on of %s: %w", from, source, err)
	}
	return nil
}

// await waits until the view fulfils a condition, and reports whether it did in time.
func (n *Node) await(ctx context.Context, patience time.Duration, condition func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		changed := n.cfg.Registry.Changed()
		if condition() {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}
