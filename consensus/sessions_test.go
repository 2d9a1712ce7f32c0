package consensus

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hutong-project/hutong/consensus/consensustest"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/national"
)

// newSession adopts a national list in which a province has the next session and a log state.
func (c *cluster) newSession(code trust.Province, state national.LogState) {
	c.t.Helper()
	c.world.NextNational(func(l *national.List) {
		for i := range l.Provinces {
			if l.Provinces[i].Code == code {
				l.Provinces[i].Session++
				l.Provinces[i].LogState = &state
			}
		}
	})
	if err := c.leader().AdoptNational(c.t.Context(), c.world.Raws()); err != nil {
		c.t.Fatal(err)
	}
}

// A new session takes the own log back to the state that the coordinator names. What came after is forgotten, may
// be appended again, and heads start anew.
func TestNewSessionCutsTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 3, nil)
		c.begin()
		p := c.world.Provinces[own]
		m := c.leader()
		var at [4]national.LogState
		for number := range uint64(4) {
			at[number] = logOf(m, own)
			if _, err := m.AppendBatch(t.Context(), p.Batch(number+1, consensustest.Revoked(fmt.Sprint(number)))); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Second)
		}
		c.newSession(own, at[2])
		if got := logOf(m, own); got != at[2] {
			t.Errorf("log after a new session = %+v, want %+v", got, at[2])
		}
		checkEvents(t, m, own, consensustest.Revoked("1"), 1)
		checkEvents(t, m, own, consensustest.Revoked("2"), 0)
		old := m.view().Provinces[own].Head
		if err := m.PublishList(t.Context(), p.NextList(func(l *list.List) { l.Session, l.Number, l.Previous = 2, 1, trust.Digest{} }).Raw); err != nil {
			t.Fatal(err)
		}
		receipt, err := m.AppendBatch(t.Context(), p.Batch(3, consensustest.Revoked("2")))
		if err != nil || receipt.Position != 2 {
			t.Errorf("AppendBatch(again) = %+v, %v, want position 2", receipt, err)
		}
		c.eventually("a head of session 2", func() bool {
			h := m.view().Provinces[own].Head
			return h.Session == 2 && h.Log.Size == 3
		})
		if h := m.view().Provinces[own].Head; h.Sequence > 3 || h.Issued < old.Issued {
			t.Errorf("head of session 2 = %d issued %s, want a low number, not before %s", h.Sequence, h.Issued, old.Issued)
		}
		c.checkEqual()
	})
}

// A log state that the own log never had stops appending and heads, visibly, instead of losing what is there.
func TestNewSessionWithAnotherLogStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 3, nil)
		c.begin()
		p := c.world.Provinces[own]
		m := c.leader()
		if _, err := m.AppendBatch(t.Context(), p.Batch(1, consensustest.Revoked("a"))); err != nil {
			t.Fatal(err)
		}
		before := logOf(m, own)
		c.newSession(own, national.LogState{Size: 1, Root: trust.Digest{9}})
		if err := m.PublishList(t.Context(), p.NextList(func(l *list.List) { l.Session, l.Number, l.Previous = 2, 1, trust.Digest{} }).Raw); err != nil {
			t.Fatal(err)
		}
		if _, err := m.AppendBatch(t.Context(), p.Batch(2, consensustest.Revoked("b"))); codeOf(err) != trust.NotReady {
			t.Errorf("AppendBatch() = %v, want %s", err, trust.NotReady)
		}
		time.Sleep(time.Minute)
		if h := m.view().Provinces[own].Head; h.Session != 1 {
			t.Errorf("a head of session %d was signed, want none", h.Session)
		}
		if got := logOf(m, own); got != before {
			t.Errorf("log = %+v, want it kept as %+v", got, before)
		}
		c.checkEqual()
	})
}

// A foreign log that is not what the coordinator names is fetched anew.
func TestNewSessionDropsAForeignLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 3, nil)
		c.begin()
		p := c.world.Provinces[foreign]
		m := c.follower()
		l := p.NextList(nil)
		p.Append(now(), p.Batch(1, consensustest.Revoked("a")))
		p.NextHead(now(), nil)
		if err := m.AdoptUpdate(t.Context(), update(p, l, 0)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		other := p.Restart()
		other.Append(now(), other.Batch(1, consensustest.Revoked("b")))
		c.newSession(foreign, national.LogState{Size: 1, Root: other.Tree.Root()})
		c.settle()
		if got := logOf(m, foreign); got.Size != 0 {
			t.Errorf("log of a province whose log is another one = %d leaves, want 0", got.Size)
		}
		l = other.NextList(func(l *list.List) { l.Session, l.Number, l.Previous = 2, 1, trust.Digest{} })
		other.NextHead(now(), nil)
		if err := m.AdoptUpdate(t.Context(), update(other, l, 0)); err != nil {
			t.Fatal(err)
		}
		checkEvents(t, m, foreign, consensustest.Revoked("a"), 0)
		checkEvents(t, m, foreign, consensustest.Revoked("b"), 1)
		c.checkEqual()
	})
}

func logOf(m *node, p trust.Province) national.LogState {
	l := m.view().Provinces[p].Log
	return national.LogState{Generation: l.Generation, Size: l.Size, Root: l.Root}
}
