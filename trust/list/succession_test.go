package list_test

import (
	"testing"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/statement"
)

func TestCheckSigned(t *testing.T) {
	twice := func() *list.Document { // one key's signature under two key ids
		e := statement.New(list.PayloadType, must(list1().Payload()))
		if err := e.Sign(key(0)); err != nil {
			t.Fatal(err)
		}
		s := e.Signatures[0]
		s.KeyID = key(1).Public().ID().String()
		e.Signatures = append(e.Signatures, s)
		return must(list.Read(must(e.Marshal())))
	}
	for _, test := range []struct {
		name   string
		d      *list.Document
		want   trust.RefusalCode
		change func(*national.Province)
	}{
		{"both keys", signed(t, list1(), 0, 1), "", nil},
		{"one of two", signed(t, list1(), 0, 5), "", func(e *national.Province) { e.ListThreshold = 1 }},
		{"threshold not met", signed(t, list1(), 1), trust.ThresholdMissed, nil},
		{"unsigned", signed(t, list1()), trust.ThresholdMissed, nil},
		{"one key under two names", twice(), trust.ThresholdMissed, nil},
		{"keys of nobody", signed(t, list1(), 5, 6), trust.ThresholdMissed, nil},
		{"another province's entry", signed(t, list1(), 0, 1), trust.ForeignProvince, func(e *national.Province) { e.Code = "330000" }},
		{"a new session", signed(t, list1(), 0, 1), trust.WrongSession, func(e *national.Province) { e.Session = 2 }},
		{"keys rotated since", signed(t, list1(), 0, 1), trust.ThresholdMissed, func(e *national.Province) {
			e.ListKeys, e.ListThreshold = []national.Key{must(national.NewKey(key(7), national.RoleList, "310000"))}, 1
		}},
	} {
		e := entry()
		if test.change != nil {
			test.change(e)
		}
		if err := test.d.CheckSigned(e); codeOf(err) != test.want {
			t.Errorf("%s: CheckSigned() = %v, want %q", test.name, err, test.want)
		}
	}
}

func TestCheckFollows(t *testing.T) {
	one := signed(t, list1(), 0, 1)
	two := signed(t, next(one), 0, 1)
	change := func(prev *list.Document, f func(*list.List)) *list.Document {
		l := next(prev)
		f(l)
		return signed(t, l, 0, 1)
	}
	for _, test := range []struct {
		name    string
		d, prev *list.Document
		want    trust.RefusalCode
	}{
		{"the first", one, nil, ""},
		{"a later one as the first", two, nil, ""},
		{"the next", two, one, ""},
		{"no news", two, two, ""},
		{"rollback", one, two, trust.Rollback},
		{"skipped numbers", change(two, func(l *list.List) { l.Number, l.Previous = 9, trust.Digest{9} }), two, ""},
		{"wrong previous", change(two, func(l *list.List) { l.Previous[0] ^= 1 }), two, trust.WrongSuccession},
		{"another list under the number", change(one, func(l *list.List) { l.Anchors = nil }), two, trust.Equivocation},
		{"issued before", change(one, func(l *list.List) { l.Issued = start - 1 }), one, trust.Rollback},
		{"issued in the same second", change(one, func(l *list.List) { l.Issued = start }), one, ""},
		{"a new session starts over", change(two, func(l *list.List) { l.Session, l.Number, l.Previous = 2, 1, trust.Digest{} }), two, ""},
		{"a session below", two, change(one, func(l *list.List) { l.Session, l.Number, l.Previous = 2, 1, trust.Digest{} }), trust.Rollback},
		{"after the largest number", two, change(one, func(l *list.List) { l.Number = 1<<53 - 1 }), trust.Rollback},
		{"another province's", change(two, func(l *list.List) { l.Province = "330000" }), two, trust.ForeignProvince},
		{"after an expired list, which is still the floor", one, change(one, func(l *list.List) { l.NextUpdate = l.Issued + 1 }), trust.Rollback},
	} {
		if err := test.d.CheckFollows(test.prev); codeOf(err) != test.want {
			t.Errorf("%s: CheckFollows() = %v, want %q", test.name, err, test.want)
		}
	}
}

func TestCheckTime(t *testing.T) {
	d := signed(t, list1(), 0, 1)
	for _, test := range []struct {
		now  trust.Time
		want trust.RefusalCode
	}{{start, ""}, {start - 60, ""}, {start - 61, trust.FromFuture}, {start + 4000*day, ""}} {
		if err := d.CheckTime(test.now, 60); codeOf(err) != test.want {
			t.Errorf("CheckTime(issued %+d s, 60) = %v, want %q", test.now-start, err, test.want)
		}
	}
}

func TestCheckKeeps(t *testing.T) {
	x := pkiOnce()
	l := list1()
	l.Anchors[1].StatusSigner = list.SignerOperator
	l.Anchors[1].CompromisedSince, l.Anchors[1].LastTrustedIndex = start-day, new(uint64(4))
	prev := signed(t, l, 0, 1)
	withdraw := func(a *list.Anchor) {
		a.History = append(a.History, list.Period{Status: a.Status, Since: a.Since, Reason: a.Reason})
		a.Status, a.Since = list.Withdrawn, start
	}
	for _, test := range []struct {
		name   string
		want   trust.RefusalCode
		change func(*list.List)
	}{
		{"unchanged", "", func(l *list.List) {}},
		{"an anchor more", "", func(l *list.List) { l.Anchors = append(l.Anchors, anchor("z", x.stranger)) }},
		{"withdrawn", "", func(l *list.List) { withdraw(&l.Anchors[0]) }},
		{"begin of the present status corrected", "", func(l *list.List) { l.Anchors[0].Since-- }},
		{"span closed in the past", "", func(l *list.List) {
			l.Anchors[2].StatusKeys = []list.StatusKey{l.Anchors[2].StatusKeys[0], {Key: key(22).Public(), From: 100, Until: new(uint64(101))}}
		}},
		{"types dropped", "", func(l *list.List) { l.Anchors[0].CredentialTypes = nil }},
		{"anchor vanishes", trust.WrongSuccession, func(l *list.List) { l.Anchors = l.Anchors[1:] }},
		{"another certificate", trust.WrongSuccession, func(l *list.List) { l.Anchors[0].Certificate = x.stranger }},
		{"another authority", trust.WrongSuccession, func(l *list.List) { l.Anchors[0].Authority = "X" }},
		{"status changed without a history", trust.WrongSuccession, func(l *list.List) { l.Anchors[0].Status = list.Withdrawn }},
		{"compromise forgotten", trust.WrongSuccession, func(l *list.List) {
			l.Anchors[1].CompromisedSince, l.Anchors[1].LastTrustedIndex = 0, nil
		}},
		{"status key vanishes", trust.WrongSuccession, func(l *list.List) { l.Anchors[2].StatusKeys = l.Anchors[2].StatusKeys[1:] }},
		{"operator key vanishes", trust.WrongSuccession, func(l *list.List) { l.OperatorStatusKeys = nil }},
		{"what the operator signed would be forgotten", trust.WrongSuccession, func(l *list.List) { l.Anchors[1].StatusSigner = list.SignerSelf }},
		{"the authority keeps one anchor that the operator signs for", "", func(l *list.List) {
			l.Anchors[1].StatusSigner, l.Anchors[0].StatusSigner = list.SignerSelf, list.SignerOperator
		}},
	} {
		n := next(prev)
		test.change(n)
		if err := signed(t, n, 0, 1).CheckKeeps(prev); codeOf(err) != test.want {
			t.Errorf("%s: CheckKeeps() = %v, want %q", test.name, err, test.want)
		}
	}
}
