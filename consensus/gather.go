package consensus

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/hutong-project/hutong/consensus/state"
	"github.com/hutong-project/hutong/trust"
)

const (
	// maxQueued and maxQueuedBytes bound the writes that wait to be gathered, beside those that Raft has: who comes
	// later is told at once to come again.
	maxQueued      = 4096
	maxQueuedBytes = 64 << 20

	// maxGatheredBytes bounds the batches of one entry, so that a small one does not wait for a large one's disk.
	maxGatheredBytes = 1 << 20

	// batchLanes is how many gathered entries of signed batches are under way at a time: the next is being written
	// while the last one's followers answer.
	batchLanes = 2
)

// gathering lets many small writes go into the log as one entry: while an entry is under way, what comes gathers for
// the next one. The first to come waits for nobody.
type gathering struct {
	mu     sync.Mutex
	limit  int // of queued
	lanes  map[string]*lane
	queued int
	bytes  int
}

// A lane is what may become one entry: all signed batches, or the events of one authority.
type lane struct {
	queue   []*gathered
	running int
}

// gathered is one write on its way.
type gathered struct {
	request request
	batch   []byte     // the signed batch in request; nil for events
	now     trust.Time // that the proposer stamped on it
	size    int
	done    chan outcome // of one element
}

type outcome struct {
	reply state.Reply
	err   error
}

func (g *gathered) finish(reply state.Reply, err error) { g.done <- outcome{reply, err} }

// gather puts a write into a lane, of which width entries may be under way at a time, and waits for its outcome. take
// says how many of the queue go into the next entry, at least one; flush finishes each.
func (r *Registry) gather(ctx context.Context, name string, width int, g *gathered, take func([]*gathered) int, flush func([]*gathered)) (state.Reply, error) {
	g.done = make(chan outcome, 1)
	q := &r.gathering
	r.entry.RLock() // nothing is begun once Close waits for what was
	if !r.entering {
		r.entry.RUnlock()
		return state.Reply{}, ErrClosed
	}
	q.mu.Lock()
	if q.queued >= q.limit || q.bytes+g.size > maxQueuedBytes {
		q.mu.Unlock()
		r.entry.RUnlock()
		return state.Reply{}, fmt.Errorf("%w: %d writes are waiting", ErrBusy, q.limit)
	}
	l := q.lanes[name]
	if l == nil {
		l = &lane{}
		q.lanes[name] = l
	}
	l.queue = append(l.queue, g)
	q.queued, q.bytes = q.queued+1, q.bytes+g.size
	start := l.running < width
	if start {
		l.running++
	}
	q.mu.Unlock()
	if start {
		r.waiting.Go(func() {
			for next := q.next(name, take); next != nil; next = q.next(name, take) {
				flush(next)
			}
		})
	}
	r.entry.RUnlock()
	select {
	case o := <-g.done:
		return o.reply, o.err
	case <-ctx.Done():
		if q.leave(name, g) {
			return state.Reply{}, fmt.Errorf("%w: other writes came first: %v", ErrBusy, ctx.Err())
		}
		return state.Reply{}, fmt.Errorf("%w: %v", ErrUnknownOutcome, ctx.Err())
	}
}

// next takes what goes into the next entry off the queue. Nil means that there is nothing: the caller ends.
func (q *gathering) next(name string, take func([]*gathered) int) []*gathered {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lanes[name]
	if len(l.queue) == 0 {
		if l.running--; l.running == 0 {
			delete(q.lanes, name)
		}
		return nil
	}
	n := max(1, take(l.queue))
	next := l.queue[:n:n]
	l.queue = l.queue[n:]
	for _, g := range next {
		q.queued, q.bytes = q.queued-1, q.bytes-g.size
	}
	return next
}

// leave takes a write off the queue; false when it is under way.
func (q *gathering) leave(name string, g *gathered) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lanes[name]
	if l == nil {
		return false
	}
	i := slices.Index(l.queue, g)
	if i < 0 {
		return false
	}
	l.queue = slices.Delete(l.queue, i, i+1)
	q.queued, q.bytes = q.queued-1, q.bytes-g.size
	return true
}

// gatherBatch is propose for a command that appends one batch, on the leader.
func (r *Registry) gatherBatch(ctx context.Context, q request) (state.Reply, error) {
	body, err := state.Decode(q.Command)
	if err != nil {
		return state.Reply{}, err
	}
	c, ok := body.(*state.AppendBatches)
	if !ok || len(c.Batches) != 1 {
		return r.propose(ctx, q.Command)
	}
	g := &gathered{request: q, batch: c.Batches[0], now: c.Now, size: len(q.Command)}
	return r.gather(ctx, "batches", batchLanes, g, fitBatches, r.flushBatches)
}

func fitBatches(queue []*gathered) int {
	n, size := 0, 0
	for n < len(queue) && n < state.MaxBatches && size+queue[n].size <= maxGatheredBytes {
		size += queue[n].size
		n++
	}
	return n
}

// flushBatches proposes the batches as one entry. Applying stops at one that is refused: that one learns why, and
// those after it are proposed again.
func (r *Registry) flushBatches(all []*gathered) {
	for len(all) > 0 {
		c := state.AppendBatches{}
		for _, g := range all {
			c.Now = max(c.Now, g.now)
			c.Batches = append(c.Batches, g.batch)
		}
		reply, err := r.flushed(&c)
		if err != nil {
			for _, g := range all {
				g.finish(reply, err)
			}
			return
		}
		done := min(len(reply.Receipts), len(all))
		for i, receipt := range reply.Receipts[:done] {
			all[i].finish(state.Reply{Index: reply.Index, Receipts: []Receipt{receipt}}, nil)
		}
		all = all[done:]
		if len(all) > 0 { // also when an answer lacks receipts without saying why: nobody waits for ever
			reply.Receipts = nil
			all[0].finish(reply, nil)
			all = all[1:]
		}
	}
}

// flushed proposes on behalf of several callers, none of whose contexts ends it.
func (r *Registry) flushed(body any) (state.Reply, error) {
	ctx, cancel := context.WithTimeout(context.Background(), max(r.patience(), flushWithin))
	defer cancel()
	if err := r.usable(); err != nil {
		return state.Reply{}, err
	}
	command, err := state.Encode(body)
	if err != nil {
		return state.Reply{}, err
	}
	return r.propose(ctx, command)
}
