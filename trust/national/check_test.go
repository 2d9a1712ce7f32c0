package national_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/sm3"
)

// p finds an entry to change.
func p(l *national.List, code trust.Province) *national.Province {
	for i := range l.Provinces {
		if l.Provinces[i].Code == code {
			return &l.Provinces[i]
		}
	}
	panic("no entry " + code)
}

func withdraw(e *national.Province, since trust.Time) {
	e.History = append(e.History, national.Period{Status: e.Status, Since: e.Since, Reason: e.Reason})
	e.Status, e.Since, e.Reason = national.Withdrawn, since, "merged"
	e.LastHead = &national.HeadRef{Session: e.Session, Sequence: 7, Digest: trust.Digest{1}}
}

func TestListsThatArePermitted(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*national.List)
	}{
		{"as it is", func(*national.List) {}},
		{"no province yet", func(l *national.List) { l.Provinces = nil }},
		{"suspended", func(l *national.List) {
			e := p(l, "310000")
			e.History = []national.Period{{Status: national.Admitted, Since: e.Since}}
			e.Status, e.Since, e.Reason = national.Suspended, start, "audit under way"
		}},
		{"withdrawn", func(l *national.List) { withdraw(p(l, "330000"), start) }},
		{"withdrawn with its host", func(l *national.List) { withdraw(p(l, "310000"), start); withdraw(p(l, "AT"), start) }},
		{"a later session", func(l *national.List) {
			e := p(l, "310000")
			e.Session, e.LogState = 2, &national.LogState{Generation: 1, Size: 9, Root: trust.Digest{9}}
		}},
		{"a later session of an empty log", func(l *national.List) {
			e := p(l, "310000")
			e.Session, e.LogState = 2, &national.LogState{Root: sm3.Sum()}
		}},
		{"a later session of a hosted jurisdiction", func(l *national.List) { p(l, "AT").Session = 2 }},
		{"a partner with nodes and a chain", func(l *national.List) {
			e := p(l, "AT")
			e.Host, e.Anchoring = "", national.Chained
		}},
		{"no root with pinned partners alone", func(l *national.List) {
			l.Roots = nil
			e := *p(l, "AT")
			e.Host = ""
			l.Provinces = []national.Province{e}
		}},
		{"own clocks", func(l *national.List) {
			p(l, "310000").Clocks = &national.Clocks{HeadInterval: 1, MaxHeadAge: 2}
		}},
		{"the longest name", func(l *national.List) { l.Operator = strings.Repeat("国", national.MaxTextRunes) }},
	} {
		l := list1()
		test.change(l)
		if _, err := l.Payload(); err != nil {
			t.Errorf("%s: Payload() = %v, want no error", test.name, err)
		}
	}
}

func TestListsThatAreRefused(t *testing.T) {
	const malformed, contradiction = trust.Malformed, trust.Contradiction
	for _, test := range []struct {
		name   string
		want   trust.RefusalCode
		where  string // stands in the refusal
		change func(*national.List)
	}{
		{"unknown version", malformed, "formatVersion", func(l *national.List) { l.Version = 2 }},
		{"sequence 0", malformed, "sequence", func(l *national.List) { l.Sequence = 0 }},
		{"sequence above 2^53-1", malformed, "sequence", func(l *national.List) { l.Sequence, l.Previous = 1<<53, trust.Digest{1} }},
		{"first list with a previous", contradiction, "previous", func(l *national.List) { l.Previous = trust.Digest{1} }},
		{"later list without one", contradiction, "previous", func(l *national.List) { l.Sequence = 2 }},
		{"no issue time", malformed, "issued", func(l *national.List) { l.Issued = 0 }},
		{"ends as it is issued", contradiction, "nextUpdate", func(l *national.List) { l.NextUpdate = l.Issued }},
		{"no operator", malformed, "operator", func(l *national.List) { l.Operator = "" }},
		{"name too long", malformed, "operator", func(l *national.List) { l.Operator = strings.Repeat("国", national.MaxTextRunes+1) }},
		{"line break in a name", malformed, "nameEn", func(l *national.List) { p(l, "310000").NameEN = "Shang\nhai" }},
		{"direction mark in a name", malformed, "nameZh", func(l *national.List) { p(l, "310000").NameZH = "上\u202e海" }},
		{"space at the end of a name", malformed, "nameZh", func(l *national.List) { p(l, "310000").NameZH = "上海 " }},
		{"reason too long", malformed, "reason", func(l *national.List) {
			p(l, "310000").Reason = strings.Repeat("x", national.MaxReasonRunes+1)
		}},

		{"no keys", malformed, "keys", func(l *national.List) { l.Keys = nil }},
		{"too many keys", malformed, "keys", func(l *national.List) {
			for len(l.Keys) <= national.MaxKeys {
				l.Keys = append(l.Keys, l.Keys[0])
			}
		}},
		{"threshold 0", contradiction, "keys", func(l *national.List) { l.Threshold = 0 }},
		{"threshold that cannot be met", contradiction, "keys", func(l *national.List) { l.Threshold = 4 }},
		{"negative threshold", malformed, "threshold", func(l *national.List) { l.Threshold = -1 }},
		{"a key that is not set", malformed, "keys[1].key", func(l *national.List) { l.Keys[1].Key = nil }},
		{"one key twice", contradiction, "keys[2]", func(l *national.List) { l.Keys[2] = l.Keys[0] }},
		{"one key in two roles", contradiction, "headKeys[0]", func(l *national.List) {
			p(l, "310000").HeadKeys = []national.Key{proved(10, national.RoleHead, "310000")}
		}},
		{"one key in two provinces", contradiction, "330000.headKeys[0]", func(l *national.List) {
			p(l, "330000").HeadKeys = []national.Key{proved(12, national.RoleHead, "330000")}
		}},
		{"coordinator key in a province", contradiction, "310000.listKeys[0]", func(l *national.List) {
			p(l, "310000").ListKeys[0] = proved(0, national.RoleList, "310000")
		}},
		{"key without its holder's proof", trust.BadSignature, "keys[0]", func(l *national.List) { l.Keys[0].Proof = l.Keys[1].Proof }},
		{"empty proof", trust.BadSignature, "keys[0]", func(l *national.List) { l.Keys[0].Proof = nil }},
		{"key proved for another province", trust.BadSignature, "headKeys[0]", func(l *national.List) {
			p(l, "310000").HeadKeys = []national.Key{proved(40, national.RoleHead, "330000")}
		}},
		{"key proved for another role", trust.BadSignature, "headKeys[0]", func(l *national.List) {
			p(l, "310000").HeadKeys = []national.Key{proved(40, national.RoleList, "310000")}
		}},
		{"list threshold that cannot be met", contradiction, "listKeys", func(l *national.List) { p(l, "310000").ListThreshold = 3 }},
		{"no list key", malformed, "listKeys", func(l *national.List) { p(l, "310000").ListKeys = nil }},
		{"no head key", malformed, "headKeys", func(l *national.List) { p(l, "310000").HeadKeys = nil }},

		{"root that is no certificate", malformed, "roots[0]", func(l *national.List) { l.Roots[0] = []byte{0x30, 0} }},
		{"root twice", malformed, "roots[1]", func(l *national.List) { l.Roots = append(l.Roots, l.Roots[0]) }},
		{"root that is no CA", malformed, "roots[0]", func(l *national.List) { l.Roots[0] = endEntity() }},
		{"too many roots", malformed, "roots", func(l *national.List) { l.Roots = make([][]byte, national.MaxRoots+1) }},
		{"chained without roots", contradiction, "anchoring", func(l *national.List) { l.Roots = nil }},

		{"unordered provinces", malformed, "province 310000", func(l *national.List) {
			l.Provinces[0], l.Provinces[1] = l.Provinces[1], l.Provinces[0]
		}},
		{"a province twice", malformed, "province 310000", func(l *national.List) { l.Provinces[1] = province("310000", 50) }},
		{"too many provinces", malformed, "provinces", func(l *national.List) {
			l.Provinces = nil
			for i := range national.MaxProvinces + 1 {
				e := province("310000", 10)
				e.Code = trust.Province([]byte{byte('A' + i/26), byte('A' + i%26)})
				l.Provinces = append(l.Provinces, e)
			}
		}},
		{"a code of no known form", malformed, "code", func(l *national.List) { p(l, "330000").Code = "330100" }},

		{"unknown status", malformed, "status", func(l *national.List) { p(l, "310000").Status = "Admitted" }},
		{"no since", contradiction, "since", func(l *national.List) { p(l, "310000").Since = 0 }},
		{"history that does not end before", contradiction, "since", func(l *national.List) {
			e := p(l, "310000")
			e.History = []national.Period{{Status: national.Suspended, Since: e.Since}}
		}},
		{"history newest first", contradiction, "since", func(l *national.List) {
			e := p(l, "310000")
			e.History = []national.Period{{Status: national.Suspended, Since: e.Since - 1}, {Status: national.Admitted, Since: e.Since - 2}}
		}},
		{"unknown status in the history", malformed, "status", func(l *national.List) {
			e := p(l, "310000")
			e.History = []national.Period{{Status: "", Since: e.Since - 1}}
		}},
		{"admitted after a withdrawal", contradiction, "history", func(l *national.List) {
			e := p(l, "310000")
			e.History = []national.Period{{Status: national.Withdrawn, Since: e.Since - 1}}
		}},
		{"withdrawn without lastHead", contradiction, "lastHead", func(l *national.List) {
			withdraw(p(l, "330000"), start)
			p(l, "330000").LastHead = nil
		}},
		{"lastHead while admitted", contradiction, "lastHead", func(l *national.List) {
			p(l, "330000").LastHead = &national.HeadRef{Session: 1, Sequence: 1, Digest: trust.Digest{1}}
		}},
		{"lastHead of another session", contradiction, "lastHead", func(l *national.List) {
			withdraw(p(l, "330000"), start)
			p(l, "330000").LastHead.Session = 2
		}},
		{"lastHead that names no head", malformed, "lastHead", func(l *national.List) {
			withdraw(p(l, "330000"), start)
			p(l, "330000").LastHead.Digest = trust.Digest{}
		}},
		{"withdrawn in the future", contradiction, "withdrawn since", func(l *national.List) { withdraw(p(l, "330000"), start+1) }},

		{"session 0", malformed, "session", func(l *national.List) { p(l, "310000").Session = 0 }},
		{"later session without logState", contradiction, "logState", func(l *national.List) { p(l, "310000").Session = 2 }},
		{"root of an empty log that is not the SM3 of nothing", contradiction, "logState", func(l *national.List) {
			p(l, "310000").LogState = &national.LogState{Root: trust.Digest{1}}
		}},
		{"root of nothing for a log of some", contradiction, "logState", func(l *national.List) {
			p(l, "310000").LogState = &national.LogState{Size: 1, Root: sm3.Sum()}
		}},
		{"no root", malformed, "logState", func(l *national.List) { p(l, "310000").LogState = &national.LogState{Size: 1} }},
		{"log of a hosted jurisdiction", contradiction, "logState", func(l *national.List) {
			p(l, "AT").LogState = &national.LogState{Size: 1, Root: trust.Digest{1}}
		}},

		{"unknown host", contradiction, "host", func(l *national.List) { p(l, "AT").Host = "440000" }},
		{"host that is hosted", contradiction, "host", func(l *national.List) {
			p(l, "310000").Host, p(l, "310000").Peers = "330000", nil
		}},
		{"its own host", contradiction, "host", func(l *national.List) { p(l, "AT").Host = "AT" }},
		{"withdrawn host", contradiction, "host", func(l *national.List) { withdraw(p(l, "310000"), start) }},
		{"hosted with nodes of its own", contradiction, "peers", func(l *national.List) {
			p(l, "AT").Peers = []national.Peer{{ID: "12D3KooWAT"}}
		}},
		{"peer in two provinces", contradiction, "peers", func(l *national.List) { p(l, "330000").Peers = p(l, "310000").Peers }},
		{"peer twice", malformed, "peers[1]", func(l *national.List) {
			e := p(l, "310000")
			e.Peers = append(e.Peers, e.Peers[0])
		}},
		{"peer id with other characters", malformed, "peers[0].id", func(l *national.List) { p(l, "310000").Peers[0].ID = "12D3/KooW" }},
		{"too many peers", malformed, "peers", func(l *national.List) {
			e := p(l, "310000")
			e.Peers = nil
			for i := range national.MaxPeers + 1 {
				e.Peers = append(e.Peers, national.Peer{ID: fmt.Sprintf("peer%d", i)})
			}
		}},
		{"address too long", malformed, "addrs[0]", func(l *national.List) {
			p(l, "310000").Peers[0].Addrs = []string{"/dns4/" + strings.Repeat("a", national.MaxAddressBytes)}
		}},
		{"address that is none", malformed, "addrs[0]", func(l *national.List) { p(l, "310000").Peers[0].Addrs = []string{"node.example:4001"} }},
		{"address with a peer id", malformed, "addrs[0]", func(l *national.List) {
			p(l, "310000").Peers[0].Addrs = []string{"/ip4/10.0.0.1/tcp/4001/p2p/12D3KooWX"}
		}},

		{"pinned province", contradiction, "anchoring", func(l *national.List) { p(l, "310000").Anchoring = national.Pinned }},
		{"unknown anchoring", malformed, "anchoring", func(l *national.List) { p(l, "310000").Anchoring = "" }},
		{"ES256 for a province", contradiction, "algorithms", func(l *national.List) { p(l, "310000").Algorithms = []string{"SM2", "ES256"} }},
		{"PS256 for a province", contradiction, "algorithms", func(l *national.List) { p(l, "310000").Algorithms = []string{"PS256"} }},
		{"unknown algorithm", malformed, "algorithms", func(l *national.List) { p(l, "AT").Algorithms = []string{"RS256"} }},
		{"no algorithm", malformed, "algorithms", func(l *national.List) { p(l, "AT").Algorithms = nil }},
		{"an algorithm twice", malformed, "algorithms", func(l *national.List) { p(l, "AT").Algorithms = []string{"SM2", "SM2"} }},
		{"every type for a partner", contradiction, "types", func(l *national.List) { p(l, "AT").Types = []string{"*"} }},
		{"star inside a pattern", malformed, "types", func(l *national.List) { p(l, "310000").Types = []string{"11*01"} }},
		{"two stars", malformed, "types", func(l *national.List) { p(l, "310000").Types = []string{"11**"} }},
		{"empty pattern", malformed, "types", func(l *national.List) { p(l, "310000").Types = []string{""} }},
		{"pattern twice", malformed, "types", func(l *national.List) { p(l, "310000").Types = []string{"11*", "11*"} }},

		{"policy of another format", malformed, "policy.formatVersion", func(l *national.List) { l.Policy.FormatVersion = 2 }},
		{"no skew", malformed, "policy.skew", func(l *national.List) { l.Policy.Skew = 0 }},
		{"no head interval", malformed, "headInterval", func(l *national.List) { l.Policy.Clocks.HeadInterval = 0 }},
		{"heads that are stale before the next", contradiction, "maxHeadAge", func(l *national.List) { l.Policy.Clocks.MaxHeadAge = 30 }},
		{"grace of years", malformed, "grace", func(l *national.List) { l.Policy.Clocks.Grace = 1 << 40 }},
		{"clocks of a province", contradiction, "310000.clocks", func(l *national.List) {
			p(l, "310000").Clocks = &national.Clocks{HeadInterval: 2, MaxHeadAge: 2}
		}},
	} {
		l := list1()
		test.change(l)
		_, err := l.Payload()
		if got := codeOf(err); got != test.want || !strings.Contains(fmt.Sprint(err), test.where) {
			t.Errorf("%s: Payload() = %v, want %s about %q", test.name, err, test.want, test.where)
		}
	}
}
