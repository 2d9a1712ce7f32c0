package state

import (
	"github.com/hutong-project/hutong/consensus/store"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/head"
	"github.com/hutong-project/hutong/trust/statuslog"
)

// asideLeaf is a leaf that stood beyond the last head when the cluster became unsettled.
type asideLeaf struct {
	_        struct{} `cbor:",toarray"`
	Raw      []byte
	Verified bool
}

// headSize returns how much of the log the last head pins, or the session started with.
func (p *province) headSize() uint64 {
	switch {
	case p.head != nil && p.head.Session == p.session:
		return p.head.Log.Size
	case p.entry != nil && p.entry.LogState != nil:
		return p.entry.LogState.Size
	case p.head != nil:
		return p.head.Log.Size
	}
	return 0
}

// setAside takes what stands beyond the last head out of the log: the cluster may have published something else under
// those positions. A second call finds nothing.
func (p *province) setAside(b *store.Batch) error {
	from, to := p.headSize(), p.tree.Size()
	if from >= to {
		return nil
	}
	tree, recorded, err := p.rebuild(b, from)
	if err != nil {
		return err
	}
	for position := from; position < to; position++ {
		raw, err := b.Load(store.LeafKey(p.code, p.generation, position))
		if err != nil {
			return err
		}
		var k mark
		if err := loadInto(b, store.MarkKey(p.code, p.generation, position), &k); err != nil {
			return err
		}
		b.Set(store.AsideKey(p.code, position), encode(asideLeaf{Raw: raw, Verified: k.Verified}))
	}
	if err := p.dropLeaves(b, from, to); err != nil {
		return err
	}
	p.tree, p.recorded = tree, recorded
	p.save(b)
	return p.recount(b)
}

// appendAside appends what was set aside and the log does not hold, in the old order. Where nothing was taken back,
// every leaf gets its old position and time; else positions and times are new, and so receipts are for the old ones.
func (p *province) appendAside(b *store.Batch) error {
	var aside []asideLeaf
	lower, upper := store.AsideKeys(p.code)
	var keys [][]byte
	err := b.Scan(lower, upper, func(key, value []byte) error {
		var a asideLeaf
		if err := decode(value, &a); err != nil {
			return err
		}
		aside, keys = append(aside, a), append(keys, append([]byte(nil), key...))
		return nil
	})
	if err != nil {
		return err
	}
	for i, a := range aside {
		b.Delete(keys[i])
		old, s, err := readLeaf(a.Raw)
		if err != nil {
			return fault(err)
		}
		if _, held, err := p.receiptOf(b, s); err != nil {
			return err
		} else if held {
			continue
		}
		p.appendLeaf(b, statuslog.Leaf{
			Position: p.tree.Size(), Recorded: max(old.Recorded, p.recorded, p.publishedUntil()), Signed: old.Signed,
		}, s, a.Verified)
	}
	if len(aside) > 0 {
		p.save(b)
	}
	return nil
}

// publishedUntil returns the time of the last signed head. One that is agreed and not signed is made of the very
// leaves that are appended again, so it does not count.
func (p *province) publishedUntil() (issued trust.Time) {
	if p.head != nil {
		issued = p.head.Issued
	}
	return issued
}

// appendLeaf puts a leaf at the end of the log. The record is for the caller to save.
func (p *province) appendLeaf(b *store.Batch, leaf statuslog.Leaf, s *statuslog.SignedBatch, verified bool) {
	raw := leaf.Marshal()
	p.putLeaf(b, leaf, raw, s, verified)
	p.tree.Append(raw)
	p.recorded = leaf.Recorded
	if p.counter == nil {
		return // without a list nothing counts; the first one counts anew
	}
	k := mark{Province: s.Province, Authority: s.Authority, Number: s.Number, KeyID: s.KeyID, Operator: s.Operator, Verified: verified}
	p.countLeaf(&k, leaf.Position)
}

// forgetPending drops a head that was agreed and not signed when one with its number or a higher one was taken back.
func (p *province) forgetPending(b *store.Batch, h *head.Document) error {
	if p.pending == nil {
		return nil
	}
	agreed, err := head.ReadPayload(p.pending)
	if err != nil {
		return fault(err)
	}
	if agreed.Session == h.Session && agreed.Sequence <= h.Sequence {
		p.pending = nil
		b.Delete(store.PendingKey(p.code))
	}
	return nil
}
