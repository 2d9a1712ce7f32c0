package federation

import (
	"context"
	"slices"
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/hutong-project/hutong/trust"
)

// A Testimony is what one peer of another province answered to an exchange.
type Testimony struct {
	Province trust.Province
	Heads    [][]byte // that it holds and this cluster lacks, as it sent them
}

// Testify exchanges with peers of other provinces and returns what those said that answered before ctx ended. It asks
// every connected peer; unless connected is true it also asks, of each province of which none is connected, one peer
// after the other until one answers. What the answers bring is taken as with every exchange, in the background.
func (n *Node) Testify(ctx context.Context, connected bool) []Testimony {
	a := n.gate.current.Load()
	answers := make(chan Testimony)
	turns := make(chan struct{}, greetings)
	var group sync.WaitGroup
	ask := func(code trust.Province, id peer.ID) bool {
		select {
		case turns <- struct{}{}:
			defer func() { <-turns }()
		case <-ctx.Done():
			return false
		}
		reply, err := n.exchangeWith(ctx, id)
		if err != nil {
			return false
		}
		n.start(func() { n.absorb(n.ctx, id, &reply.Summary, reply.Heads) })
		select {
		case answers <- Testimony{Province: code, Heads: reply.Heads}:
		case <-ctx.Done():
		}
		return true
	}
	for _, code := range a.targets {
		ids := n.peersOf(code)
		live := slices.DeleteFunc(slices.Clone(ids), func(id peer.ID) bool { return !n.connected(id) })
		for _, id := range live {
			group.Go(func() { ask(code, id) })
		}
		if len(live) == 0 && !connected {
			group.Go(func() {
				for _, id := range ids {
					if ask(code, id) || ctx.Err() != nil {
						return
					}
				}
			})
		}
	}
	done := make(chan struct{})
	go func() {
		group.Wait()
		close(done)
	}()
	var heard []Testimony
	for {
		select {
		case t := <-answers:
			heard = append(heard, t)
		case <-done:
			return heard
		case <-ctx.Done():
			<-done // every stream ends with ctx
			return heard
		}
	}
}
