package consensus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"

	"github.com/hutong-project/hutong/consensus/consensustest"
	"github.com/hutong-project/hutong/trust/head"
	"github.com/hutong-project/hutong/trust/registry"
	"github.com/hutong-project/hutong/trust/sm2sig"
)

// member is one node of a cluster under test; what lies in it outlives a restart.
type node struct {
	*Registry
	id        string
	fs        *vfs.MemFS
	logs      *raft.InmemStore
	snapshots raft.SnapshotStore
	transport *raft.InmemTransport

	stop    context.CancelFunc
	ran     chan error
	cutOff  bool
	members []Member
}

type cluster struct {
	t     *testing.T
	world *consensustest.World
	nodes []*node
	edit  func(*Config)

	mu    sync.Mutex
	heads map[string]*head.Document // every signed head that any node ever showed
}

// startCluster starts n nodes in the bubble of the test, on file systems in memory.
func startCluster(t *testing.T, n int, edit func(*Config)) *cluster {
	c := &cluster{t: t, world: consensustest.New(), edit: edit, heads: map[string]*head.Document{}}
	var members []Member
	for i := range n {
		id := fmt.Sprint("n", i+1)
		members = append(members, Member{ID: id, Address: id})
		c.nodes = append(c.nodes, &node{
			id: id, fs: vfs.NewCrashableMem(), logs: raft.NewInmemStore(), snapshots: raft.NewInmemSnapshotStore(),
		})
	}
	for _, m := range c.nodes {
		m.members = members
		c.start(m)
	}
	t.Cleanup(func() {
		for _, m := range c.nodes {
			c.stop(m)
		}
		time.Sleep(time.Minute) // Raft's own goroutines end by their timeouts
	})
	return c
}

func (c *cluster) config(m *node) Config {
	own, hosted := c.world.Provinces[consensustest.Own], c.world.Provinces[consensustest.Hosted]
	cfg := Config{
		Dir: "data", NodeID: m.id, Members: m.members, Bootstrap: true,
		Own: consensustest.Own, Pin: c.world.Chain[0].Digest,
		HeadKeys:    []*sm2sig.PrivateKey{own.HeadKey(), hosted.HeadKey()},
		OperatorKey: own.OperatorKey(),
		Forward:     c, Logger: slog.New(slog.DiscardHandler),
		FS: m.fs, Transport: m.transport, Logs: m.logs, Snapshots: m.snapshots,
		Exit: func(int) { panic("the node ended the process") },
	}
	if c.edit != nil {
		c.edit(&cfg)
	}
	return cfg
}

// start opens a node and connects it.
func (c *cluster) start(m *node) {
	c.t.Helper()
	_, m.transport = raft.NewInmemTransport(m.address())
	r, err := Open(c.config(m))
	if err != nil {
		c.t.Fatal(err)
	}
	m.Registry = r
	ctx, cancel := context.WithCancel(context.Background())
	m.stop, m.ran = cancel, make(chan error, 1)
	go func() { m.ran <- r.Run(ctx) }()
	c.join(m)
}

// address returns where the others find the node.
func (m *node) address() raft.ServerAddress {
	for _, known := range m.members {
		if known.ID == m.id {
			return raft.ServerAddress(known.Address)
		}
	}
	return ""
}

// stop closes a node. A second call does nothing.
func (c *cluster) stop(m *node) {
	if m.Registry == nil {
		return
	}
	m.stop()
	<-m.ran
	if err := m.Close(); err != nil {
		c.t.Errorf("Close(%s) = %v, want no error", m.id, err)
	}
	m.Registry = nil
	c.cut(m)
}

// join connects a node with all that are not cut off.
func (c *cluster) join(m *node) {
	m.cutOff = false
	for _, o := range c.nodes {
		if o != m && o.Registry != nil && !o.cutOff {
			m.transport.Connect(o.transport.LocalAddr(), o.transport)
			o.transport.Connect(m.transport.LocalAddr(), m.transport)
		}
	}
}

// cut takes a node off the network.
func (c *cluster) cut(m *node) {
	m.cutOff = true
	m.transport.DisconnectAll()
	for _, o := range c.nodes {
		if o != m && o.transport != nil {
			o.transport.Disconnect(m.transport.LocalAddr())
		}
	}
}

// Forward is Forwarder: a call in place of the federation's stream.
func (c *cluster) Forward(ctx context.Context, leader string, command []byte) ([]byte, error) {
	for _, m := range c.nodes {
		if m.id == leader && m.Registry != nil && !m.cutOff {
			return m.ApplyForwarded(ctx, command)
		}
	}
	return nil, errors.New("no way to " + leader)
}

// leader waits until exactly one connected node leads and returns it.
func (c *cluster) leader() *node {
	c.t.Helper()
	var found *node
	c.eventually("one leader", func() bool {
		n := 0
		for _, m := range c.nodes {
			if m.Registry == nil || m.cutOff {
				continue
			}
			if _, _, self := m.Leader(); self {
				found = m
				n++
			}
		}
		return n == 1
	})
	return found
}

// follower returns a connected node that does not lead.
func (c *cluster) follower() *node {
	leader := c.leader()
	for _, m := range c.nodes {
		if m != leader && m.Registry != nil && !m.cutOff {
			return m
		}
	}
	c.t.Fatal("no follower")
	return nil
}

// eventually waits on the bubble's clock, for two minutes at most.
func (c *cluster) eventually(what string, ok func() bool) {
	c.t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !ok() {
		if time.Now().After(deadline) {
			c.t.Fatalf("waited two minutes for %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// view returns what a node believes.
func (m *node) view() *registry.View {
	d := m.Reading()
	defer d.Close()
	return d.View
}

// settle waits until all running, connected nodes have applied the same entry.
func (c *cluster) settle() {
	c.t.Helper()
	c.eventually("equal nodes", func() bool {
		synctest.Wait()
		seen := map[uint64]bool{}
		for _, m := range c.nodes {
			if m.Registry != nil && !m.cutOff {
				seen[m.view().Applied] = true
			}
		}
		return len(seen) == 1 && !seen[0]
	})
}

// digest returns a hash over all keys and values of a node's database.
func (m *node) digest(t *testing.T) string {
	t.Helper()
	v, err := m.store.View()
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	d, err := v.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d.String()
}

// checkEqual fails the test when the nodes' databases differ.
func (c *cluster) checkEqual() {
	c.t.Helper()
	c.settle()
	want := ""
	for _, m := range c.nodes {
		if m.Registry == nil || m.cutOff {
			continue
		}
		if got := m.digest(c.t); want == "" {
			want = got
		} else if got != want {
			c.t.Errorf("state of %s = %s, want %s as on the others", m.id, got, want)
		}
	}
}

// watch collects the heads that a node shows, until it is closed.
func (c *cluster) watch(m *node) {
	r := m.Registry
	go func() {
		for {
			changed := r.Changed()
			d := r.Reading()
			for _, p := range d.View.Provinces {
				if p.Local && p.Head != nil {
					c.mu.Lock()
					c.heads[p.Head.Digest.String()] = p.Head
					c.mu.Unlock()
				}
			}
			d.Close()
			select {
			case <-changed:
			case <-r.done:
				return
			}
		}
	}()
}

// checkHeads fails the test when any two heads that were ever signed contradict each other.
func (c *cluster) checkHeads() int {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range c.heads {
		for _, b := range c.heads {
			if why, yes := head.Contradicts(a, b); yes {
				c.t.Fatalf("two heads of %s contradict each other: %s", a.Province, why)
			}
		}
	}
	return len(c.heads)
}

// begin adopts the national list and publishes the own and the hosted trust list, through any node.
func (c *cluster) begin() {
	c.t.Helper()
	m := c.leader()
	if err := m.AdoptNational(c.t.Context(), c.world.Raws()); err != nil {
		c.t.Fatal(err)
	}
	for _, p := range []*consensustest.Province{c.world.Provinces[consensustest.Own], c.world.Provinces[consensustest.Hosted]} {
		if err := m.PublishList(c.t.Context(), p.NextList(nil).Raw); err != nil {
			c.t.Fatal(err)
		}
	}
}
