package state

import (
	"github.com/hutong-project/hutong/consensus/store"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/list"
)

func (m *Machine) publishList(b *store.Batch, c *PublishList) error {
	if err := m.checkBasis(c.Basis); err != nil {
		return err
	}
	d, err := list.Read(c.Raw)
	if err != nil {
		return err
	}
	entry, p, err := m.local(d.Province)
	if err != nil {
		return err
	}
	if d.Session != entry.Session {
		return trust.Refuse(trust.WrongSession, "trust list of %s in session %d, want %d", d.Province, d.Session, entry.Session)
	}
	if p.list != nil && p.list.Digest == d.Digest {
		return nil
	}
	if err := m.checkSettled(); err != nil {
		return err
	}
	if err := d.CheckFollows(p.list); err != nil {
		return err
	}
	if p.list != nil {
		if err := d.CheckKeeps(p.list); err != nil {
			return err
		}
	}
	if err := d.CheckTime(c.Now, m.national.Policy.Skew); err != nil {
		return err
	}
	if err := p.checkVerified(c.Basis, c.Verified); err != nil {
		return err
	}
	if err := p.setVerified(b, c.Verified); err != nil {
		return err
	}
	return m.takeList(b, p, d)
}

// takeList puts a list in force that every check has passed.
func (m *Machine) takeList(b *store.Batch, p *province, d *list.Document) error {
	p.list = d
	b.Set(store.ListKey(p.code, d.Digest), d.Raw)
	p.save(b)
	p.evaluate(m.national)
	return p.recount(b)
}

// checkVerified refuses as moved when leaves have come since the proposer looked for those that a new list makes
// verifiable.
func (p *province) checkVerified(basis Basis, positions []uint64) error {
	if basis.Size != p.tree.Size() {
		return errMoved
	}
	for _, position := range positions {
		if position >= basis.Size {
			return trust.Refuse(trust.Malformed, "leaf %d verified of a log of %d", position, basis.Size)
		}
	}
	return nil
}
