package state

import (
	"fmt"

	"github.com/hutong-project/hutong/consensus/store"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/head"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/registry"
)

// An unsettled cluster may lack what it published: it takes no events, no lists and signs nothing, takes its own heads
// back with their leaves as it takes foreign ones, and goes on above the highest that others hold.

var unsettledKey = store.MetaKey("unsettled")

// unsettledRecord is how the mark is stored.
type unsettledRecord struct {
	_       struct{} `cbor:",toarray"`
	Since   trust.Time
	Why     string
	NoPeers bool
	Trouble string
	Stuck   bool
}

// MarkUnsettled marks a database that was brought back from a copy, before its cluster starts. noPeers: the operator
// states that no other province holds anything.
func MarkUnsettled(b *store.Batch, since trust.Time, why string, noPeers bool) {
	b.Set(unsettledKey, encode(unsettledRecord{Since: since, Why: why, NoPeers: noPeers}))
}

func (m *Machine) loadUnsettled(v *store.View) error {
	raw, err := v.Load(unsettledKey)
	if err != nil || raw == nil {
		return err
	}
	var r unsettledRecord
	if err := decode(raw, &r); err != nil {
		return err
	}
	m.unsettled = &registry.Unsettled{Since: r.Since, Why: r.Why, NoPeers: r.NoPeers, Trouble: r.Trouble, Stuck: r.Stuck}
	return nil
}

// setUnsettled replaces what the machine holds: a view may have the old value.
func (m *Machine) setUnsettled(b *store.Batch, u registry.Unsettled) {
	m.unsettled = &u
	b.Set(unsettledKey, encode(unsettledRecord{Since: u.Since, Why: u.Why, NoPeers: u.NoPeers, Trouble: u.Trouble, Stuck: u.Stuck}))
}

// checkSettled refuses what an unsettled cluster does not do.
func (m *Machine) checkSettled() error {
	if m.unsettled == nil {
		return nil
	}
	return trust.Refuse(trust.NotReady, "the cluster is unsettled: %s", m.unsettled.Why)
}

// adoptable is member for a province whose heads are taken from outside: a foreign one, or, while the cluster is
// unsettled, an own or hosted one, once what stood beyond its last head has been set aside.
func (m *Machine) adoptable(code trust.Province) (*national.Province, *province, error) {
	if m.unsettled == nil {
		return m.foreign(code)
	}
	entry, p, err := m.member(code)
	if err == nil && entry.Signer() == m.own && p.tree.Size() != p.headSize() {
		err = trust.Refuse(trust.NotReady, "what the log of %s holds beyond its last head has not been set aside yet", code)
	}
	return entry, p, err
}

// checkFloor refuses heads below the one that settling found to exist. A head from the floor on has passed it.
func (p *province) checkFloor(h *head.Document) error {
	if p.floor == nil || p.floor.Session != h.Session || p.floor.Digest == h.Digest {
		return nil
	}
	if why, yes := head.Contradicts(p.floor, h); yes {
		return trust.Refuse(trust.Equivocation, "%s: %s", p.code, why)
	}
	if h.Sequence < p.floor.Sequence {
		return trust.Refuse(trust.Rollback, "head %d of %s, below %d, which was seen before", h.Sequence, p.code, p.floor.Sequence)
	}
	return nil
}

// unsettle ends the cluster's own voice because of a head that it signed and does not hold; without a head it notes
// how far settling has come. While the cluster is unsettled, it sets aside what no head has published.
func (m *Machine) unsettle(b *store.Batch, c *Unsettle) error {
	if c.Head != nil && m.unsettled == nil {
		if err := m.checkLost(b, c); err != nil {
			return err
		}
	}
	if m.unsettled == nil {
		return nil
	}
	if u := *m.unsettled; !u.Stuck && (u.Trouble != c.Trouble || c.Stuck) {
		u.Trouble, u.Stuck = c.Trouble, c.Stuck
		m.setUnsettled(b, u)
	}
	for _, code := range m.codes() {
		p := m.provinces[code]
		if p.entry == nil || p.entry.Signer() != m.own {
			continue
		}
		if err := p.setAside(b); err != nil {
			return err
		}
	}
	return nil
}

// checkLost looks at a validly signed own head that a peer showed, and marks the state when it does not hold it.
func (m *Machine) checkLost(b *store.Batch, c *Unsettle) error {
	if err := m.checkBasis(c.Basis); err != nil {
		return err
	}
	h, err := head.Read(c.Head)
	if err != nil {
		return err
	}
	entry, p, err := m.local(h.Province)
	if err != nil {
		return err
	}
	if h.Session != entry.Session {
		return trust.Refuse(trust.WrongSession, "head of %s in session %d, want %d", h.Province, h.Session, entry.Session)
	}
	if p.head != nil && p.head.Session == h.Session && p.head.Sequence >= h.Sequence {
		if _, conflict := head.Contradicts(p.head, h); !conflict {
			return nil // held meanwhile, or overtaken
		}
	}
	m.setUnsettled(b, registry.Unsettled{
		Since: c.Now, Why: fmt.Sprintf("a peer holds head %d of %s, which this cluster signed and does not hold", h.Sequence, h.Province),
	})
	return nil
}

// settle ends the unsettled state: floors are raised to the heads that others hold, and what was set aside is appended.
func (m *Machine) settle(b *store.Batch, c *Settle) error {
	if m.unsettled == nil {
		return nil
	}
	if err := m.checkBasis(c.Basis); err != nil {
		return err
	}
	if m.unsettled.Stuck {
		return trust.Refuse(trust.NotReady, "%s", m.unsettled.Trouble)
	}
	for _, raw := range c.Floors {
		h, err := head.Read(raw)
		if err != nil {
			return err
		}
		if err := m.raiseFloor(b, h); err != nil {
			return err
		}
	}
	for _, code := range m.codes() {
		p := m.provinces[code]
		if p.entry == nil || p.entry.Signer() != m.own {
			continue
		}
		if err := p.appendAside(b); err != nil {
			return err
		}
	}
	m.unsettled = nil
	b.Delete(unsettledKey)
	return nil
}

// raiseFloor makes h a floor. An own head that is above what is held stops settling: it is to be taken back first.
func (m *Machine) raiseFloor(b *store.Batch, h *head.Document) error {
	entry, p, err := m.member(h.Province)
	if err != nil {
		return err
	}
	if h.Session != entry.Session {
		return nil
	}
	held := p.head != nil && p.head.Session == h.Session && p.head.Sequence >= h.Sequence
	if entry.Signer() == m.own {
		if _, conflict := contradicts(p.head, h); !held || conflict {
			return trust.Refuse(trust.NotReady, "head %d of %s has not been taken back", h.Sequence, h.Province)
		}
		return nil
	}
	if held || p.floor != nil && p.floor.Session == h.Session && p.floor.Sequence >= h.Sequence {
		return nil
	}
	p.floor = h
	b.Set(store.FloorKey(p.code), h.Raw)
	return nil
}
