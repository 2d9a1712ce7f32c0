package state

import (
	"errors"
	"fmt"

	"github.com/hutong-project/hutong/consensus/store"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/head"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/sm3"
)

// cutHead makes the payload of the next head. All nodes make the same bytes, and only these are ever signed, by
// whoever leads then: two leaders cannot pin two different states under one sequence.
func (m *Machine) cutHead(b *store.Batch, c *CutHead) error {
	if err := m.checkSettled(); err != nil {
		return err
	}
	entry, p, err := m.local(c.Province)
	if err != nil {
		return err
	}
	if err := p.mayCut(entry); err != nil {
		return err
	}
	h := head.Head{
		Version:      head.FormatVersion,
		Province:     c.Province,
		Session:      entry.Session,
		Sequence:     1,
		Issued:       max(c.Now, p.recorded),
		TrustList:    head.ListRef{Number: p.list.Number, Digest: p.list.Digest},
		Log:          p.logState(),
		NationalList: head.NationalRef{Sequence: m.national.Sequence, Digest: m.national.Digest},
	}
	if p.head != nil {
		h.Issued = max(h.Issued, p.head.Issued)
		if p.head.Session == entry.Session {
			h.Sequence = p.head.Sequence + 1
		}
	}
	payload, err := h.Payload()
	if err != nil {
		return err
	}
	p.pending = payload
	b.Set(store.PendingKey(p.code), payload)
	p.dirty = true
	return nil
}

// mayCut says why there can be no head at the moment.
func (p *province) mayCut(entry *national.Province) error {
	switch {
	case entry.Status == national.Withdrawn:
		return trust.Refuse(trust.NotReady, "%s is withdrawn", p.code)
	case p.list == nil:
		return trust.Refuse(trust.NotReady, "%s has not published a trust list", p.code)
	case p.list.Session != entry.Session:
		return trust.Refuse(trust.NotReady, "%s has not published a trust list in session %d", p.code, entry.Session)
	case p.diverged:
		return trust.Refuse(trust.NotReady, "the log of %s is not the one that the national list names for session %d", p.code, p.session)
	case p.pending != nil:
		return trust.Refuse(trust.NotReady, "a head of %s waits for its signature", p.code)
	}
	return nil
}

func (m *Machine) signHead(b *store.Batch, c *SignHead) error {
	if err := m.checkSettled(); err != nil {
		return err
	}
	if err := m.checkBasis(c.Basis); err != nil {
		return err
	}
	_, p, err := m.local(c.Province)
	if err != nil {
		return err
	}
	d, err := head.Read(c.Raw)
	if err != nil {
		return err
	}
	if p.head != nil && p.head.Digest == d.Digest {
		return nil // another leader's signature over the same bytes came first
	}
	if p.pending == nil {
		return trust.Refuse(trust.NotReady, "no head of %s waits for a signature", c.Province)
	}
	if want := sm3.Sum(p.pending); d.Digest != want {
		return trust.Refuse(trust.DigestMismatch, "the signed head of %s has digest %s, want %s, which was agreed", c.Province, d.Digest.Short(), want.Short())
	}
	p.setHead(b, d)
	p.pending = nil
	b.Delete(store.PendingKey(p.code))
	return nil
}

func (p *province) setHead(b *store.Batch, d *head.Document) {
	p.head, p.dirty = d, true
	b.Set(store.HeadKey(p.code), d.Raw)
}

// fault makes a refusal of what the own database holds what it is: a reason to stop.
func fault(err error) error {
	if _, ok := trust.AsRefusal(err); ok {
		return errors.New("the database holds what cannot be read: " + err.Error())
	}
	return fmt.Errorf("reading the database: %w", err)
}
