package consensus

import (
	"context"
	"fmt"

	"github.com/hutong-project/hutong/consensus/state"
	"github.com/hutong-project/hutong/consensus/store"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/registry"
)

// commandTarget is how many bytes of documents go into one command where they can be divided.
const commandTarget = 3 << 20

// AdoptNational continues the chain of national lists with those in chain, in ascending order; lists already held
// are passed over. The first list of a cluster must be the pinned one. Refusals are those of national; lists before
// the refused one stay adopted. A second valid list with the number in force is refused as Equivocation, and kept:
// the registry counts as contested from then on. It may be repeated.
func (r *Registry) AdoptNational(ctx context.Context, chain [][]byte) error {
	for len(chain) > 0 {
		n, size := 0, 0
		for n < len(chain) && (n == 0 || size+len(chain[n]) <= commandTarget) {
			size += len(chain[n])
			n++
		}
		if err := r.adoptNational(ctx, chain[:n]); err != nil {
			return fmt.Errorf("adopting a national list: %w", err)
		}
		chain = chain[n:]
	}
	return nil
}

func (r *Registry) adoptNational(ctx context.Context, chain [][]byte) error {
	docs := make([]*national.Document, len(chain))
	for i, raw := range chain {
		var err error
		if docs[i], err = national.Read(raw); err != nil {
			return err
		}
	}
	_, err := r.write(ctx, func(d *Reading) (any, error) {
		raws, err := r.newNational(d, docs)
		if err != nil || len(raws) == 0 {
			return nil, err
		}
		return &state.AdoptNational{Now: r.cfg.now(), Pin: r.cfg.Pin, Raws: raws}, nil
	})
	return err
}

// newNational checks which lists of a chain are news, so that nothing hopeless enters the Raft log.
func (r *Registry) newNational(d *Reading, docs []*national.Document) ([][]byte, error) {
	v, err := d.database()
	if err != nil {
		return nil, err
	}
	last := d.View.National
	var raws [][]byte
	for _, doc := range docs {
		held, err := v.Load(store.NationalKey(doc.Sequence))
		if err != nil {
			return nil, fmt.Errorf("reading national list %d: %w", doc.Sequence, err)
		}
		switch {
		case last == nil:
			err = doc.CheckPinned(r.cfg.Pin)
		case held != nil && sameNational(held, doc):
			continue
		case len(raws) == 0 && doc.Sequence == last.Sequence:
			raws = append(raws, doc.Raw) // a rival: the state decides, and keeps it where it is genuine
			return raws, nil
		default:
			err = doc.CheckFollows(last)
		}
		if err == nil {
			err = doc.CheckTime(r.cfg.now(), doc.Policy.Skew)
		}
		if err != nil {
			return nil, err
		}
		last = doc
		raws = append(raws, doc.Raw)
	}
	return raws, nil
}

func sameNational(raw []byte, doc *national.Document) bool {
	held, err := national.Read(raw)
	return err == nil && held.Digest == doc.Digest
}

// PublishList puts a trust list of the own province, or of a jurisdiction that it hosts, in force. Refusals are
// those of package list, ForeignProvince and NotReady. It may be repeated.
func (r *Registry) PublishList(ctx context.Context, raw []byte) error {
	doc, err := list.Read(raw)
	if err != nil {
		return err
	}
	_, err = r.write(ctx, func(d *Reading) (any, error) {
		entry, held, err := member(d.View, doc.Province)
		if err != nil {
			return nil, err
		}
		if !held.Local {
			return nil, trust.Refuse(trust.ForeignProvince, "the lists of %s come from the cluster of %s, this is the one of %s", doc.Province, entry.Signer(), r.cfg.Own)
		}
		if err := doc.CheckSigned(entry); err != nil {
			return nil, err
		}
		basis, positions, err := basisOf(d, held, doc)
		if err != nil {
			return nil, err
		}
		return &state.PublishList{Now: r.cfg.now(), Basis: basis, Raw: raw, Verified: positions}, nil
	})
	if err != nil {
		return fmt.Errorf("publishing trust list %d of %s: %w", doc.Number, doc.Province, err)
	}
	return nil
}

// basisOf names what a verification rests on, and the leaves that a new list makes verifiable.
func basisOf(d *Reading, p *registry.Province, l *list.Document) (state.Basis, []uint64, error) {
	basis := state.Basis{National: d.View.National.Digest, Size: p.Log.Size}
	if l == nil || p.List != nil && p.List.Digest == l.Digest {
		return basis, nil, nil
	}
	v, err := d.database()
	if err != nil {
		return basis, nil, err
	}
	positions, err := state.NowVerifiable(v, p, &l.List)
	return basis, positions, err
}

// member returns a province's national entry and what is held of it.
func member(v *registry.View, code trust.Province) (*national.Province, *registry.Province, error) {
	if v.National == nil {
		return nil, nil, trust.Refuse(trust.NotReady, "no national list has been adopted")
	}
	p := v.Provinces[code]
	if p == nil || p.Entry == nil {
		return nil, nil, trust.Refuse(trust.UnknownProvince, "%s is not in national list %d", code, v.National.Sequence)
	}
	return p.Entry, p, nil
}
