package federation

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/head"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/registry"
	"github.com/hutong-project/hutong/trust/statuslog"
)

// A fakeRegistry is a cluster's registry in memory. It checks national lists, heads, trust lists and roots with the
// trust packages, as the real one does; batches inside leaves it does not look at.
type fakeRegistry struct {
	own trust.Province

	mu       sync.Mutex
	view     *registry.View
	changed  chan struct{}
	leading  bool
	chain    [][]byte // national lists by sequence − 1
	lists    map[trust.Digest][]byte
	leaves   map[trust.Province][][]byte
	trees    map[trust.Province]*statuslog.Tree
	staged   map[trust.Province][][]byte // beyond leaves
	stagings int
	adopted  []uint64 // sequences adopted from elsewhere, in order
	largest  int      // bytes of leaves in the largest single call
	// hold, when set, is called without the lock at the start of each AdoptUpdate.
	hold func(ctx context.Context, u registry.Update) error
}

func newFakeRegistry(own trust.Province, pinned []byte) *fakeRegistry {
	r := &fakeRegistry{
		own: own, changed: make(chan struct{}), leading: true, chain: [][]byte{pinned},
		lists:  make(map[trust.Digest][]byte),
		leaves: make(map[trust.Province][][]byte),
		trees:  make(map[trust.Province]*statuslog.Tree),
		staged: make(map[trust.Province][][]byte),
	}
	doc := must(national.Read(pinned))
	if err := doc.CheckPinned(doc.Digest); err != nil {
		panic(err)
	}
	r.believe(doc, map[trust.Province]*registry.Province{}, false)
	return r
}

// believe replaces the view; the caller holds mu, or nobody else has the registry yet.
func (r *fakeRegistry) believe(doc *national.Document, provinces map[trust.Province]*registry.Province, contested bool) {
	next := make(map[trust.Province]*registry.Province)
	for i := range doc.Provinces {
		entry := &doc.Provinces[i]
		p := &registry.Province{Code: entry.Code, Log: emptyLog}
		if old := provinces[entry.Code]; old != nil {
			clone := *old
			p = &clone
		}
		p.Entry, p.Local = entry, entry.Signer() == r.own
		next[entry.Code] = p
		if r.trees[entry.Code] == nil {
			r.trees[entry.Code] = statuslog.NewTree()
		}
	}
	r.view = registry.New(registry.View{Own: r.own, National: doc, Contested: contested, Provinces: next})
	close(r.changed)
	r.changed = make(chan struct{})
}

// change lets edit work on a copy of p's state.
func (r *fakeRegistry) change(p trust.Province, edit func(*registry.Province)) {
	provinces := maps.Clone(r.view.Provinces)
	clone := *provinces[p]
	edit(&clone)
	provinces[p] = &clone
	r.believe(r.view.National, provinces, r.view.Contested)
}

func (r *fakeRegistry) View() *registry.View {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.view
}

func (r *fakeRegistry) Changed() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changed
}

func (r *fakeRegistry) Leading() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.leading
}

func (r *fakeRegistry) setLeading(leading bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leading = leading
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *fakeRegistry) NationalChain(from uint64, maxBytes int) ([][]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if from < 1 || from > uint64(len(r.chain)) {
		return nil, nil
	}
	return fitting(r.chain[from-1:], maxBytes), nil
}

func (r *fakeRegistry) ListRaw(_ trust.Province, digest trust.Digest) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lists[digest], nil
}

func (r *fakeRegistry) Leaves(p trust.Province, generation, from, to uint64, maxBytes int) ([][]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	held := r.leaves[p]
	if generation != 0 || from >= uint64(len(held)) {
		return nil, nil
	}
	return fitting(held[from:min(to, uint64(len(held)))], maxBytes), nil
}

func (r *fakeRegistry) AdoptNational(_ context.Context, chain [][]byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, raw := range chain {
		doc, err := national.Read(raw)
		if err != nil {
			return err
		}
		have := r.view.National
		switch {
		case doc.Digest == have.Digest || doc.Sequence < have.Sequence:
			continue
		case doc.Sequence == have.Sequence:
			r.believe(have, r.view.Provinces, true)
			continue
		}
		if err := doc.CheckFollows(have); err != nil {
			return err
		}
		r.chain = append(r.chain, raw)
		r.believe(doc, r.view.Provinces, false)
	}
	return nil
}

func (r *fakeRegistry) AdoptUpdate(ctx context.Context, u registry.Update) error {
	r.mu.Lock()
	hold := r.hold
	r.mu.Unlock()
	if hold != nil {
		if err := hold(ctx, u); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	doc, err := head.Read(u.Head)
	if err != nil {
		return err
	}
	held := r.view.Provinces[u.Province]
	if held == nil {
		return trust.Refuse(trust.UnknownProvince, "%s", u.Province)
	}
	if err := doc.CheckSigned(held.Entry); err != nil {
		return err
	}
	if held.Head != nil {
		if why, yes := head.Contradicts(held.Head, doc); yes {
			r.change(u.Province, func(p *registry.Province) { p.Equivocation = &registry.Evidence{A: held.Head, B: doc, Why: why} })
			return trust.Refuse(trust.Equivocation, "%s", why)
		}
	}
	if err := doc.CheckFollows(held.Head, held.Entry, trust.TimeOf(time.Now()), r.view.National.Policy); err != nil {
		return err
	}
	evaluated := held.List
	if u.List != nil {
		read, err := list.Read(u.List)
		if err != nil {
			return err
		}
		if err := read.CheckSigned(held.Entry); err != nil {
			return err
		}
		evaluated = list.Evaluate(read, held.Entry, r.view.National.Roots)
	}
	if evaluated == nil || evaluated.Digest != doc.TrustList.Digest {
		return trust.Refuse(trust.DigestMismatch, "trust list")
	}
	run := r.run(u.Province, u.From, u.Leaves)
	tree, err := r.trees[u.Province].Extend(run, doc.Log.Size, doc.Log.Root)
	if err != nil {
		return err
	}
	r.trees[u.Province] = tree
	r.leaves[u.Province] = append(r.leaves[u.Province], run...)
	delete(r.staged, u.Province)
	r.lists[evaluated.Digest] = evaluated.Raw
	r.adopted = append(r.adopted, doc.Sequence)
	r.change(u.Province, func(p *registry.Province) {
		p.Head, p.List = doc, evaluated
		p.Log = registry.LogInfo{Size: tree.Size(), Root: tree.Root()}
	})
	return nil
}

// run returns staged leaves followed by those given, from the end of what is held on.
func (r *fakeRegistry) run(p trust.Province, from uint64, leaves [][]byte) [][]byte {
	r.measure(leaves)
	have := uint64(len(r.leaves[p]))
	if from < have || from > have+uint64(len(r.staged[p])) {
		return nil
	}
	return append(r.staged[p][:from-have:from-have], leaves...)
}

func (r *fakeRegistry) measure(leaves [][]byte) {
	size := 0
	for _, l := range leaves {
		size += len(l)
	}
	r.largest = max(r.largest, size)
}

func (r *fakeRegistry) StageLeaves(_ context.Context, u registry.Update) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stagings++
	r.staged[u.Province] = r.run(u.Province, u.From, u.Leaves)
	return nil
}

// setList signs and adopts the own province's next trust list; a head follows with cut.
func (r *fakeRegistry) setList(edit func(*list.List)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := trust.TimeOf(time.Now())
	held := r.view.Provinces[r.own]
	l := list.List{Version: 1, Province: r.own, Session: held.Entry.Session, Number: 1}
	if held.List != nil {
		l = held.List.List
		l.Number, l.Previous = l.Number+1, held.List.Digest
	}
	l.Issued, l.NextUpdate = now, now.Add(240*time.Hour)
	edit(&l)
	doc := must(list.Read(must(l.Sign(key("l" + string(r.own))))))
	r.lists[doc.Digest] = doc.Raw
	evaluated := list.Evaluate(doc, held.Entry, r.view.National.Roots)
	r.change(r.own, func(p *registry.Province) { p.List = evaluated })
}

// cut appends leaves to the own log and signs the next head.
func (r *fakeRegistry) cut(leaves ...[]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	tree := r.trees[r.own].Clone()
	for _, l := range leaves {
		tree.Append(l)
	}
	r.trees[r.own] = tree
	r.leaves[r.own] = append(r.leaves[r.own], leaves...)
	doc := must(head.Read(issueHead(r.nextHead(), r.own)))
	r.change(r.own, func(p *registry.Province) {
		p.Head, p.Log = doc, registry.LogInfo{Size: tree.Size(), Root: tree.Root()}
	})
}

// nextHead returns what the own province would sign now; the caller holds mu.
func (r *fakeRegistry) nextHead() head.Head {
	held := r.view.Provinces[r.own]
	tree := r.trees[r.own]
	h := head.Head{
		Version: 1, Province: r.own, Session: held.Entry.Session, Sequence: 1, Issued: trust.TimeOf(time.Now()),
		TrustList:    head.ListRef{Number: held.List.Number, Digest: held.List.Digest},
		Log:          national.LogState{Size: tree.Size(), Root: tree.Root()},
		NationalList: head.NationalRef{Sequence: r.view.National.Sequence, Digest: r.view.National.Digest},
	}
	if held.Head != nil {
		h.Sequence = held.Head.Sequence + 1
	}
	return h
}
