package verdict

import (
	"fmt"
	"time"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/registry"
)

// MaxPresentation is the longest that a presentation code may live, in any format.
const MaxPresentation = 24 * time.Hour

// judgeFormat is step 6. A QR code that is a credential has no rules of its own; a presentation code is short-lived.
func (j *judgement) judgeFormat(v *Verdict) {
	if !j.c.Presentation {
		return
	}
	v.pass(StepFormat)
	// Compared as seconds: a duration cannot hold the span between any two times.
	if life := j.c.Expires - j.c.Issued; j.c.Expires.IsZero() || j.c.Issued.IsZero() || life > trust.Time(MaxPresentation/time.Second) {
		v.find(PresentationUnbounded, fmt.Sprintf("at most %v from issue to expiry", MaxPresentation))
	}
}

// judgeDates is step 7. Both ends of the validity are inside it. Without an expiry a credential is for ever (长期).
func (j *judgement) judgeDates(v *Verdict) {
	if j.clockInDoubt {
		v.findIn(StepDates, ClockInDoubt, "")
		return
	}
	v.pass(StepDates)
	if begin := max(j.c.Issued, j.c.NotBefore); j.validAt < begin {
		v.find(NotYetValid, fmt.Sprintf("from %s, asked about %s", begin, j.validAt))
	}
	if !j.c.Expires.IsZero() && j.validAt > j.c.Expires {
		v.find(Expired, fmt.Sprintf("until %s, asked about %s", j.c.Expires, j.validAt))
	}
}

// judgeFreshness is step 9: the worst of national list, trust list and head.
func (j *judgement) judgeFreshness(v *Verdict, code trust.Province) {
	if j.clockInDoubt {
		v.findIn(StepFreshness, ClockInDoubt, "")
		return
	}
	age := j.v.Age(code, j.q.Now)
	switch age.Freshness {
	case registry.Fresh:
		v.pass(StepFreshness)
	case registry.Stale:
		if j.q.AcceptStale {
			v.find(StaleAccepted, ageText(age))
			return
		}
		v.find(staleCode(age.Part), ageText(age))
	case registry.Expired:
		v.find(PastGrace, ageText(age))
	default:
		v.find(EvidenceUnavailable, age.Part.String())
	}
}

func staleCode(part registry.Part) Code {
	switch part {
	case registry.PartNationalList:
		return StaleNationalList
	case registry.PartNationalFork:
		return NationalListContested
	case registry.PartNationalHead:
		return NationalListBehind
	case registry.PartTrustList:
		return StaleTrustList
	case registry.PartEquivocation:
		return ProvinceEquivocating
	}
	return StaleHead
}

func ageText(age registry.Age) string {
	if age.Since.IsZero() {
		return age.Part.String()
	}
	return fmt.Sprintf("%s, since %s", age.Part, age.Since)
}
