package state

import (
	"bytes"
	"fmt"

	"github.com/hutong-project/hutong/consensus/store"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/head"
	"github.com/hutong-project/hutong/trust/statuslog"
)

// A Log is how far a province's log reaches in the database: what a pass over its leaves must come to.
type Log struct {
	Session    uint64 // when it was last changed; another one may hold other leaves at the same positions
	Generation uint64
	Tree       *statuslog.Tree
}

// LogOf returns a province's log; ok is false where the database has no such province.
func LogOf(v *store.View, p trust.Province) (l Log, ok bool, err error) {
	raw, err := v.Load(store.ProvinceKey(p))
	if err != nil || raw == nil {
		return l, false, err
	}
	var r record
	if err := decode(raw, &r); err != nil {
		return l, false, fault(err)
	}
	if l.Tree, err = statuslog.UnmarshalTree(r.Tree); err != nil {
		return l, false, fault(err)
	}
	l.Session, l.Generation = r.Session, r.Generation
	return l, true, nil
}

// CheckStored compares a stored leaf with all that the database derived from it: its mark and its events, which are
// what verdicts read. It returns the leaf's batch and whether the mark says that its signature was verified. The
// signature itself is not looked at.
func CheckStored(v *store.View, p trust.Province, generation, position uint64, raw []byte) (*statuslog.SignedBatch, bool, error) {
	leaf, s, err := readLeaf(raw)
	if err != nil {
		return nil, false, fault(err)
	}
	if leaf.Position != position {
		return nil, false, fmt.Errorf("the leaf says position %d, want %d", leaf.Position, position)
	}
	var k mark
	if err := loadInto(v, store.MarkKey(p, generation, position), &k); err != nil {
		return nil, false, fmt.Errorf("reading its mark: %w", err)
	}
	if want := (mark{Province: s.Province, Authority: s.Authority, Number: s.Number, KeyID: s.KeyID, Operator: s.Operator, Verified: k.Verified}); k != want {
		return nil, false, fmt.Errorf("its mark says batch %d of %s, the leaf holds %d of %s", k.Number, k.Authority, s.Number, s.Authority)
	}
	for _, e := range s.Entries(leaf.Position, leaf.Recorded) {
		held, err := v.Load(store.EventKey(p, uint8(e.Kind), e.Subject, e.Ref.Position, e.Ref.Index))
		if err != nil {
			return nil, false, fmt.Errorf("reading event %d: %w", e.Ref.Index, err)
		}
		if !bytes.Equal(held, encode(valueOf(&e))) {
			return nil, false, fmt.Errorf("event %d is stored as another one than the leaf holds", e.Ref.Index)
		}
	}
	return s, k.Verified, nil
}

// Proof returns the two heads with which a province contradicted itself, as stored; nil where there are none.
func Proof(v *store.View, p trust.Province) ([]*head.Document, error) {
	raw, err := v.Load(store.EvidenceKey(p))
	if err != nil || raw == nil {
		return nil, err
	}
	var e evidence
	if err := decode(raw, &e); err != nil {
		return nil, fault(err)
	}
	both, err := e.read()
	if err != nil {
		return nil, fault(err)
	}
	return []*head.Document{both.A, both.B}, nil
}
