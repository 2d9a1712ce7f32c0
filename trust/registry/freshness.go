package registry

import (
	"time"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/national"
)

// Freshness is how old evidence is. A higher value is worse.
type Freshness uint8

// The degrees of freshness.
const (
	Fresh       Freshness = iota // as the province's clocks ask
	Stale                        // older, but within grace: usable by who accepts it
	Expired                      // past grace
	Unavailable                  // there is nothing that could be old: no list, or no head
)

// String returns the degree's name.
func (f Freshness) String() string {
	switch f {
	case Fresh:
		return "fresh"
	case Stale:
		return "stale"
	case Expired:
		return "expired"
	}
	return "unavailable"
}

// A Part is what makes evidence as old as it is.
type Part uint8

// The parts of the evidence.
const (
	PartNone         Part = iota // nothing is old
	PartNationalList             // the national list, by its nextUpdate
	PartNationalFork             // two national lists with one number
	PartNationalHead             // a head names a newer national list than the one held
	PartTrustList                // the trust list, by its nextUpdate
	PartHead                     // the head, by its age
	PartEquivocation             // the province contradicted itself
)

// String returns the part's name.
func (p Part) String() string {
	switch p {
	case PartNationalList:
		return "national list"
	case PartNationalFork:
		return "contested national list"
	case PartNationalHead:
		return "newer national list seen"
	case PartTrustList:
		return "trust list"
	case PartHead:
		return "head"
	case PartEquivocation:
		return "equivocation"
	}
	return "none"
}

// An Age says how old evidence is and which part is the oldest.
type Age struct {
	Freshness Freshness
	Part      Part       // the worst part; of equally bad ones the first in the order of the constants
	Since     trust.Time // from when on that part was no longer fresh; zero where there is no such moment
}

func (a *Age) worsen(b Age) {
	if b.Freshness > a.Freshness {
		*a = b
	}
}

// NationalAge returns how old v's national list is at now.
func (v *View) NationalAge(now trust.Time) Age {
	if v.National == nil {
		return Age{Freshness: Unavailable, Part: PartNationalList}
	}
	l := &v.National.List
	age := aged(PartNationalList, l.NextUpdate, l.Policy.Clocks.Grace, now)
	if v.Contested {
		age.worsen(Age{Freshness: Stale, Part: PartNationalFork})
	}
	if v.nationalAhead {
		age.worsen(Age{Freshness: Stale, Part: PartNationalHead})
	}
	return age
}

// Age returns how old the evidence about a province is at now: the worst of national list, trust list and head.
//
// A head is stale when it is older than maxHeadAge, a list after its nextUpdate; both are expired when they have been
// stale for more than grace. What a withdrawn province said last does not age: its trust list and head are those of
// its lastHead. A province that contradicted itself is at best stale, and then ages by its last undisputed head.
func (v *View) Age(code trust.Province, now trust.Time) Age {
	age := v.NationalAge(now)
	p := v.Provinces[code]
	if p == nil || p.Entry == nil || v.National == nil {
		age.worsen(Age{Freshness: Unavailable, Part: PartTrustList})
		return age
	}
	age.worsen(p.ownAge(v.National.List.Policy, now))
	return age
}

// ownAge is the worst of the province's trust list and head.
func (p *Province) ownAge(policy national.Policy, now trust.Time) Age {
	if p.List == nil {
		return Age{Freshness: Unavailable, Part: PartTrustList}
	}
	if p.Head == nil {
		return Age{Freshness: Unavailable, Part: PartHead}
	}
	if p.restsOnLastHead() {
		return Age{}
	}
	clocks := p.Entry.ClocksOf(policy)
	age := aged(PartTrustList, p.List.List.NextUpdate, clocks.Grace, now)
	age.worsen(aged(PartHead, p.Head.Head.Issued.Add(seconds(clocks.MaxHeadAge)), clocks.Grace, now))
	if p.Equivocation != nil {
		age.worsen(Age{Freshness: Stale, Part: PartEquivocation})
	}
	return age
}

// restsOnLastHead reports whether p is withdrawn and its head is the one that the coordinator named as the last.
func (p *Province) restsOnLastHead() bool {
	return p.Entry.Status == national.Withdrawn && p.Entry.LastHead != nil && p.Entry.LastHead.Digest == p.Head.Digest
}

// aged returns how old something is that is fresh up to and including until.
func aged(part Part, until trust.Time, grace int, now trust.Time) Age {
	switch {
	case now <= until:
		return Age{}
	case now <= until.Add(seconds(grace)):
		return Age{Freshness: Stale, Part: part, Since: until}
	}
	return Age{Freshness: Expired, Part: part, Since: until}
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }
