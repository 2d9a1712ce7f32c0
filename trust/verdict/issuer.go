package verdict

import (
	"errors"
	"fmt"
	"slices"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/certs"
	"github.com/hutong-project/hutong/trust/identifier"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/national"
)

// judgeChain is step 3: every certificate from the signer's up was in force at the time of issue, and the signer's may
// sign credentials. That the path's signatures hold was checked when the anchor was evaluated, and for carried
// certificates in findSigners.
func (j *judgement) judgeChain(v *Verdict, s *signer) {
	v.pass(StepChain)
	if j.issueAssumed {
		v.find(IssueTimeAbsent, "")
	}
	switch err := s.path[0].CanSignCredentials(); {
	case err == nil:
	case errors.Is(err, certs.ErrKeyUsage) && s.carried == 0 && s.province.Entry.Anchoring == national.Pinned:
		// The partner's list names this very certificate as an issuer's. Real partners have pinned CA certificates.
		v.find(CertificateUsageUnusual, err.Error())
	default:
		v.find(CertificateMayNotSign, err.Error())
	}
	if bad, ok := certs.WindowsContain(s.path, j.issued); !ok {
		v.find(CertificateNotInForce, fmt.Sprintf("certificate %d of the path runs from %s to %s, issue %s",
			slices.Index(s.path, bad)+1, bad.NotBefore, bad.NotAfter, j.issued))
	}
}

// judgeStanding is step 4: where the anchor and its province stood at the time of issue, and what became of the key.
func (j *judgement) judgeStanding(v *Verdict, s *signer, status *statusFacts) {
	v.pass(StepStanding)
	j.judgeAnchorStanding(v, s.anchor)
	j.judgeProvinceStanding(v, s.province.Entry)
	if !s.anchor.CompromisedSince.IsZero() {
		j.judgeCompromise(v, s.anchor, status)
	}
}

func (j *judgement) judgeAnchorStanding(v *Verdict, a *list.Anchored) {
	then, since, _ := a.StatusAt(j.issued)
	switch then {
	case list.Granted:
		switch now, since, _ := a.StatusAt(j.q.Now); now {
		case list.Withdrawn:
			v.find(AnchorWithdrawnLater, sinceText(since, j.issued))
		case list.Suspended:
			v.find(AnchorSuspendedLater, sinceText(since, j.issued))
		}
	case list.Suspended:
		v.find(AnchorSuspended, sinceText(since, j.issued))
		// Withdrawn after a suspension says no more about what was issued during it.
	case list.Withdrawn:
		v.find(AnchorWithdrawn, sinceText(since, j.issued))
	default:
		v.find(AnchorNotYetGranted, fmt.Sprintf("issue %s", j.issued))
	}
}

// judgeProvinceStanding lets a suspended or withdrawn province act on all its anchors. A credential from before the
// province joined is its anchor's affair: grants may reach further back than membership.
func (j *judgement) judgeProvinceStanding(v *Verdict, p *national.Province) {
	then, since, _ := p.StatusAt(j.issued)
	switch then {
	case national.Suspended:
		v.find(ProvinceSuspended, sinceText(since, j.issued))
	case national.Withdrawn:
		v.find(ProvinceWithdrawn, sinceText(since, j.issued))
	default:
		switch now, since, _ := p.StatusAt(j.q.Now); now {
		case national.Withdrawn:
			v.find(ProvinceWithdrawnLater, sinceText(since, j.issued))
		case national.Suspended:
			v.find(ProvinceSuspendedLater, sinceText(since, j.issued))
		}
	}
}

// judgeCompromise weighs the time of issue, which a thief of the key writes as he likes, against the status log, which
// he cannot write: only a leaf about the subject at or before the last trusted position proves that the credential
// is older than the theft.
func (j *judgement) judgeCompromise(v *Verdict, a *list.Anchored, status *statusFacts) {
	detail := sinceText(a.CompromisedSince, j.issued)
	if j.issued >= a.CompromisedSince {
		v.find(KeyCompromised, detail)
		return
	}
	if a.LastTrustedIndex != nil {
		for i := range status.entries {
			if status.entries[i].Ref.Position <= *a.LastTrustedIndex {
				v.find(KeyCompromisedLater, detail)
				return
			}
		}
	}
	v.find(KeyCompromisedUnproven, detail)
}

func sinceText(since, issued trust.Time) string {
	return fmt.Sprintf("since %s, issue %s", since, issued)
}

// judgeGrant is step 5: role, credential type, format, algorithm, and the authority that the credential names.
func (j *judgement) judgeGrant(v *Verdict, s *signer) {
	a := s.anchor
	v.pass(StepGrant)
	switch {
	case !a.HasRole(list.RoleIssuer):
		v.find(RoleNotGranted, "")
	case !a.IssuesType(j.c.Type):
		v.find(TypeNotGranted, "type "+quote(j.c.Type))
	}
	if !a.AllowsFormat(j.c.Format) {
		v.find(FormatNotGranted, "format "+quote(j.c.Format))
	}
	// The anchor's own key was measured when its list was evaluated; a carried certificate comes only now.
	if !slices.Contains(s.province.Entry.Algorithms, j.c.Algorithm) {
		v.find(AlgorithmNotGranted, "algorithm "+quote(j.c.Algorithm))
	}
	if j.c.Authority != "" && j.c.Authority != a.Authority {
		j.judgeAuthority(v, s)
	}
}

// judgeAuthority: a code that is sound, or that is another authority's of the same list, names somebody else. What is
// neither is a slip or an old form, which real credentials have, and is reported.
func (j *judgement) judgeAuthority(v *Verdict, s *signer) {
	detail := fmt.Sprintf("credential %s, issuer %s", quote(j.c.Authority), s.anchor.Authority)
	if _, err := identifier.ParseUSCC(j.c.Authority); err == nil || s.province.HasAuthority(j.c.Authority) {
		v.find(AuthorityMismatch, detail)
		return
	}
	v.find(AuthorityNonStandard, detail)
}
