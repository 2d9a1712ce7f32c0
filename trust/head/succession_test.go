package head_test

import (
	"testing"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/head"
	"github.com/hutong-project/hutong/trust/national"
)

// next makes a head the one after the first, a second later.
func next(h *head.Head) { h.Sequence++; h.Issued++ }

func to(session, sequence uint64, issued trust.Time) func(*head.Head) {
	return func(h *head.Head) { h.Session, h.Sequence, h.Issued = session, sequence, issued }
}

func pins(number uint64) func(*head.Head) {
	return func(h *head.Head) { h.TrustList = head.ListRef{Number: number, Digest: trust.Digest{byte(number)}} }
}

func logs(generation, size uint64) func(*head.Head) {
	return func(h *head.Head) {
		h.Log = national.LogState{Generation: generation, Size: size, Root: trust.Digest{byte(size)}}
	}
}

func otherRoot(h *head.Head) { h.Log.Root[31] ^= 1 }
func otherList(h *head.Head) { h.TrustList.Digest[31] ^= 1 }

func names(national uint64) func(*head.Head) {
	return func(h *head.Head) { h.NationalList.Sequence = national }
}

// TestCheckFollows ports the cases of the TUF conformance suite about timestamp and snapshot: rollback, changed
// content under one number, fast-forward and the way out of it, expired local state.
func TestCheckFollows(t *testing.T) {
	prev := changed()
	for _, test := range []struct {
		name    string
		d, prev *head.Document
		want    trust.RefusalCode
	}{
		{"next", changed(next), prev, ""},
		{"no news", changed(), prev, ""},
		{"sequence below", changed(to(1, 99, start)), prev, trust.Rollback},
		{"issued before", changed(to(1, 101, start-1)), prev, trust.Rollback},
		{"issued in the same second", changed(to(1, 101, start)), prev, ""},
		{"ten in the same second", changed(to(1, 110, start)), prev, ""},
		{"eleven in the same second", changed(to(1, 111, start)), prev, trust.FastForward},
		{"twenty a second later", changed(to(1, 120, start+1)), prev, ""},
		{"twenty-one a second later", changed(to(1, 121, start+1)), prev, trust.FastForward},
		{"largest number", changed(to(1, 1<<53-1, start)), prev, trust.FastForward},
		{"after the largest number, the same session", changed(next), changed(to(1, 1<<53-1, start)), trust.Rollback},
		{"a new list and log", changed(next, pins(4), logs(1, 51)), prev, ""},
		{"other content under one number", changed(pins(4)), prev, trust.Equivocation},
		{"lower list", changed(next, pins(2)), prev, trust.Equivocation},
		{"another list under one version", changed(next, otherList), prev, trust.Equivocation},
		{"smaller log", changed(next, logs(1, 49)), prev, trust.Equivocation},
		{"another root under one size", changed(next, otherRoot), prev, trust.Equivocation},
		{"lower generation", changed(next, logs(0, 80)), prev, trust.Equivocation},
		{"smaller log of a new generation", changed(next, logs(2, 10)), prev, ""},
		{"an older head with a higher list", changed(to(1, 99, start), pins(4)), prev, trust.Equivocation},
		{"lower national list", changed(next, names(1)), prev, trust.Rollback},
		{"after a year of silence, which is still the floor", changed(to(1, 101, start)), changed(to(1, 100, start-365*86400)), ""},
		{"before a year of silence", changed(to(1, 99, start)), changed(to(1, 100, start-365*86400)), trust.Rollback},
		{"another session", changed(to(2, 1, start)), prev, trust.WrongSession},
		{"issued in the future", changed(to(1, 101, start+61)), prev, trust.FromFuture},
		{"issued within the skew", changed(to(1, 101, start+60)), prev, ""},
		{"joiner", changed(), nil, ""},
		{"joiner, as many as time allows", changed(to(1, 10010, start)), nil, ""},
		{"joiner, one more", changed(to(1, 10011, start)), nil, trust.FastForward},
	} {
		if err := test.d.CheckFollows(test.prev, entry(), start, national.DefaultPolicy()); codeOf(err) != test.want {
			t.Errorf("%s: CheckFollows() = %v, want %q", test.name, err, test.want)
		}
	}
}

// TestNewSession: the way out of a stolen key that jumped to the largest number.
func TestNewSession(t *testing.T) {
	e := entry()
	e.Session, e.LogState = 2, &national.LogState{Generation: 1, Size: 40, Root: trust.Digest{40}}
	jumped := changed(to(1, 1<<53-1, start), pins(9), logs(9, 99))
	for _, test := range []struct {
		name string
		d    *head.Document
		want trust.RefusalCode
	}{
		{"starts over", changed(to(2, 1, start), pins(1), logs(1, 40)), ""},
		{"above the state that stands", changed(to(2, 1, start), pins(1), logs(1, 41)), ""},
		{"in a later generation", changed(to(2, 1, start), logs(2, 3)), ""},
		{"below the state that stands", changed(to(2, 1, start), logs(1, 39)), trust.Rollback},
		{"below its generation", changed(to(2, 1, start), logs(0, 90)), trust.Rollback},
		{"another root than the one that stands", changed(to(2, 1, start), logs(1, 40), otherRoot), trust.RootMismatch},
		{"the old session goes on", changed(to(1, 101, start)), trust.WrongSession},
	} {
		for _, prev := range []*head.Document{jumped, nil} {
			if err := test.d.CheckFollows(prev, e, start, national.DefaultPolicy()); codeOf(err) != test.want {
				t.Errorf("%s: CheckFollows() = %v, want %q", test.name, err, test.want)
			}
		}
	}
	e.Session = 1
	held := changed(to(2, 5, start))
	if err := changed().CheckFollows(held, e, start, national.DefaultPolicy()); codeOf(err) != trust.Rollback {
		t.Errorf("a session below the held one: CheckFollows() = %v, want %s", err, trust.Rollback)
	}
}

// TestJoinerCountsFromTheFirstStatus: a suspension today must not make yesterday's thousands of heads too many.
func TestJoinerCountsFromTheFirstStatus(t *testing.T) {
	e := entry()
	e.History = []national.Period{{Status: national.Admitted, Since: e.Since}}
	e.Status, e.Since = national.Suspended, start
	if err := changed(to(1, 10010, start)).CheckFollows(nil, e, start, national.DefaultPolicy()); err != nil {
		t.Errorf("CheckFollows() of a suspended province's head = %v, want nil", err)
	}
}

func TestWithdrawnProvinceEndsWithItsLastHead(t *testing.T) {
	last := changed()
	e := entry()
	e.Status, e.LastHead = national.Withdrawn, &national.HeadRef{Session: 1, Sequence: 100, Digest: last.Digest}
	for _, test := range []struct {
		name string
		d    *head.Document
		want trust.RefusalCode
	}{
		{"the last head", last, ""},
		{"a head before it", changed(to(1, 99, start)), ""},
		{"a head after it", changed(next), trust.WrongSuccession},
		{"another head under its number", changed(pins(4)), trust.DigestMismatch},
	} {
		if err := test.d.CheckFollows(nil, e, start, national.DefaultPolicy()); codeOf(err) != test.want {
			t.Errorf("%s: CheckFollows() = %v, want %q", test.name, err, test.want)
		}
	}
}

func TestContradicts(t *testing.T) {
	a := changed()
	for _, test := range []struct {
		name string
		b    *head.Document
		want bool
	}{
		{"itself", changed(), false},
		{"next", changed(next), false},
		{"one sequence, another payload", changed(func(h *head.Head) { h.Issued++ }), true},
		{"higher sequence, lower list", changed(next, pins(2)), true},
		{"lower sequence, higher list", changed(to(1, 99, start), pins(4)), true},
		{"higher sequence, higher list", changed(next, pins(4)), false},
		{"one version, another digest", changed(next, otherList), true},
		{"one version, another digest, sequence far away", changed(to(1, 9999, start+9999), otherList), true},
		{"higher sequence, smaller log", changed(next, logs(1, 49)), true},
		{"one size, another root", changed(next, otherRoot), true},
		{"higher sequence, larger log", changed(next, logs(1, 51)), false},
		{"lower generation", changed(next, logs(0, 99)), true},
		{"higher generation, smaller", changed(next, logs(2, 1)), false},
		{"another session", changed(to(2, 100, start), pins(1)), false},
		{"another province", changed(func(h *head.Head) { h.Province = "330000"; h.TrustList.Number = 9 }), false},
	} {
		for _, pair := range [][2]*head.Document{{a, test.b}, {test.b, a}} {
			if why, got := head.Contradicts(pair[0], pair[1]); got != test.want || got != (why != "") {
				t.Errorf("%s: Contradicts(%d, %d) = %q, %v, want %v", test.name, pair[0].Sequence, pair[1].Sequence, why, got, test.want)
			}
		}
	}
}
