package consensus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"

	"github.com/hutong-project/hutong/consensus/state"
)

const (
	// maxAttempts bounds how often a write is verified again because the state moved under it.
	maxAttempts = 16
	// pollInterval is how often a write that waits for a leader looks for one.
	pollInterval = 10 * time.Millisecond
)

// write verifies and proposes until the state stands still in between. verify returns the command, or nil when
// there is nothing to do. It is called again with a newer state when the cluster's has moved, and once more when a
// follower or a new leader refuses: it may not yet have applied what would make it accept.
func (r *Registry) write(ctx context.Context, verify func(d *Reading) (any, error)) (state.Reply, error) {
	caughtUp := false
	for range maxAttempts {
		if err := r.usable(); err != nil {
			return state.Reply{}, err
		}
		d := r.Reading()
		body, err := verify(d)
		d.Close()
		if err != nil && !caughtUp {
			caughtUp = true
			again, e := r.catchUp(ctx)
			if e != nil {
				return state.Reply{}, fmt.Errorf("%w (this node, which may be behind, would have refused: %v)", e, err)
			}
			if again {
				continue
			}
		}
		if err != nil || body == nil {
			return state.Reply{}, err
		}
		command, err := state.Encode(body)
		if err != nil {
			return state.Reply{}, err
		}
		reply, err := r.submit(ctx, request{Command: command})
		if err != nil {
			return reply, err
		}
		if reply.Outcome != state.Moved {
			return reply, reply.Err()
		}
		if err := r.waitApplied(ctx, reply.Index); err != nil {
			return reply, fmt.Errorf("%w: waiting for entry %d: %v", ErrBusy, reply.Index, err)
		}
	}
	return state.Reply{}, fmt.Errorf("%w: the state moved %d times", ErrBusy, maxAttempts)
}

// catchUp waits until this node has applied what the cluster had agreed on, and reports whether there was anything
// to wait for. The error is that of a cluster that cannot be asked.
func (r *Registry) catchUp(ctx context.Context) (bool, error) {
	if _, _, self := r.Leader(); self {
		if r.settled.Load() {
			return false, nil
		}
		if err := r.barrier(ctx); err != nil {
			return false, fmt.Errorf("%w: %v", ErrNoLeader, err)
		}
		return true, nil
	}
	_, err := r.submit(ctx, request{Position: true})
	return err == nil, err
}

// submit brings a request to the leader, which may be this node, and waits until this node has applied it too.
// Commands may be repeated, so they are handed to the next leader when one is lost; a request for an operator's
// signature is not.
func (r *Registry) submit(ctx context.Context, q request) (state.Reply, error) {
	deadline := time.Now().Add(r.patience())
	var last error
	for {
		reply, err := r.submitOnce(ctx, q)
		if err == nil {
			return reply, r.seen(ctx, reply)
		}
		unknown := errors.Is(err, ErrUnknownOutcome)
		if unknown || last == nil {
			last = err
		}
		again := errors.Is(err, ErrNoLeader) || unknown && (q.Command != nil || q.Position)
		if !again || ctx.Err() != nil || time.Now().After(deadline) {
			return reply, last
		}
		if err := r.pause(ctx); err != nil {
			return reply, last
		}
	}
}

// patience is how long a write waits for a leader: long enough for an election, short enough to be an answer.
func (r *Registry) patience() time.Duration { return 4 * r.cfg.ElectionTimeout }

func (r *Registry) pause(ctx context.Context) error {
	t := time.NewTimer(pollInterval)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-r.done:
		return ErrClosed
	case <-r.stopped:
		return ErrStopped
	}
}

func (r *Registry) submitOnce(ctx context.Context, q request) (state.Reply, error) {
	if err := r.usable(); err != nil {
		return state.Reply{}, err
	}
	_, id := r.raft.LeaderWithID()
	switch {
	case r.raft.State() == raft.Leader:
		return r.execute(ctx, q)
	case id == "" || string(id) == r.cfg.NodeID:
		return state.Reply{}, ErrNoLeader
	case r.cfg.Forward == nil:
		return state.Reply{}, fmt.Errorf("%w that this node can hand a write to; the leader is %s", ErrNoLeader, id)
	}
	return r.forward(ctx, string(id), q)
}

// usable returns why nothing can be written through this node.
func (r *Registry) usable() error {
	select {
	case <-r.done:
		return ErrClosed
	case <-r.stopped:
		return ErrStopped
	default:
		return nil
	}
}

// seen waits until this node has applied what the leader has, so that the caller reads its own write. The write
// itself is done: running out of patience here is no failure of it.
func (r *Registry) seen(ctx context.Context, reply state.Reply) error {
	ctx, cancel := context.WithTimeout(ctx, r.patience())
	defer cancel()
	if err := r.waitApplied(ctx, reply.Index); err != nil {
		r.cfg.Logger.Warn("a write is done and not yet applied on this node", "index", reply.Index, "error", err)
	}
	return nil
}

// propose puts a command into the Raft log of this node, which must be the leader, and waits for its reply.
func (r *Registry) propose(ctx context.Context, command []byte) (state.Reply, error) {
	if err := r.slot(ctx); err != nil {
		return state.Reply{}, err
	}
	var future raft.ApplyFuture
	err := r.ask(ctx, func() raft.Future {
		future = r.raft.Apply(command, r.patience())
		return future
	}, func() { <-r.slots })
	if err != nil {
		return state.Reply{}, err
	}
	switch response := future.Response().(type) {
	case state.Reply:
		return response, nil
	case error:
		return state.Reply{}, fmt.Errorf("%w: %w", ErrUnknownOutcome, response)
	}
	return state.Reply{}, fmt.Errorf("%w: Raft answered with a %T", ErrUnknownOutcome, future.Response())
}

// ask has Raft do something and waits for its answer, for ctx, or for the node to stop. answered is called once Raft
// is done with it, which may be after ask has returned. Raft's own futures wait for ever when it is shut down while
// they lie in its queue, so nothing else may wait for them.
func (r *Registry) ask(ctx context.Context, do func() raft.Future, answered func()) error {
	r.entry.RLock()
	if !r.entering {
		r.entry.RUnlock()
		answered()
		return ErrClosed
	}
	r.waiting.Add(1)
	r.entry.RUnlock()
	future := do()
	answer := make(chan error, 1)
	go func() {
		defer r.waiting.Done()
		answer <- future.Error()
		answered()
	}()
	select {
	case err := <-answer:
		if err != nil {
			return raftError(err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %v", ErrUnknownOutcome, ctx.Err())
	case <-r.stopped:
		return fmt.Errorf("%w: %w", ErrUnknownOutcome, ErrStopped)
	}
}

// barrier waits until this node, which must be the leader, has applied all that came before.
func (r *Registry) barrier(ctx context.Context) error {
	return r.ask(ctx, func() raft.Future { return r.raft.Barrier(r.patience()) }, func() {})
}

// verifyLeader waits until a majority has confirmed that this node leads.
func (r *Registry) verifyLeader(ctx context.Context) error {
	return r.ask(ctx, func() raft.Future { return r.raft.VerifyLeader() }, func() {})
}

// slot waits for one of Raft's slots; where too many wait already, not at all.
func (r *Registry) slot(ctx context.Context) error {
	defer r.queueing.Add(-1)
	if r.queueing.Add(1) > maxQueued {
		return fmt.Errorf("%w: %d writes are waiting", ErrBusy, maxQueued)
	}
	select {
	case r.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %d writes are under way: %v", ErrBusy, maxInFlight, ctx.Err())
	}
}

// raftError says which of Raft's errors mean that nothing happened. For all others the entry may be in the log.
func raftError(err error) error {
	switch {
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return fmt.Errorf("%w: %v", ErrNoLeader, err)
	case errors.Is(err, raft.ErrEnqueueTimeout):
		return fmt.Errorf("%w: %v", ErrBusy, err)
	}
	return fmt.Errorf("%w: %v", ErrUnknownOutcome, err)
}

// Leader returns the id and Raft address of the leader as this node knows it, empty where it knows none, and
// whether it is this node.
func (r *Registry) Leader() (id, address string, self bool) {
	a, i := r.raft.LeaderWithID()
	return string(i), string(a), r.raft.State() == raft.Leader
}
