package consensus

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hutong-project/hutong/consensus/consensustest"
)

// A node that was stopped says that it has caught up only once it holds what the cluster agreed on without it.
func TestCaughtUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 3, nil)
		c.begin()
		for _, m := range c.nodes {
			c.eventually(m.id+" to have caught up", m.CaughtUp)
		}
		m := c.follower()
		c.stop(m)
		receipt, err := c.leader().AppendBatch(t.Context(), c.world.Provinces[own].Batch(1, consensustest.Revoked("1")))
		if err != nil {
			t.Fatal(err)
		}
		c.start(m)
		c.cut(m)
		time.Sleep(time.Minute)
		if m.CaughtUp() {
			t.Errorf("CaughtUp() = true without a leader, with %d applied", m.view().Applied)
		}
		c.join(m)
		c.eventually("it to have caught up", m.CaughtUp)
		if got := m.view().Applied; got < receipt.Index {
			t.Errorf("CaughtUp() = true with %d applied, want at least %d", got, receipt.Index)
		}
	})
}
