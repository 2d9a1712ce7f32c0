package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/hutong-project/hutong/consensus/store"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/registry"
)

var (
	clockKey = store.MetaKey("clock")

	// errMoved: the state is no longer the one that the proposer verified against.
	errMoved = errors.New("the state has moved")
)

// A Machine applies commands. What it holds in memory follows from the database alone, so a machine loaded from a
// database equals the one that wrote it. It is used by one goroutine.
type Machine struct {
	own trust.Province

	national  *national.Document
	contested bool
	provinces map[trust.Province]*province
	newest    trust.Time // the latest time that a command carried
	applied   uint64

	unsettled *registry.Unsettled // replaced, not written to; nil: settled

	view *registry.View // as of the last call of View
}

// Load reads the state of the cluster of a province from a view of its database.
func Load(own trust.Province, v *store.View) (*Machine, error) {
	m := &Machine{own: own, provinces: map[trust.Province]*province{}}
	var err error
	if m.applied, _, err = v.Applied(); err != nil {
		return nil, fmt.Errorf("loading the registry: %w", err)
	}
	clock, err := v.Load(clockKey)
	if err != nil {
		return nil, fmt.Errorf("loading the registry: %w", err)
	}
	if len(clock) == 8 {
		m.newest = trust.Time(binary.BigEndian.Uint64(clock))
	}
	if err := m.loadNational(v); err != nil {
		return nil, fmt.Errorf("loading the national list: %w", err)
	}
	if err := m.loadUnsettled(v); err != nil {
		return nil, fmt.Errorf("loading whether the cluster is settled: %w", err)
	}
	lower, upper := store.AllProvinces()
	var codes []trust.Province
	err = v.Scan(lower, upper, func(key, _ []byte) error {
		codes = append(codes, store.ProvinceOf(key))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("loading the provinces: %w", err)
	}
	for _, code := range codes {
		if err := m.loadProvince(v, code); err != nil {
			return nil, fmt.Errorf("loading province %s: %w", code, err)
		}
	}
	m.fillEntries()
	return m, nil
}

// AppliedIndex returns the index of the last entry that was applied.
func (m *Machine) AppliedIndex() uint64 { return m.applied }

// Apply applies the entry at index and adds its effect to b. An error means that the node must stop: what it would
// do is not what other nodes do, or its disk cannot be read. After an error the machine must not be used again.
func (m *Machine) Apply(b *store.Batch, index, term uint64, data []byte) (Reply, error) {
	if index <= m.applied {
		return Reply{}, fmt.Errorf("applying entry %d after %d", index, m.applied)
	}
	body, err := Decode(data)
	if err != nil {
		return Reply{}, fmt.Errorf("applying entry %d: %w", index, err)
	}
	reply, err := m.apply(b, body)
	if err != nil {
		return Reply{}, fmt.Errorf("applying entry %d, a %T: %w", index, body, err)
	}
	m.Skip(b, index, term)
	reply.Index = index
	for i := range reply.Receipts {
		reply.Receipts[i].Index = index
	}
	return reply, nil
}

// Skip notes an entry that does not concern the registry.
func (m *Machine) Skip(b *store.Batch, index, term uint64) {
	m.applied = index
	b.SetApplied(index, term)
}

func (m *Machine) apply(b *store.Batch, body any) (Reply, error) {
	switch c := body.(type) {
	case *AdoptNational:
		m.stamp(b, c.Now)
		return replyTo(m.adoptNational(b, c))
	case *PublishList:
		m.stamp(b, c.Now)
		return replyTo(m.publishList(b, c))
	case *AppendBatches:
		m.stamp(b, c.Now)
		receipts, err := m.appendBatches(b, c)
		reply, err := replyTo(err)
		reply.Receipts = receipts
		return reply, err
	case *CutHead:
		m.stamp(b, c.Now)
		return replyTo(m.cutHead(b, c))
	case *SignHead:
		return replyTo(m.signHead(b, c))
	case *AdoptUpdate:
		m.stamp(b, c.Now)
		return replyTo(m.adoptUpdate(b, c))
	case *StageLeaves:
		m.stamp(b, c.Now)
		return replyTo(m.stageLeaves(b, c))
	case *RecordEquivocation:
		m.stamp(b, c.Now)
		return replyTo(m.recordEquivocation(b, c))
	case *Unsettle:
		m.stamp(b, c.Now)
		return replyTo(m.unsettle(b, c))
	case *Settle:
		m.stamp(b, c.Now)
		return replyTo(m.settle(b, c))
	case *AddToken:
		m.stamp(b, c.Now)
		return replyTo(m.addToken(b, c))
	case *Enroll:
		m.stamp(b, c.Now)
		return replyTo(m.enroll(b, c))
	case *Retire:
		m.stamp(b, c.Now)
		return replyTo(m.retire(b, c))
	}
	return Reply{}, fmt.Errorf("%T has no effect: %w", body, ErrUnknown)
}

// stamp remembers the latest time that a command carried, refused or not.
func (m *Machine) stamp(b *store.Batch, now trust.Time) {
	if now > m.newest {
		m.newest = now
		b.Set(clockKey, binary.BigEndian.AppendUint64(nil, uint64(now)))
	}
}

// checkBasis refuses as moved what was verified against another national list than the one in force.
func (m *Machine) checkBasis(b Basis) error {
	if m.national == nil {
		return trust.Refuse(trust.NotReady, "no national list has been adopted")
	}
	if b.National != m.national.Digest {
		return errMoved
	}
	return nil
}

// member returns the entry and the record of a province of the national list.
func (m *Machine) member(code trust.Province) (*national.Province, *province, error) {
	if m.national == nil {
		return nil, nil, trust.Refuse(trust.NotReady, "no national list has been adopted")
	}
	entry, ok := m.national.Province(code)
	if !ok {
		return nil, nil, trust.Refuse(trust.UnknownProvince, "%s is not in national list %d", code, m.national.Sequence)
	}
	return entry, m.provinces[code], nil
}

// local is member for a province whose heads this cluster signs.
func (m *Machine) local(code trust.Province) (*national.Province, *province, error) {
	entry, p, err := m.member(code)
	if err == nil && entry.Signer() != m.own {
		err = trust.Refuse(trust.ForeignProvince, "the heads of %s are signed by the cluster of %s, this is the one of %s", code, entry.Signer(), m.own)
	}
	return entry, p, err
}

// foreign is member for a province whose heads come from elsewhere.
func (m *Machine) foreign(code trust.Province) (*national.Province, *province, error) {
	entry, p, err := m.member(code)
	if err == nil && entry.Signer() == m.own {
		err = trust.Refuse(trust.ForeignProvince, "the heads of %s are signed here and not taken from outside", code)
	}
	return entry, p, err
}

// codes returns the known provinces in ascending order: nothing that writes may follow the order of a map.
func (m *Machine) codes() []trust.Province {
	codes := make([]trust.Province, 0, len(m.provinces))
	for code := range m.provinces {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	return codes
}
