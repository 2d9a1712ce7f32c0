package consensus

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/raft"

	"github.com/hutong-project/hutong/consensus/state"
)

// Linearize returns when this node's readings hold everything that any node had acknowledged before the call. It works
// on followers too. ErrNoLeader: the cluster cannot be asked. ErrBusy: this node did not catch up in time.
func (r *Registry) Linearize(ctx context.Context) error {
	reply, err := r.submit(ctx, request{Position: true})
	if errors.Is(err, ErrUnknownOutcome) {
		return fmt.Errorf("%w: asking how far it has agreed: %v", ErrNoLeader, err)
	}
	if err != nil {
		return err
	}
	return r.WaitApplied(ctx, reply.Index)
}

// WaitApplied returns when this node has applied the entry at index, as a receipt names it: who wrote then reads what
// was written. ErrBusy: not before ctx ended.
func (r *Registry) WaitApplied(ctx context.Context, index uint64) error {
	err := r.waitApplied(ctx, index)
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%w: this node has not applied entry %d yet", ErrBusy, index)
	}
	return err
}

// position returns how far the cluster has agreed, on the leader: what was acknowledged before the call is at or below
// it. The order matters. The index is noted before leadership is confirmed: the other way round this process could
// stand still in between, lose its place, and answer with what another leader has meanwhile gone past. Before an entry
// of its own term is applied a new leader does not know how far its predecessors came. A term that changed in between
// means that the confirmation was another one's. Raft counts an answer that was already on its way as a confirmation:
// it may be as old as one round trip within the cluster.
func (r *Registry) position(ctx context.Context) (state.Reply, error) {
	term := r.raft.CurrentTerm()
	if r.settledTerm.Load() != term {
		if err := r.barrier(ctx); err != nil {
			return state.Reply{}, fmt.Errorf("%w: %v", ErrNoLeader, err)
		}
	}
	index := r.raft.CommitIndex()
	if err := r.verifyLeader(ctx); err != nil {
		return state.Reply{}, fmt.Errorf("%w: %v", ErrNoLeader, err)
	}
	if now := r.raft.CurrentTerm(); now != term {
		return state.Reply{}, fmt.Errorf("%w: the term went from %d to %d", ErrNoLeader, term, now)
	}
	r.settledTerm.Store(term)
	index, err := r.lastApplicable(index)
	return state.Reply{Index: index}, err
}

// lastApplicable returns the last entry up to index that the state machine is given: those that Raft writes for itself
// it keeps to itself, and nobody would ever have applied them.
func (r *Registry) lastApplicable(index uint64) (uint64, error) {
	d := r.Reading()
	applied := d.View.Applied
	d.Close()
	for ; index > applied; index-- {
		var l raft.Log
		switch err := r.logs.GetLog(index, &l); {
		case errors.Is(err, raft.ErrLogNotFound): // applied and cut meanwhile
			return applied, nil
		case err != nil:
			return 0, fmt.Errorf("reading entry %d of the Raft log: %w", index, err)
		case l.Type == raft.LogCommand, l.Type == raft.LogConfiguration:
			return index, nil
		}
	}
	return index, nil
}
