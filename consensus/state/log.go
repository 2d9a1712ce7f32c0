package state

import (
	"fmt"
	"maps"

	"github.com/hutong-project/hutong/consensus/store"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/statuslog"
)

// badSignature is why a leaf does not count whose signature does not verify, or was not verified because its key
// was not listed when the leaf came. The other reasons are statuslog's.
const badSignature statuslog.Why = "not-verified"

// mark is what counting a leaf needs, so that a changed list does not mean reading all leaves.
type mark struct {
	_         struct{} `cbor:",toarray"`
	Province  trust.Province
	Authority string
	Number    uint64
	KeyID     trust.KeyID
	Operator  bool
	Verified  bool // the signature verifies under the key with this id
}

func (k *mark) meta(position uint64) statuslog.LeafMeta {
	return statuslog.LeafMeta{
		Position: position, Province: k.Province, Authority: k.Authority, Number: k.Number,
		KeyID: k.KeyID, Operator: k.Operator,
	}
}

// eventValue is one event as it is stored: a subject's events are read without their batches.
type eventValue struct {
	_           struct{} `cbor:",toarray"`
	Authority   string
	Recorded    trust.Time
	Number      uint64
	Operator    bool
	Status      statuslog.Status
	Reason      string
	SourceCode  string
	Effective   trust.Time
	Expires     trust.Time
	Predecessor *linkValue
	Successor   *linkValue
	Corrects    *refValue
}

type linkValue struct {
	_        struct{} `cbor:",toarray"`
	Province trust.Province
	Subject  trust.Subject
}

type refValue struct {
	_        struct{} `cbor:",toarray"`
	Position uint64
	Index    uint32
}

// putLeaf stores a leaf with everything that is found through it. It does not touch the tree.
func (p *province) putLeaf(b *store.Batch, leaf statuslog.Leaf, raw []byte, s *statuslog.SignedBatch, verified bool) {
	b.Set(store.LeafKey(p.code, p.generation, leaf.Position), raw)
	k := mark{Province: s.Province, Authority: s.Authority, Number: s.Number, KeyID: s.KeyID, Operator: s.Operator, Verified: verified}
	b.Set(store.MarkKey(p.code, p.generation, leaf.Position), encode(k))
	b.Set(store.BatchKey(p.code, s.Digest), encode(leaf.Position))
	for _, e := range s.Entries(leaf.Position, leaf.Recorded) {
		b.Set(store.EventKey(p.code, uint8(e.Kind), e.Subject, e.Ref.Position, e.Ref.Index), encode(valueOf(&e)))
	}
}

// dropLeaves removes the leaves at [from, to) and everything that is found through them.
func (p *province) dropLeaves(b *store.Batch, from, to uint64) error {
	for position := from; position < to; position++ {
		raw, err := b.Load(store.LeafKey(p.code, p.generation, position))
		if err != nil {
			return err
		}
		leaf, s, err := readLeaf(raw)
		if err != nil {
			return fault(err)
		}
		b.Delete(store.LeafKey(p.code, p.generation, position))
		b.Delete(store.MarkKey(p.code, p.generation, position))
		b.Delete(store.BatchKey(p.code, s.Digest))
		for _, e := range s.Entries(leaf.Position, leaf.Recorded) {
			b.Delete(store.EventKey(p.code, uint8(e.Kind), e.Subject, e.Ref.Position, e.Ref.Index))
		}
	}
	return nil
}

// dropStaged removes the leaves that no head has pinned.
func (p *province) dropStaged(b *store.Batch) error {
	if p.staged == nil {
		return nil
	}
	err := p.dropLeaves(b, p.tree.Size(), p.staged.Size())
	p.staged, p.stagedTime, p.stagedList = nil, 0, trust.Digest{}
	p.save(b)
	return err
}

// rebuild returns the tree over the first size leaves and the recorded time of the last of them.
func (p *province) rebuild(r store.Reader, size uint64) (*statuslog.Tree, trust.Time, error) {
	tree, recorded := statuslog.NewTree(), trust.Time(0)
	err := r.Scan(store.LeafKey(p.code, p.generation, 0), store.LeafKey(p.code, p.generation, size), func(_, raw []byte) error {
		tree.Append(raw)
		leaf, err := statuslog.ReadLeaf(raw)
		if err != nil {
			return fault(err)
		}
		recorded = leaf.Recorded
		return nil
	})
	if err == nil && tree.Size() != size {
		err = fmt.Errorf("the database holds %d leaves of %s, want %d", tree.Size(), p.code, size)
	}
	return tree, recorded, err
}

// recount decides anew, from the marks, which leaves count under the list in force.
func (p *province) recount(r store.Reader) error {
	p.counter, p.notCounting, p.dirty = nil, nil, true
	if p.list == nil {
		return nil
	}
	p.counter = statuslog.NewCounter(&p.list.List)
	not := map[uint64]string{}
	position := uint64(0)
	lower, upper := store.MarkKey(p.code, p.generation, 0), store.MarkKey(p.code, p.generation, p.tree.Size())
	err := r.Scan(lower, upper, func(_, value []byte) error {
		var k mark
		if err := decode(value, &k); err != nil {
			return err
		}
		if why := p.count(&k, position); why != statuslog.Counts {
			not[position] = string(why)
		}
		position++
		return nil
	})
	if err == nil && position != p.tree.Size() {
		err = fmt.Errorf("the database holds %d marks of %s, want %d", position, p.code, p.tree.Size())
	}
	p.notCounting = not
	return err
}

// count gives the counter the next leaf of the log.
func (p *province) count(k *mark, position uint64) statuslog.Why {
	meta := k.meta(position)
	if !k.Verified {
		if _, why := p.counter.Key(meta); why != statuslog.Counts {
			return why
		}
		return badSignature
	}
	_, why := p.counter.Next(meta)
	return why
}

// countLeaf is count for a leaf that was just stored. The map that a view may hold is not written to.
func (p *province) countLeaf(k *mark, position uint64) statuslog.Why {
	why := p.count(k, position)
	if why != statuslog.Counts {
		not := maps.Clone(p.notCounting)
		if not == nil {
			not = map[uint64]string{}
		}
		not[position] = string(why)
		p.notCounting = not
	}
	return why
}

// setVerified notes which stored leaves verify under keys that a new list brings. The positions were checked.
func (p *province) setVerified(b *store.Batch, positions []uint64) error {
	for _, position := range positions {
		var k mark
		key := store.MarkKey(p.code, p.generation, position)
		if err := loadInto(b, key, &k); err != nil {
			return err
		}
		k.Verified = true
		b.Set(key, encode(k))
	}
	return nil
}

func readLeaf(raw []byte) (statuslog.Leaf, *statuslog.SignedBatch, error) {
	leaf, err := statuslog.ReadLeaf(raw)
	if err != nil {
		return leaf, nil, err
	}
	s, err := statuslog.ReadBatch(leaf.Signed)
	return leaf, s, err
}

func valueOf(e *statuslog.Entry) eventValue {
	v := eventValue{
		Authority: e.Authority, Recorded: e.Recorded, Number: e.Number, Operator: e.Operator,
		Status: e.Status, Reason: e.Reason, SourceCode: e.SourceCode, Effective: e.Effective, Expires: e.Expires,
	}
	if e.Predecessor != nil {
		v.Predecessor = &linkValue{Province: e.Predecessor.Province, Subject: e.Predecessor.Subject}
	}
	if e.Successor != nil {
		v.Successor = &linkValue{Province: e.Successor.Province, Subject: e.Successor.Subject}
	}
	if e.Corrects != nil {
		v.Corrects = &refValue{Position: e.Corrects.Position, Index: e.Corrects.Index}
	}
	return v
}

func (v *eventValue) entry(ref statuslog.EventRef, kind statuslog.Kind, subject trust.Subject) statuslog.Entry {
	e := statuslog.Entry{
		Ref: ref, Authority: v.Authority, Recorded: v.Recorded, Number: v.Number, Operator: v.Operator,
		Event: statuslog.Event{
			Kind: kind, Subject: subject, Status: v.Status, Reason: v.Reason, SourceCode: v.SourceCode,
			Effective: v.Effective, Expires: v.Expires,
		},
	}
	if v.Predecessor != nil {
		e.Predecessor = &statuslog.Link{Province: v.Predecessor.Province, Subject: v.Predecessor.Subject}
	}
	if v.Successor != nil {
		e.Successor = &statuslog.Link{Province: v.Successor.Province, Subject: v.Successor.Subject}
	}
	if v.Corrects != nil {
		e.Corrects = &statuslog.EventRef{Position: v.Corrects.Position, Index: v.Corrects.Index}
	}
	return e
}
