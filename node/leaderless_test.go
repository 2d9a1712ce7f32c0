package node_test

import (
	"context"
	"encoding/hex"
	"testing"
	"time"

	"github.com/hutong-project/hutong/node/httpapi"
	"github.com/hutong-project/hutong/node/nodetest"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/statuslog"
	"github.com/hutong-project/hutong/trust/verdict"
)

// TestWithoutLeader: of three nodes two stop. The third still judges, takes nothing, and says so; once one is back, what
// was refused is taken.
func TestWithoutLeader(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p := startPair(t, ctx, 3)
	nodes := p.Clusters[0].Nodes
	claims, operated := p.police.Claims(), p.hospital.Claims()
	text := issue(t, p.police, claims)
	signed, err := p.police.Batch(nodetest.Change(claims.Handle, statuslog.StatusRevoked))
	if err != nil {
		t.Fatal(err)
	}
	events := httpapi.Events{Authority: p.hospital.Code, Events: []httpapi.Event{{Handle: hex.EncodeToString(operated.Handle[:]), Status: "revoked"}}}
	raw, err := p.lists.Next().Sign(p.lists.ListKeys...)
	if err != nil {
		t.Fatal(err)
	}
	following, err := p.Amend(func(*national.List) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		if err := p.WaitLists(ctx, n); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range nodes[1:] {
		if err := n.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	waitLeaderless(t, ctx, p.here)
	wants(t, "without a leader", judge(t, ctx, p.here, httpapi.Verify{Credential: text}), verdict.Valid, "")
	if ready, text, err := p.here.Client.Ready(ctx); ready || err != nil {
		t.Errorf("Ready() = %v, %q, %v, want not ready", ready, text, err)
	}
	refused(t, ctx, p, []refusal{
		{"a batch", func() error { _, err := p.here.Client.PushBatch(ctx, p.police.Token, signed); return err }, 503, "no-leader"},
		{"events", func() error { _, err := p.here.Client.PushEvents(ctx, p.hospital.Token, events); return err }, 503, "no-leader"},
		{"a trust list", func() error { _, err := p.here.Client.PublishList(ctx, raw); return err }, 503, "no-leader"},
		{"a national list", func() error { _, err := p.here.Client.PublishNational(ctx, following.Raw); return err }, 503, "no-leader"},
	})
	wants(t, "elsewhere", judge(t, ctx, p.there, httpapi.Verify{Credential: text}), verdict.Valid, "")

	if err := nodes[1].Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Clusters[0].WaitLeader(ctx); err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes[:2] { // whichever leads: the other one hands it over
		if receipt, err := n.Client.PushBatch(ctx, p.police.Token, signed); err != nil || receipt.Number != 1 {
			t.Errorf("PushBatch() at %s = %+v, %v, want number 1", n.Name, receipt, err)
		}
	}
	becomes(t, ctx, p.there, text, verdict.Invalid, verdict.CredentialRevoked)
}

// waitLeaderless waits until the node has known no leader for some heartbeats. A node to which leadership was handed by
// the last one that stopped leads for a moment, until it misses the others.
func waitLeaderless(t *testing.T, ctx context.Context, n *nodetest.Node) {
	t.Helper()
	var since time.Time
	err := nodetest.Until(ctx, n.Name+" knows that there is no leader", func() (bool, error) {
		state, err := n.Client.Node(ctx)
		switch {
		case err != nil || state.Leader != "" || state.Leading:
			since = time.Time{}
		case since.IsZero():
			since = time.Now()
		}
		return err == nil && !since.IsZero() && time.Since(since) > 3*nodetest.DefaultHeartbeat, err
	})
	if err != nil {
		t.Fatal(err)
	}
}
