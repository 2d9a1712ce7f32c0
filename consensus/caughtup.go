package consensus

import (
	"context"
	"time"
)

// CaughtUp reports whether this node has, at some moment since it was opened, held all that its cluster had agreed on.
// Until then it may show an older state than it showed before it was stopped: what was applied last is replayed from
// the Raft log only once a leader says how far the cluster had agreed. It is found out while Run runs.
func (r *Registry) CaughtUp() bool { return r.caughtUp.Load() }

// followUp asks the leader how far the cluster has agreed and waits until this node has applied that, once.
func (r *Registry) followUp(ctx context.Context) {
	for ctx.Err() == nil && r.usable() == nil {
		if r.reachAgreed(ctx) == nil {
			r.caughtUp.Store(true)
			r.announce()
			return
		}
		if r.pause(ctx) != nil {
			return
		}
	}
}

// reachAgreed returns nil when this node has applied what the cluster had agreed on when it was called.
func (r *Registry) reachAgreed(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.patience()+time.Second)
	defer cancel()
	reply, err := r.submitOnce(ctx, request{Position: true})
	if err != nil {
		return err
	}
	return r.waitApplied(ctx, reply.Index)
}
