package list

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/strictjson"
)

// Limits of a list. Its size is limited first, by MaxBytes.
const (
	MaxAnchors         = 100_000
	MaxIDBytes         = 64
	MaxSubjects        = 65_536 // of one anchor
	MaxCredentialTypes = 4_096  // of one anchor
	MaxFormats         = 16     // of one anchor
	MaxFormatBytes     = 16
	MaxStatusKeys      = 64 // of one anchor, and of the operator
	MaxHistory         = 1_024
	MaxSupplyPoints    = 64
	MaxURLBytes        = 512
	maxSubjectBytes    = 64
)

// malformed refuses one member for itself; contradiction refuses members that do not go together.
func malformed(at, format string, args ...any) error {
	return trust.Refuse(trust.Malformed, "%s: %s", at, fmt.Sprintf(format, args...))
}

func contradiction(at, format string, args ...any) error {
	return trust.Refuse(trust.Contradiction, "%s: %s", at, fmt.Sprintf(format, args...))
}

func (l *List) check() error {
	if err := l.checkHead(); err != nil {
		return err
	}
	if err := checkSupplyPoints(l.SupplyPoints); err != nil {
		return err
	}
	if err := national.CheckPeers("peers", l.Peers); err != nil {
		return err
	}
	if len(l.Anchors) > MaxAnchors {
		return malformed("anchors", "%d, want at most %d", len(l.Anchors), MaxAnchors)
	}
	keys := make(map[trust.KeyID]string)
	if err := checkStatusKeys("operatorStatusKeys", l.OperatorStatusKeys, keys); err != nil {
		return err
	}
	for i := range l.Anchors {
		a := &l.Anchors[i]
		if i > 0 && l.Anchors[i-1].ID >= a.ID {
			return malformed(a.at(), "stands after %.64q, want ascending ids, each once", l.Anchors[i-1].ID)
		}
		if err := a.check(); err != nil {
			return err
		}
		if err := checkStatusKeys(a.at()+".statusKeys", a.StatusKeys, keys); err != nil {
			return err
		}
	}
	return nil
}

func (l *List) checkHead() error {
	switch {
	case l.Version != FormatVersion:
		return malformed("formatVersion", "%d, want %d", l.Version, FormatVersion)
	case !l.Province.Valid():
		return malformed("province", "%.20q has no known form", l.Province)
	case l.Session < 1:
		return malformed("session", "0, want at least 1")
	case l.Number < 1 || l.Number > strictjson.MaxInteger:
		return malformed("version", "%d, want 1 to %d", l.Number, uint64(strictjson.MaxInteger))
	case l.Number == 1 && !l.Previous.IsZero():
		return contradiction("previous", "stands in list 1, the first of its session")
	case l.Number > 1 && l.Previous.IsZero():
		return contradiction("previous", "is missing in list %d", l.Number)
	case l.Issued <= 0:
		return malformed("issued", "%s, want a time after 1970", l.Issued)
	case l.NextUpdate <= l.Issued:
		return contradiction("nextUpdate", "%s is not after issued %s", l.NextUpdate, l.Issued)
	}
	return nil
}

// checkSupplyPoints reads addresses as text; nothing is looked up.
func checkSupplyPoints(points []string) error {
	if len(points) > MaxSupplyPoints {
		return malformed("supplyPoints", "%d, want at most %d", len(points), MaxSupplyPoints)
	}
	for i, point := range points {
		at := fmt.Sprintf("supplyPoints[%d]", i)
		if len(point) > MaxURLBytes {
			return malformed(at, "%d bytes, want at most %d", len(point), MaxURLBytes)
		}
		u, err := url.Parse(point)
		if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
			return malformed(at, "%.100q, want an https address without user and fragment", point)
		}
		if slices.Contains(points[:i], point) {
			return malformed(at, "%.100q stands twice", point)
		}
	}
	return nil
}

// checkStatusKeys: a key in two places could sign for two authorities.
func checkStatusKeys(at string, keys []StatusKey, place map[trust.KeyID]string) error {
	if len(keys) > MaxStatusKeys {
		return malformed(at, "%d keys, want at most %d", len(keys), MaxStatusKeys)
	}
	for i, k := range keys {
		if k.Until != nil && k.From >= *k.Until {
			return contradiction(fmt.Sprintf("%s[%d]", at, i), "from %d is not below until %d", k.From, *k.Until)
		}
		if other, ok := place[k.Key.ID()]; ok {
			return contradiction(fmt.Sprintf("%s[%d]", at, i), "key %s stands in %s too", k.Key.ID().Short(), other)
		}
		place[k.Key.ID()] = at
	}
	return nil
}

func validID(s string) bool {
	if s == "" || len(s) > MaxIDBytes {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && c != '.' && c != '-' {
			return false
		}
	}
	return true
}

func validFormat(s string) bool {
	if s == "" || len(s) > MaxFormatBytes {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '.' && r != '-' && r != '+'
	}) < 0
}

// validSubject takes an organization code as certificates carry it, or the 64 digits of an SM3.
func validSubject(s string) bool {
	if s == "" || len(s) > maxSubjectBytes {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '-'
	}) < 0
}
