package national

import (
	"bytes"
	"fmt"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/certs"
	"github.com/hutong-project/hutong/trust/sm3"
	"github.com/hutong-project/hutong/trust/strictjson"
)

// Limits of a list.
const (
	MaxProvinces = 256
	MaxKeys      = 32 // in one role of one province: old and new together still fit into one envelope
	MaxRoots     = 64
	MaxTypes     = 1024 // patterns of one province
	MaxHistory   = 1024 // ended statuses of one entry
)

// Limits of the policy, in seconds. They are wide: they keep out what was typed wrong, not what is unwise.
const (
	maxHeadInterval = 60 * 60
	maxMaxHeadAge   = 7 * 24 * 60 * 60
	maxGrace        = 366 * 24 * 60 * 60
	maxSkew         = 60 * 60
)

// DefaultPolicy returns the policy of the design: a head every 30 s, stale after 5 min, usable stale for 24 h, clocks
// within 60 s.
func DefaultPolicy() Policy {
	return Policy{Clocks: Clocks{HeadInterval: 30, MaxHeadAge: 300, Grace: 86400}, Skew: 60, FormatVersion: FormatVersion}
}

// malformed refuses one member for itself; contradiction refuses members that do not go together.
func malformed(at, format string, args ...any) error {
	return trust.Refuse(trust.Malformed, "%s: %s", at, fmt.Sprintf(format, args...))
}

func contradiction(at, format string, args ...any) error {
	return trust.Refuse(trust.Contradiction, "%s: %s", at, fmt.Sprintf(format, args...))
}

// check applies every rule about the list alone and returns its roots. What costs nothing comes first, the proofs of
// the keys last.
func (l *List) check() ([]*certs.Certificate, error) {
	if err := l.checkHead(); err != nil {
		return nil, err
	}
	if err := l.Policy.check(); err != nil {
		return nil, err
	}
	if len(l.Provinces) > MaxProvinces {
		return nil, malformed("provinces", "%d entries, want at most %d", len(l.Provinces), MaxProvinces)
	}
	for i := range l.Provinces {
		p := &l.Provinces[i]
		if i > 0 && l.Provinces[i-1].Code >= p.Code {
			return nil, malformed(p.at(), "stands after %s, want ascending codes, each once", l.Provinces[i-1].Code)
		}
		if err := p.check(l); err != nil {
			return nil, err
		}
	}
	if err := l.checkHosts(); err != nil {
		return nil, err
	}
	if err := l.checkPeersOnce(); err != nil {
		return nil, err
	}
	roots, err := l.parseRoots()
	if err != nil {
		return nil, err
	}
	return roots, l.checkKeys()
}

func (l *List) checkHead() error {
	switch {
	case l.Version != FormatVersion:
		return malformed("formatVersion", "%d, want %d", l.Version, FormatVersion)
	case l.Sequence < 1 || l.Sequence > strictjson.MaxInteger:
		return malformed("sequence", "%d, want 1 to %d", l.Sequence, uint64(strictjson.MaxInteger))
	case l.Sequence == 1 && !l.Previous.IsZero():
		return contradiction("previous", "stands in list 1, which follows none")
	case l.Sequence > 1 && l.Previous.IsZero():
		return contradiction("previous", "is missing in list %d", l.Sequence)
	case l.Issued <= 0:
		return malformed("issued", "%s, want a time after 1970", l.Issued)
	case l.NextUpdate <= l.Issued:
		return contradiction("nextUpdate", "%s is not after issued %s", l.NextUpdate, l.Issued)
	}
	return CheckText("operator", l.Operator)
}

func (p Policy) check() error {
	if p.FormatVersion != FormatVersion {
		return malformed("policy.formatVersion", "%d, want %d", p.FormatVersion, FormatVersion)
	}
	if p.Skew < 1 || p.Skew > maxSkew {
		return malformed("policy.skew", "%d s, want 1 to %d", p.Skew, maxSkew)
	}
	return p.Clocks.check("policy.clocks")
}

func (c Clocks) check(at string) error {
	switch {
	case c.HeadInterval < 1 || c.HeadInterval > maxHeadInterval:
		return malformed(at+".headInterval", "%d s, want 1 to %d", c.HeadInterval, maxHeadInterval)
	case c.MaxHeadAge < 1 || c.MaxHeadAge > maxMaxHeadAge:
		return malformed(at+".maxHeadAge", "%d s, want 1 to %d", c.MaxHeadAge, maxMaxHeadAge)
	case c.MaxHeadAge <= c.HeadInterval:
		return contradiction(at, "maxHeadAge %d s is not above headInterval %d s", c.MaxHeadAge, c.HeadInterval)
	case c.Grace < 0 || c.Grace > maxGrace:
		return malformed(at+".grace", "%d s, want 0 to %d", c.Grace, maxGrace)
	}
	return nil
}

// checkHosts: who hosts is in the list, has nodes of its own and belongs as long as whom it hosts.
func (l *List) checkHosts() error {
	byCode := make(map[trust.Province]*Province, len(l.Provinces))
	for i := range l.Provinces {
		byCode[l.Provinces[i].Code] = &l.Provinces[i]
	}
	for i := range l.Provinces {
		p := &l.Provinces[i]
		if p.Host == "" {
			continue
		}
		host, ok := byCode[p.Host]
		switch {
		case !ok:
			return contradiction(p.at()+".host", "%s is not in the list", p.Host)
		case host.Host != "":
			return contradiction(p.at()+".host", "%s is itself hosted by %s", p.Host, host.Host)
		case host.Status == Withdrawn && p.Status != Withdrawn:
			return contradiction(p.at()+".host", "%s is withdrawn, %s is %s", p.Host, p.Code, p.Status)
		}
	}
	return nil
}

// checkPeersOnce: a node that stood in two provinces could speak for both.
func (l *List) checkPeersOnce() error {
	owner := make(map[string]trust.Province)
	for i := range l.Provinces {
		p := &l.Provinces[i]
		for _, peer := range p.Peers {
			if other, ok := owner[peer.ID]; ok {
				return contradiction(p.at()+".peers", "peer %s stands in %s too", peer.ID, other)
			}
			owner[peer.ID] = p.Code
		}
	}
	return nil
}

func (l *List) parseRoots() ([]*certs.Certificate, error) {
	if len(l.Roots) > MaxRoots {
		return nil, malformed("roots", "%d certificates, want at most %d", len(l.Roots), MaxRoots)
	}
	roots := make([]*certs.Certificate, len(l.Roots))
	for i, der := range l.Roots {
		at := fmt.Sprintf("roots[%d]", i)
		for j := range i {
			if bytes.Equal(der, l.Roots[j]) {
				return nil, malformed(at, "the same certificate as roots[%d]", j)
			}
		}
		root, err := certs.Parse(der)
		if err != nil {
			return nil, malformed(at, "%v", err)
		}
		if !root.CA {
			return nil, malformed(at, "not a CA certificate")
		}
		roots[i] = root
	}
	return roots, nil
}

// checkKeys: every key once in the whole list, and proved for the place where it stands.
func (l *List) checkKeys() error {
	place := make(map[trust.KeyID]string)
	group := func(at string, keys []Key, threshold int, role Role, code trust.Province) error {
		if len(keys) < 1 || len(keys) > MaxKeys {
			return malformed(at, "%d keys, want 1 to %d", len(keys), MaxKeys)
		}
		if threshold < 1 || threshold > len(keys) {
			return contradiction(at, "threshold %d with %d keys, want 1 to %d", threshold, len(keys), len(keys))
		}
		for i, k := range keys {
			here := fmt.Sprintf("%s[%d]", at, i)
			if other, ok := place[k.Key.ID()]; ok {
				return contradiction(here, "key %s stands in %s too", k.Key.ID().Short(), other)
			}
			place[k.Key.ID()] = here
			if !k.Proves(role, code) {
				return trust.Refuse(trust.BadSignature, "%s: key %s is not proved for role %s of %q", here, k.Key.ID().Short(), role, code)
			}
		}
		return nil
	}
	if err := group("keys", l.Keys, l.Threshold, RoleNational, ""); err != nil {
		return err
	}
	for i := range l.Provinces {
		p := &l.Provinces[i]
		if err := group(p.at()+".listKeys", p.ListKeys, p.ListThreshold, RoleList, p.Code); err != nil {
			return err
		}
		if err := group(p.at()+".headKeys", p.HeadKeys, 1, RoleHead, p.Code); err != nil {
			return err
		}
	}
	return nil
}

// emptyRoot is the root of a log of size 0: the SM3 of nothing.
var emptyRoot = sm3.Sum()

// Check refuses a state that no log can have: root and size contradict each other. The refusal's detail starts with at.
func (s LogState) Check(at string) error {
	switch {
	case s.Root.IsZero():
		return malformed(at+".root", "is zero")
	case s.Size == 0 && s.Root != emptyRoot:
		return contradiction(at, "root %s with size 0, want %s, the SM3 of nothing", s.Root.Short(), emptyRoot.Short())
	case s.Size > 0 && s.Root == emptyRoot:
		return contradiction(at, "the root of an empty log with size %d", s.Size)
	}
	return nil
}
