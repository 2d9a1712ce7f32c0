package national_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/national"
)

func TestMayGrant(t *testing.T) {
	for _, test := range []struct {
		types []string
		asked string
		want  bool
	}{
		{[]string{"*"}, "11100000MB0306696G016", true},
		{[]string{"*"}, "", false},
		{nil, "test", false},
		{[]string{"test"}, "test", true},
		{[]string{"test"}, "Test", false},
		{[]string{"test"}, "test2", false},
		{[]string{"test"}, "tes", false},
		{[]string{"111*"}, "11100", true},
		{[]string{"111*"}, "111", true},
		{[]string{"111*"}, "11", false},
		{[]string{"a", "b*"}, "bc", true},
		{[]string{"a", "b*"}, "*", false},
	} {
		e := national.Province{Types: test.types}
		if got := e.MayGrant(test.asked); got != test.want {
			t.Errorf("MayGrant(%q) with %q = %v, want %v", test.asked, test.types, got, test.want)
		}
	}
}

func TestStatusAt(t *testing.T) {
	e := national.Province{
		History: []national.Period{{Status: national.Admitted, Since: 100}, {Status: national.Suspended, Since: 200, Reason: "audit"}},
		Status:  national.Admitted, Since: 300, Reason: "audit ended",
	}
	for _, test := range []struct {
		at     trust.Time
		status national.Status
		since  trust.Time
		reason string
	}{
		{99, "", 0, ""}, {100, national.Admitted, 100, ""}, {199, national.Admitted, 100, ""},
		{200, national.Suspended, 200, "audit"}, {299, national.Suspended, 200, "audit"},
		{300, national.Admitted, 300, "audit ended"}, {1 << 40, national.Admitted, 300, "audit ended"},
	} {
		status, since, reason := e.StatusAt(test.at)
		if status != test.status || since != test.since || reason != test.reason {
			t.Errorf("StatusAt(%d) = %q, %d, %q, want %q, %d, %q", test.at, status, since, reason, test.status, test.since, test.reason)
		}
	}
	if got := e.Joined(); got != 100 {
		t.Errorf("Joined() = %d, want 100", got)
	}
}

func TestSignerAndClocks(t *testing.T) {
	l := list1()
	if got := p(l, "AT").Signer(); got != "310000" {
		t.Errorf("Signer() of a hosted jurisdiction = %s, want its host 310000", got)
	}
	if got := p(l, "330000").Signer(); got != "330000" {
		t.Errorf("Signer() = %s, want 330000", got)
	}
	if got := p(l, "330000").ClocksOf(l.Policy); got != l.Policy.Clocks {
		t.Errorf("ClocksOf() without own clocks = %v, want the policy's", got)
	}
	own := national.Clocks{HeadInterval: 1, MaxHeadAge: 2}
	p(l, "330000").Clocks = &own
	if got := p(l, "330000").ClocksOf(l.Policy); got != own {
		t.Errorf("ClocksOf() = %v, want the own %v", got, own)
	}
}

func TestDiff(t *testing.T) {
	first := signed(t, list1(), 0, 1)
	if got := national.Diff(&first.List, &first.List); len(got) != 0 {
		t.Errorf("Diff(a list, itself) = %q, want nothing", got)
	}
	l := next(first)
	l.Threshold = 3
	l.Policy.Clocks.Grace = 3600
	withdraw(p(l, "330000"), start)
	e := p(l, "310000")
	e.HeadKeys = []national.Key{proved(70, national.RoleHead, "310000")}
	e.Types = []string{"111*"}
	l.Provinces = append(l.Provinces[:2:2], province("440000", 60), l.Provinces[2])
	got := national.Diff(&first.List, l)
	for _, want := range []string{
		"sequence: 1 → 2",
		"threshold: 2 of 3 → 3 of 3",
		"policy grace (s): 86400 → 3600",
		"310000 + head key " + key(70).Public().ID().String(),
		"310000 − head key " + key(12).Public().ID().String(),
		"310000 + type 111*",
		"310000 − type *",
		"330000 status: admitted since 2026-08-14T08:00:00Z → withdrawn since 2026-11-22T08:00:00Z (merged)",
		"440000 joins",
		"440000 session: 1",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("Diff() lacks %q, got\n%s", want, strings.Join(got, "\n"))
		}
	}
	if lines := national.Diff(nil, &first.List); !slices.Contains(lines, "AT host: 310000") || !slices.Contains(lines, "threshold: 2 of 3") {
		t.Errorf("Diff(nil, list) = %q, want the whole list", lines)
	}
	if lines := national.Diff(&first.List, &national.List{}); !slices.Contains(lines, "AT vanishes, which no reader will accept") {
		t.Errorf("Diff(list, empty) = %q, want that AT vanishes", lines)
	}
}
