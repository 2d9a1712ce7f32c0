package registry

import (
	"bytes"
	"slices"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/certs"
	"github.com/hutong-project/hutong/trust/credential"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/statuslog"
)

// hintSize is how many bytes of a key hint the indexes hold: the least that a format carries.
const hintSize = 8

type hint [hintSize]byte

// An index holds the searches over one evaluated trust list.
type index struct {
	of          *list.Evaluated
	byID        map[string]*list.Anchored
	byKey       map[hint][]*list.Anchored // by the start of the SM3 of the SubjectPublicKeyInfo
	bySHA256    map[hint][]*list.Anchored // by the start of the SHA-256 of the certificate
	direct      map[*list.Anchored]bool   // anchors whose own key may sign credentials
	cas         []*list.Anchored          // anchors that speak for end entities
	authorities map[string]bool
	paths       map[*list.Anchored][]trust.Subject // status subjects of the certificates of each path
}

func newIndex(of *list.Evaluated) *index {
	x := &index{
		of:          of,
		byID:        make(map[string]*list.Anchored, len(of.Anchors)),
		byKey:       make(map[hint][]*list.Anchored, len(of.Anchors)),
		bySHA256:    make(map[hint][]*list.Anchored, len(of.Anchors)),
		direct:      make(map[*list.Anchored]bool, len(of.Anchors)),
		authorities: make(map[string]bool),
		paths:       make(map[*list.Anchored][]trust.Subject, len(of.Anchors)),
	}
	for _, a := range of.Anchors {
		key, sum := a.Certificate.KeyID(), a.Certificate.SHA256()
		x.byID[a.ID] = a
		x.byKey[hint(key[:hintSize])] = append(x.byKey[hint(key[:hintSize])], a)
		x.bySHA256[hint(sum[:hintSize])] = append(x.bySHA256[hint(sum[:hintSize])], a)
		x.authorities[a.Authority] = true
		x.direct[a] = a.SpeaksFor(a.Certificate)
		if vouches(a) {
			x.cas = append(x.cas, a)
		}
		for _, c := range a.Path {
			x.paths[a] = append(x.paths[a], statuslog.CertificateSubject(c.RawIssuer, c.SerialDER))
		}
	}
	return x
}

// Candidates returns the anchors that c may rest on: those that speak for their own certificate and whose certificate
// fits the key hint, and, where c carries certificates, the CAs that speak for end entities. What c's signed fields
// say narrows them: its province, and its anchor. Without a province all are searched, in ascending order of their
// codes. That an anchor is a candidate says nothing yet: its key, or a key that it vouches for, must have made the
// signature. A province of which no head has been adopted has no candidates: no list counts without a head.
func (v *View) Candidates(c *credential.Credential) []*list.Anchored {
	if c.Province != "" {
		return v.Provinces[c.Province].candidates(c)
	}
	var found []*list.Anchored
	for _, code := range v.codes {
		found = append(found, v.Provinces[code].candidates(c)...)
	}
	return found
}

func (p *Province) candidates(c *credential.Credential) []*list.Anchored {
	if p == nil || p.index == nil || p.Head == nil || p.Entry == nil {
		return nil
	}
	x := p.index
	if c.Anchor != "" {
		a := x.byID[c.Anchor]
		if a == nil || !x.signs(a, c) && (len(c.Chain) == 0 || !vouches(a)) {
			return nil
		}
		return []*list.Anchored{a}
	}
	var found []*list.Anchored
	for _, a := range x.hinted(c) {
		if x.signs(a, c) {
			found = append(found, a)
		}
	}
	if len(c.Chain) == 0 {
		return found
	}
	for _, a := range x.cas {
		if !slices.Contains(found, a) {
			found = append(found, a)
		}
	}
	return found
}

// Signs reports whether the key of a, an anchor of p's list, may itself have signed c: a speaks for its own
// certificate, and that fits c's key hint.
func (p *Province) Signs(a *list.Anchored, c *credential.Credential) bool {
	return p.index != nil && p.index.signs(a, c)
}

func (x *index) signs(a *list.Anchored, c *credential.Credential) bool {
	return x.direct[a] && HintFits(c, a.Certificate)
}

// vouches reports whether a is a CA that speaks for others.
func vouches(a *list.Anchored) bool { return a.Certificate.CA && len(a.Subjects) > 0 }

// hinted returns the anchors that may fit c's key hint.
func (x *index) hinted(c *credential.Credential) []*list.Anchored {
	switch {
	case c.KIDRule == credential.KIDNone:
		return x.of.Anchors
	case len(c.KID) < hintSize:
		return nil
	case c.KIDRule == credential.KIDKey:
		return x.byKey[hint(c.KID[:hintSize])]
	case c.KIDRule == credential.KIDCertificateSHA256:
		return x.bySHA256[hint(c.KID[:hintSize])]
	}
	return nil
}

// HintFits reports whether a signer's certificate is one that c's key hint may mean: all bytes of the hint agree. A
// token without a hint may mean any.
func HintFits(c *credential.Credential, signer *certs.Certificate) bool {
	switch c.KIDRule {
	case credential.KIDNone:
		return true
	case credential.KIDKey:
		key := signer.KeyID()
		return len(c.KID) >= hintSize && bytes.HasPrefix(key[:], c.KID)
	case credential.KIDCertificateSHA256:
		sum := signer.SHA256()
		return len(c.KID) == hintSize && bytes.HasPrefix(sum[:], c.KID)
	}
	return false
}

// PathSubjects returns the status subjects of the certificates of a.Path, in its order. The caller must not change it.
func (p *Province) PathSubjects(a *list.Anchored) []trust.Subject {
	if p.index == nil {
		return nil
	}
	return p.index.paths[a]
}

// HasAuthority reports whether an anchor of p's trust list has this authority.
func (p *Province) HasAuthority(code string) bool { return p.index != nil && p.index.authorities[code] }

// Refused returns the refusal of the anchor with this id, where p's list has one that does not count.
func (p *Province) Refused(id string) (list.RefusedAnchor, bool) {
	if p.List != nil {
		for _, r := range p.List.Refused {
			if r.ID == id {
				return r, true
			}
		}
	}
	return list.RefusedAnchor{}, false
}
