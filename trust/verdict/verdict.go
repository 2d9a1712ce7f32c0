package verdict

import (
	"slices"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/credential"
	"github.com/hutong-project/hutong/trust/statuslog"
)

// A Result is the answer to "is this good?".
type Result string

// The results.
const (
	Valid         Result = "valid"
	Invalid       Result = "invalid"
	Indeterminate Result = "indeterminate" // could not be decided; never to be read as valid
)

// An Outcome is how a step ended.
type Outcome string

// The outcomes, from best to worst.
const (
	Skipped Outcome = "skipped" // had nothing to look at
	Passed  Outcome = "passed"
	Unknown Outcome = "unknown" // could not be decided
	Failed  Outcome = "failed"
)

func (o Outcome) worseThan(other Outcome) bool { return o.rank() > other.rank() }

func (o Outcome) rank() int {
	switch o {
	case Skipped:
		return 0
	case Passed:
		return 1
	case Unknown:
		return 2
	}
	return 3
}

// A Step is a step's number, from 1.
type Step int

// The steps.
const (
	StepStructure Step = 1 + iota
	StepSignature
	StepChain
	StepStanding
	StepGrant
	StepFormat
	StepDates
	StepStatus
	StepFreshness
)

const steps = int(StepFreshness)

var stepNames = [steps + 1]string{"", "structure", "signature", "chain", "standing", "grant", "format", "dates", "status", "freshness"}

// String returns the step's name.
func (s Step) String() string {
	if s < 1 || int(s) > steps {
		return "none"
	}
	return stepNames[s]
}

// A Question is what is asked about a credential.
type Question struct {
	Now          trust.Time // the clock of whoever judges
	ValidAt      trust.Time // the moment asked about; zero: Now
	AcceptStale  bool       // stale evidence, within grace, is good enough; the answer says so
	ClockInDoubt bool       // Now is not to be relied on
	Disclose     bool       // put what the credential shows into the answer, if the signature is good: personal data
}

// A Verdict is the answer. Its JSON form is part of the HTTP interface.
type Verdict struct {
	Result      Result      `json:"result"`
	Reasons     []Reason    `json:"reasons"` // failed before unknown before passed with a note; empty: all is well
	Checks      []Check     `json:"checks"`  // all steps, in order
	Credential  *Credential `json:"credential,omitzero"`
	Issuer      *Issuer     `json:"issuer,omitzero"`    // set once the signature has told it
	Successor   *Successor  `json:"successor,omitzero"` // what took the credential's place
	EvaluatedAt trust.Time  `json:"evaluatedAt"`
	ValidAt     trust.Time  `json:"validAt"`
	Evidence    Evidence    `json:"evidence"`
}

// A Reason is one finding: why a step failed, could not be decided, or passed with something to know.
type Reason struct {
	Code    Code    `json:"code"`
	Step    Step    `json:"step"`
	Outcome Outcome `json:"outcome"`
	ZH      string  `json:"zh"`
	EN      string  `json:"en"`
	Detail  string  `json:"detail,omitzero"` // times, ids and codes behind it, in English; no personal data
}

// A Check is how one step ended.
type Check struct {
	Step    Step    `json:"step"`
	Name    string  `json:"name"`
	Outcome Outcome `json:"outcome"`
	Code    Code    `json:"code,omitzero"` // of the finding that decided the outcome
	Detail  string  `json:"detail,omitzero"`
}

// A Credential is what the token says about itself. Unless the signature step passed, nobody vouches for it.
type Credential struct {
	Format       string         `json:"format"`
	Type         string         `json:"type,omitzero"`
	Province     trust.Province `json:"province,omitzero"`
	Digest       trust.Digest   `json:"digest"`
	Issued       trust.Time     `json:"issued,omitzero"`
	NotBefore    trust.Time     `json:"notBefore,omitzero"`
	Expires      trust.Time     `json:"expires,omitzero"`
	Presentation bool           `json:"presentation"`
	Defects      []Defect       `json:"defects,omitzero"`
	Face         []Claim        `json:"face,omitzero"` // only when asked for
}

// A Defect is a departure from the format that fails nothing.
type Defect struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// A Claim is one line of what the credential shows: personal data.
type Claim struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// An Issuer is the anchor that the credential rests on.
type Issuer struct {
	Province  trust.Province `json:"province"`
	Anchor    string         `json:"anchor"`
	Name      string         `json:"name"`
	Authority string         `json:"authority"`
	Status    string         `json:"status"` // in the trust list as it is now: granted, suspended, withdrawn
}

// A Successor names the credential that took this one's place.
type Successor struct {
	Province trust.Province `json:"province"`
	Subject  trust.Subject  `json:"subject"`
}

// Evidence is what the verdict rests on.
type Evidence struct {
	NationalList uint64       `json:"nationalList,omitzero"` // sequence
	TrustList    *ListVersion `json:"trustList,omitzero"`
	Head         *HeadVersion `json:"head,omitzero"`
	Log          *LogVersion  `json:"log,omitzero"`
}

// A ListVersion names a trust list of the issuer's province.
type ListVersion struct {
	Session uint64 `json:"session"`
	Version uint64 `json:"version"`
}

// A HeadVersion names a head of the issuer's province.
type HeadVersion struct {
	Sequence   uint64 `json:"sequence"`
	AgeSeconds int64  `json:"ageSeconds"` // at evaluatedAt; 0 where the head's clock is ahead
}

// A LogVersion names a state of the province's status log.
type LogVersion struct {
	Generation uint64  `json:"generation"`
	Size       uint64  `json:"size"`
	Position   *uint64 `json:"position,omitzero"` // of the batch that decided the credential's status
}

// newVerdict returns a verdict in which no step has ended.
func newVerdict(q Question) *Verdict {
	v := &Verdict{EvaluatedAt: q.Now, ValidAt: q.validAt(), Reasons: []Reason{}, Checks: make([]Check, steps)}
	for i := range v.Checks {
		step := Step(i + 1)
		v.Checks[i] = Check{Step: step, Name: step.String(), Outcome: Skipped}
	}
	return v
}

func (q Question) validAt() trust.Time {
	if q.ValidAt.IsZero() {
		return q.Now
	}
	return q.ValidAt
}

// pass ends a step well, unless a finding has already ended it worse.
func (v *Verdict) pass(step Step) {
	if c := &v.Checks[step-1]; Passed.worseThan(c.Outcome) {
		c.Outcome = Passed
	}
}

// find records a finding in the step that the table names for it.
func (v *Verdict) find(code Code, detail string) { v.findIn(messages[code].step, code, detail) }

// findIn records a finding in a step. The worst finding decides how the step ends; of equally bad ones the first.
func (v *Verdict) findIn(step Step, code Code, detail string) {
	m := messages[code]
	if c := &v.Checks[step-1]; m.outcome.worseThan(c.Outcome) || m.outcome == c.Outcome && c.Code == "" {
		c.Outcome, c.Code, c.Detail = m.outcome, code, detail
	}
	v.Reasons = append(v.Reasons, Reason{Code: code, Step: step, Outcome: m.outcome, ZH: m.zh, EN: m.en, Detail: detail})
}

// conclude draws the result from the steps and puts the decisive reasons first.
func (v *Verdict) conclude() *Verdict {
	v.Result = Valid
	for _, c := range v.Checks {
		switch {
		case c.Outcome == Failed:
			v.Result = Invalid
		case v.Result == Valid && c.Outcome != Passed && !(c.Outcome == Skipped && c.Step == StepFormat):
			v.Result = Indeterminate
		}
	}
	slices.SortStableFunc(v.Reasons, func(a, b Reason) int {
		if byOutcome := b.Outcome.rank() - a.Outcome.rank(); byOutcome != 0 {
			return byOutcome
		}
		return int(a.Step) - int(b.Step)
	})
	return v
}

// Has reports whether code is among the reasons.
func (v *Verdict) Has(code Code) bool {
	return slices.ContainsFunc(v.Reasons, func(r Reason) bool { return r.Code == code })
}

// Outcome returns how a step ended.
func (v *Verdict) Outcome(step Step) Outcome {
	if step < 1 || int(step) > len(v.Checks) {
		return Skipped
	}
	return v.Checks[step-1].Outcome
}

func describe(c *credential.Credential) *Credential {
	d := &Credential{
		Format: c.Format, Type: c.Type, Province: c.Province, Digest: c.Digest,
		Issued: c.Issued, NotBefore: c.NotBefore, Expires: c.Expires, Presentation: c.Presentation,
	}
	for _, defect := range c.Defects {
		d.Defects = append(d.Defects, Defect(defect))
	}
	return d
}

func successor(l *statuslog.Link) *Successor {
	if l == nil {
		return nil
	}
	return &Successor{Province: l.Province, Subject: l.Subject}
}
