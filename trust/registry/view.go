package registry

import (
	"maps"
	"slices"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/head"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/national"
)

// A View is what a cluster believed after one applied command. It is made with New and read only.
type View struct {
	Own      trust.Province     // the cluster's own province
	National *national.Document // in force; nil: none has been adopted
	// Contested: a second national list with the same number has been seen. Neither follows the other, so the one in
	// force counts as stale until a list continues it or an operator pins anew.
	Contested bool
	Provinces map[trust.Province]*Province // those of the national list; a code without data may be missing
	Newest    trust.Time                   // the latest time that any applied command carried
	Applied   uint64                       // index of the last applied command

	// Unsettled: the cluster may lack what it published. It takes no events and signs nothing; nil: it is settled.
	Unsettled *Unsettled

	codes         []trust.Province // of Provinces, ascending
	nationalAhead bool             // a head names a national list with a higher number
}

// A Province is what is held of one province. Once it is part of a View it is read only; the next one is made by
// copying it, changing the copy and putting that into the next View's map. Copies keep the search index as long as
// List is the same.
type Province struct {
	Code  trust.Province
	Entry *national.Province // its entry in the View's national list
	List  *list.Evaluated    // the adopted trust list; nil: never had one
	// Head is the adopted head, or of a Local province the one last signed. While Equivocation is set it is the last
	// undisputed one. Nil: never had one.
	Head  *head.Document
	Local bool // this cluster signs its heads: the own province, or a hosted one
	Log   LogInfo
	// Equivocation proves that the province contradicted itself in this session; nil: nothing known.
	Equivocation *Evidence
	// NotCounting tells, by log position, why a leaf does not count; such leaves stay in the log and are shown.
	NotCounting map[uint64]string

	index *index
}

// LogInfo is how far a province's status log reaches, as the adopted head pins it.
type LogInfo struct {
	Generation uint64
	Size       uint64
	Root       trust.Digest
	// HistoryFrom is the first moment whose statuses the log still tells, after batches were dropped in a compaction
	// whose old generation is not held. Zero: all of the past.
	HistoryFrom trust.Time
}

// Unsettled is why a cluster may lack what it published, and what still stands in the way of finding out.
type Unsettled struct {
	Since   trust.Time
	Why     string
	NoPeers bool   // an operator stated that no other province holds anything
	Trouble string // empty: nothing known yet
	Stuck   bool   // only a new session helps
}

// Evidence is two heads of one session, both signed by the province, that cannot both be true.
type Evidence struct {
	A, B *head.Document
	Why  string // the contradiction, as package head tells it
}

// An Update is what the federation brought of one province and consensus is asked to adopt, in the order of trust:
// the head, the list that it pins, the leaves up to the log size that it pins. Nothing in it has been believed.
type Update struct {
	Province   trust.Province
	Head       []byte // the envelope, as carried
	List       []byte // the envelope, as carried; nil: the list that is held
	Generation uint64 // of the log that Leaves belong to
	From       uint64 // log index of Leaves[0]
	Leaves     [][]byte
}

// New completes v: it copies the struct and fills in the search indexes of v and of those of its Provinces that have
// none yet. It must have returned before another goroutine reads v's new Provinces; Provinces that were part of an
// earlier View are not written to.
func New(v View) *View {
	v.codes = slices.Sorted(maps.Keys(v.Provinces))
	v.nationalAhead = false
	for _, code := range v.codes {
		p := v.Provinces[code]
		if p.List != nil && (p.index == nil || p.index.of != p.List) {
			p.index = newIndex(p.List)
		}
		if v.National != nil && p.tellsOfNewerList(v.National.List.Sequence) {
			v.nationalAhead = true
		}
	}
	return &v
}

// tellsOfNewerList reports whether p's head names a national list above number. Heads of a province that is not in
// good standing do not count: the coordinator can so stop a province that names numbers nobody ever signed.
func (p *Province) tellsOfNewerList(number uint64) bool {
	return p.Head != nil && p.Equivocation == nil && p.Entry != nil && p.Entry.Status == national.Admitted &&
		p.Head.Head.NationalList.Sequence > number
}

// Codes returns the codes of v.Provinces in ascending order. The caller must not change it.
func (v *View) Codes() []trust.Province { return v.codes }
