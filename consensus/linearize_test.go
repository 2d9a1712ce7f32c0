package consensus

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hutong-project/hutong/consensus/consensustest"
)

// After Linearize every node, whichever it is, shows what any node had acknowledged before.
func TestLinearizeSeesWhatWasAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 3, nil)
		c.begin()
		p := c.world.Provinces[own]
		for number := uint64(1); number <= 30; number++ {
			writer, reader := c.nodes[number%3], c.nodes[(number+1)%3]
			if _, err := writer.AppendBatch(t.Context(), p.Batch(number, consensustest.Revoked(fmt.Sprint(number)))); err != nil {
				t.Fatal(err)
			}
			if err := reader.Linearize(t.Context()); err != nil {
				t.Fatalf("Linearize() on %s = %v", reader.id, err)
			}
			if got := reader.view().Provinces[own].Log.Size; got < number {
				t.Fatalf("%s shows %d batches after Linearize(), %d were acknowledged", reader.id, got, number)
			}
			if number == 15 { // a new leader knows what the old one acknowledged
				if err := c.leader().raft.LeadershipTransfer().Error(); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// A leader that was cut off, and does not know it, gives no linearizable reading: others have gone on without it.
func TestLinearizeOnADeposedLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 3, nil)
		c.begin()
		old, p := c.leader(), c.world.Provinces[own]
		if err := old.Linearize(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second) // nothing is on its way any more that could still be an answer
		c.cut(old)
		for _, wait := range []time.Duration{0, 5 * time.Second} {
			time.Sleep(wait)
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			if err := old.Linearize(ctx); !errors.Is(err, ErrNoLeader) && !errors.Is(err, ErrBusy) {
				t.Errorf("Linearize() on a node cut off for %s = %v, want an error", wait, err)
			}
			cancel()
		}
		if _, err := c.leader().AppendBatch(t.Context(), p.Batch(1, consensustest.Revoked("a"))); err != nil {
			t.Fatal(err)
		}
		c.join(old)
		c.eventually("a way to the new leader", func() bool { return old.Linearize(t.Context()) == nil })
		if got := old.view().Provinces[own].Log.Size; got != 1 {
			t.Errorf("the node that came back shows %d batches after Linearize(), want 1", got)
		}
	})
}

// Entries that Raft writes for itself are never applied, and nobody waits for them.
func TestLinearizeWaitsForNoEmptyEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 3, nil)
		m := c.leader() // of an empty registry: nothing but Raft's own entries
		for range 3 {
			if err := m.raft.Barrier(time.Second).Error(); err != nil {
				t.Fatal(err)
			}
		}
		for _, o := range c.nodes {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if err := o.Linearize(ctx); err != nil {
				t.Errorf("Linearize() on %s = %v", o.id, err)
			}
			cancel()
		}
	})
}

func TestWaitApplied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 3, nil)
		c.begin()
		receipt, err := c.leader().AppendBatch(t.Context(), c.world.Provinces[own].Batch(1, consensustest.Revoked("a")))
		if err != nil {
			t.Fatal(err)
		}
		f := c.follower()
		if err := f.WaitApplied(t.Context(), receipt.Index); err != nil {
			t.Fatal(err)
		}
		if got := f.view().Provinces[own].Log.Size; got != 1 {
			t.Errorf("after WaitApplied(%d) the follower shows %d batches, want 1", receipt.Index, got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := f.WaitApplied(ctx, receipt.Index+1_000_000); !errors.Is(err, ErrBusy) {
			t.Errorf("WaitApplied(an index that is far) = %v, want ErrBusy", err)
		}
	})
}
