package consensus

import (
	"context"
	"fmt"

	"github.com/hutong-project/hutong/consensus/state"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/head"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/registry"
)

// StageLeaves keeps leaves of a foreign log ahead of the update that adopts them, when the whole run is too large for
// one call: u is that update as far as it has come, with its head, the list that the head pins, and some leaves. The
// head and the list are checked as AdoptUpdate checks them, so nobody without the province's keys fills the disk; the
// leaves are verified under the pinned list, and are forgotten when the head that is adopted in the end pins another.
// Staged leaves count for nothing until then. A call continues what was staged, or begins anew where the log ends.
func (r *Registry) StageLeaves(ctx context.Context, u registry.Update) error {
	unlock, err := r.adopting.lock(ctx, u.Province)
	if err != nil {
		return err
	}
	defer unlock()
	h, err := head.Read(u.Head)
	if err != nil {
		return err
	}
	var l *list.Document
	if u.List != nil {
		if l, err = list.Read(u.List); err != nil {
			return err
		}
	}
	for piece := range pieces(u) {
		if _, err := r.write(ctx, func(d *Reading) (any, error) { return r.verifyStage(d, piece, h, l) }); err != nil {
			return fmt.Errorf("staging leaves of %s: %w", u.Province, err)
		}
	}
	return nil
}

func (r *Registry) verifyStage(d *Reading, u registry.Update, h *head.Document, l *list.Document) (any, error) {
	p, contradiction, err := r.verifyHead(d, u, h)
	if err != nil {
		return nil, err
	}
	if contradiction != nil {
		return nil, trust.Refuse(trust.Equivocation, "the head contradicts the adopted one")
	}
	pinned, err := r.verifyList(d, p, h, l)
	if err != nil {
		return nil, err
	}
	unverified, err := verifyLeaves(pinned, u.From, u.Leaves)
	if err != nil {
		return nil, err
	}
	return &state.StageLeaves{
		Now: r.cfg.now(), Province: u.Province, List: pinned.Digest, Generation: u.Generation,
		From: u.From, Leaves: u.Leaves, Unverified: unverified,
	}, nil
}

// pieces cuts an update's leaves into runs that fit one command each.
func pieces(u registry.Update) func(yield func(registry.Update) bool) {
	return func(yield func(registry.Update) bool) {
		for rest := u; len(rest.Leaves) > 0; {
			n, size := 0, 0
			for n < len(rest.Leaves) && (n == 0 || size+len(rest.Leaves[n]) <= state.MaxLeafBytes) {
				size += len(rest.Leaves[n])
				n++
			}
			piece := rest
			piece.Leaves = rest.Leaves[:n]
			if !yield(piece) {
				return
			}
			rest.From, rest.Leaves = rest.From+uint64(n), rest.Leaves[n:]
		}
	}
}
