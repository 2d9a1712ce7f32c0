package state

import (
	"time"

	"github.com/hutong-project/hutong/consensus/store"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/head"
	"github.com/hutong-project/hutong/trust/registry"
)

// evidence is how two contradicting heads are stored.
type evidence struct {
	_    struct{} `cbor:",toarray"`
	A, B []byte
}

func (e *evidence) read() (*registry.Evidence, error) {
	a, err := head.Read(e.A)
	if err != nil {
		return nil, err
	}
	b, err := head.Read(e.B)
	if err != nil {
		return nil, err
	}
	why, _ := head.Contradicts(a, b)
	return &registry.Evidence{A: a, B: b, Why: why}, nil
}

func contradicts(a, b *head.Document) (why string, yes bool) {
	if a == nil {
		return "", false
	}
	return head.Contradicts(a, b)
}

// recordEquivocation keeps two heads that the province signed and that cannot both stand. From then on, until the
// coordinator names a new session, no head of the province is adopted: it is judged by the last one that was.
func (m *Machine) recordEquivocation(b *store.Batch, c *RecordEquivocation) error {
	if err := m.checkBasis(c.Basis); err != nil {
		return err
	}
	entry, p, err := m.member(c.Province)
	if err != nil {
		return err
	}
	first, err := head.Read(c.A)
	if err != nil {
		return err
	}
	second, err := head.Read(c.B)
	if err != nil {
		return err
	}
	why, yes := head.Contradicts(first, second)
	switch {
	case !yes || first.Province != c.Province:
		return trust.Refuse(trust.Malformed, "two heads that do not prove that %s contradicted itself", c.Province)
	case first.Session != entry.Session:
		return trust.Refuse(trust.WrongSession, "heads of session %d of %s, which is in %d", first.Session, c.Province, entry.Session)
	}
	if err := m.keepEvidence(b, p, first, second, why, nil); err != nil {
		return err
	}
	return nil
}

// keepEvidence stores the first proof of a session and returns err.
func (m *Machine) keepEvidence(b *store.Batch, p *province, first, second *head.Document, why string, err error) error {
	if p.evidence == nil {
		p.evidence, p.dirty = &registry.Evidence{A: first, B: second, Why: why}, true
		b.Set(store.EvidenceKey(p.code), encode(evidence{A: first.Raw, B: second.Raw}))
	}
	return err
}

// maxSkew is how far ahead a signed time may be.
func maxSkew(m *Machine) time.Duration { return time.Duration(m.national.Policy.Skew) * time.Second }
