package state

import (
	"github.com/hutong-project/hutong/consensus/store"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/head"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/statuslog"
)

// adoptUpdate checks in the order of trust: head, list, leaves. Nothing is written before all have passed.
func (m *Machine) adoptUpdate(b *store.Batch, c *AdoptUpdate) error {
	if err := m.checkBasis(c.Basis); err != nil {
		return err
	}
	entry, p, err := m.adoptable(c.Province)
	if err != nil {
		return err
	}
	h, err := head.Read(c.Head)
	if err != nil {
		return err
	}
	own := entry.Signer() == m.own
	if err := h.CheckFollows(p.head, entry, c.Now, m.national.Policy); err != nil {
		if why, yes := contradicts(p.head, h); yes && !own {
			return m.keepEvidence(b, p, p.head, h, why, err)
		}
		return err
	}
	if p.evidence != nil {
		return trust.Refuse(trust.Equivocation, "%s contradicted itself in session %d; a new session is needed: %s", p.code, p.session, p.evidence.Why)
	}
	if p.head != nil && p.head.Digest == h.Digest {
		return nil
	}
	if err := p.checkFloor(h); err != nil {
		return err
	}
	d, err := p.pinnedList(c, h)
	if err != nil {
		return err
	}
	if err := d.CheckTime(c.Now, m.national.Policy.Skew); err != nil {
		return err
	}
	tail, err := p.pinnedLeaves(b, c, h)
	if err != nil {
		return err
	}
	if err := p.checkVerified(c.Basis, c.Verified); err != nil {
		return err
	}
	return m.take(b, c, p, h, d, tail)
}

// take puts an update in force that every check has passed.
func (m *Machine) take(b *store.Batch, c *AdoptUpdate, p *province, h *head.Document, d *list.Document, tail *tail) error {
	if err := p.setVerified(b, c.Verified); err != nil {
		return err
	}
	from := p.tree.Size()
	p.generation = h.Log.Generation
	p.putLeaves(b, tail.store, c.Unverified)
	p.tree, p.recorded = tail.tree, tail.recorded
	p.staged, p.stagedTime, p.stagedList = nil, 0, trust.Digest{}
	p.setHead(b, h)
	if err := p.forgetPending(b, h); err != nil {
		return err
	}
	if p.list == nil || p.list.Digest != d.Digest {
		return m.takeList(b, p, d)
	}
	p.save(b)
	return p.countFrom(b, from)
}

// pinnedList returns the list that the head pins: the one in the update, or the one held.
func (p *province) pinnedList(c *AdoptUpdate, h *head.Document) (*list.Document, error) {
	d := p.list
	if c.List != nil {
		var err error
		if d, err = list.Read(c.List); err != nil {
			return nil, err
		}
		if d.Province != p.code || d.Session != h.Session {
			return nil, trust.Refuse(trust.WrongSession, "trust list of %s in session %d, want of %s in %d", d.Province, d.Session, p.code, h.Session)
		}
	}
	if d == nil {
		return nil, trust.Refuse(trust.Incomplete, "the head of %s pins trust list %d, which is not held", p.code, h.TrustList.Number)
	}
	if d.Digest != h.TrustList.Digest {
		if c.List == nil {
			return nil, trust.Refuse(trust.Incomplete, "the head of %s pins trust list %d (%s), held is %d", p.code, h.TrustList.Number, h.TrustList.Digest.Short(), d.Number)
		}
		return nil, trust.Refuse(trust.DigestMismatch, "trust list of %s has digest %s, the head pins %s", p.code, d.Digest.Short(), h.TrustList.Digest.Short())
	}
	if d.Number != h.TrustList.Number {
		return nil, trust.Refuse(trust.DigestMismatch, "trust list %s of %s is version %d, the head says %d", d.Digest.Short(), p.code, d.Number, h.TrustList.Number)
	}
	return d, d.CheckFollows(p.list)
}

// tail is what an update brings the log to.
type tail struct {
	tree     *statuslog.Tree
	recorded trust.Time
	store    []newLeaf
}

type newLeaf struct {
	statuslog.Leaf
	raw    []byte
	signed *statuslog.SignedBatch
}

// pinnedLeaves returns the log with what is staged and the leaves of the update, whose root must be the head's.
func (p *province) pinnedLeaves(b *store.Batch, c *AdoptUpdate, h *head.Document) (*tail, error) {
	if c.Generation != h.Log.Generation {
		return nil, trust.Refuse(trust.Incomplete, "leaves of generation %d, the head of %s pins %d", c.Generation, p.code, h.Log.Generation)
	}
	base, recorded := p.stagedTree()
	if h.Log.Generation != p.generation {
		if base.Size() > 0 {
			return nil, trust.Refuse(trust.Incomplete, "the log of %s went from generation %d to %d, which this version does not follow", p.code, p.generation, h.Log.Generation)
		}
	}
	other := p.staged != nil && p.stagedList != h.TrustList.Digest
	if other || base.Size() > h.Log.Size || base.Size() == h.Log.Size && base.Root() != h.Log.Root || recorded > h.Issued {
		// What was staged belongs to no log that this head pins, or was verified under other keys.
		if err := p.dropStaged(b); err != nil {
			return nil, err
		}
		base, recorded = p.tree, p.recorded
	}
	if c.From > base.Size() {
		return nil, trust.Refuse(trust.Incomplete, "leaves of %s from %d, the log is held up to %d", p.code, c.From, base.Size())
	}
	raws := c.Leaves[min(uint64(len(c.Leaves)), base.Size()-c.From):]
	leaves, recorded, err := p.readLeaves(raws, base.Size(), recorded, h.Issued)
	if err != nil {
		return nil, err
	}
	tree, err := base.Extend(raws, h.Log.Size, h.Log.Root)
	if err != nil {
		if e := p.dropStaged(b); e != nil {
			return nil, e
		}
		return nil, err
	}
	return &tail{tree: tree, recorded: recorded, store: leaves}, nil
}

// readLeaves parses leaves that are to stand from a position on. Their times do not fall, do not pass the head that
// pins them, and do not lie before the head that lacked them.
func (p *province) readLeaves(raws [][]byte, from uint64, recorded, until trust.Time) ([]newLeaf, trust.Time, error) {
	if p.head != nil && p.head.Session == p.session {
		recorded = max(recorded, p.head.Issued)
	}
	var leaves []newLeaf
	for i, raw := range raws {
		leaf, s, err := readLeaf(raw)
		if err != nil {
			return nil, 0, err
		}
		position := from + uint64(i)
		switch {
		case leaf.Position != position:
			return nil, 0, trust.Refuse(trust.Malformed, "leaf %d of %s says position %d", position, p.code, leaf.Position)
		case leaf.Recorded < recorded:
			return nil, 0, trust.Refuse(trust.Rollback, "leaf %d of %s recorded %s, want not before %s", position, p.code, leaf.Recorded, recorded)
		case leaf.Recorded > until:
			return nil, 0, trust.Refuse(trust.FromFuture, "leaf %d of %s recorded %s, after its head (%s)", position, p.code, leaf.Recorded, until)
		}
		recorded = leaf.Recorded
		leaves = append(leaves, newLeaf{Leaf: leaf, raw: raw, signed: s})
	}
	return leaves, recorded, nil
}

func (p *province) putLeaves(b *store.Batch, leaves []newLeaf, unverified []uint64) {
	not := make(map[uint64]bool, len(unverified))
	for _, position := range unverified {
		not[position] = true
	}
	for i := range leaves {
		l := &leaves[i]
		p.putLeaf(b, l.Leaf, l.raw, l.signed, !not[l.Position])
	}
}

// countFrom gives the counter the leaves from a position on.
func (p *province) countFrom(r store.Reader, from uint64) error {
	for position := from; position < p.tree.Size(); position++ {
		var k mark
		if err := loadInto(r, store.MarkKey(p.code, p.generation, position), &k); err != nil {
			return err
		}
		p.countLeaf(&k, position)
	}
	return nil
}

// stageLeaves stores leaves that no adopted head pins yet. They lie beyond the log's size, where nothing reads them,
// and are dropped when the head that comes does not pin them.
func (m *Machine) stageLeaves(b *store.Batch, c *StageLeaves) error {
	_, p, err := m.adoptable(c.Province)
	if err != nil {
		return err
	}
	base, recorded := p.stagedTree()
	if c.Generation != p.generation {
		if base.Size() > 0 {
			return trust.Refuse(trust.Incomplete, "leaves of generation %d of %s, held is %d", c.Generation, p.code, p.generation)
		}
	}
	if c.From != base.Size() || p.staged != nil && c.List != p.stagedList {
		if c.From != p.tree.Size() {
			return trust.Refuse(trust.Incomplete, "leaves of %s from %d, the log is held up to %d", p.code, c.From, base.Size())
		}
		if err := p.dropStaged(b); err != nil { // another set, from the start
			return err
		}
		base, recorded = p.tree, p.recorded
	}
	leaves, recorded, err := p.readLeaves(c.Leaves, base.Size(), recorded, c.Now.Add(maxSkew(m)))
	if err != nil {
		return err
	}
	staged := base.Clone()
	for _, raw := range c.Leaves {
		staged.Append(raw)
	}
	p.generation = c.Generation
	p.putLeaves(b, leaves, c.Unverified)
	p.staged, p.stagedTime, p.stagedList = staged, recorded, c.List
	p.save(b)
	return nil
}
