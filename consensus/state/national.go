package state

import (
	"fmt"

	"github.com/hutong-project/hutong/consensus/store"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/registry"
	"github.com/hutong-project/hutong/trust/statuslog"
)

var nationalKey = store.MetaKey("national") // sequence of the list in force

func (m *Machine) loadNational(v *store.View) error {
	raw, err := v.Load(nationalKey)
	if err != nil || raw == nil {
		return err
	}
	var sequence uint64
	if err := decode(raw, &sequence); err != nil {
		return err
	}
	if m.national, err = loadNational(v, sequence); err != nil {
		return err
	}
	if m.national == nil {
		return fmt.Errorf("the database lacks national list %d", sequence)
	}
	rival, err := v.Load(store.RivalKey())
	m.contested = rival != nil
	return err
}

// loadNational returns nil where the list is not held.
func loadNational(r store.Reader, sequence uint64) (*national.Document, error) {
	raw, err := r.Load(store.NationalKey(sequence))
	if err != nil || raw == nil {
		return nil, err
	}
	d, err := national.Read(raw)
	if err != nil {
		return nil, fault(err)
	}
	return d, nil
}

func (m *Machine) adoptNational(b *store.Batch, c *AdoptNational) error {
	for _, raw := range c.Raws {
		d, err := national.Read(raw)
		if err != nil {
			return err
		}
		if err := m.adoptOne(b, c, d); err != nil {
			return err
		}
	}
	return nil
}

// adoptOne takes one list. Those before it in the command stay adopted when it is refused: each stands for itself.
func (m *Machine) adoptOne(b *store.Batch, c *AdoptNational, d *national.Document) error {
	if m.national == nil {
		if err := d.CheckPinned(c.Pin); err != nil {
			return err
		}
	} else {
		held, err := loadNational(b, d.Sequence)
		if err != nil {
			return err
		}
		if held != nil && held.Digest == d.Digest {
			return nil
		}
		if d.Sequence == m.national.Sequence {
			return m.contest(b, d)
		}
		if err := d.CheckFollows(m.national); err != nil {
			return err
		}
	}
	if err := d.CheckTime(c.Now, d.Policy.Skew); err != nil {
		return err
	}
	b.Set(store.NationalKey(d.Sequence), d.Raw)
	b.Set(nationalKey, encode(d.Sequence))
	if m.contested {
		m.contested = false
		b.Delete(store.RivalKey())
	}
	m.national = d
	return m.follow(b)
}

// contest keeps a second list with the number of the one in force, when the keys that may sign that number have
// signed it. Neither then follows the other.
func (m *Machine) contest(b *store.Batch, d *national.Document) error {
	before, err := loadNational(b, d.Sequence-1)
	if err != nil {
		return err
	}
	if before != nil {
		err = d.CheckFollows(before)
	} else if err = d.CheckFollows(m.national); refusedAs(err, trust.Equivocation) {
		err = nil
	}
	if err != nil {
		return err
	}
	if !m.contested {
		m.contested = true
		b.Set(store.RivalKey(), d.Raw)
	}
	return trust.Refuse(trust.Equivocation, "a second national list %d, %s, beside %s: both are kept", d.Sequence, d.Digest, m.national.Digest)
}

// follow brings all provinces in line with the national list in force.
func (m *Machine) follow(b *store.Batch) error {
	for i := range m.national.Provinces {
		entry := &m.national.Provinces[i]
		p := m.provinces[entry.Code]
		if p == nil {
			p = newProvince(entry.Code)
			m.provinces[entry.Code] = p
		}
		if entry.Session == p.session {
			continue
		}
		if err := m.startSession(b, p, entry); err != nil {
			return fmt.Errorf("starting session %d of %s: %w", entry.Session, entry.Code, err)
		}
	}
	m.fillEntries()
	return nil
}

// fillEntries joins each province with its entry and decides anew which of its anchors count.
func (m *Machine) fillEntries() {
	for _, code := range m.codes() {
		p := m.provinces[code]
		p.entry, p.dirty = nil, true
		if m.national == nil {
			continue
		}
		if entry, ok := m.national.Province(code); ok {
			p.entry = entry
		}
		p.evaluate(m.national)
	}
}

func (p *province) evaluate(n *national.Document) {
	p.evaluated = nil
	if p.list != nil && p.entry != nil {
		p.evaluated = list.Evaluate(p.list, p.entry, n.Roots)
	}
}

// startSession ends what belonged to the old session: the head that waits for its signature, proofs of
// contradiction, staged leaves, and the part of the log beyond the state that the coordinator named.
func (m *Machine) startSession(b *store.Batch, p *province, entry *national.Province) error {
	p.session = entry.Session
	p.pending, p.evidence = nil, nil
	if u := m.unsettled; u != nil && entry.Signer() == m.own && u.Stuck {
		m.setUnsettled(b, registry.Unsettled{Since: u.Since, Why: u.Why, NoPeers: u.NoPeers})
	}
	b.Delete(store.PendingKey(p.code))
	b.Delete(store.EvidenceKey(p.code))
	if err := p.dropStaged(b); err != nil {
		return err
	}
	if entry.LogState != nil {
		if err := p.cutLog(b, *entry.LogState, entry.Code == m.own); err != nil {
			return err
		}
	}
	p.save(b)
	return nil
}

// cutLog brings the log back to a state that the coordinator named. A foreign log that never had it is fetched
// anew; the own one is kept as it is, and takes nothing until an operator has put it right.
func (p *province) cutLog(b *store.Batch, want national.LogState, own bool) error {
	p.diverged = false
	if p.logState() == want {
		return nil
	}
	if p.generation == want.Generation && p.tree.Size() > want.Size {
		tree, recorded, err := p.rebuild(b, want.Size)
		if err != nil {
			return err
		}
		if tree.Root() == want.Root {
			if err := p.dropLeaves(b, want.Size, p.tree.Size()); err != nil {
				return err
			}
			p.tree, p.recorded = tree, recorded
			return p.recount(b)
		}
	}
	if own {
		p.diverged = true
		return nil
	}
	if err := p.dropLeaves(b, 0, p.tree.Size()); err != nil {
		return err
	}
	p.generation, p.tree, p.recorded = want.Generation, statuslog.NewTree(), 0
	return p.recount(b)
}

func refusedAs(err error, code trust.RefusalCode) bool {
	r, ok := trust.AsRefusal(err)
	return ok && r.Code == code
}
