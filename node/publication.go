package node

import (
	"context"
	"fmt"
	"time"

	"github.com/hutong-project/hutong/consensus"
)

// publication answers what wait=published asks for. Only the leader's federation pushes heads and hears who took them,
// so the leader waits for the confirmation itself and a follower asks it.
type publication struct {
	registry *consensus.Registry
	forward  *forwarder
}

// leaderFor is how long one node is taken for the leader before the question is put anew.
const leaderFor = 2 * time.Second

// AwaitPublished is httpapi.Publication.
func (p publication) AwaitPublished(ctx context.Context, receipt consensus.Receipt) error {
	var last error
	for ctx.Err() == nil {
		published, err := p.ask(ctx, receipt)
		if published {
			return nil
		}
		if err == nil {
			continue
		}
		last = err
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond): // the next leader is being elected
		}
	}
	if last == nil {
		last = ctx.Err()
	}
	return fmt.Errorf("waiting until another province holds leaf %d of %s: %w", receipt.Position, receipt.Province, last)
}

// ask waits a short while for the confirmation at the node that leads now.
func (p publication) ask(ctx context.Context, receipt consensus.Receipt) (bool, error) {
	route := p.forward.to.Load()
	if route == nil {
		return false, consensus.ErrNoLeader
	}
	reading := p.registry.Reading()
	held := reading.View.Provinces[receipt.Province]
	reading.Close()
	if held == nil || held.Log.Size <= receipt.Position {
		return false, consensus.ErrBusy // this node has not applied what it has a receipt for
	}
	generation, size := held.Log.Generation, receipt.Position+1
	id, _, self := p.registry.Leader()
	if self {
		ctx, cancel := context.WithTimeout(ctx, leaderFor)
		defer cancel()
		return route.federation.AwaitPublished(ctx, receipt.Province, generation, size) == nil, nil
	}
	leader, known := route.peers[id]
	if !known {
		return false, consensus.ErrNoLeader
	}
	return route.federation.AskPublished(ctx, leader, receipt.Province, generation, size)
}
