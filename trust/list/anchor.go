package list

import (
	"slices"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/national"
)

// at names the anchor in a refusal.
func (a *Anchor) at() string {
	if !validID(a.ID) {
		return "anchors"
	}
	return "anchor " + a.ID
}

// check applies the rules about one anchor, its certificate and status keys aside.
func (a *Anchor) check() error {
	if !validID(a.ID) {
		return malformed("anchors", "id %.70q, want 1 to %d of a-z, 0-9, point and hyphen", a.ID, MaxIDBytes)
	}
	if err := national.CheckText(a.at()+".name", a.Name); err != nil {
		return err
	}
	if err := national.CheckText(a.at()+".authority", a.Authority); err != nil {
		return err
	}
	if len(a.Roles) == 0 {
		return malformed(a.at()+".roles", "is empty")
	}
	known := func(r Role) bool { return r == RoleIssuer || r == RoleSealMaker || r == RoleTimeStamp }
	if err := checkSet(a.at()+".roles", a.Roles, 3, known); err != nil {
		return err
	}
	if err := checkSet(a.at()+".subjects", a.Subjects, MaxSubjects, validSubject); err != nil {
		return err
	}
	if err := checkSet(a.at()+".credentialTypes", a.CredentialTypes, MaxCredentialTypes, national.ValidType); err != nil {
		return err
	}
	if err := checkSet(a.at()+".formats", a.Formats, MaxFormats, validFormat); err != nil {
		return err
	}
	if err := a.checkStatus(); err != nil {
		return err
	}
	return a.checkSigner()
}

// checkSet: at most max members, each of the right form, each once.
func checkSet[T ~string](at string, members []T, max int, valid func(T) bool) error {
	if len(members) > max {
		return malformed(at, "%d members, want at most %d", len(members), max)
	}
	seen := make(map[T]bool, len(members))
	for _, m := range members {
		if !valid(m) {
			return malformed(at, "%.70q is not allowed", m)
		}
		if seen[m] {
			return malformed(at, "%q stands twice", m)
		}
		seen[m] = true
	}
	return nil
}

func (a *Anchor) checkStatus() error {
	if len(a.History) > MaxHistory {
		return malformed(a.at()+".history", "%d periods, want at most %d", len(a.History), MaxHistory)
	}
	var last trust.Time
	for _, p := range a.periods() {
		switch {
		case p.Status != Granted && p.Status != Suspended && p.Status != Withdrawn:
			return malformed(a.at(), "status %.20q, want %s, %s or %s", p.Status, Granted, Suspended, Withdrawn)
		case p.Since <= last:
			return contradiction(a.at(), "%s since %s, want later than %s", p.Status, p.Since, last)
		}
		if err := national.CheckReason(a.at()+".reason", p.Reason); err != nil {
			return err
		}
		last = p.Since
	}
	compromised := !a.CompromisedSince.IsZero()
	switch {
	case a.CompromisedSince < 0:
		return malformed(a.at()+".compromisedSince", "%s, want a time after 1970", a.CompromisedSince)
	case compromised && a.LastTrustedIndex == nil:
		return contradiction(a.at(), "compromisedSince without lastTrustedIndex")
	case !compromised && a.LastTrustedIndex != nil:
		return contradiction(a.at(), "lastTrustedIndex without compromisedSince")
	}
	return nil
}

func (a *Anchor) checkSigner() error {
	if a.StatusSigner != SignerSelf && a.StatusSigner != SignerOperator {
		return malformed(a.at()+".statusSigner", "%.20q, want %s or %s", a.StatusSigner, SignerSelf, SignerOperator)
	}
	switch c := a.StatusCoverage; {
	case c.Kind != CoverageLog && c.Kind != CoverageNone:
		return malformed(a.at()+".statusCoverage.kind", "%.20q, want %s or %s", c.Kind, CoverageLog, CoverageNone)
	case c.Kind == CoverageLog && c.Since <= 0:
		return contradiction(a.at()+".statusCoverage", "log without a since after 1970")
	case c.Kind == CoverageNone && !c.Since.IsZero():
		return contradiction(a.at()+".statusCoverage", "none with a since")
	}
	return nil
}

// periods returns all statuses, oldest first, the present one last.
func (a *Anchor) periods() []Period {
	return append(slices.Clone(a.History), Period{Status: a.Status, Since: a.Since, Reason: a.Reason})
}

// StatusAt returns the status that held at t, since when and why. Before the first status it returns "".
func (a *Anchor) StatusAt(t trust.Time) (status Status, since trust.Time, reason string) {
	if t >= a.Since {
		return a.Status, a.Since, a.Reason
	}
	for _, p := range slices.Backward(a.History) {
		if t >= p.Since {
			return p.Status, p.Since, p.Reason
		}
	}
	return "", 0, ""
}

// HasRole reports whether the anchor's certificate is for r.
func (a *Anchor) HasRole(r Role) bool { return slices.Contains(a.Roles, r) }

// IssuesType reports whether the anchor may issue credentials of this type: it has the role and names the type.
func (a *Anchor) IssuesType(credentialType string) bool {
	return a.HasRole(RoleIssuer) && slices.Contains(a.CredentialTypes, credentialType)
}

// AllowsFormat reports whether the anchor may issue in this format, such as "HT1".
func (a *Anchor) AllowsFormat(format string) bool { return slices.Contains(a.Formats, format) }
