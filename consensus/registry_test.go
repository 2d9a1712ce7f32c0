package consensus

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hutong-project/hutong/consensus/consensustest"
	"github.com/hutong-project/hutong/trust/statuslog"
)

const (
	own     = consensustest.Own
	foreign = consensustest.Foreign
	hosted  = consensustest.Hosted
)

// One node: lists are published, a batch is recorded, its event is found and a head pins it all.
func TestSingleNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 1, nil)
		c.begin()
		m := c.leader()
		event := consensustest.Revoked("a")
		receipt, err := m.AppendBatch(t.Context(), c.world.Provinces[own].Batch(1, event))
		if err != nil {
			t.Fatal(err)
		}
		d := m.Reading()
		defer d.Close()
		entries, err := d.Events(own, statuslog.KindCredential, event.Subject)
		if err != nil || len(entries) != 1 || entries[0].Status != statuslog.StatusRevoked || entries[0].Recorded != receipt.Recorded {
			t.Errorf("Events() = %v, %v, want one revocation recorded %s", entries, err, receipt.Recorded)
		}
		c.eventually("a head over the batch", func() bool {
			h := m.view().Provinces[own].Head
			return h != nil && h.Log.Size == 1
		})
		h := m.view().Provinces[own].Head
		if h.TrustList.Digest != c.world.Provinces[own].Lists[0].Digest {
			t.Errorf("the head pins list %s, want %s", h.TrustList.Digest, c.world.Provinces[own].Lists[0].Digest)
		}
		entry, _ := c.world.National().Province(own)
		if err := h.CheckSigned(entry); err != nil {
			t.Errorf("CheckSigned(head) = %v, want no error", err)
		}
		if h := m.view().Provinces[hosted].Head; h == nil || h.Log.Size != 0 {
			t.Errorf("head of the hosted jurisdiction = %v, want one with an empty log", h)
		}
		sequence := h.Sequence
		time.Sleep(5 * time.Minute)
		if got := m.view().Provinces[own].Head.Sequence - sequence; got < 9 || got > 11 {
			t.Errorf("heads in 5 quiet minutes = %d, want 10", got)
		}
	})
}

// Writes through a follower are verified there, carried to the leader and can be read where they were written.
func TestWritesThroughAFollower(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 3, nil)
		c.begin()
		f := c.follower()
		event := consensustest.Revoked("a")
		signed := c.world.Provinces[own].Batch(1, event)
		receipt, err := f.AppendBatch(t.Context(), signed)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.view().Applied; got < receipt.Index {
			t.Errorf("applied on the follower = %d, want at least %d, its own write", got, receipt.Index)
		}
		operated, err := f.AppendEvents(t.Context(), consensustest.Labour, []statuslog.Event{consensustest.Revoked("b")})
		if err != nil || operated.Number != 1 || operated.Position != 1 {
			t.Errorf("AppendEvents() = %+v, %v, want number 1 at position 1", operated, err)
		}
		again, err := c.leader().AppendBatch(t.Context(), signed)
		if err != nil || again.Position != receipt.Position || again.Recorded != receipt.Recorded || again.Number != 1 {
			t.Errorf("AppendBatch(same bytes) = %+v, %v, want the receipt %+v", again, err, receipt)
		}
		c.checkEqual()
	})
}

// A cut-off leader can neither write nor sign a head; its successor goes on, and no two heads that were ever
// signed contradict each other.
func TestFailoverKeepsHeadsConsistent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 3, nil)
		for _, m := range c.nodes {
			c.watch(m)
		}
		c.begin()
		number := uint64(0)
		for round := range 6 {
			old := c.leader()
			for range 3 {
				number++
				event := consensustest.Revoked(fmt.Sprint("s", number))
				if _, err := c.follower().AppendBatch(t.Context(), c.world.Provinces[own].Batch(number, event)); err != nil {
					t.Fatal(err)
				}
			}
			if round%2 == 0 {
				time.Sleep(time.Duration(round*37) * time.Millisecond)
			}
			c.cut(old)
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			_, err := old.AppendBatch(ctx, c.world.Provinces[own].Batch(number+1, consensustest.Revoked("x")))
			cancel()
			if !errors.Is(err, ErrUnknownOutcome) && !errors.Is(err, ErrNoLeader) {
				t.Errorf("AppendBatch() on a cut-off leader = %v, want ErrUnknownOutcome or ErrNoLeader", err)
			}
			next := c.leader()
			number++
			if _, err := next.AppendBatch(t.Context(), c.world.Provinces[own].Batch(number, consensustest.Revoked(fmt.Sprint("s", number)))); err != nil {
				t.Fatal(err)
			}
			before := next.view().Provinces[own].Head.Sequence
			time.Sleep(time.Minute)
			if got := next.view().Provinces[own].Head.Sequence; got <= before {
				t.Errorf("head after a failover = %d, want above %d", got, before)
			}
			c.join(old)
			c.settle()
		}
		if n := c.checkHeads(); n < 20 {
			t.Errorf("%d heads were signed, want at least 20 for the comparison to mean something", n)
		}
		c.checkEqual()
	})
}

// With a leader but no majority, and with neither, a write ends within its time and says what is known.
func TestNoLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 3, nil)
		c.begin()
		f := c.follower()
		for _, m := range c.nodes {
			if m != f {
				c.stop(m)
			}
		}
		time.Sleep(10 * time.Second)
		start := time.Now()
		_, err := f.AppendBatch(t.Context(), c.world.Provinces[own].Batch(1, consensustest.Revoked("a")))
		if !errors.Is(err, ErrNoLeader) {
			t.Errorf("AppendBatch() = %v, want ErrNoLeader", err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("AppendBatch() took %s without a leader, want at most 5 s", took)
		}
		d := f.Reading()
		defer d.Close()
		if _, err := d.Events(own, statuslog.KindCredential, consensustest.Revoked("a").Subject); err != nil {
			t.Errorf("Events() without a leader = %v, want an answer", err)
		}
	})
}

// Restarted nodes, one after the other and all at once, come up with what they had and go on.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 3, func(cfg *Config) { cfg.SnapshotThreshold, cfg.SnapshotInterval, cfg.TrailingLogs = 20, time.Second, 5 })
		c.begin()
		for number := range uint64(60) {
			if number%20 == 10 {
				m := c.nodes[number/20]
				c.stop(m)
				c.start(m)
			}
			if number == 45 {
				for _, m := range c.nodes {
					c.stop(m)
				}
				for _, m := range c.nodes {
					c.start(m)
				}
			}
			if _, err := c.leader().AppendBatch(t.Context(), c.world.Provinces[own].Batch(number+1, consensustest.Revoked(fmt.Sprint(number)))); err != nil {
				t.Fatalf("batch %d: %v", number+1, err)
			}
		}
		c.checkEqual()
		for _, m := range c.nodes {
			if got := m.view().Provinces[own].Log.Size; got != 60 {
				t.Errorf("log size on %s = %d, want 60", m.id, got)
			}
		}
	})
}

// A node that was away for longer than the log reaches back is brought up by a snapshot, and equals one that
// replayed everything. Its readers keep what they had.
func TestSnapshotEqualsReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 3, func(cfg *Config) { cfg.SnapshotThreshold, cfg.SnapshotInterval, cfg.TrailingLogs = 10, time.Second, 2 })
		c.begin()
		m := c.follower()
		c.settle()
		c.cut(m)
		kept := m.Reading()
		for number := range uint64(40) {
			if _, err := c.leader().AppendBatch(t.Context(), c.world.Provinces[own].Batch(number+1, consensustest.Revoked(fmt.Sprint(number)))); err != nil {
				t.Fatal(err)
			}
			time.Sleep(200 * time.Millisecond)
		}
		c.join(m)
		c.checkEqual()
		if m.store.Restored() == 0 {
			t.Errorf("the node was not brought up by a snapshot: the test shows nothing")
		}
		if n, err := kept.Events(own, statuslog.KindCredential, consensustest.Revoked("3").Subject); err != nil || len(n) != 0 {
			t.Errorf("Events() of a reading from before = %v, %v, want none", n, err)
		}
		kept.Close()
		d := m.Reading()
		defer d.Close()
		if n, err := d.Events(own, statuslog.KindCredential, consensustest.Revoked("3").Subject); err != nil || len(n) != 1 {
			t.Errorf("Events() after the restore = %v, %v, want one", n, err)
		}
	})
}

// The power goes at any moment: with none, some or all of the unsynced data kept, the node replays to the state of
// the others.
func TestCrashReplaysToTheSameState(t *testing.T) {
	for _, percent := range []int{0, 30, 60, 100} {
		for stop := uint64(1); stop <= 40; stop += 6 {
			synctest.Test(t, func(t *testing.T) {
				c := startCluster(t, 3, func(cfg *Config) { cfg.SnapshotThreshold, cfg.SnapshotInterval, cfg.TrailingLogs = 10, time.Second, 10 })
				c.begin()
				m := c.follower()
				var clone *vfs.MemFS
				for number := uint64(1); number <= 40; number++ {
					if _, err := c.leader().AppendBatch(t.Context(), c.world.Provinces[own].Batch(number, consensustest.Revoked(fmt.Sprint(number)))); err != nil {
						t.Fatal(err)
					}
					if number == stop {
						clone = m.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rand.New(rand.NewPCG(stop, uint64(percent)))})
						c.cut(m)
						c.stop(m)
					}
					if number%10 == 0 {
						time.Sleep(2 * time.Second)
					}
				}
				m.fs = clone
				c.start(m)
				c.checkEqual()
			})
		}
	}
}
