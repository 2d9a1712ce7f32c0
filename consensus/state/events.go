package state

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hutong-project/hutong/consensus/store"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/registry"
	"github.com/hutong-project/hutong/trust/statuslog"
)

// Events returns what the counting leaves of a province's log say about a subject, in log order. Leaves beyond the
// size that the province's head pins are stored already and not yet believed: they are passed over. v must be the
// view of the database that p was made from.
func Events(v *store.View, p *registry.Province, kind statuslog.Kind, subject trust.Subject) ([]statuslog.Entry, error) {
	var entries []statuslog.Entry
	err := v.ScanPrefix(store.EventPrefix(p.Code, uint8(kind), subject), func(key, value []byte) error {
		position, index, err := store.EventPosition(key)
		if err != nil {
			return err
		}
		if position >= p.Log.Size {
			return nil
		}
		if _, not := p.NotCounting[position]; not {
			return nil
		}
		var e eventValue
		if err := decode(value, &e); err != nil {
			return err
		}
		entries = append(entries, e.entry(statuslog.EventRef{Position: position, Index: index}, kind, subject))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the events of a subject of %s: %w", p.Code, err)
	}
	return entries, nil
}

// Pending returns the payload of a province's head that is agreed and not signed, or nil.
func Pending(v *store.View, p trust.Province) ([]byte, error) { return v.Load(store.PendingKey(p)) }

// Trees returns a province's log tree and the one with the leaves that were staged under a list, which is the same
// where there are none.
func Trees(v *store.View, p trust.Province, under trust.Digest) (log, staged *statuslog.Tree, err error) {
	raw, err := v.Load(store.ProvinceKey(p))
	if err != nil {
		return nil, nil, err
	}
	if raw == nil {
		log = statuslog.NewTree()
		return log, log, nil
	}
	var r record
	if err := decode(raw, &r); err != nil {
		return nil, nil, fault(err)
	}
	if log, err = statuslog.UnmarshalTree(r.Tree); err != nil {
		return nil, nil, fault(err)
	}
	staged = log
	if len(r.Staged) > 0 && r.StagedList == under {
		if staged, err = statuslog.UnmarshalTree(r.Staged); err != nil {
			return nil, nil, fault(err)
		}
	}
	return log, staged, nil
}

// NowVerifiable returns the positions of stored leaves of p whose signatures were not verified when they came and
// verify now, under keys that l lists.
func NowVerifiable(v *store.View, p *registry.Province, l *list.List) ([]uint64, error) {
	counter := statuslog.NewCounter(l)
	var positions []uint64
	for _, position := range slices.Sorted(maps.Keys(p.NotCounting)) {
		var k mark
		if err := loadInto(v, store.MarkKey(p.Code, p.Log.Generation, position), &k); err != nil {
			return nil, err
		}
		key, _ := counter.Key(k.meta(position))
		if k.Verified || key == nil {
			continue
		}
		raw, err := v.Load(store.LeafKey(p.Code, p.Log.Generation, position))
		if err != nil {
			return nil, err
		}
		_, s, err := readLeaf(raw)
		if err != nil {
			return nil, fault(err)
		}
		if s.Verify(key) {
			positions = append(positions, position)
		}
	}
	return positions, nil
}
