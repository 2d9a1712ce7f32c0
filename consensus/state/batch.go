package state

import (
	"time"

	"github.com/hutong-project/hutong/consensus/store"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/head"
	"github.com/hutong-project/hutong/trust/statuslog"
)

// appendBatches appends the batches one after the other until one is refused; those before it stay.
func (m *Machine) appendBatches(b *store.Batch, c *AppendBatches) ([]Receipt, error) {
	if len(c.Batches) > MaxBatches {
		return nil, trust.Refuse(trust.TooLarge, "%d batches in a command, want at most %d", len(c.Batches), MaxBatches)
	}
	if err := m.checkSettled(); err != nil {
		return nil, err
	}
	_, p, err := m.local(m.own)
	if err != nil {
		return nil, err
	}
	if p.diverged {
		return nil, trust.Refuse(trust.NotReady, "the log of %s is not the one that the national list names for session %d", m.own, p.session)
	}
	if p.list == nil {
		return nil, trust.Refuse(trust.NotReady, "%s has not published a trust list", m.own)
	}
	var receipts []Receipt
	for _, signed := range c.Batches {
		r, err := m.appendBatch(b, p, signed, c.Now)
		if err != nil {
			return receipts, err
		}
		receipts = append(receipts, r)
	}
	return receipts, nil
}

func (m *Machine) appendBatch(b *store.Batch, p *province, signed []byte, now trust.Time) (Receipt, error) {
	s, err := statuslog.ReadBatch(signed)
	if err != nil {
		return Receipt{}, err
	}
	if held, ok, err := p.receiptOf(b, s); err != nil || ok {
		return held, err
	}
	position := p.tree.Size()
	if err := m.checkBatch(p, s, position, now); err != nil {
		return Receipt{}, err
	}
	leaf := statuslog.Leaf{Position: position, Recorded: max(now, p.recorded, p.lastIssued()), Signed: signed}
	p.appendLeaf(b, leaf, s, true)
	p.save(b)
	return receipt(p.code, leaf, s), nil
}

// checkBatch asks whether the batch would count at this position. The order is that of what a stranger may learn:
// only a listed key is told the expected number.
func (m *Machine) checkBatch(p *province, s *statuslog.SignedBatch, position uint64, now trust.Time) error {
	if s.Province != m.own {
		return trust.Refuse(trust.ForeignProvince, "status batch of %s, this is the registry of %s", s.Province, m.own)
	}
	if _, err := p.list.StatusKeyFor(s.KeyID, s.Authority, s.Operator, position); err != nil {
		return err
	}
	if err := s.CheckTime(now, time.Duration(m.national.Policy.Skew)*time.Second); err != nil {
		return err
	}
	if err := s.CheckPosition(position); err != nil {
		return err
	}
	if want := p.counter.Expected(s.Authority); s.Number != want {
		return &NumberError{Authority: s.Authority, Got: s.Number, Expected: want}
	}
	return nil
}

// receiptOf returns the receipt of a batch that the log already holds, byte for byte.
func (p *province) receiptOf(r store.Reader, s *statuslog.SignedBatch) (Receipt, bool, error) {
	raw, err := r.Load(store.BatchKey(p.code, s.Digest))
	if err != nil || raw == nil {
		return Receipt{}, false, err
	}
	var position uint64
	if err := decode(raw, &position); err != nil {
		return Receipt{}, false, err
	}
	raw, err = r.Load(store.LeafKey(p.code, p.generation, position))
	if err != nil {
		return Receipt{}, false, err
	}
	leaf, held, err := readLeaf(raw)
	if err != nil {
		return Receipt{}, false, fault(err)
	}
	return receipt(p.code, leaf, held), true, nil
}

func receipt(p trust.Province, leaf statuslog.Leaf, s *statuslog.SignedBatch) Receipt {
	return Receipt{
		Province: p, Authority: s.Authority, Number: s.Number,
		Position: leaf.Position, Recorded: leaf.Recorded, Digest: s.Digest,
	}
}

// lastIssued returns the time of the last head, signed or agreed. A leaf that it lacks must not seem older.
func (p *province) lastIssued() trust.Time {
	var t trust.Time
	if p.head != nil {
		t = p.head.Issued
	}
	if p.pending != nil {
		if h, err := head.ReadPayload(p.pending); err == nil {
			t = max(t, h.Issued)
		}
	}
	return t
}
