package verdict

import (
	"fmt"
	"strings"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/credential"
	"github.com/hutong-project/hutong/trust/registry"
)

// A judgement is one question about one credential, with what all its steps need.
type judgement struct {
	v *registry.View
	s registry.StatusReader // may be nil
	c *credential.Credential
	q Question

	validAt      trust.Time
	issued       trust.Time // the moment that decides steps 3 to 5
	issueAssumed bool       // the credential states no such moment
	clockInDoubt bool
	skew         trust.Time // seconds that clocks may differ
}

// Judge answers q about c from v and the status logs that belong to it. c is what a format's reader made: its
// structure is good, nothing else is believed. A nil v is a node that has no national list yet, a nil s one that has
// no status logs. Judge is pure but for s, and safe for concurrent use.
func Judge(v *registry.View, s registry.StatusReader, c *credential.Credential, q Question) *Verdict {
	if c == nil {
		return Unreadable(trust.Refuse(trust.Malformed, "no credential"), q)
	}
	j := &judgement{v: v, s: s, c: c, q: q, validAt: q.validAt()}
	j.readTimes()
	signers, why, detail := j.findSigners()
	switch len(signers) {
	case 0:
		return j.withoutSigner(why, detail)
	case 1:
		return j.assess(&signers[0])
	}
	return j.amongSigners(signers)
}

// readTimes settles the moments that the steps look at.
func (j *judgement) readTimes() {
	switch {
	case !j.c.Issued.IsZero():
		j.issued = j.c.Issued
	case !j.c.NotBefore.IsZero():
		j.issued = j.c.NotBefore
	default:
		j.issued, j.issueAssumed = j.validAt, true
	}
	j.clockInDoubt = j.q.ClockInDoubt
	if j.v != nil && j.v.National != nil {
		j.skew = trust.Time(j.v.National.Policy.Skew)
	}
	if j.v != nil && j.v.Newest > j.q.Now+j.skew {
		j.clockInDoubt = true // this cluster has agreed on a time that this clock has not reached
	}
}

// withoutSigner is the answer where step 2 did not pass, or where the signer's certificate leads to no anchor.
func (j *judgement) withoutSigner(why Code, detail string) *Verdict {
	v := newVerdict(j.q)
	v.Credential = describe(j.c)
	v.pass(StepStructure)
	if messages[why].step == StepChain {
		v.pass(StepSignature) // it verifies under the certificate that the credential carries
	}
	v.find(why, detail)
	if p := j.province(j.c.Province); p != nil {
		j.cite(v, p)
		j.judgeFreshness(v, j.c.Province)
	}
	return v.conclude()
}

// assess takes the steps after the signature for one anchor that the credential may rest on.
func (j *judgement) assess(s *signer) *Verdict {
	v := newVerdict(j.q)
	v.Credential = describe(j.c)
	if j.q.Disclose {
		for _, claim := range j.c.Face {
			v.Credential.Face = append(v.Credential.Face, Claim(claim))
		}
	}
	a := s.anchor
	v.Issuer = &Issuer{Province: a.Province, Anchor: a.ID, Name: a.Name, Authority: a.Authority, Status: string(a.Status)}
	j.cite(v, s.province)

	v.pass(StepStructure)
	v.pass(StepSignature)
	j.judgeChain(v, s)
	status := j.readStatus(s)
	j.judgeStanding(v, s, status)
	j.judgeGrant(v, s)
	j.judgeFormat(v)
	j.judgeDates(v)
	j.judgeStatus(v, s, status)
	j.judgeFreshness(v, a.Province)
	return v.conclude()
}

// amongSigners is the answer where the signature verifies under several anchors. Those that may issue this credential
// go before those that may not issue it at all: one certificate can stand in several entries with different grants.
// If those left lead to different results, nothing says which of them issued the credential.
func (j *judgement) amongSigners(signers []signer) *Verdict {
	if granted := j.granting(signers); len(granted) > 0 {
		signers = granted
	}
	first := j.assess(&signers[0])
	agree, oneIssuer := true, true
	var said strings.Builder
	for i := range signers {
		v := first
		if i > 0 {
			v = j.assess(&signers[i])
		}
		agree = agree && v.Result == first.Result
		oneIssuer = oneIssuer && v.Issuer.Province == first.Issuer.Province && v.Issuer.Authority == first.Issuer.Authority
		if i > 0 {
			said.WriteString("; ")
		}
		fmt.Fprintf(&said, "%s/%s: %s", v.Issuer.Province, v.Issuer.Anchor, v.Result)
	}
	switch {
	case !agree:
		v := newVerdict(j.q)
		v.Credential = describe(j.c)
		v.Evidence.NationalList = first.Evidence.NationalList
		v.pass(StepStructure)
		v.find(IssuersDisagree, said.String())
		return v.conclude()
	case !oneIssuer:
		first.find(SeveralIssuers, said.String())
		return first.conclude()
	}
	return first
}

func (j *judgement) granting(signers []signer) []signer {
	var granted []signer
	for _, s := range signers {
		if s.anchor.IssuesType(j.c.Type) && s.anchor.AllowsFormat(j.c.Format) &&
			(j.c.Authority == "" || j.c.Authority == s.anchor.Authority) {
			granted = append(granted, s)
		}
	}
	return granted
}

// province returns what is held of a province of the national list, or nil.
func (j *judgement) province(code trust.Province) *registry.Province {
	if j.v == nil || j.v.National == nil || code == "" {
		return nil
	}
	p := j.v.Provinces[code]
	if p == nil || p.Entry == nil {
		return nil
	}
	return p
}

// cite writes down which evidence the verdict rests on.
func (j *judgement) cite(v *Verdict, p *registry.Province) {
	v.Evidence.NationalList = j.v.National.Sequence
	if p.List != nil {
		v.Evidence.TrustList = &ListVersion{Session: p.List.Session, Version: p.List.Number}
	}
	if p.Head != nil {
		v.Evidence.Head = &HeadVersion{Sequence: p.Head.Sequence, AgeSeconds: max(0, int64(j.q.Now-p.Head.Issued))}
		v.Evidence.Log = &LogVersion{Generation: p.Log.Generation, Size: p.Log.Size}
	}
}
