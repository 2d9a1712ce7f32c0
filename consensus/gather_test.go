package consensus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hutong-project/hutong/consensus/consensustest"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/statuslog"
)

// singleOf returns a writer's batch of one event.
func singleOf(writer int, number uint64) []byte {
	b := statuslog.Batch{
		Province: own, Authority: authorityOf(writer), Number: number, Time: consensustest.Start,
		Events: []statuslog.Event{consensustest.Revoked(fmt.Sprint(writer, " ", number))},
	}
	return consensustest.Must(b.Sign(consensustest.Key(writerKey(writer))))
}

// Batches that come together become few entries. Each has its own receipt, one that is refused costs the others nothing,
// and a repeated one gets the receipt it had.
func TestBatchesAreGathered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 3, nil)
		c.begin()
		m, p := c.leader(), c.world.Provinces[own]
		if err := m.PublishList(t.Context(), p.NextList(manyAuthorities).Raw); err != nil {
			t.Fatal(err)
		}
		c.settle()
		var mu sync.Mutex
		receipts, sent := map[int]Receipt{}, map[int][]byte{}
		entries := map[uint64]bool{}
		nodes := c.nodes
		var group sync.WaitGroup
		for i := range writers {
			group.Go(func() {
				number := uint64(1)
				if i%8 == 7 {
					number = 2 // out of number
				}
				signed := singleOf(i, number)
				receipt, err := nodes[i%3].AppendBatch(t.Context(), signed)
				mu.Lock()
				defer mu.Unlock()
				var wrong *NumberError
				switch {
				case number == 2:
					if !errors.As(err, &wrong) || wrong.Expected != 1 || wrong.Authority != authorityOf(i) {
						t.Errorf("AppendBatch(writer %d, number 2) = %v, want its own number 1 expected", i, err)
					}
				case err != nil:
					t.Errorf("AppendBatch(writer %d) = %v", i, err)
				case receipt.Authority != authorityOf(i) || receipt.Number != 1:
					t.Errorf("AppendBatch(writer %d) = %+v, want its own receipt", i, receipt)
				default:
					receipts[i], sent[i], entries[receipt.Index] = receipt, signed, true
				}
			})
		}
		group.Wait()
		positions := map[uint64]bool{}
		for _, r := range receipts {
			positions[r.Position] = true
		}
		if len(receipts) != writers-writers/8 || len(positions) != len(receipts) {
			t.Fatalf("%d receipts for %d positions, want %d", len(receipts), len(positions), writers-writers/8)
		}
		if len(entries) > writers/2 {
			t.Errorf("%d batches went into %d entries, want them gathered", len(receipts), len(entries))
		}
		again, err := m.AppendBatch(t.Context(), sent[0])
		if again.Index = receipts[0].Index; err != nil || again != receipts[0] {
			t.Errorf("AppendBatch(repeated) = %+v, %v, want %+v", again, err, receipts[0])
		}
		c.settle()
		c.checkEqual()
	})
}

// Events of one authority that come together are signed together; one that is refused costs the others nothing.
func TestOperatorEventsAreGathered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 3, nil)
		c.begin()
		m := c.leader()
		var mu sync.Mutex
		batches := map[uint64]int{}
		var group sync.WaitGroup
		for i := range writers {
			group.Go(func() {
				e := consensustest.Revoked(fmt.Sprint("operated ", i))
				if i == 40 {
					e.Effective = now() + 3600 // refused: in the future
				}
				receipt, err := m.AppendEvents(t.Context(), consensustest.Labour, []statuslog.Event{e})
				mu.Lock()
				defer mu.Unlock()
				if i == 40 {
					if codeOf(err) == "" {
						t.Errorf("AppendEvents(an event in the future) = %+v, want a refusal", receipt)
					}
					return
				}
				if err != nil {
					t.Errorf("AppendEvents(%d) = %v", i, err)
				}
				batches[receipt.Number]++
			})
		}
		group.Wait()
		if got := m.view().Provinces[own].Log.Size; got != uint64(len(batches)) {
			t.Errorf("the log holds %d batches, receipts name %d", got, len(batches))
		}
		d := m.Reading()
		defer d.Close()
		for i := range writers {
			want := 1
			if i == 40 {
				want = 0
			}
			entries, err := d.Events(own, statuslog.KindCredential, consensustest.Revoked(fmt.Sprint("operated ", i)).Subject)
			if err != nil || len(entries) != want {
				t.Errorf("events of writer %d = %d, %v, want %d", i, len(entries), err, want)
			}
		}
		if _, err := m.AppendEvents(t.Context(), consensustest.Labour, []statuslog.Event{consensustest.Revoked("one more")}); err != nil {
			t.Errorf("AppendEvents() after them = %v", err)
		}
	})
}

// Beyond its bound the queue says at once that the cluster is busy; what waits in it and gives up has changed nothing.
func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 3, func(cfg *Config) { cfg.HeartbeatTimeout = 20 * time.Second })
		c.begin()
		m, p := c.leader(), c.world.Provinces[own]
		if err := m.PublishList(t.Context(), p.NextList(manyAuthorities).Raw); err != nil {
			t.Fatal(err)
		}
		c.settle()
		m.gathering.limit = 10
		for _, o := range c.nodes { // nothing commits from here on
			if o != m {
				c.cut(o)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		var mu sync.Mutex
		unknown, late, atOnce := 0, 0, 0
		begin := time.Now()
		var group sync.WaitGroup
		for i := range 40 {
			group.Go(func() {
				_, err := m.AppendBatch(ctx, singleOf(i, 1))
				mu.Lock()
				defer mu.Unlock()
				switch {
				case errors.Is(err, ErrUnknownOutcome):
					unknown++
				case errors.Is(err, ErrBusy) && time.Since(begin) < time.Second:
					atOnce++
				case errors.Is(err, ErrBusy):
					late++
				default:
					t.Errorf("AppendBatch(writer %d) = %v, want busy or unknown", i, err)
				}
			})
			synctest.Wait()
		}
		group.Wait()
		if unknown != batchLanes || late != 10 || atOnce != 40-10-batchLanes {
			t.Errorf("%d under way, %d gave up waiting, %d turned away; want %d, 10, %d", unknown, late, atOnce, batchLanes, 40-10-batchLanes)
		}
		for _, o := range c.nodes {
			c.join(o)
		}
		c.settle()
		if got := m.view().Provinces[trust.Province(own)].Log.Size; got > batchLanes {
			t.Errorf("the log holds %d batches, want those at most that were under way", got)
		}
	})
}
