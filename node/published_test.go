package node_test

import (
	"context"
	"testing"
	"time"

	"github.com/hutong-project/hutong/node/nodetest"
	"github.com/hutong-project/hutong/trust/statuslog"
)

// TestWaitPublished: a batch counts as published when the other province has it, whichever node is asked.
func TestWaitPublished(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p := startPair(t, ctx, 3)
	batch := func() []byte {
		signed, err := p.police.Batch(nodetest.Change(p.police.Claims().Handle, statuslog.StatusRevoked))
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	for _, n := range p.Clusters[0].Nodes { // one leads, two follow
		receipt, err := n.Client.PushPublished(ctx, p.police.Token, batch())
		if err != nil {
			t.Fatalf("PushPublished at %s = %v, want a receipt", n.Name, err)
		}
		state, err := p.there.Client.Node(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, held := range state.Provinces {
			if held.Province == home && held.Log.Size <= receipt.Position {
				t.Errorf("after PushPublished at %s the other province holds %d leaves, want more than %d", n.Name, held.Log.Size, receipt.Position)
			}
		}
	}
}
