package national

import (
	"slices"
	"strings"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/certs"
)

// at names the entry in a refusal.
func (p *Province) at() string { return "province " + string(p.Code) }

// check applies the rules about one entry, keys and host aside, which need the whole list.
func (p *Province) check(l *List) error {
	if !p.Code.Valid() {
		return malformed("provinces", "code %.20q has no known form", p.Code)
	}
	if err := CheckText(p.at()+".nameZh", p.NameZH); err != nil {
		return err
	}
	if err := CheckText(p.at()+".nameEn", p.NameEN); err != nil {
		return err
	}
	if err := p.checkStatus(l.Issued); err != nil {
		return err
	}
	if err := p.checkSession(); err != nil {
		return err
	}
	if err := CheckPeers(p.at()+".peers", p.Peers); err != nil {
		return err
	}
	if p.Host != "" && len(p.Peers) > 0 {
		return contradiction(p.at(), "is hosted by %s and has %d peers of its own", p.Host, len(p.Peers))
	}
	if p.Clocks != nil {
		if err := p.Clocks.check(p.at() + ".clocks"); err != nil {
			return err
		}
	}
	return p.checkGrants(l)
}

func (p *Province) checkStatus(issued trust.Time) error {
	if len(p.History) > MaxHistory {
		return malformed(p.at()+".history", "%d periods, want at most %d", len(p.History), MaxHistory)
	}
	var last trust.Time
	periods := p.periods()
	for i, period := range periods {
		switch {
		case period.Status != Admitted && period.Status != Suspended && period.Status != Withdrawn:
			return malformed(p.at(), "status %.20q, want %s, %s or %s", period.Status, Admitted, Suspended, Withdrawn)
		case period.Status == Withdrawn && i < len(periods)-1:
			return contradiction(p.at()+".history", "a withdrawal that ended, which none does")
		case period.Since <= last:
			return contradiction(p.at(), "%s since %s, want later than %s", period.Status, period.Since, last)
		}
		if err := CheckReason(p.at()+".reason", period.Reason); err != nil {
			return err
		}
		last = period.Since
	}
	switch withdrawn := p.Status == Withdrawn; {
	case withdrawn && p.LastHead == nil:
		return contradiction(p.at(), "is withdrawn and lacks lastHead")
	case !withdrawn && p.LastHead != nil:
		return contradiction(p.at(), "has lastHead and is %s", p.Status)
	case withdrawn && p.Since > issued:
		return contradiction(p.at(), "withdrawn since %s, after the list was issued (%s): its last head cannot be known", p.Since, issued)
	}
	return nil
}

func (p *Province) checkSession() error {
	if p.Session < 1 {
		return malformed(p.at()+".session", "0, want at least 1")
	}
	if h := p.LastHead; h != nil {
		if h.Session != p.Session {
			return contradiction(p.at()+".lastHead", "session %d, want the entry's %d", h.Session, p.Session)
		}
		if h.Sequence < 1 || h.Digest.IsZero() {
			return malformed(p.at()+".lastHead", "sequence %d with digest %s names no head", h.Sequence, h.Digest.Short())
		}
	}
	if p.LogState == nil {
		if p.Session > 1 && p.Host == "" {
			return contradiction(p.at(), "session %d lacks logState, which says what of the log stands", p.Session)
		}
		return nil
	}
	if p.Host != "" && p.LogState.Size > 0 {
		return contradiction(p.at()+".logState", "size %d of a hosted jurisdiction, whose log is empty", p.LogState.Size)
	}
	return p.LogState.Check(p.at() + ".logState")
}

// checkGrants: what a province may do. Another anchoring or algorithm than the national ones is for partners only.
func (p *Province) checkGrants(l *List) error {
	switch p.Anchoring {
	case Chained:
		if len(l.Roots) == 0 {
			return contradiction(p.at()+".anchoring", "chained, in a list without roots")
		}
	case Pinned:
		if !p.Code.Partner() {
			return contradiction(p.at()+".anchoring", "pinned, which only a partner may be")
		}
	default:
		return malformed(p.at()+".anchoring", "%.20q, want %s or %s", p.Anchoring, Chained, Pinned)
	}
	if len(p.Algorithms) == 0 {
		return malformed(p.at()+".algorithms", "is empty")
	}
	for i, a := range p.Algorithms {
		switch certs.Algorithm(a) {
		case certs.SM2:
		case certs.ES256, certs.PS256:
			if !p.Code.Partner() {
				return contradiction(p.at()+".algorithms", "%s, which only a partner may use", a)
			}
		default:
			return malformed(p.at()+".algorithms", "%.20q, want SM2, ES256 or PS256", a)
		}
		if slices.Contains(p.Algorithms[:i], a) {
			return malformed(p.at()+".algorithms", "%s stands twice", a)
		}
	}
	return p.checkTypes()
}

func (p *Province) checkTypes() error {
	at := p.at() + ".types"
	if len(p.Types) > MaxTypes {
		return malformed(at, "%d patterns, want at most %d", len(p.Types), MaxTypes)
	}
	seen := make(map[string]bool, len(p.Types))
	for _, pattern := range p.Types {
		prefix, _ := strings.CutSuffix(pattern, "*")
		switch {
		case pattern == "*" && p.Code.Partner():
			return contradiction(at, "* for a partner, which gets only what is named")
		case prefix != "" && !ValidType(prefix):
			return malformed(at, "%.40q, want a type, or the beginning of types with * at its end", pattern)
		case pattern == "":
			return malformed(at, "an empty pattern")
		case seen[pattern]:
			return malformed(at, "%q stands twice", pattern)
		}
		seen[pattern] = true
	}
	return nil
}

// MayGrant reports whether a pattern of the entry covers the credential type. Nothing covers the empty type.
func (p *Province) MayGrant(credentialType string) bool {
	if credentialType == "" {
		return false
	}
	return slices.ContainsFunc(p.Types, func(pattern string) bool {
		if prefix, open := strings.CutSuffix(pattern, "*"); open {
			return strings.HasPrefix(credentialType, prefix)
		}
		return pattern == credentialType
	})
}

// ClocksOf returns the clocks by which the province's data ages: its own, else the policy's.
func (p *Province) ClocksOf(policy Policy) Clocks {
	if p.Clocks != nil {
		return *p.Clocks
	}
	return policy.Clocks
}

// Signer returns whose cluster signs the province's heads and serves its list: its host's, else its own.
func (p *Province) Signer() trust.Province {
	if p.Host != "" {
		return p.Host
	}
	return p.Code
}

// periods returns all statuses, oldest first, the present one last.
func (p *Province) periods() []Period {
	return append(slices.Clone(p.History), Period{Status: p.Status, Since: p.Since, Reason: p.Reason})
}

// Joined returns when the province first stood in the list: the begin of its first status.
func (p *Province) Joined() trust.Time {
	if len(p.History) > 0 {
		return p.History[0].Since
	}
	return p.Since
}

// StatusAt returns the status that held at t, since when and why. Before the first status it returns "".
func (p *Province) StatusAt(t trust.Time) (status Status, since trust.Time, reason string) {
	if t >= p.Since {
		return p.Status, p.Since, p.Reason
	}
	for _, period := range slices.Backward(p.History) {
		if t >= period.Since {
			return period.Status, period.Since, period.Reason
		}
	}
	return "", 0, ""
}
