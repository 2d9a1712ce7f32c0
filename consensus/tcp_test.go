package consensus

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hutong-project/hutong/consensus/consensustest"
)

// wires is a Forwarder among registries of one process.
type wires map[string]*Registry

// Forward calls the leader.
func (w wires) Forward(ctx context.Context, leader string, command []byte) ([]byte, error) {
	if r := w[leader]; r != nil {
		return r.ApplyForwarded(ctx, command)
	}
	return nil, errors.New(leader + " is gone")
}

// Three nodes on real disks and ports: the leader goes, the others go on, it comes back and catches up.
func TestThreeNodesOverTCP(t *testing.T) {
	w := consensustest.New()
	configs, nodes := threeOverTCP(t, w)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var running sync.WaitGroup
	run := func(r *Registry) { running.Go(func() { r.Run(ctx) }) }
	for _, r := range nodes {
		run(r)
	}
	leader := leaderOf(t, ctx, nodes)
	if err := nodes[leader].AdoptNational(ctx, w.Raws()); err != nil {
		t.Fatal(err)
	}
	if err := nodes[leader].PublishList(ctx, w.Provinces[own].NextList(nil).Raw); err != nil {
		t.Fatal(err)
	}
	for number := range uint64(6) {
		if number == 3 {
			if err := nodes[leader].Close(); err != nil {
				t.Fatal(err)
			}
			delete(nodes, leader)
		}
		for id, r := range nodes { // any node
			if _, err := r.AppendBatch(ctx, w.Provinces[own].Batch(number+1, consensustest.Revoked(string('a'+rune(number))))); err != nil {
				t.Fatalf("batch %d through %s: %v", number+1, id, err)
			}
			break
		}
	}
	r, err := Open(configs[leader])
	if err != nil {
		t.Fatal(err)
	}
	nodes[leader] = r
	run(r)
	newest := nodes[leaderOf(t, ctx, nodes)].Reading()
	defer newest.Close()
	if err := r.waitApplied(ctx, newest.View.Applied); err != nil {
		t.Fatal(err)
	}
	d := r.Reading()
	defer d.Close()
	if got := d.View.Provinces[own].Log.Size; got != 6 {
		t.Errorf("log size on the node that came back = %d, want 6", got)
	}
	for _, r := range nodes {
		if err := r.Close(); err != nil && !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	}
	running.Wait()
}

func threeOverTCP(t testing.TB, w *consensustest.World) (map[string]Config, wires) {
	t.Helper()
	configs, nodes := map[string]Config{}, wires{}
	var members []Member
	for _, id := range []string{"n1", "n2", "n3"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		members = append(members, Member{ID: id, Address: l.Addr().String()})
		l.Close()
	}
	for _, m := range members {
		cfg := onDisk(t, w, filepath.Join(t.TempDir(), "node"))
		cfg.NodeID, cfg.Bind, cfg.Members, cfg.Forward = m.ID, m.Address, members, nodes
		cfg.OperatorKey = w.Provinces[own].OperatorKey()
		cfg.HeartbeatTimeout = 150 * time.Millisecond
		configs[m.ID] = cfg
		r, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		nodes[m.ID] = r
	}
	return configs, nodes
}

func leaderOf(t testing.TB, ctx context.Context, nodes wires) string {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		for id, r := range nodes {
			if _, _, self := r.Leader(); self {
				return id
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("no leader")
		}
	}
}
