package statuslog

import (
	"bytes"
	"reflect"

	"github.com/fxamacker/cbor/v2"

	"github.com/hutong-project/hutong/trust"
)

// The CDDL of these maps stands in docs/formats/status-batch.md. A key that may be absent is absent when its field
// is zero; every other key is always written, so a text that leaves one out does not survive the comparison with
// its re-encoding.

type batchMap struct {
	Version   uint64     `cbor:"1,keyasint"`
	Province  string     `cbor:"2,keyasint"`
	Authority string     `cbor:"3,keyasint"`
	Number    uint64     `cbor:"4,keyasint"`
	Time      int64      `cbor:"5,keyasint"`
	Operator  bool       `cbor:"6,keyasint"`
	Events    []eventMap `cbor:"7,keyasint"`
}

type eventMap struct {
	Kind        uint8     `cbor:"1,keyasint"`
	Subject     []byte    `cbor:"2,keyasint"`
	Status      uint8     `cbor:"3,keyasint"`
	Effective   int64     `cbor:"4,keyasint"`
	Expires     int64     `cbor:"5,keyasint,omitempty"`
	Reason      string    `cbor:"6,keyasint,omitempty"`
	SourceCode  string    `cbor:"7,keyasint,omitempty"`
	Predecessor *linkPair `cbor:"8,keyasint,omitempty"`
	Successor   *linkPair `cbor:"9,keyasint,omitempty"`
	Corrects    *refPair  `cbor:"10,keyasint,omitempty"`
}

type linkPair struct {
	_        struct{} `cbor:",toarray"`
	Province string
	Subject  []byte
}

type refPair struct {
	_        struct{} `cbor:",toarray"`
	Position uint64
	Index    uint32
}

// One reader and one writer for all forms of this package. The reader's bounds keep a hostile text from asking for
// more memory than its length earns; that there is one encoding only is what the comparison ensures.
var (
	reader = func() cbor.DecMode {
		mode, err := cbor.DecOptions{
			DupMapKey:         cbor.DupMapKeyEnforcedAPF,
			IndefLength:       cbor.IndefLengthForbidden,
			MaxNestedLevels:   6,
			MaxArrayElements:  MaxEvents,
			MaxMapPairs:       16,
			ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
			UTF8:              cbor.UTF8RejectInvalid,
		}.DecModeWithTags(signTags)
		if err != nil {
			panic(err) // the options contradict each other: a fault of this file
		}
		return mode
	}()
	writer = func() cbor.EncMode {
		mode, err := cbor.CoreDetEncOptions().EncModeWithTags(signTags)
		if err != nil {
			panic(err)
		}
		return mode
	}()
	signTags = func() cbor.TagSet {
		tags := cbor.NewTagSet()
		required := cbor.TagOptions{DecTag: cbor.DecTagRequired, EncTag: cbor.EncTagRequired}
		if err := tags.Add(required, reflect.TypeFor[sign1](), sign1Tag); err != nil {
			panic(err)
		}
		return tags
	}()
)

// encode writes v, which consists of integers, strings and bytes alone, so nothing can go wrong.
func encode(v any) []byte {
	b, err := writer.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// decode reads b into v and refuses whatever is not the one deterministic encoding of what was read.
func decode(b []byte, v any, what string) error {
	if err := reader.Unmarshal(b, v); err != nil {
		return trust.Refuse(trust.Malformed, "reading %s: %.200s", what, err)
	}
	if !bytes.Equal(encode(v), b) {
		return trust.Refuse(trust.Malformed, "%s is not in the one deterministic encoding, or a required member is missing", what)
	}
	return nil
}

func encodeBatch(b *Batch) []byte {
	m := batchMap{
		Version: FormatVersion, Province: string(b.Province), Authority: b.Authority, Number: b.Number,
		Time: int64(b.Time), Operator: b.Operator, Events: make([]eventMap, len(b.Events)),
	}
	for i := range b.Events {
		e := &b.Events[i]
		m.Events[i] = eventMap{
			Kind: uint8(e.Kind), Subject: e.Subject[:], Status: uint8(e.Status), Effective: int64(e.Effective),
			Expires: int64(e.Expires), Reason: e.Reason, SourceCode: e.SourceCode,
			Predecessor: pairOf(e.Predecessor), Successor: pairOf(e.Successor),
		}
		if e.Corrects != nil {
			m.Events[i].Corrects = &refPair{Position: e.Corrects.Position, Index: e.Corrects.Index}
		}
	}
	return encode(&m)
}

// decodeBatch reads a payload and applies the rules about one batch alone.
func decodeBatch(payload []byte) (Batch, error) {
	var m batchMap
	if err := decode(payload, &m, "the payload of a status batch"); err != nil {
		return Batch{}, err
	}
	if m.Version != FormatVersion {
		return Batch{}, trust.Refuse(trust.Malformed, "version %d of a status batch, want %d", m.Version, FormatVersion)
	}
	b := Batch{
		Province: trust.Province(m.Province), Authority: m.Authority, Number: m.Number, Time: trust.Time(m.Time),
		Operator: m.Operator, Events: make([]Event, len(m.Events)),
	}
	for i := range m.Events {
		if err := m.Events[i].into(&b.Events[i], i); err != nil {
			return Batch{}, err
		}
	}
	return b, b.check()
}

func (m *eventMap) into(e *Event, i int) error {
	if len(m.Subject) != trust.HashSize {
		return trust.Refuse(trust.Malformed, "subject of event %d has %d bytes, want %d", i, len(m.Subject), trust.HashSize)
	}
	*e = Event{
		Kind: Kind(m.Kind), Subject: trust.Subject(m.Subject), Status: Status(m.Status), Effective: trust.Time(m.Effective),
		Expires: trust.Time(m.Expires), Reason: m.Reason, SourceCode: m.SourceCode,
	}
	if m.Corrects != nil {
		e.Corrects = &EventRef{Position: m.Corrects.Position, Index: m.Corrects.Index}
	}
	var err error
	if e.Predecessor, err = m.Predecessor.link(i); err != nil {
		return err
	}
	e.Successor, err = m.Successor.link(i)
	return err
}

func pairOf(l *Link) *linkPair {
	if l == nil {
		return nil
	}
	return &linkPair{Province: string(l.Province), Subject: l.Subject[:]}
}

func (p *linkPair) link(i int) (*Link, error) {
	if p == nil {
		return nil, nil
	}
	if len(p.Subject) != trust.HashSize {
		return nil, trust.Refuse(trust.Malformed, "link of event %d has a subject of %d bytes, want %d", i, len(p.Subject), trust.HashSize)
	}
	return &Link{Province: trust.Province(p.Province), Subject: trust.Subject(p.Subject)}, nil
}
