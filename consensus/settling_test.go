package consensus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"

	"github.com/hutong-project/hutong/consensus/consensustest"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/head"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/registry"
	"github.com/hutong-project/hutong/trust/statuslog"
)

// twin starts n nodes that were restored from a backup of c's cluster: an older or another life of the same province.
func (c *cluster) twin(n int, backup []byte, how Restoring, edit func(*Config)) *cluster {
	c.t.Helper()
	d := &cluster{t: c.t, world: c.world, edit: edit, heads: map[string]*head.Document{}}
	var members []Member
	for i := range n {
		id := fmt.Sprint("n", i+1)
		members = append(members, Member{ID: id, Address: id})
		d.nodes = append(d.nodes, &node{id: id, fs: vfs.NewCrashableMem(), logs: raft.NewInmemStore(), snapshots: raft.NewInmemSnapshotStore()})
	}
	for _, m := range d.nodes {
		m.members = members
		if _, err := Restore(d.config(m), bytes.NewReader(backup), how); err != nil {
			c.t.Fatal(err)
		}
	}
	for _, m := range d.nodes {
		d.start(m)
	}
	c.t.Cleanup(func() {
		for _, m := range d.nodes {
			d.stop(m)
		}
		time.Sleep(time.Minute)
	})
	return d
}

// others are the other provinces: they hold what a cluster published up to a moment, and answer as the federation has
// peers answer.
type others struct {
	mu      sync.Mutex
	silent  bool
	without bool // of leaves
	heads   [][]byte
	own     *registry.Province // as published
	list    []byte
	leaves  [][]byte
	to      []*Registry // whose leader gets what it lacks
}

// serve has the others answer the nodes of a cluster.
func (o *others) serve(c *cluster) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, m := range c.nodes {
		o.to = append(o.to, m.Registry)
	}
}

// hold makes the others hold what a node has published so far.
func (o *others) hold(t *testing.T, m *node) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	p := m.view().Provinces[consensustest.Own]
	o.own, o.list = p, p.List.Raw
	var err error
	if o.leaves, err = m.Leaves(consensustest.Own, p.Head.Log.Generation, 0, p.Head.Log.Size, 1<<30); err != nil {
		t.Fatal(err)
	}
	o.heads = append(o.heads, p.Head.Raw)
}

// Testify is Witnesses.
func (o *others) Testify(context.Context, bool) []Testimony {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.silent {
		return nil
	}
	t := Testimony{Province: consensustest.Foreign}
	for _, r := range o.to {
		if _, _, self := r.Leader(); !self {
			continue
		}
		d := r.Reading()
		held := d.View.Provinces[consensustest.Own]
		d.Close()
		for _, raw := range o.heads {
			h := consensustest.Must(head.Read(raw))
			if h.Province == consensustest.Own && held != nil && held.Head != nil && (h.Digest == held.Head.Digest || h.Sequence < held.Head.Sequence) {
				continue
			}
			t.Heads = append(t.Heads, raw)
		}
		if o.own != nil && !o.without && held != nil && held.Head != nil && held.Head.Sequence < o.own.Head.Sequence {
			from := min(held.Log.Size, o.own.Head.Log.Size)
			u := registry.Update{Province: consensustest.Own, Head: o.own.Head.Raw, List: o.list, From: from, Leaves: o.leaves[from:o.own.Head.Log.Size]}
			go r.AdoptUpdate(context.Background(), u)
		}
	}
	return []Testimony{t}
}

// settled waits until every node of the cluster believes so.
func (c *cluster) settled() {
	c.t.Helper()
	c.eventually("a settled cluster", func() bool {
		for _, m := range c.nodes {
			if v := m.view(); v.Unsettled != nil || v.Applied == 0 {
				return false
			}
		}
		return true
	})
}

// published waits until the last head pins the whole log.
func (c *cluster) published() *node {
	c.t.Helper()
	m := c.leader()
	c.eventually("a head over the whole log", func() bool {
		p := m.view().Provinces[consensustest.Own]
		return p.Head != nil && p.Head.Log.Size == p.Log.Size
	})
	return m
}

func (c *cluster) push(number uint64, handle string) Receipt {
	c.t.Helper()
	receipt, err := c.leader().AppendBatch(c.t.Context(), c.world.Provinces[consensustest.Own].Batch(number, consensustest.Revoked(handle)))
	if err != nil {
		c.t.Fatal(err)
	}
	return receipt
}

// TestRestoredClusterTakesBack: what was published after the backup is taken back, what the backup held beyond that is
// appended behind it, on all nodes alike.
func TestRestoredClusterTakesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 1, nil)
		c.begin()
		c.push(1, "first")
		c.watch(c.published())
		backup := backupOf(t, c.nodes[0])

		// One life goes on and publishes; the other, without keys, only takes events that nobody ever sees.
		for n := range uint64(5) {
			c.push(n+2, fmt.Sprint("published ", n))
		}
		world := &others{}
		world.hold(t, c.published())
		c.stop(c.nodes[0])
		mute := c.twin(1, backup, Restoring{NoPeers: true}, func(cfg *Config) { cfg.HeadKeys = nil })
		mute.settled()
		events := []statuslog.Event{consensustest.Revoked("never published")}
		before, err := mute.leader().AppendEvents(t.Context(), consensustest.Labour, events)
		if err != nil {
			t.Fatal(err)
		}
		later := backupOf(t, mute.nodes[0])
		mute.stop(mute.nodes[0])

		d := c.twin(3, later, Restoring{Force: true}, func(cfg *Config) { cfg.Witnesses = world })
		world.serve(d)
		d.watch(d.nodes[0])
		d.settled()
		d.checkEqual()
		m := d.published()
		p := m.view().Provinces[consensustest.Own]
		if p.Log.Size != 7 || len(p.NotCounting) > 0 {
			t.Errorf("log after settling has %d leaves, not counting %v; want 7 that all count", p.Log.Size, p.NotCounting)
		}
		leaves, err := m.Leaves(consensustest.Own, 0, 0, 6, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		for i, leaf := range leaves {
			if !bytes.Equal(leaf, world.leaves[i]) {
				t.Errorf("leaf %d after settling is another one than was published", i)
			}
		}
		s := consensustest.Revoked("never published").Subject
		reading := m.Reading()
		entries, err := reading.Events(consensustest.Own, statuslog.KindCredential, s)
		reading.Close()
		if err != nil || len(entries) != 1 || entries[0].Ref.Position != 6 || before.Position != 1 {
			t.Errorf("the event that stood at %d unpublished = %+v, %v; want it once, at position 6", before.Position, entries, err)
		}
		d.push(7, "and on")
		d.published()
		lost := world.own.Head
		d.mu.Lock()
		d.heads[lost.Digest.String()] = lost
		maps.Copy(d.heads, c.heads)
		d.mu.Unlock()
		d.checkHeads()
		d.settle()
		if got := d.nodes[0].view().Provinces[consensustest.Own].Head.Sequence; got <= lost.Sequence {
			t.Errorf("the head goes on at %d, want above %d", got, lost.Sequence)
		}
	})
}

// TestNothingLost: where nobody holds more, every batch keeps its position and its time.
func TestNothingLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 1, nil)
		c.begin()
		c.push(1, "first")
		world := &others{}
		world.hold(t, c.published())
		c.push(2, "second")
		signed := c.world.Provinces[consensustest.Own].Batch(3, consensustest.Revoked("in no head yet"))
		receipt := consensustest.Must(c.leader().AppendBatch(t.Context(), signed))
		backup := backupOf(t, c.nodes[0])
		_, view, err := InspectBackup(bytes.NewReader(backup), vfs.NewMem(), "inspected")
		if p := view.Provinces[consensustest.Own]; err != nil || p.Head.Log.Size >= p.Log.Size {
			t.Fatalf("the backup's head pins %d of %d leaves, %v; want leaves beyond it", p.Head.Log.Size, p.Log.Size, err)
		}
		c.stop(c.nodes[0])

		d := c.twin(1, backup, Restoring{}, func(cfg *Config) { cfg.Witnesses = world })
		world.serve(d)
		d.settled()
		again, err := d.leader().AppendBatch(t.Context(), signed)
		if err != nil || again.Position != receipt.Position || again.Recorded != receipt.Recorded {
			t.Errorf("receipt after settling = %+v, %v; want the position and time of %+v", again, err, receipt)
		}
		d.published()
	})
}

// TestUnsettledRefuses: an unsettled cluster takes and signs nothing and says what it waits for, until enough provinces
// have answered.
func TestUnsettledRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 1, nil)
		c.begin()
		c.push(1, "first")
		m := c.published()
		backup := backupOf(t, m)
		was := m.view().Provinces[consensustest.Own].Head.Sequence
		c.stop(c.nodes[0])
		world := &others{silent: true}
		d := c.twin(3, backup, Restoring{Force: true}, func(cfg *Config) { cfg.Witnesses = world })
		world.serve(d)
		d.leader()
		time.Sleep(2 * time.Minute)
		own := c.world.Provinces[consensustest.Own]
		_, batch := d.follower().AppendBatch(t.Context(), own.Batch(2, consensustest.Revoked("refused")))
		_, events := d.leader().AppendEvents(t.Context(), consensustest.Labour, []statuslog.Event{consensustest.Revoked("refused")})
		list := d.leader().PublishList(t.Context(), own.NextList(nil).Raw)
		for what, err := range map[string]error{"AppendBatch": batch, "AppendEvents": events, "PublishList": list} {
			if r, ok := trust.AsRefusal(err); !ok || r.Code != trust.NotReady || !strings.Contains(r.Detail, "unsettled") {
				t.Errorf("%s while unsettled = %v, want not-ready", what, err)
			}
		}
		v := d.follower().view()
		if got := v.Provinces[consensustest.Own]; got.Head.Sequence != was || got.Log.Size != 1 || v.Unsettled == nil || !strings.Contains(v.Unsettled.Trouble, "0 of 1 other provinces") {
			t.Errorf("while unsettled the head is %d, the log %d, the trouble %+v; want head %d, 1 leaf, and that nobody answered", got.Head.Sequence, got.Log.Size, v.Unsettled, was)
		}
		world.mu.Lock()
		world.silent = false
		world.mu.Unlock()
		d.settled()
		d.push(2, "taken")
		d.published()
		d.checkEqual()
	})
}

// TestPeerShowsALostHead: a cluster that runs learns from a peer that it lost what it published, and takes it back.
// Where it has signed something else meanwhile only a new session helps, and it says so.
func TestPeerShowsALostHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 1, nil)
		c.begin()
		c.push(1, "first")
		backup := backupOf(t, c.published())
		c.push(2, "second")
		world := &others{}
		world.hold(t, c.published())
		lost := world.own.Head
		c.stop(c.nodes[0])

		d := c.twin(3, backup, Restoring{Force: true, NoPeers: true}, func(cfg *Config) { cfg.HeadKeys, cfg.Witnesses = nil, nil })
		d.settled()
		m := d.leader()
		if err := m.AdoptUpdate(t.Context(), registry.Update{Province: consensustest.Own, Head: flipped(lost.Raw)}); err == nil || m.view().Unsettled != nil {
			t.Errorf("AdoptUpdate(a forged own head) = %v, unsettled %+v; want a refusal and nothing else", err, m.view().Unsettled)
		}
		if err := m.AdoptUpdate(t.Context(), registry.Update{Province: consensustest.Own, Head: lost.Raw}); err == nil {
			t.Error("AdoptUpdate(a bare own head) = nil, want a refusal")
		}
		d.settle()
		for _, n := range d.nodes {
			if u := n.view().Unsettled; u == nil || !strings.Contains(u.Why, fmt.Sprint("head ", lost.Sequence)) {
				t.Errorf("unsettled on %s = %+v, want because of head %d", n.id, u, lost.Sequence)
			}
		}

		// Another life signed other heads under the same numbers.
		e := c.twin(1, backup, Restoring{NoPeers: true}, nil)
		e.settled()
		e.push(2, "something else")
		e.eventually("as many heads", func() bool {
			return e.leader().view().Provinces[consensustest.Own].Head.Sequence >= lost.Sequence
		})
		e.nodes[0].cfg.Witnesses = nil
		_ = e.leader().AdoptUpdate(t.Context(), registry.Update{Province: consensustest.Own, Head: lost.Raw})
		if e.leader().view().Unsettled == nil {
			t.Fatal("a head that contradicts the own one leaves the cluster settled, want it unsettled")
		}
	})
}

func flipped(raw []byte) []byte {
	bad := bytes.Clone(raw)
	bad[bytes.Index(bad, []byte(`"sig":"`))+20] ^= 1
	return bad
}

// TestConflictNeedsASession: two own heads that contradict each other are never settled by asking, only by a new session.
func TestConflictNeedsASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 1, nil)
		c.begin()
		c.push(1, "first")
		firstLog := logOf(c.published(), consensustest.Own)
		backup := backupOf(t, c.nodes[0])
		c.push(2, "second")
		world := &others{}
		world.hold(t, c.published())
		c.stop(c.nodes[0])
		e := c.twin(1, backup, Restoring{NoPeers: true}, nil)
		e.settled()
		e.push(2, "something else")
		e.eventually("a contradiction", func() bool {
			_, yes := head.Contradicts(e.leader().view().Provinces[consensustest.Own].Head, world.own.Head)
			return yes
		})
		later := backupOf(t, e.published())
		e.stop(e.nodes[0])

		d := c.twin(1, later, Restoring{}, func(cfg *Config) { cfg.Witnesses = world })
		world.serve(d)
		m := d.leader()
		d.eventually("that it is stuck", func() bool { u := m.view().Unsettled; return u != nil && u.Stuck })
		if u := m.view().Unsettled; !strings.Contains(u.Trouble, "new session") {
			t.Errorf("trouble = %q, want it to say that a new session helps", u.Trouble)
		}
		time.Sleep(time.Minute)
		if m.view().Unsettled == nil {
			t.Fatal("after a minute the conflict is settled, want it to stay")
		}
		d.newSession(consensustest.Own, firstLog)
		d.settled()
		own := c.world.Provinces[consensustest.Own]
		if err := m.PublishList(t.Context(), own.NextList(func(l *list.List) { l.Session, l.Number, l.Previous = 2, 1, trust.Digest{} }).Raw); err != nil {
			t.Fatal(err)
		}
		if got := d.push(2, "second"); got.Position != 1 {
			t.Errorf("position in the new session = %d, want 1", got.Position)
		}
		d.eventually("a head of session 2", func() bool {
			h := m.view().Provinces[consensustest.Own].Head
			return h.Session == 2 && h.Log.Size == 2
		})
	})
}

// TestFloorsAreRaised: a foreign head that a witness shows, and that could not be fetched, is a floor from then on.
func TestFloorsAreRaised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 1, nil)
		c.begin()
		c.push(1, "first")
		backup := backupOf(t, c.published())
		c.stop(c.nodes[0])
		foreign := c.world.Provinces[consensustest.Foreign]
		l := foreign.NextList(nil)
		foreign.NextHead(now(), nil)
		low := update(foreign, l, 0)
		time.Sleep(time.Minute)
		foreign.NextHead(now(), nil)
		high := update(foreign, l, 0)
		world := &others{heads: [][]byte{high.Head}}
		d := c.twin(1, backup, Restoring{}, func(cfg *Config) { cfg.Witnesses = world })
		world.serve(d)
		d.settled()
		m := d.leader()
		var refusal *trust.Refusal
		if err := m.AdoptUpdate(t.Context(), low); !errors.As(err, &refusal) || refusal.Code != trust.Rollback {
			t.Errorf("AdoptUpdate(below the floor) = %v, want rollback", err)
		}
		if err := m.AdoptUpdate(t.Context(), high); err != nil {
			t.Errorf("AdoptUpdate(the floor itself) = %v, want no error", err)
		}
	})
}
