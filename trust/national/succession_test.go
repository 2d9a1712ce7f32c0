package national_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/statement"
)

func TestFirstListIsPinned(t *testing.T) {
	l := list1()
	good := signed(t, l, 0, 2)
	for _, test := range []struct {
		name string
		d    *national.Document
		pin  trust.Digest
		want trust.RefusalCode
	}{
		{"pinned and signed", good, good.Digest, ""},
		{"another pin", good, trust.Digest{1}, trust.NotPinned},
		{"no pin", good, trust.Digest{}, trust.NotPinned},
		{"unsigned", signed(t, l), good.Digest, trust.ThresholdMissed},
		{"one signature", signed(t, l, 1), good.Digest, trust.ThresholdMissed},
		{"a province's key", signed(t, l, 1, 10), good.Digest, trust.ThresholdMissed},
	} {
		if got := codeOf(test.d.CheckPinned(test.pin)); got != test.want {
			t.Errorf("%s: CheckPinned() = %q, want %q", test.name, got, test.want)
		}
	}
}

// TestSuccession ports the cases of the TUF conformance suite that concern one root after another, and ours about the
// past of provinces.
func TestSuccession(t *testing.T) {
	l := list1()
	withdraw(p(l, "330000"), start-day)
	e := p(l, "310000")
	e.Session, e.LogState = 2, &national.LogState{Size: 5, Root: trust.Digest{5}}
	first := signed(t, l, 0, 1)
	rotate := func(l *national.List) {
		l.Keys = []national.Key{proved(5, national.RoleNational, ""), proved(6, national.RoleNational, "")}
		l.Threshold = 2
	}
	suspend := func(e *national.Province) {
		e.History = append(e.History, national.Period{Status: e.Status, Since: e.Since, Reason: e.Reason})
		e.Status, e.Since = national.Suspended, start
	}
	for _, test := range []struct {
		name    string
		want    trust.RefusalCode
		signers []int
		change  func(*national.List)
	}{
		{"next list", "", []int{1, 2}, func(l *national.List) {}},
		{"issued in the same second", "", []int{0, 1}, func(l *national.List) { l.Issued = start }},
		{"keys rotated, old and new sign", "", []int{0, 1, 5, 6}, rotate},
		{"keys rotated, only the new sign", trust.ThresholdMissed, []int{5, 6}, rotate},
		{"keys rotated, only the old sign", trust.ThresholdMissed, []int{0, 1}, rotate},
		{"keys rotated, one of each", trust.ThresholdMissed, []int{0, 5}, rotate},
		{"threshold lowered, the old one not met", trust.ThresholdMissed, []int{0}, func(l *national.List) { l.Threshold = 1 }},
		{"threshold raised, the new one not met", trust.ThresholdMissed, []int{0, 1}, func(l *national.List) { l.Threshold = 3 }},
		{"unsigned", trust.ThresholdMissed, nil, func(l *national.List) {}},
		{"one signature", trust.ThresholdMissed, []int{2}, func(l *national.List) {}},
		{"signed by a province", trust.ThresholdMissed, []int{0, 10, 12}, func(l *national.List) {}},
		{"number skipped", trust.Incomplete, []int{0, 1}, func(l *national.List) { l.Sequence++ }},
		{"number far ahead", trust.Incomplete, []int{0, 1}, func(l *national.List) { l.Sequence = 1<<53 - 1 }},
		{"wrong previous", trust.WrongSuccession, []int{0, 1}, func(l *national.List) { l.Previous[0] ^= 1 }},
		{"issued before", trust.Rollback, []int{0, 1}, func(l *national.List) { l.Issued = start - 1 }},

		{"province joins", "", []int{0, 1}, func(l *national.List) {
			l.Provinces = append(l.Provinces[:2:2], province("440000", 60), l.Provinces[2])
		}},
		{"province vanishes", trust.WrongSuccession, []int{0, 1}, func(l *national.List) { l.Provinces = l.Provinces[:2] }},
		{"suspended", "", []int{0, 1}, func(l *national.List) { suspend(p(l, "310000")) }},
		{"suspended and back", "", []int{0, 1}, func(l *national.List) {
			e := p(l, "310000")
			suspend(e)
			e.History = append(e.History, national.Period{Status: e.Status, Since: e.Since})
			e.Status, e.Since = national.Admitted, start+1
		}},
		{"withdrawn", "", []int{0, 1}, func(l *national.List) { withdraw(p(l, "AT"), start+day) }},
		{"suspended without a history", trust.WrongSuccession, []int{0, 1}, func(l *national.List) {
			p(l, "310000").Status, p(l, "310000").Since = national.Suspended, start
		}},
		{"since rewritten", trust.WrongSuccession, []int{0, 1}, func(l *national.List) { p(l, "310000").Since++ }},
		{"reason rewritten", trust.WrongSuccession, []int{0, 1}, func(l *national.List) { p(l, "310000").Reason = "other" }},
		{"history rewritten", trust.WrongSuccession, []int{0, 1}, func(l *national.List) {
			p(l, "330000").History = []national.Period{{Status: national.Suspended, Since: p(l, "330000").History[0].Since}}
		}},
		{"history dropped", trust.WrongSuccession, []int{0, 1}, func(l *national.List) { p(l, "330000").History = nil }},
		{"withdrawn and back", trust.WrongSuccession, []int{0, 1}, func(l *national.List) {
			e := p(l, "330000")
			*e = province("330000", 20)
		}},
		{"last head rewritten", trust.WrongSuccession, []int{0, 1}, func(l *national.List) {
			p(l, "330000").LastHead = &national.HeadRef{Session: 1, Sequence: 8, Digest: trust.Digest{8}}
		}},
		{"session raised", "", []int{0, 1}, func(l *national.List) {
			e := p(l, "310000")
			e.Session, e.LogState = 3, &national.LogState{Size: 4, Root: trust.Digest{4}}
		}},
		{"session falls", trust.Rollback, []int{0, 1}, func(l *national.List) { p(l, "310000").Session, p(l, "310000").LogState = 1, nil }},
		{"log state changes within a session", trust.WrongSuccession, []int{0, 1}, func(l *national.List) {
			p(l, "310000").LogState = &national.LogState{Size: 4, Root: trust.Digest{4}}
		}},
		{"keys of a province rotated", "", []int{0, 1}, func(l *national.List) {
			e := p(l, "310000")
			e.HeadKeys = []national.Key{proved(70, national.RoleHead, "310000")}
			e.ListKeys, e.ListThreshold = []national.Key{proved(71, national.RoleList, "310000")}, 1
		}},
	} {
		n := next(first)
		test.change(n)
		d := signed(t, n, test.signers...)
		if err := d.CheckFollows(first); codeOf(err) != test.want {
			t.Errorf("%s: CheckFollows() = %v, want %q", test.name, err, test.want)
		}
	}
}

func TestSameNumber(t *testing.T) {
	zero := signed(t, list1(), 0, 1)
	one := signed(t, next(zero), 0, 1)
	l := next(zero)
	l.Operator = "another word under the same number"
	other := signed(t, l, 0, 2)
	for _, test := range []struct {
		name    string
		d, prev *national.Document
		want    trust.RefusalCode
	}{
		{"the list itself", one, one, trust.Rollback},
		{"another list under its number", other, one, trust.Equivocation},
		{"another list that nobody signed", signed(t, l), one, trust.ThresholdMissed},
		{"the other one also follows the list below", other, zero, ""},
		{"the list below", zero, one, trust.Rollback},
	} {
		if err := test.d.CheckFollows(test.prev); codeOf(err) != test.want {
			t.Errorf("%s: CheckFollows() = %v, want %q", test.name, err, test.want)
		}
	}
}

// TestSignaturesThatDoNotCount: a key counts once whatever it is called, and no signature counts for another payload.
func TestSignaturesThatDoNotCount(t *testing.T) {
	first := signed(t, list1(), 0, 1)
	payload := []byte(payloadOf(next(first)))
	sign := func(n int) statement.Signature {
		e := statement.New(national.PayloadType, payload)
		if err := e.Sign(key(n)); err != nil {
			t.Fatal(err)
		}
		return e.Signatures[0]
	}
	renamed := func(s statement.Signature, id string) statement.Signature { s.KeyID = id; return s }
	other := must(statement.Parse(first.Raw, national.MaxBytes)).Signatures
	id1 := key(1).Public().ID().String()
	damaged := sign(1)
	damaged.Sig = bytes.Clone(damaged.Sig)
	damaged.Sig[len(damaged.Sig)-1] ^= 1
	for _, test := range []struct {
		name       string
		signatures []statement.Signature
		want       trust.RefusalCode
	}{
		{"two keys", []statement.Signature{sign(0), sign(1)}, ""},
		{"two keys and one that does not verify", []statement.Signature{damaged, sign(0), sign(1)}, ""},
		{"two keys and a stranger", []statement.Signature{sign(50), sign(0), sign(1)}, ""},
		{"one key twice", []statement.Signature{sign(0), sign(0)}, trust.ThresholdMissed},
		{"one key under two names", []statement.Signature{sign(0), renamed(sign(0), id1)}, trust.ThresholdMissed},
		{"key id in capitals", []statement.Signature{sign(0), renamed(sign(1), strings.ToUpper(id1))}, trust.ThresholdMissed},
		{"no key id", []statement.Signature{sign(0), renamed(sign(1), "")}, trust.ThresholdMissed},
		{"a signature that does not verify", []statement.Signature{sign(0), damaged}, trust.ThresholdMissed},
		{"signatures of another list", other, trust.ThresholdMissed},
	} {
		e := statement.New(national.PayloadType, payload)
		e.Signatures = test.signatures
		d, err := national.Read(must(e.Marshal()))
		if err != nil {
			t.Errorf("%s: Read() = %v, want no error", test.name, err)
			continue
		}
		if err := d.CheckFollows(first); codeOf(err) != test.want {
			t.Errorf("%s: CheckFollows() = %v, want %q", test.name, err, test.want)
		}
	}
}

// TestExpiredListIsStillTheFloor: nothing in the succession asks for the time.
func TestExpiredListIsStillTheFloor(t *testing.T) {
	l := list1()
	l.NextUpdate = l.Issued + 1
	first := signed(t, l, 0, 1)
	n := next(first)
	n.Issued, n.NextUpdate = start+400*day, start+401*day
	second := signed(t, n, 0, 1)
	if err := second.CheckFollows(first); err != nil {
		t.Errorf("CheckFollows(a list expired for a year) = %v, want nil", err)
	}
	if err := first.CheckFollows(second); codeOf(err) != trust.Rollback {
		t.Errorf("the expired list after its successor: CheckFollows() = %v, want %s", err, trust.Rollback)
	}
}

func TestCheckTime(t *testing.T) {
	d := signed(t, list1(), 0, 1)
	for _, test := range []struct {
		now  trust.Time
		want trust.RefusalCode
	}{
		{start, ""}, {start - 60, ""}, {start - 61, trust.FromFuture}, {start + 4000*day, ""},
	} {
		if err := d.CheckTime(test.now, 60); codeOf(err) != test.want {
			t.Errorf("CheckTime(issued %+d s, 60) = %v, want %q", test.now-start, err, test.want)
		}
	}
}
