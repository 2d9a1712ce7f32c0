package state

import (
	"fmt"

	"github.com/hutong-project/hutong/consensus/store"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/head"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/registry"
	"github.com/hutong-project/hutong/trust/statuslog"
)

// record is what the database holds of a province beside its documents and leaves.
type record struct {
	_          struct{} `cbor:",toarray"`
	Session    uint64   // of the national entry when the record was written
	List       trust.Digest
	Generation uint64
	Tree       []byte       // the log's tree: of a local province all leaves, of a foreign one those that its head pins
	Recorded   trust.Time   // of the last leaf in Tree
	Staged     []byte       // tree with the staged leaves; empty: none are staged
	StagedTime trust.Time   // of the last staged leaf
	StagedList trust.Digest // under which the staged leaves were verified
	Diverged   bool         // the coordinator named a log state that the own log does not have
}

// province is what the machine holds of one province. Fields are replaced, not written to, once a view has them.
type province struct {
	code  trust.Province
	entry *national.Province

	session    uint64
	generation uint64
	tree       *statuslog.Tree
	recorded   trust.Time
	staged     *statuslog.Tree // nil: none
	stagedTime trust.Time
	stagedList trust.Digest // under which the staged leaves were verified
	diverged   bool

	list      *list.Document
	evaluated *list.Evaluated
	head      *head.Document
	floor     *head.Document // none below it is adopted; nil: none
	pending   []byte         // payload of the head that is agreed and not signed; nil: none
	evidence  *registry.Evidence

	counter     *statuslog.Counter // of the current list; nil without one
	notCounting map[uint64]string

	dirty bool // the view's copy is out of date
}

func newProvince(code trust.Province) *province {
	return &province{code: code, tree: statuslog.NewTree(), dirty: true}
}

// save writes the record.
func (p *province) save(b *store.Batch) {
	r := record{
		Session: p.session, Generation: p.generation, Tree: treeBytes(p.tree), Recorded: p.recorded,
		StagedTime: p.stagedTime, StagedList: p.stagedList, Diverged: p.diverged,
	}
	if p.list != nil {
		r.List = p.list.Digest
	}
	if p.staged != nil {
		r.Staged = treeBytes(p.staged)
	}
	b.Set(store.ProvinceKey(p.code), encode(r))
	p.dirty = true
}

func treeBytes(t *statuslog.Tree) []byte {
	b, err := t.MarshalBinary()
	if err != nil {
		panic(fmt.Sprintf("state: storing a tree: %v", err)) // documented not to happen
	}
	return b
}

// logState returns how far the log reaches.
func (p *province) logState() national.LogState {
	return national.LogState{Generation: p.generation, Size: p.tree.Size(), Root: p.tree.Root()}
}

// stagedTree returns the tree with the staged leaves, which is at least the log's tree.
func (p *province) stagedTree() (*statuslog.Tree, trust.Time) {
	if p.staged == nil {
		return p.tree, p.recorded
	}
	return p.staged, p.stagedTime
}

func (m *Machine) loadProvince(v *store.View, code trust.Province) error {
	p := newProvince(code)
	var r record
	if err := loadInto(v, store.ProvinceKey(code), &r); err != nil {
		return err
	}
	p.session, p.generation, p.recorded = r.Session, r.Generation, r.Recorded
	p.stagedTime, p.stagedList, p.diverged = r.StagedTime, r.StagedList, r.Diverged
	var err error
	if p.tree, err = statuslog.UnmarshalTree(r.Tree); err != nil {
		return err
	}
	if len(r.Staged) > 0 {
		if p.staged, err = statuslog.UnmarshalTree(r.Staged); err != nil {
			return err
		}
	}
	if err := p.loadDocuments(v, r.List); err != nil {
		return err
	}
	if err := p.recount(v); err != nil {
		return err
	}
	m.provinces[code] = p
	return nil
}

func (p *province) loadDocuments(v *store.View, listDigest trust.Digest) error {
	if !listDigest.IsZero() {
		raw, err := v.Load(store.ListKey(p.code, listDigest))
		if err != nil {
			return err
		}
		if p.list, err = list.Read(raw); err != nil {
			return fmt.Errorf("reading trust list %s: %w", listDigest.Short(), err)
		}
	}
	var err error
	if p.head, err = loadHead(v, store.HeadKey(p.code)); err != nil {
		return fmt.Errorf("reading the head: %w", err)
	}
	if p.floor, err = loadHead(v, store.FloorKey(p.code)); err != nil {
		return fmt.Errorf("reading the floor: %w", err)
	}
	if p.pending, err = v.Load(store.PendingKey(p.code)); err != nil {
		return fmt.Errorf("reading the pending head: %w", err)
	}
	var e evidence
	raw, err := v.Load(store.EvidenceKey(p.code))
	if err != nil || raw == nil {
		return err
	}
	if err := decode(raw, &e); err != nil {
		return err
	}
	p.evidence, err = e.read()
	return err
}

func loadHead(v *store.View, key []byte) (*head.Document, error) {
	raw, err := v.Load(key)
	if err != nil || raw == nil {
		return nil, err
	}
	return head.Read(raw)
}

func loadInto(r store.Reader, key []byte, into any) error {
	raw, err := r.Load(key)
	if err != nil {
		return err
	}
	if raw == nil {
		return fmt.Errorf("the database lacks key %q", key)
	}
	return decode(raw, into)
}
