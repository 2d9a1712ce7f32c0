package national

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/certs"
	"github.com/hutong-project/hutong/trust/sm3"
)

// Diff returns what changes from old to new, one line a change, for people to read before they sign. A nil old stands
// for no list. Lines about one province start with its code. It works on lists that break the rules too.
func Diff(old, new *List) []string {
	if old == nil {
		old = &List{Provinces: []Province{}}
	}
	c := changes{}
	c.value("sequence", old.Sequence, new.Sequence)
	c.value("issued", old.Issued, new.Issued)
	c.value("next update", old.NextUpdate, new.NextUpdate)
	c.value("operator", old.Operator, new.Operator)
	c.keys("coordinator key", old.Keys, new.Keys)
	c.value("threshold", ofKeys(old.Threshold, old.Keys), ofKeys(new.Threshold, new.Keys))
	c.roots(old.Roots, new.Roots)
	c.clocks("policy ", &old.Policy.Clocks, &new.Policy.Clocks)
	c.value("policy skew (s)", old.Policy.Skew, new.Policy.Skew)
	c.value("policy format version", old.Policy.FormatVersion, new.Policy.FormatVersion)
	c.provinces(old.Provinces, new.Provinces)
	return c.lines
}

type changes struct {
	prefix string
	lines  []string
}

func (c *changes) add(format string, args ...any) {
	c.lines = append(c.lines, c.prefix+fmt.Sprintf(format, args...))
}

// value compares what both print as: what looks the same to the reader is no change.
func (c *changes) value(name string, old, new any) {
	was, is := show(old), show(new)
	switch {
	case was == is:
	case was == "":
		c.add("%s: %s", name, is)
	case is == "":
		c.add("%s: %s → none", name, was)
	default:
		c.add("%s: %s → %s", name, was, is)
	}
}

// show prints a value; what was never set prints as nothing.
func show(v any) string {
	switch v := v.(type) {
	case trust.Time:
		if v.IsZero() {
			return ""
		}
	case int:
		if v == 0 {
			return ""
		}
	case uint64:
		if v == 0 {
			return ""
		}
	case []string:
		return strings.Join(v, " ")
	}
	return fmt.Sprint(v)
}

func ofKeys(threshold int, keys []Key) string {
	if len(keys) == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d", threshold, len(keys))
}

// set reports members that come and go, by the text that people know them by.
func (c *changes) set(name string, old, new []string) {
	for _, s := range new {
		if !slices.Contains(old, s) {
			c.add("+ %s %s", name, s)
		}
	}
	for _, s := range old {
		if !slices.Contains(new, s) {
			c.add("− %s %s", name, s)
		}
	}
}

func (c *changes) keys(name string, old, new []Key) {
	ids := func(keys []Key) (ids []string) {
		for _, k := range keys {
			if k.Key != nil {
				ids = append(ids, k.Key.ID().String())
			}
		}
		return ids
	}
	c.set(name, ids(old), ids(new))
}

func (c *changes) clocks(name string, old, new *Clocks) {
	if old == nil {
		old = &Clocks{}
	}
	if new == nil {
		new = &Clocks{}
	}
	c.value(name+"head interval (s)", old.HeadInterval, new.HeadInterval)
	c.value(name+"max head age (s)", old.MaxHeadAge, new.MaxHeadAge)
	c.value(name+"grace (s)", old.Grace, new.Grace)
}

func (c *changes) provinces(old, new []Province) {
	byCode := make(map[trust.Province]*Province, len(old))
	for i := range old {
		byCode[old[i].Code] = &old[i]
	}
	for i := range new {
		p := &new[i]
		c.prefix = string(p.Code) + " "
		was, ok := byCode[p.Code]
		if !ok {
			was = &Province{}
			c.add("joins")
		}
		delete(byCode, p.Code)
		c.province(was, p)
	}
	for i := range old {
		if _, gone := byCode[old[i].Code]; gone {
			c.prefix = string(old[i].Code) + " "
			c.add("vanishes, which no reader will accept")
		}
	}
	c.prefix = ""
}

func (c *changes) province(old, new *Province) {
	c.value("name", strings.TrimSpace(old.NameZH+" "+old.NameEN), strings.TrimSpace(new.NameZH+" "+new.NameEN))
	c.value("status", statusLine(old), statusLine(new))
	c.value("ended statuses", len(old.History), len(new.History))
	c.value("last head", headLine(old.LastHead), headLine(new.LastHead))
	c.keys("list key", old.ListKeys, new.ListKeys)
	c.value("list threshold", ofKeys(old.ListThreshold, old.ListKeys), ofKeys(new.ListThreshold, new.ListKeys))
	c.keys("head key", old.HeadKeys, new.HeadKeys)
	c.value("session", old.Session, new.Session)
	c.value("log state", logLine(old.LogState), logLine(new.LogState))
	c.peers(old.Peers, new.Peers)
	c.value("host", old.Host, new.Host)
	c.value("anchoring", old.Anchoring, new.Anchoring)
	c.value("algorithms", old.Algorithms, new.Algorithms)
	c.set("type", old.Types, new.Types)
	c.clocks("own ", old.Clocks, new.Clocks)
}

func (c *changes) peers(old, new []Peer) {
	lines := func(peers []Peer) (lines []string) {
		for _, p := range peers {
			lines = append(lines, strings.TrimSpace(p.ID+" "+strings.Join(p.Addrs, " ")))
		}
		return lines
	}
	c.set("peer", lines(old), lines(new))
}

func statusLine(p *Province) string {
	if p.Status == "" {
		return ""
	}
	line := fmt.Sprintf("%s since %s", p.Status, p.Since)
	if p.Reason != "" {
		line += fmt.Sprintf(" (%s)", p.Reason)
	}
	return line
}

func headLine(h *HeadRef) string {
	if h == nil {
		return ""
	}
	return fmt.Sprintf("%d of session %d, %s", h.Sequence, h.Session, h.Digest)
}

func logLine(s *LogState) string {
	if s == nil {
		return ""
	}
	return fmt.Sprintf("generation %d, size %d, root %s", s.Generation, s.Size, s.Root)
}

func (c *changes) roots(old, new [][]byte) {
	lines := func(roots [][]byte) (lines []string) {
		for _, der := range roots {
			name := "(no certificate)"
			if root, err := certs.Parse(der); err == nil {
				name = root.SubjectText
			}
			lines = append(lines, fmt.Sprintf("%s %s", sm3.Sum(der), name))
		}
		return lines
	}
	c.set("root", lines(old), lines(new))
}
