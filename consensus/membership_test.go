package consensus

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"

	"github.com/hutong-project/hutong/consensus/consensustest"
	"github.com/hutong-project/hutong/consensus/state"
	"github.com/hutong-project/hutong/trust"
)

// token makes a join token that is good for d and returns its digest.
func (c *cluster) token(m *node, b byte, d time.Duration) trust.Digest {
	c.t.Helper()
	digest := trust.Digest{b}
	if err := m.AddJoinToken(c.t.Context(), digest, now().Add(d)); err != nil {
		c.t.Fatalf("AddJoinToken() = %v", err)
	}
	return digest
}

// newcomer returns a node that is to join and has never run.
func (c *cluster) newcomer(id string) (*node, NewMember) {
	m := &node{id: id, fs: vfs.NewCrashableMem(), logs: raft.NewInmemStore(), snapshots: raft.NewInmemSnapshotStore()}
	m.members = append(slices.Clone(c.nodes[0].members), Member{ID: id, Address: id + ":1"})
	return m, NewMember{ID: id, Address: id + ":1", Peer: "peer-" + id, P2P: "/ip4/127.0.0.1/tcp/1/" + id}
}

// joining starts a newcomer, which never bootstraps.
func (c *cluster) joining(m *node) {
	c.t.Helper()
	c.nodes = append(c.nodes, m)
	edit := c.edit
	c.edit = func(cfg *Config) {
		if edit != nil {
			edit(cfg)
		}
		if cfg.NodeID == m.id {
			cfg.Bootstrap = false
		}
	}
	c.start(m)
}

// founded returns the settings of clusters whose members may change.
func founded(cfg *Config) { cfg.Founded = trust.Digest{9} }

func wantCode(t *testing.T, what string, err error, code trust.RefusalCode) {
	t.Helper()
	if r, ok := trust.AsRefusal(err); !ok || r.Code != code {
		t.Errorf("%s = %v, want a refusal with %s", what, err, code)
	}
}

func (m *node) member(t *testing.T, id string) (MemberState, bool) {
	t.Helper()
	all := m.Members(t.Context())
	i := slices.IndexFunc(all, func(s MemberState) bool { return s.ID == id })
	if i < 0 {
		return MemberState{}, false
	}
	return all[i], true
}

// A node joins with a token, catches up without a vote, gets one, and carries the cluster when another one goes.
func TestJoinPromoteRemove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 3, founded)
		c.begin()
		follower := c.follower()
		token := c.token(follower, 1, time.Hour) // through a follower: handed to the leader
		m, joins := c.newcomer("n4")
		if err := follower.Join(t.Context(), token, joins); err != nil {
			t.Fatalf("Join() = %v", err)
		}
		if err := follower.Join(t.Context(), token, joins); err != nil {
			t.Errorf("the same Join() again = %v, want no error", err)
		}
		wantCode(t, "Promote(a node that does not run)", follower.Promote(t.Context(), "n4", false), trust.Behind)
		c.joining(m)
		c.settle()
		if s, ok := c.leader().member(t, "n4"); !ok || s.Voter || !s.Answers {
			t.Errorf("n4 after joining = %+v, %v, want a node without a vote that answers", s, ok)
		}
		if err := follower.Promote(t.Context(), "n4", false); err != nil {
			t.Fatalf("Promote() = %v", err)
		}
		old := c.leader()
		if err := old.Remove(t.Context(), old.id, false); err != nil { // the leader hands over first
			t.Fatalf("Remove(the leader) = %v", err)
		}
		c.stop(old)
		next := c.leader()
		if s, ok := next.member(t, old.id); ok {
			t.Errorf("the removed node is still there: %+v", s)
		}
		if s, _ := next.member(t, "n4"); !s.Voter {
			t.Errorf("n4 = %+v, want a vote", s)
		}
		if _, err := next.AppendBatch(t.Context(), c.world.Provinces[own].Batch(1, consensustest.Revoked("a"))); err != nil {
			t.Errorf("AppendBatch() after the change = %v", err)
		}
		wantCode(t, "Join(the id of a removed node)", next.Join(t.Context(), c.token(next, 2, time.Hour), NewMember{ID: old.id, Address: "n9:1", Peer: "p9", P2P: "/p9"}), trust.MemberExists)
		for _, s := range next.servers() {
			if string(s.ID) == old.id {
				t.Error("a removed node is still let in")
			}
		}
		c.settle()
		c.sameDigests()
	})
}

// sameDigests checks that all running nodes hold the same bytes.
func (c *cluster) sameDigests() {
	c.t.Helper()
	var want string
	for _, m := range c.nodes {
		if m.Registry == nil || m.cutOff {
			continue
		}
		if got := m.digest(c.t); want == "" {
			want = got
		} else if got != want {
			c.t.Errorf("state of %s = %s, want that of the others, %s", m.id, got, want)
		}
	}
}

// A token is good once, for a while, and for nobody who is there already.
func TestJoinRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 3, founded)
		c.begin()
		leader := c.leader()
		_, n4 := c.newcomer("n4")
		_, n5 := c.newcomer("n5")
		ctx := t.Context()
		wantCode(t, "Join(unknown token)", leader.Join(ctx, trust.Digest{77}, n4), trust.BadToken)
		late := c.token(leader, 1, time.Minute)
		time.Sleep(2 * time.Minute)
		wantCode(t, "Join(expired token)", leader.Join(ctx, late, n4), trust.BadToken)
		once := c.token(leader, 2, time.Hour)
		if err := leader.Join(ctx, once, n4); err != nil {
			t.Fatal(err)
		}
		wantCode(t, "Join(used token)", leader.Join(ctx, once, n5), trust.BadToken)
		again := n4
		again.Peer = "another"
		wantCode(t, "Join(used token, another peer)", leader.Join(ctx, once, again), trust.MemberExists)
		good := c.token(leader, 3, time.Hour)
		for name, spoil := range map[string]func(*NewMember){
			"id of a joined node":     func(m *NewMember) { m.ID = "n4" },
			"id of a founding node":   func(m *NewMember) { m.ID = "n2" },
			"address of another node": func(m *NewMember) { m.Address = n4.Address },
			"peer of another node":    func(m *NewMember) { m.Peer = n4.Peer },
			"multiaddress of a node":  func(m *NewMember) { m.P2P = n4.P2P },
			"everything of a node":    func(m *NewMember) { *m = n4 },
		} {
			m := n5
			spoil(&m)
			err := leader.Join(ctx, good, m)
			if r, ok := trust.AsRefusal(err); !ok || r.Code != trust.MemberExists && r.Code != trust.BadToken {
				t.Errorf("Join(%s) = %v, want a refusal", name, err)
			}
		}
		for name, m := range map[string]NewMember{
			"no id": {Address: "a:1", Peer: "p", P2P: "/p"}, "an id with a slash": {ID: "a/b", Address: "a:1", Peer: "p", P2P: "/p"},
			"no port": {ID: "n5", Address: "a", Peer: "p", P2P: "/p"}, "no peer": {ID: "n5", Address: "a:1", P2P: "/p"},
		} {
			wantCode(t, "Join("+name+")", leader.Join(ctx, good, m), trust.Malformed)
		}
		if err := leader.Join(ctx, good, n5); err != nil {
			t.Errorf("Join() with the token that was refused for others = %v, want no error", err)
		}
		wantCode(t, "AddJoinToken(two days)", leader.AddJoinToken(ctx, trust.Digest{8}, now().Add(48*time.Hour)), trust.Malformed)
		wantCode(t, "AddJoinToken(past)", leader.AddJoinToken(ctx, trust.Digest{8}, now()), trust.Malformed)
		for i := range byte(70) {
			if err := leader.AddJoinToken(ctx, trust.Digest{100, i}, now().Add(time.Hour)); err != nil {
				wantCode(t, "AddJoinToken(too many)", err, trust.BadToken)
				if i < 60 {
					t.Errorf("only %d tokens could be made", i)
				}
				return
			}
		}
		t.Error("tokens without end could be made")
	})
}

// What would leave no majority that answers is refused, unless forced; the last vote always.
func TestChangesKeepAMajority(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 3, founded)
		c.begin()
		leader := c.leader()
		var others []*node
		for _, m := range c.nodes {
			if m != leader {
				others = append(others, m)
			}
		}
		ctx := t.Context()
		wantCode(t, "Remove(nobody)", leader.Remove(ctx, "n7", false), trust.UnknownMember)
		wantCode(t, "Promote(nobody)", leader.Promote(ctx, "n7", false), trust.UnknownMember)
		wantCode(t, "TransferLeader(nobody)", leader.TransferLeader(ctx, "n7"), trust.UnknownMember)
		c.cut(others[0])
		wantCode(t, "Remove(one of two that answer)", leader.Remove(ctx, others[1].id, false), trust.NoQuorum)
		wantCode(t, "Demote(one of two that answer)", leader.Demote(ctx, others[1].id, false), trust.NoQuorum)
		if err := leader.Remove(ctx, others[0].id, false); err != nil {
			t.Errorf("Remove(the one that does not answer) = %v, want no error", err)
		}
		if err := leader.Demote(ctx, others[1].id, false); err != nil {
			t.Errorf("Demote(one of two, the leader stays) = %v, want no error", err)
		}
		wantCode(t, "TransferLeader(a node without a vote)", leader.TransferLeader(ctx, others[1].id), trust.NoQuorum)
		wantCode(t, "Remove(the last vote)", leader.Remove(ctx, leader.id, true), trust.NoQuorum)
		if err := leader.Promote(ctx, others[1].id, false); err != nil {
			t.Fatal(err)
		}
		if err := others[1].TransferLeader(ctx, others[1].id); err != nil {
			t.Fatal(err)
		}
		c.eventually("the new leader", func() bool { _, _, self := others[1].Leader(); return self })
	})
}

// A node that was told to join and is cut off makes no cluster, however often it is started.
func TestJoiningNodeMakesNoCluster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 1, founded)
		c.begin()
		m, _ := c.newcomer("n4")
		c.joining(m)
		for range 3 {
			c.cut(m)
			time.Sleep(time.Minute)
			if id, _, _ := m.Leader(); id != "" {
				t.Errorf("leader of a node that never joined = %q, want none", id)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			if _, err := m.AppendBatch(ctx, c.world.Provinces[own].Batch(1, consensustest.Revoked("a"))); err == nil {
				t.Error("a node that never joined took a batch")
			}
			cancel()
			c.stop(m)
			c.start(m)
		}
	})
}

// The members and tokens survive a restart and a snapshot.
func TestDirectorySurvives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 1, func(cfg *Config) { founded(cfg); cfg.TrailingLogs = 1 })
		c.begin()
		m := c.leader()
		_, n4 := c.newcomer("n4")
		token := c.token(m, 1, time.Hour)
		if err := m.Join(t.Context(), token, n4); err != nil {
			t.Fatal(err)
		}
		if err := m.raft.Snapshot().Error(); err != nil {
			t.Fatal(err)
		}
		c.stop(m)
		c.start(m)
		c.leader()
		all, err := m.Directory()
		if want := (state.Member{ID: n4.ID, Address: n4.Address, Peer: n4.Peer, P2P: n4.P2P}); err != nil || len(all) != 1 || all[0] != want {
			t.Errorf("Directory() after a restart = %+v, %v, want %+v", all, err, want)
		}
		_, n5 := c.newcomer("n5")
		wantCode(t, "Join(token used before the restart)", m.Join(t.Context(), token, n5), trust.BadToken)
	})
}
