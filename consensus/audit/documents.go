package audit

import (
	"context"
	"errors"

	"github.com/hutong-project/hutong/consensus/state"
	"github.com/hutong-project/hutong/consensus/store"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/head"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/sm2sig"
)

// underAny returns nil when one of the entries accepts, else what the newest says.
func underAny(entries []*national.Province, check func(*national.Province) error) error {
	first := errors.New("no national list names the province")
	for i, e := range entries {
		err := check(e)
		if err == nil {
			return nil
		}
		if i == 0 {
			first = err
		}
	}
	return first
}

// lists verifies every trust list that the province ever had adopted here.
func (a *Auditor) lists(ctx context.Context, v *store.View, code trust.Province, entries []*national.Province) error {
	return eachList(v, code, func(l *list.Document) error {
		if err := underAny(entries, l.CheckSigned); err != nil {
			return faulty(err, "trust list %d of %s (%s)", l.Number, code, l.Digest.Short())
		}
		return a.verified(ctx, entries[0].ListThreshold)
	})
}

// eachList calls f with each trust list of a province, of any age.
func eachList(v *store.View, code trust.Province, f func(*list.Document) error) error {
	var inner error
	lower, upper := store.Lists(code)
	err := v.Scan(lower, upper, func(key, raw []byte) error {
		l, err := list.Read(raw)
		if err != nil {
			inner = faulty(err, "a trust list of %s", code)
			return inner
		}
		if string(key) != string(store.ListKey(code, l.Digest)) || l.Province != code {
			inner = faulty(errors.New("it is stored under another digest or province"), "trust list %d of %s (%s)", l.Number, code, l.Digest.Short())
			return inner
		}
		inner = f(l)
		return inner
	})
	if err != nil && inner == nil {
		return faulty(err, "the trust lists of %s", code)
	}
	return inner
}

// heads verifies the province's head, and both heads of a proof that it contradicted itself.
func (a *Auditor) heads(ctx context.Context, v *store.View, code trust.Province, entries []*national.Province) error {
	docs, err := state.Proof(v, code)
	if err != nil {
		return faulty(err, "the proof of a contradiction of %s", code)
	}
	raw, err := v.Load(store.HeadKey(code))
	if err == nil && raw != nil {
		var d *head.Document
		if d, err = head.Read(raw); err == nil {
			docs = append(docs, d)
		}
	}
	if err != nil {
		return faulty(err, "the head of %s", code)
	}
	for _, d := range docs {
		if err := underAny(entries, d.CheckSigned); err != nil {
			return faulty(err, "head %d of %s in session %d", d.Sequence, code, d.Session)
		}
		if err := a.verified(ctx, 1); err != nil {
			return err
		}
	}
	return nil
}

// statusKeys returns all keys that any of the province's lists gave for signing status batches.
func statusKeys(v *store.View, code trust.Province) (map[trust.KeyID]*sm2sig.PublicKey, error) {
	keys := map[trust.KeyID]*sm2sig.PublicKey{}
	add := func(listed []list.StatusKey) {
		for _, k := range listed {
			keys[k.Key.ID()] = k.Key
		}
	}
	err := eachList(v, code, func(l *list.Document) error {
		add(l.OperatorStatusKeys)
		for i := range l.Anchors {
			add(l.Anchors[i].StatusKeys)
		}
		return nil
	})
	return keys, err
}
