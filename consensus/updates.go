package consensus

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/hutong-project/hutong/consensus/state"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/head"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/registry"
	"github.com/hutong-project/hutong/trust/statuslog"
)

// AdoptUpdate adopts what the federation brought of a foreign province, in the order of trust: the head (signed,
// above the floor, in time), the list (signed, pinned by the head), the leaves (which give the root that the head
// pins). All of it or nothing is adopted. Refusals name the step; Incomplete means that the list or leaves lack.
// A head that contradicts the adopted one is refused as Equivocation, and both are kept as proof. A head of the own
// province that is not held makes the cluster unsettled; from then on such heads are taken back like foreign ones. It
// may be repeated; an update that is already adopted is no error.
func (r *Registry) AdoptUpdate(ctx context.Context, u registry.Update) error {
	if err := r.noticeLost(ctx, u.Head); err != nil {
		return err
	}
	unlock, err := r.adopting.lock(ctx, u.Province)
	if err != nil {
		return err
	}
	defer unlock()
	if err := r.adoptUpdate(ctx, u); err != nil {
		return fmt.Errorf("adopting an update of %s: %w", u.Province, err)
	}
	return nil
}

func (r *Registry) adoptUpdate(ctx context.Context, u registry.Update) error {
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
	for range len(u.Leaves) + 1 { // each stages at least one leaf
		staged, err := r.stageMost(ctx, u, h, l)
		if err != nil {
			return err
		}
		if !staged {
			break
		}
	}
	_, err = r.write(ctx, func(d *Reading) (any, error) {
		c, contradiction, err := r.verifyUpdate(d, u, h, l)
		if contradiction != nil {
			return contradiction, nil
		}
		if err != nil || c == nil {
			return nil, err
		}
		return c, nil
	})
	if err != nil {
		return err
	}
	return r.stillRefused(h)
}

// stillRefused gives the caller the refusal of a head whose contradiction has just been recorded.
func (r *Registry) stillRefused(h *head.Document) error {
	d := r.Reading()
	defer d.Close()
	p := d.View.Provinces[h.Province]
	if p == nil || p.Equivocation == nil || p.Head != nil && p.Head.Digest == h.Digest {
		return nil
	}
	return trust.Refuse(trust.Equivocation, "%s: %s", h.Province, p.Equivocation.Why)
}

// verifyUpdate returns the command that adopts u; nil when it is adopted already; or the command that records a
// contradiction.
func (r *Registry) verifyUpdate(d *Reading, u registry.Update, h *head.Document, l *list.Document) (*state.AdoptUpdate, *state.RecordEquivocation, error) {
	p, contradiction, err := r.verifyHead(d, u, h)
	if contradiction != nil || err != nil {
		return nil, contradiction, err
	}
	if p.Head != nil && p.Head.Digest == h.Digest {
		return nil, nil, nil
	}
	pinned, err := r.verifyList(d, p, h, l)
	if err != nil {
		return nil, nil, err
	}
	from, leaves, err := tailOf(d, u, h)
	if err != nil {
		return nil, nil, err
	}
	unverified, err := verifyLeaves(pinned, from, leaves)
	if err != nil {
		return nil, nil, err
	}
	basis, positions, err := basisOf(d, p, l)
	if err != nil {
		return nil, nil, err
	}
	return &state.AdoptUpdate{
		Now: r.cfg.now(), Basis: basis, Province: u.Province, Head: u.Head, List: u.List,
		Generation: u.Generation, From: from, Leaves: leaves, Unverified: unverified, Verified: positions,
	}, nil, nil
}

// verifyHead asks first who signed, then whether the head may follow.
func (r *Registry) verifyHead(d *Reading, u registry.Update, h *head.Document) (*registry.Province, *state.RecordEquivocation, error) {
	entry, p, err := member(d.View, u.Province)
	if err != nil {
		return nil, nil, err
	}
	if p.Local && d.View.Unsettled == nil {
		return nil, nil, trust.Refuse(trust.ForeignProvince, "the heads of %s are signed here and not taken from outside", u.Province)
	}
	if err := h.CheckSigned(entry); err != nil {
		return nil, nil, err
	}
	now := r.cfg.now()
	err = h.CheckFollows(p.Head, entry, now, d.View.National.Policy)
	if err == nil {
		return p, nil, nil
	}
	if p.Head != nil && p.Equivocation == nil && !p.Local && h.Session == entry.Session {
		if _, yes := head.Contradicts(p.Head, h); yes {
			return p, &state.RecordEquivocation{
				Now: now, Basis: state.Basis{National: d.View.National.Digest}, Province: u.Province, A: p.Head.Raw, B: u.Head,
			}, nil
		}
	}
	return p, nil, err
}

// verifyList returns the list that the head pins: the one in the update, verified, or the one held.
func (r *Registry) verifyList(d *Reading, p *registry.Province, h *head.Document, l *list.Document) (*list.Document, error) {
	if l == nil {
		if p.List == nil || p.List.Digest != h.TrustList.Digest {
			return nil, trust.Refuse(trust.Incomplete, "the head of %s pins trust list %d (%s), which is not held", p.Code, h.TrustList.Number, h.TrustList.Digest.Short())
		}
		return p.List.Document, nil
	}
	if l.Digest != h.TrustList.Digest {
		return nil, trust.Refuse(trust.DigestMismatch, "trust list of %s has digest %s, the head pins %s", p.Code, l.Digest.Short(), h.TrustList.Digest.Short())
	}
	if err := l.CheckSigned(p.Entry); err != nil {
		return nil, err
	}
	var held *list.Document
	if p.List != nil {
		held = p.List.Document
	}
	if err := l.CheckFollows(held); err != nil {
		return nil, err
	}
	return l, l.CheckTime(r.cfg.now(), d.View.National.Policy.Skew)
}

// tailOf returns the leaves that the log still lacks, after making sure that they bring it to the pinned root.
func tailOf(d *Reading, u registry.Update, h *head.Document) (from uint64, leaves [][]byte, err error) {
	v, err := d.database()
	if err != nil {
		return 0, nil, err
	}
	log, base, err := state.Trees(v, u.Province, h.TrustList.Digest)
	if err != nil {
		return 0, nil, fmt.Errorf("reading the log of %s: %w", u.Province, err)
	}
	if u.From > base.Size() {
		return 0, nil, trust.Refuse(trust.Incomplete, "leaves of %s from %d, the log is held up to %d", u.Province, u.From, base.Size())
	}
	leaves = after(u, base)
	if _, err = base.Extend(leaves, h.Log.Size, h.Log.Root); err != nil && base != log && u.From <= log.Size() {
		base, leaves = log, after(u, log) // what is staged is of another log
		_, err = base.Extend(leaves, h.Log.Size, h.Log.Root)
	}
	return base.Size(), leaves, err
}

// after returns the leaves of u that stand beyond the tree.
func after(u registry.Update, t *statuslog.Tree) [][]byte {
	return u.Leaves[min(uint64(len(u.Leaves)), t.Size()-u.From):]
}

// stageMost stores one command's worth of leaves ahead of the head, when there are too many for the command that
// adopts it. It reports whether it did.
func (r *Registry) stageMost(ctx context.Context, u registry.Update, h *head.Document, l *list.Document) (bool, error) {
	d := r.Reading()
	c, contradiction, err := r.verifyUpdate(d, u, h, l)
	d.Close()
	if err != nil || c == nil || contradiction != nil {
		return false, nil // the write that follows says why, after making sure that this node is not just behind
	}
	n, size := 0, 0
	for n < len(c.Leaves) && size+len(c.Leaves[n]) <= state.MaxLeafBytes {
		size += len(c.Leaves[n])
		n++
	}
	if n == len(c.Leaves) {
		return false, nil
	}
	piece := &state.StageLeaves{
		Now: c.Now, Province: u.Province, List: h.TrustList.Digest, Generation: u.Generation, From: c.From, Leaves: c.Leaves[:n],
	}
	for _, position := range c.Unverified {
		if position < c.From+uint64(n) {
			piece.Unverified = append(piece.Unverified, position)
		}
	}
	_, err = r.write(ctx, func(*Reading) (any, error) { return piece, nil })
	return true, err
}

// verifyLeaves verifies the signatures of leaves, on all cores, and returns the positions of those that do not
// verify under a key that the list gives them. Such a leaf does not count and blocks nothing: what the province
// pinned is the province's affair. Leaves that cannot be read are refused.
func verifyLeaves(l *list.Document, from uint64, leaves [][]byte) ([]uint64, error) {
	counter := statuslog.NewCounter(&l.List)
	good := make([]bool, len(leaves))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, raw := range leaves {
		leaf, err := statuslog.ReadLeaf(raw)
		if err != nil {
			return nil, err
		}
		s, err := statuslog.ReadBatch(leaf.Signed)
		if err != nil {
			return nil, err
		}
		key, _ := counter.Key(s.Meta(from + uint64(i)))
		if key == nil {
			continue
		}
		group.Go(func() error {
			good[i] = s.Verify(key)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var unverified []uint64
	for i, ok := range good {
		if !ok {
			unverified = append(unverified, from+uint64(i))
		}
	}
	return unverified, nil
}

// provinceLocks lets one update of a province be adopted at a time, as the pieces of two would mix.
type provinceLocks struct {
	mu   sync.Mutex
	held map[trust.Province]chan struct{}
}

func (p *provinceLocks) lock(ctx context.Context, code trust.Province) (unlock func(), err error) {
	p.mu.Lock()
	if p.held == nil {
		p.held = map[trust.Province]chan struct{}{}
	}
	slot := p.held[code]
	if slot == nil {
		slot = make(chan struct{}, 1)
		p.held[code] = slot
	}
	p.mu.Unlock()
	select {
	case slot <- struct{}{}:
		return func() { <-slot }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: another update of %s is being adopted: %v", ErrBusy, code, ctx.Err())
	}
}
