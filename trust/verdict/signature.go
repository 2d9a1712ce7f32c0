package verdict

import (
	"errors"
	"fmt"

	"github.com/hutong-project/hutong/trust/certs"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/registry"
)

// maxCandidates bounds the anchors that one credential is tried against: about ten milliseconds of SM2. Only a
// credential without a key hint can come near it.
const maxCandidates = 128

// maxChain is the most certificates that a credential may carry.
const maxChain = 3

// A signer is an anchor under which the credential's signature verifies, directly or through a certificate that the
// credential carries.
type signer struct {
	anchor   *list.Anchored
	province *registry.Province
	path     []*certs.Certificate // the signing certificate first, as far up as the anchor's path goes
	carried  int                  // how many certificates of path the credential brought; 0: the anchor's own key signed
}

// carried is what a credential brought along to lead to an anchor.
type carriedChain struct {
	certificates []*certs.Certificate // signer first; nil: none, or unreadable
	err          error                // one cannot be read
	signed       error                // the result of verifying the signature under the first; see checked
	checked      bool
}

// What became of the candidates that were tried without success.
var (
	errWrongAlgorithm = errors.New("another algorithm")
	errWrongSignature = errors.New("signature does not verify")
)

// findSigners is step 2, with that part of step 3 that finds the anchor above a carried certificate. It tries every
// anchor that fits. Without a signer it says why.
func (j *judgement) findSigners() (found []signer, why Code, detail string) {
	if code, detail := j.cannotSearch(); code != "" {
		return nil, code, detail
	}
	candidates := j.v.Candidates(j.c)
	if len(candidates) > maxCandidates {
		return nil, TooManyCandidates, fmt.Sprintf("%d candidates, at most %d are tried", len(candidates), maxCandidates)
	}
	chain := readCarried(j.c.Chain)
	var wrongAlgorithm, wrongSignature, notListed, notAnchored, gaveUp bool
	for _, a := range candidates {
		p := j.v.Provinces[a.Province]
		if p.Signs(a, j.c) {
			switch err := j.verifyUnder(a.Certificate); err {
			case nil:
				found = append(found, signer{anchor: a, province: p, path: a.Path})
				continue
			case errWrongAlgorithm:
				wrongAlgorithm = true
			default:
				wrongSignature = true
			}
		}
		if len(chain.certificates) == 0 || !registry.HintFits(j.c, chain.certificates[0]) {
			continue
		}
		if j.verifyCarried(&chain) != nil {
			continue
		}
		leaf := chain.certificates[0]
		path, err := certs.Path(leaf, chain.certificates[1:], []*certs.Certificate{a.Certificate})
		switch {
		case errors.Is(err, certs.ErrTooManyCandidates):
			gaveUp = true
		case err != nil || len(path) < 2:
			notAnchored = true
		case !a.SpeaksFor(leaf):
			notListed = true
		default:
			below := len(path) - 1
			found = append(found, signer{anchor: a, province: p, path: append(path[:below:below], a.Path...), carried: below})
		}
	}
	if len(found) > 0 {
		return found, "", ""
	}
	switch {
	case gaveUp:
		return nil, TooManyCandidates, "certificates that share a name"
	case notListed:
		return nil, j.unlessOld(SubjectNotListed), "anchor and carried certificate fit, the subject is not listed"
	case chain.checked && chain.signed != nil:
		// The credential's own certificate contradicts it: no list could make that good.
		return nil, codeOf(chain.signed), "under the certificate that the credential carries"
	case notAnchored:
		return nil, j.unlessOld(ChainNotAnchored), "no listed authority issued the carried certificate"
	case wrongSignature && j.identified():
		return nil, SignatureInvalid, ""
	case wrongSignature:
		return nil, j.unlessOld(SignatureInvalid), "under no anchor of the list"
	case wrongAlgorithm && j.identified():
		return nil, AlgorithmMismatch, "the credential claims " + quote(j.c.Algorithm)
	case wrongAlgorithm:
		return nil, j.unlessOld(AlgorithmMismatch), "the credential claims " + quote(j.c.Algorithm)
	case chain.err != nil:
		return nil, ChainUnreadable, chain.err.Error()
	}
	return j.noCandidate()
}

func codeOf(err error) Code {
	if err == errWrongAlgorithm {
		return AlgorithmMismatch
	}
	return SignatureInvalid
}

// identified reports whether the credential says which key signed it, so that another version of the list could not
// bring in another candidate: an anchor keeps its certificate for ever, a hint means one key.
func (j *judgement) identified() bool { return j.c.Anchor != "" || len(j.c.KID) > 0 }

// unlessOld is code, or, where the list is not current, that nothing in it fits.
func (j *judgement) unlessOld(code Code) Code {
	if j.current() {
		return code
	}
	return IssuerUnknownInOldList
}

// verifyUnder verifies the credential's signature under a certificate's key. The key says which algorithm is used; the
// token's own word must be the same and is not relied on.
func (j *judgement) verifyUnder(c *certs.Certificate) error {
	algorithm, ok := c.Algorithm()
	if !ok || string(algorithm) != j.c.Algorithm {
		return errWrongAlgorithm
	}
	if !c.Verify(algorithm, j.c.Message, j.c.Signature) {
		return errWrongSignature
	}
	return nil
}

// verifyCarried verifies the signature under the carried signer certificate, once.
func (j *judgement) verifyCarried(chain *carriedChain) error {
	if !chain.checked {
		chain.checked = true
		chain.signed = j.verifyUnder(chain.certificates[0])
	}
	return chain.signed
}

func readCarried(chain [][]byte) carriedChain {
	if len(chain) > maxChain {
		return carriedChain{err: fmt.Errorf("%d certificates carried, want at most %d", len(chain), maxChain)}
	}
	var read carriedChain
	for i, der := range chain {
		c, err := certs.Parse(der)
		if err != nil {
			return carriedChain{err: fmt.Errorf("reading carried certificate %d: %w", i, err)}
		}
		read.certificates = append(read.certificates, c)
	}
	return read
}

// cannotSearch says why there is nothing to search in, or "".
func (j *judgement) cannotSearch() (Code, string) {
	if j.v == nil || j.v.National == nil {
		return NotConfigured, ""
	}
	code := j.c.Province
	if code == "" {
		return "", ""
	}
	if _, ok := j.v.National.Province(code); !ok {
		return ProvinceUnknown, "province " + quote(string(code))
	}
	if p := j.province(code); p == nil || p.List == nil || p.Head == nil {
		return TrustListUnavailable, "province " + string(code)
	}
	return "", ""
}

// noCandidate is the answer where no anchor fits.
func (j *judgement) noCandidate() ([]signer, Code, string) {
	if j.c.Province == "" {
		return nil, j.unlessOld(IssuerUnknown), "the credential names no province"
	}
	p := j.province(j.c.Province)
	if refused, ok := p.Refused(j.c.Anchor); ok {
		return nil, j.unlessOld(AnchorRefused), fmt.Sprintf("anchor %s: %s", refused.ID, refused.Code)
	}
	detail := "no anchor of " + string(p.Code) + " fits the key hint"
	if j.c.Anchor != "" {
		detail = "anchor " + quote(j.c.Anchor) + " of " + string(p.Code) + " is not listed or has another key"
	}
	return nil, j.unlessOld(IssuerUnknown), detail
}

// current reports whether the lists that were searched are the newest there are: only then does absence prove
// anything.
func (j *judgement) current() bool {
	if j.clockInDoubt {
		return false
	}
	if j.c.Province != "" {
		return j.v.Age(j.c.Province, j.q.Now).Freshness == registry.Fresh
	}
	for i := range j.v.National.Provinces {
		if j.v.Age(j.v.National.Provinces[i].Code, j.q.Now).Freshness != registry.Fresh {
			return false
		}
	}
	return true
}

// quote makes a token's own short text fit for a message.
func quote(s string) string { return fmt.Sprintf("%.64q", s) }
