package province

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hutong-project/hutong/trust/list"
)

// Changes returns what changes from one trust list to the next, one line a change, for people to read before they
// sign. A nil old stands for no list.
func Changes(old, new *list.List) []string {
	if old == nil {
		old = &list.List{}
	}
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	was := map[string]*list.Anchor{}
	for i := range old.Anchors {
		was[old.Anchors[i].ID] = &old.Anchors[i]
	}
	for i := range new.Anchors {
		a := &new.Anchors[i]
		before, known := was[a.ID]
		delete(was, a.ID)
		if !known {
			add("+ anchor %s: %s (%s), %s", a.ID, a.Name, a.Authority, grants(a))
			before = &list.Anchor{Status: list.Granted, StatusSigner: a.StatusSigner, CredentialTypes: a.CredentialTypes, Formats: a.Formats, Subjects: a.Subjects, StatusKeys: a.StatusKeys}
		}
		lines = append(lines, anchorChanges(before, a)...)
	}
	for _, a := range old.Anchors {
		if was[a.ID] != nil {
			add("− anchor %s, which no node will accept", a.ID)
		}
	}
	lines = append(lines, setChanges("operator status key", keyIDs(old.OperatorStatusKeys), keyIDs(new.OperatorStatusKeys))...)
	lines = append(lines, setChanges("supply point", old.SupplyPoints, new.SupplyPoints)...)
	peers := func(l *list.List) (ids []string) {
		for _, p := range l.Peers {
			ids = append(ids, p.ID+" "+strings.Join(p.Addrs, " "))
		}
		return ids
	}
	return append(lines, setChanges("peer", peers(old), peers(new))...)
}

// grants says what a new anchor may do.
func grants(a *list.Anchor) string {
	if len(a.CredentialTypes) == 0 {
		return "issues nothing itself"
	}
	return fmt.Sprintf("%s in %s, statuses signed by %s, coverage %s",
		strings.Join(a.CredentialTypes, " "), strings.Join(a.Formats, " "), a.StatusSigner, a.StatusCoverage.Kind)
}

func anchorChanges(old, new *list.Anchor) []string {
	var lines []string
	add := func(format string, args ...any) {
		lines = append(lines, "anchor "+new.ID+" "+fmt.Sprintf(format, args...))
	}
	if old.Status != new.Status || !old.Since.IsZero() && old.Since != new.Since {
		line := fmt.Sprintf("status: %s → %s since %s", old.Status, new.Status, new.Since)
		if new.Reason != "" {
			line += fmt.Sprintf(" (%s)", new.Reason)
		}
		add("%s", line)
	}
	if new.CompromisedSince != old.CompromisedSince && new.LastTrustedIndex != nil {
		add("key compromised since %s, last trusted log position %d", new.CompromisedSince, *new.LastTrustedIndex)
	}
	if old.StatusSigner != new.StatusSigner {
		add("status signer: %s → %s", old.StatusSigner, new.StatusSigner)
	}
	if old.StatusCoverage.Kind != "" && old.StatusCoverage != new.StatusCoverage {
		add("status coverage: %s → %s", old.StatusCoverage.Kind, new.StatusCoverage.Kind)
	}
	for _, set := range [][]string{
		setChanges("type", old.CredentialTypes, new.CredentialTypes), setChanges("format", old.Formats, new.Formats),
		setChanges("subject", old.Subjects, new.Subjects), setChanges("status key", keyIDs(old.StatusKeys), keyIDs(new.StatusKeys)),
	} {
		for _, line := range set {
			add("%s", line)
		}
	}
	return lines
}

func setChanges(name string, old, new []string) []string {
	var lines []string
	for _, s := range new {
		if !slices.Contains(old, s) {
			lines = append(lines, "+ "+name+" "+s)
		}
	}
	for _, s := range old {
		if !slices.Contains(new, s) {
			lines = append(lines, "− "+name+" "+s)
		}
	}
	return lines
}

// keyIDs names keys with their spans, so that a span that is closed shows.
func keyIDs(keys []list.StatusKey) []string {
	ids := make([]string, len(keys))
	for i, k := range keys {
		ids[i] = fmt.Sprintf("%s from %d", k.Key.ID().Short(), k.From)
		if k.Until != nil {
			ids[i] += fmt.Sprintf(" until %d", *k.Until)
		}
	}
	return ids
}
