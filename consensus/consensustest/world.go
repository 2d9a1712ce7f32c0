// Package consensustest makes what tests of a cluster's registry need: a national coordinator, provinces with their
// keys, and everything that these sign. Nothing in it is secret or real. It is imported by tests only.
package consensustest

import (
	"crypto/rand"
	"fmt"
	"slices"
	"sync"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/certs"
	"github.com/hutong-project/hutong/trust/head"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/sm2sig"
	"github.com/hutong-project/hutong/trust/statuslog"
)

// Start is when a World begins: the time at which a synctest bubble starts, 2000-01-01T00:00:00Z.
const Start trust.Time = 946684800

const day trust.Time = 24 * 60 * 60

// The provinces of a World.
const (
	Own     trust.Province = "310000"
	Foreign trust.Province = "330000"
	Hosted  trust.Province = "AT" // by Own
)

// The authorities of each province: the first signs its batches, for the second the operator does.
const (
	Police = "11310000MB0000000A"
	Labour = "11310000MB0000000B"
)

// Must returns v and panics with err.
func Must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// keys are made once a process: a World's keys are told apart by their names.
var keys = struct {
	mu     sync.Mutex
	byName map[string]*sm2sig.PrivateKey
}{byName: map[string]*sm2sig.PrivateKey{}}

// Key returns the key with a name.
func Key(name string) *sm2sig.PrivateKey {
	keys.mu.Lock()
	defer keys.mu.Unlock()
	k := keys.byName[name]
	if k == nil {
		k = Must(sm2sig.Generate(nil))
		keys.byName[name] = k
	}
	return k
}

var root = sync.OnceValue(func() *certs.Certificate {
	t := certs.Template{CommonName: "test root", CA: true, PathLen: -1, NotBefore: Start - 100*day, NotAfter: Start + 9000*day}
	return Must(certs.Parse(Must(certs.SelfSigned(rand.Reader, t, Key("root")))))
})

// A World is the state of everything outside the cluster under test.
type World struct {
	Chain     []*national.Document // the national lists so far
	Provinces map[trust.Province]*Province
}

// New returns a world with national list 1, in which Own, Foreign and Hosted are admitted, and no trust list.
func New() *World {
	w := &World{Provinces: map[trust.Province]*Province{}}
	l := &national.List{
		Version: 1, Sequence: 1, Issued: Start, NextUpdate: Start + 30*day, Operator: "coordinator", Threshold: 2,
		Roots: [][]byte{root().Raw}, Policy: national.DefaultPolicy(),
	}
	for i := range 3 {
		l.Keys = append(l.Keys, Must(national.NewKey(Key(fmt.Sprint("national ", i)), national.RoleNational, "")))
	}
	for _, code := range []trust.Province{Own, Foreign, Hosted} {
		p := &Province{Code: code, world: w, Tree: statuslog.NewTree()}
		w.Provinces[code] = p
		l.Provinces = append(l.Provinces, p.entry())
	}
	w.sign(l)
	return w
}

// National returns the list in force.
func (w *World) National() *national.Document { return w.Chain[len(w.Chain)-1] }

// Raws returns the national lists as carried.
func (w *World) Raws() [][]byte {
	var raws [][]byte
	for _, d := range w.Chain {
		raws = append(raws, d.Raw)
	}
	return raws
}

// NextNational changes the list in force and signs the result as the next one.
func (w *World) NextNational(change func(*national.List)) *national.Document {
	prev := w.National()
	l := prev.List
	l.Provinces = slices.Clone(l.Provinces)
	l.Keys = slices.Clone(l.Keys)
	l.Sequence++
	l.Previous = prev.Digest
	change(&l)
	return w.sign(&l)
}

// Rival returns another list with the number of the one in force, signed like it.
func (w *World) Rival(change func(*national.List)) *national.Document {
	last := w.Chain[len(w.Chain)-1]
	w.Chain = w.Chain[:len(w.Chain)-1]
	rival := w.NextNational(change)
	w.Chain[len(w.Chain)-1] = last
	return rival
}

func (w *World) sign(l *national.List) *national.Document {
	raw := Must(l.Sign(Key("national 0"), Key("national 1")))
	d := Must(national.Read(raw))
	w.Chain = append(w.Chain, d)
	return d
}

// A Province is what one province signs.
type Province struct {
	Code   trust.Province
	Lists  []*list.Document
	Heads  []*head.Document
	Leaves [][]byte
	Tree   *statuslog.Tree

	world *World
}

// ListKey signs trust lists.
func (p *Province) ListKey() *sm2sig.PrivateKey { return Key(string(p.Code) + " list") }

// HeadKey signs heads.
func (p *Province) HeadKey() *sm2sig.PrivateKey { return Key(string(p.Code) + " head") }

// StatusKey signs the batches of Police.
func (p *Province) StatusKey() *sm2sig.PrivateKey { return Key(string(p.Code) + " police") }

// OperatorKey signs batches in the name of Labour.
func (p *Province) OperatorKey() *sm2sig.PrivateKey { return Key(string(p.Code) + " operator") }

func (p *Province) entry() national.Province {
	e := national.Province{
		Code: p.Code, NameZH: "省", NameEN: "province", Status: national.Admitted, Since: Start - 100*day,
		ListKeys:      []national.Key{Must(national.NewKey(p.ListKey(), national.RoleList, p.Code))},
		ListThreshold: 1,
		HeadKeys:      []national.Key{Must(national.NewKey(p.HeadKey(), national.RoleHead, p.Code))},
		Session:       1, Anchoring: national.Chained, Algorithms: []string{"SM2"}, Types: []string{"11*"},
	}
	if p.Code == Hosted {
		e.Host, e.Anchoring, e.Types = Own, national.Pinned, []string{"vaccination"}
	}
	return e
}

// NextList changes the last trust list, or makes the first, and signs it.
func (p *Province) NextList(change func(*list.List)) *list.Document {
	l := p.firstList()
	if n := len(p.Lists); n > 0 {
		l = p.Lists[n-1].List
		l.Anchors = slices.Clone(l.Anchors)
		l.Number++
		l.Previous = p.Lists[n-1].Digest
	}
	if change != nil {
		change(&l)
	}
	d := Must(list.Read(Must(l.Sign(p.ListKey()))))
	p.Lists = append(p.Lists, d)
	return d
}

func (p *Province) firstList() list.List {
	l := list.List{
		Version: 1, Province: p.Code, Session: 1, Number: 1, Issued: Start, NextUpdate: Start + 30*day,
		Anchors: []list.Anchor{p.anchor("labour", Labour), p.anchor("police", Police)},
	}
	l.Anchors[0].StatusSigner = list.SignerOperator
	l.Anchors[1].StatusKeys = []list.StatusKey{{Key: p.StatusKey().Public()}}
	l.OperatorStatusKeys = []list.StatusKey{{Key: p.OperatorKey().Public()}}
	return l
}

func (p *Province) anchor(id, authority string) list.Anchor {
	t := certs.Template{CommonName: id, OrganizationCode: authority, NotBefore: Start - 50*day, NotAfter: Start + 1000*day, Serial: []byte(id)}
	key := Key(string(p.Code) + " " + id + " certificate")
	a := list.Anchor{
		ID: id, Name: id, Authority: authority, Roles: []list.Role{list.RoleIssuer},
		CredentialTypes: []string{"11100001"}, Formats: []string{"HT1"},
		Status: list.Granted, Since: Start - 40*day, StatusSigner: list.SignerSelf,
		StatusCoverage: list.Coverage{Kind: list.CoverageLog, Since: Start - 40*day},
	}
	if p.Code == Hosted {
		t.Country = "AT"
		a.CredentialTypes = []string{"vaccination"}
		a.Certificate = Must(certs.SelfSigned(rand.Reader, t, key))
		return a
	}
	a.Certificate = Must(certs.Issue(rand.Reader, t, key.Public(), root(), Key("root")))
	return a
}

// Batch returns a batch of Police about n subjects, signed with its status key.
func (p *Province) Batch(number uint64, events ...statuslog.Event) []byte {
	b := statuslog.Batch{Province: p.Code, Authority: Police, Number: number, Time: Start, Events: events}
	return Must(b.Sign(p.StatusKey()))
}

// Revoked is an event about the credential with a handle.
func Revoked(handle string) statuslog.Event {
	return statuslog.Event{
		Kind: statuslog.KindCredential, Subject: statuslog.HandleSubject([]byte(fmt.Sprintf("%-16s", handle))),
		Status: statuslog.StatusRevoked, Effective: Start - 1,
	}
}

// Append adds a batch to the province's log as its own cluster would.
func (p *Province) Append(recorded trust.Time, signed []byte) {
	leaf := statuslog.Leaf{Position: p.Tree.Size(), Recorded: recorded, Signed: signed}.Marshal()
	p.Leaves = append(p.Leaves, leaf)
	p.Tree.Append(leaf)
}

// NextHead signs the next head over the last trust list and the log, after change.
func (p *Province) NextHead(issued trust.Time, change func(*head.Head)) *head.Document {
	l := p.Lists[len(p.Lists)-1]
	n := p.world.National()
	entry, _ := n.Province(p.Code)
	h := head.Head{
		Version: 1, Province: p.Code, Session: entry.Session, Sequence: 1, Issued: issued,
		TrustList:    head.ListRef{Number: l.Number, Digest: l.Digest},
		Log:          national.LogState{Size: p.Tree.Size(), Root: p.Tree.Root()},
		NationalList: head.NationalRef{Sequence: n.Sequence, Digest: n.Digest},
	}
	if n := len(p.Heads); n > 0 && p.Heads[n-1].Session == h.Session {
		h.Sequence = p.Heads[n-1].Sequence + 1
	}
	if change != nil {
		change(&h)
	}
	d := Must(head.Read(Must(h.Sign(p.HeadKey()))))
	p.Heads = append(p.Heads, d)
	return d
}

// Restart empties the province's log, as if its cluster had begun again. Lists and heads go on.
func (p *Province) Restart() *Province {
	p.Leaves, p.Tree = nil, statuslog.NewTree()
	return p
}
