package bench

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hutong-project/hutong/node/client"
)

const (
	bulkSenders = 8   // authorities that push bulk batches at once
	aloneMost   = 300 // commits of one writer of each kind, each beside one fsync
	eachMost    = 100 // commits of each of many writers
)

// singles returns how many single events are committed when this many are written in bulk: few beside few, as for a
// trial, and otherwise enough for a 99th percentile.
func singles(events int) (alone, each int) {
	return min(aloneMost, max(1, events/30)), min(eachMost, max(1, events/200))
}

// A stated event is one that the operator signed, to be looked up later. Which place it has in its batch is not told:
// the cluster may put what waits together into one.
type stated struct {
	handle   uint64
	position uint64
	by       *signer
}

// A ledger collects what was acknowledged: every batch, and for the look-ups its events.
type ledger struct {
	mu     sync.Mutex
	pushes []*push
	single []stated // signed by the operator
}

func (l *ledger) add(p *push) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pushes = append(l.pushes, p)
}

func (l *ledger) addSingle(s stated) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.single = append(l.single, s)
}

// leaves is how many leaves the log must have.
func (l *ledger) leaves() uint64 {
	operated := map[uint64]struct{}{}
	for _, s := range l.single {
		operated[s.position] = struct{}{}
	}
	return uint64(len(l.pushes) + len(operated))
}

// events is how many events the log must have.
func (l *ledger) events() int {
	n := len(l.single)
	for _, p := range l.pushes {
		n += p.events
	}
	return n
}

// bulk sends all pushes, each signer's one after the other and the signers side by side, and returns the events a
// second from the first byte to the last receipt.
func bulk(ctx context.Context, c *client.Client, l *ledger, all []*push) (perSecond float64, err error) {
	bySigner := map[*signer][]*push{}
	total := 0
	for _, p := range all {
		bySigner[p.by] = append(bySigner[p.by], p)
		total += p.events
	}
	group, ctx := errgroup.WithContext(ctx)
	start := time.Now()
	for _, pushes := range bySigner {
		group.Go(func() error {
			for _, p := range pushes {
				if err := p.send(ctx, c); err != nil {
					return err
				}
				l.add(p)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	return float64(total) / time.Since(start).Seconds(), nil
}

// alone is what one writer without company sees, and the floor that was measured between its commits.
type alone struct {
	floor, operator, authority contender
}

// oneWriter commits single events one after the other, signed by the operator and by an authority in turns, and
// before each pair appends 4 KiB to a file beside the leader's data and syncs it.
func (t *trio) oneWriter(ctx context.Context, c *client.Client, h *handles, l *ledger, folder string, commits int) (*alone, error) {
	signed := plan(t.signers[:1], h, commits, 1)
	if err := sign(ctx, h, signed); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(folder, "floor"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(f.Name()) }() // the whole folder goes at the end
	defer f.Close()
	block := make([]byte, 4096)
	var took [3]worker
	timed := func(w *worker, f func() error) error {
		start := time.Now()
		err := f()
		w.took = append(w.took, time.Since(start))
		return err
	}
	for _, p := range signed {
		if err := errors.Join(
			timed(&took[0], func() error {
				if _, err := f.Write(block); err != nil {
					return err
				}
				return f.Sync()
			}),
			timed(&took[1], func() error { return t.single(ctx, c, h, h.take(1), l) }),
			timed(&took[2], func() error { return p.send(ctx, c) }),
		); err != nil {
			return nil, err
		}
		l.add(p)
	}
	of := func(name string, w *worker) contender { return contender{name: name, workers: []*worker{w}} }
	return &alone{of("fsync", &took[0]), of("operator", &took[1]), of("authority", &took[2])}, nil
}

// single has the operator sign one event and notes it.
func (t *trio) single(ctx context.Context, c *client.Client, h *handles, n uint64, l *ledger) error {
	position, err := t.operated.pushOne(ctx, c, h.at(n))
	if err != nil {
		return err
	}
	l.addSingle(stated{handle: n, position: position, by: t.operated})
	return nil
}

// manyOperated lets writers commit single events that the operator signs, so many each.
func (t *trio) manyOperated(ctx context.Context, c *client.Client, h *handles, l *ledger, writers, each int) (perSecond float64, err error) {
	group, ctx := errgroup.WithContext(ctx)
	start := time.Now()
	for range writers {
		first := h.take(each)
		group.Go(func() error {
			for i := range uint64(each) {
				if err := t.single(ctx, c, h, first+i, l); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	return float64(writers*each) / time.Since(start).Seconds(), nil
}

// manySigned lets writers commit single events that they signed before, each as an authority of its own.
func (t *trio) manySigned(ctx context.Context, c *client.Client, h *handles, l *ledger, writers, each int) (perSecond float64, err error) {
	signed := plan(t.signers[:writers], h, writers*each, 1)
	if err := sign(ctx, h, signed); err != nil {
		return 0, err
	}
	return bulk(ctx, c, l, signed)
}
