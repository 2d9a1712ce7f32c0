package list

import (
	"slices"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/certs"
	"github.com/hutong-project/hutong/trust/national"
)

// Evaluated is a list with what of it counts under one national list. It must not be changed and is then safe for
// concurrent use.
type Evaluated struct {
	*Document
	Anchors []*Anchored     // what counts, in the order of the list
	Refused []RefusedAnchor // what does not, in the order of the list
}

// A RefusedAnchor says why one anchor does not count.
type RefusedAnchor struct {
	ID     string            `json:"id"`
	Code   trust.RefusalCode `json:"code"`   // Malformed, Contradiction, OverClaim or NotChained
	Detail string            `json:"detail"` // for operators
}

// An Anchored is an anchor that asks for no more than its province may grant and rests on what it must rest on.
// Whether it was granted, in force or intact at some moment is not said.
type Anchored struct {
	Anchor
	Province    trust.Province
	Certificate *certs.Certificate
	Path        []*certs.Certificate // the certificate first, a national root last; the certificate alone when pinned

	pinned   bool
	subjects map[string]bool
}

// partnerless are the formats that only provinces of GB/T 2260 issue: a partner gets its own formats.
var partnerless = []string{"HT1"}

// Evaluate says which anchors of d count under the province's entry and the national roots, and why the others do
// not. It is pure and takes about one signature check an anchor and CA. The caller has checked that d is the
// province's (CheckSigned). Statuses are not looked at: a withdrawn anchor counts for the time before.
//
// An anchor is refused when its certificate cannot be read (Malformed), when an end entity has subjects
// (Contradiction), when it claims a credential type, a key algorithm or a format that the province may not grant
// (OverClaim), and, in a chained province, when no path leads through CA certificates of this list to a national root
// (NotChained).
func Evaluate(d *Document, entry *national.Province, roots []*certs.Certificate) *Evaluated {
	e := &Evaluated{Document: d}
	parsed := make([]*certs.Certificate, len(d.List.Anchors))
	why := make([]error, len(d.List.Anchors))
	chain := newChainer(roots)
	for i := range d.List.Anchors {
		if parsed[i], why[i] = certs.Parse(d.List.Anchors[i].Certificate); why[i] == nil && mayUse(entry, parsed[i]) {
			chain.add(parsed[i])
		}
	}
	for i := range d.List.Anchors {
		a := &d.List.Anchors[i]
		if why[i] != nil {
			e.refuse(a, trust.Malformed, "certificate: "+why[i].Error())
			continue
		}
		if err := a.checkClaims(parsed[i], entry); err != nil {
			refusal, _ := trust.AsRefusal(err)
			e.refuse(a, refusal.Code, refusal.Detail)
			continue
		}
		path := []*certs.Certificate{parsed[i]}
		pinned := entry.Anchoring == national.Pinned
		if !pinned {
			var err error
			if path, err = chain.path(parsed[i]); err != nil {
				e.refuse(a, trust.NotChained, err.Error())
				continue
			}
		}
		e.Anchors = append(e.Anchors, anchored(a, entry.Code, path, pinned))
	}
	return e
}

func (e *Evaluated) refuse(a *Anchor, code trust.RefusalCode, detail string) {
	e.Refused = append(e.Refused, RefusedAnchor{ID: a.ID, Code: code, Detail: detail})
}

func anchored(a *Anchor, province trust.Province, path []*certs.Certificate, pinned bool) *Anchored {
	x := &Anchored{Anchor: *a, Province: province, Certificate: path[0], Path: path, pinned: pinned}
	x.subjects = make(map[string]bool, len(a.Subjects))
	for _, s := range a.Subjects {
		x.subjects[s] = true
	}
	return x
}

// checkClaims refuses an anchor that asks for more than entry grants.
func (a *Anchor) checkClaims(c *certs.Certificate, entry *national.Province) error {
	if len(a.Subjects) > 0 && !c.CA {
		return contradiction("subjects", "%d, for a certificate that is no CA's and speaks for itself alone", len(a.Subjects))
	}
	if !mayUse(entry, c) {
		algorithm, ok := c.Algorithm()
		if !ok {
			return trust.Refuse(trust.OverClaim, "certificate: its key fits none of the admitted algorithms")
		}
		return trust.Refuse(trust.OverClaim, "certificate: %s key, which %s may not use", algorithm, entry.Code)
	}
	for _, t := range a.CredentialTypes {
		if !entry.MayGrant(t) {
			return trust.Refuse(trust.OverClaim, "credentialTypes: %q, which %s may not grant", t, entry.Code)
		}
	}
	for _, f := range a.Formats {
		if entry.Code.Partner() && slices.Contains(partnerless, f) {
			return trust.Refuse(trust.OverClaim, "formats: %q, which a partner may not grant", f)
		}
	}
	return nil
}

// mayUse reports whether the province may use keys like c's, be it for an anchor or for a CA above one.
func mayUse(entry *national.Province, c *certs.Certificate) bool {
	algorithm, ok := c.Algorithm()
	return ok && slices.Contains(entry.Algorithms, string(algorithm))
}

// SpeaksFor reports whether the anchor speaks for the end entity whose certificate is leaf: the anchor is that very
// certificate, or a CA that names the leaf's organization code or the SM3 of its subject name in subjects. That the CA
// issued the leaf is not looked at.
//
// A CA speaks for its own certificate only where that is pinned or named; for another CA it never speaks.
func (a *Anchored) SpeaksFor(leaf *certs.Certificate) bool {
	itself := leaf.Digest() == a.Certificate.Digest()
	if itself && (a.pinned || !leaf.CA) {
		return true
	}
	if !a.Certificate.CA || leaf.CA && !itself {
		return false
	}
	if code := leaf.OrganizationCode(); code != "" && a.subjects[code] {
		return true
	}
	return a.subjects[leaf.SubjectDigest().String()]
}
