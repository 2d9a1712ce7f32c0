package consensus

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hutong-project/hutong/consensus/state"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/statuslog"
)

// flushWithin bounds how long a gathered entry may take before its callers learn that its outcome is unknown.
const flushWithin = 10 * time.Second

// numbers remembers what number an authority's next operator batch had last, as a first guess. A wrong one costs a
// refusal that names the right one.
type numbers struct {
	mu   sync.Mutex
	next map[string]uint64
}

// maxNumbers bounds the memory; more authorities than that only cost refusals.
const maxNumbers = 4096

func (n *numbers) guess(authority string) uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return max(n.next[authority], 1)
}

func (n *numbers) note(authority string, next uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.next == nil || len(n.next) >= maxNumbers {
		n.next = map[string]uint64{}
	}
	n.next[authority] = next
}

// appendOperated signs and appends on the leader. What comes for one authority while a batch of it is under way goes
// into the next batch, under one signature and one number; each caller gets the receipt of the batch that holds its
// events. Refusals come back as replies, so that they travel to the node that asked.
func (r *Registry) appendOperated(ctx context.Context, q request) (state.Reply, error) {
	if r.cfg.OperatorKey == nil {
		return refusal(trust.Refuse(trust.NotReady, "the leader has no operator key"))
	}
	d := r.Reading()
	doubt := r.clockDoubt(d.View)
	d.Close()
	if doubt != "" {
		return refusal(trust.Refuse(trust.NotReady, "%s", doubt))
	}
	size := 0
	for i := range q.Events {
		size += 128 + len(q.Events[i].Reason) + len(q.Events[i].SourceCode)
	}
	g := &gathered{request: q, size: size}
	return r.gather(ctx, "operator "+q.Authority, 1, g, fitEvents, r.flushEvents)
}

func fitEvents(queue []*gathered) int {
	n, events, size := 0, 0, 0
	for n < len(queue) && events+len(queue[n].request.Events) <= statuslog.MaxEvents && size+queue[n].size <= maxGatheredBytes/2 {
		events, size = events+len(queue[n].request.Events), size+queue[n].size
		n++
	}
	return n
}

// flushEvents appends the events of several callers as one batch. When that is refused each is tried alone: one bad
// event must not cost the others theirs.
func (r *Registry) flushEvents(all []*gathered) {
	authority := all[0].request.Authority
	var events []statuslog.Event
	for _, g := range all {
		events = append(events, g.request.Events...)
	}
	reply, err := r.appendSigned(authority, events)
	if len(all) > 1 && err == nil && reply.Err() != nil {
		for _, g := range all {
			g.finish(r.appendSigned(authority, g.request.Events))
		}
		return
	}
	for _, g := range all {
		g.finish(reply, err)
	}
}

// appendSigned gives the events the authority's next number and the operator's signature.
func (r *Registry) appendSigned(authority string, events []statuslog.Event) (state.Reply, error) {
	number := r.numbers.guess(authority)
	for range maxAttempts {
		reply, err := r.appendNumbered(authority, events, number)
		switch {
		case err != nil:
			return reply, err
		case reply.Outcome == state.NumberWrong:
			number = reply.Expected
			continue
		case len(reply.Receipts) == 1:
			r.numbers.note(authority, number+1)
		}
		return reply, nil
	}
	return state.Reply{}, fmt.Errorf("%w: the number of %s moved %d times", ErrBusy, authority, maxAttempts)
}

func (r *Registry) appendNumbered(authority string, events []statuslog.Event, number uint64) (state.Reply, error) {
	now := r.cfg.now()
	batch := statuslog.Batch{
		Province: r.cfg.Own, Authority: authority, Number: number, Time: now, Operator: true, Events: events,
	}
	signed, err := batch.Sign(r.cfg.OperatorKey)
	if err != nil {
		return refusal(err)
	}
	s, err := statuslog.ReadBatch(signed)
	if err != nil {
		return refusal(err)
	}
	d := r.Reading()
	err = r.checkBatch(d, s)
	d.Close()
	if err != nil {
		return refusal(err)
	}
	return r.flushed(&state.AppendBatches{Now: now, Batches: [][]byte{signed}})
}

// refusal makes a reply of a refusal; other errors stay errors.
func refusal(err error) (state.Reply, error) {
	if refused, ok := trust.AsRefusal(err); ok {
		return state.Reply{Outcome: state.Refused, Code: refused.Code, Detail: refused.Detail}, nil
	}
	return state.Reply{}, err
}
