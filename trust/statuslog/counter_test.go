package statuslog

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/sm2sig"
)

func until(n uint64) *uint64 { return &n }

// counterList has an authority that signs by itself (A, two anchors), one that the operator signs for (B), and one
// that first had the operator sign and then got a key (C).
func counterList(own, renewed, operator, late *sm2sig.PublicKey) *list.List {
	return &list.List{
		Province: "310000",
		Anchors: []list.Anchor{
			{ID: "a1", Authority: "A", Status: list.Withdrawn, StatusSigner: list.SignerSelf, StatusKeys: []list.StatusKey{{Key: own, From: 0, Until: until(100)}}},
			{ID: "a2", Authority: "A", Status: list.Granted, StatusSigner: list.SignerSelf, StatusKeys: []list.StatusKey{
				{Key: renewed, From: 90, Until: until(95)}, {Key: renewed, From: 100}}},
			{ID: "b", Authority: "B", Status: list.Granted, StatusSigner: list.SignerOperator},
			{ID: "c1", Authority: "C", Status: list.Granted, StatusSigner: list.SignerOperator},
			{ID: "c2", Authority: "C", Status: list.Granted, StatusSigner: list.SignerSelf, StatusKeys: []list.StatusKey{{Key: late, From: 50}}},
		},
		OperatorStatusKeys: []list.StatusKey{{Key: operator, From: 10}, {}},
	}
}

func TestCounterKeysAndSpans(t *testing.T) {
	own, renewed, operator, late := newKey(t).Public(), newKey(t).Public(), newKey(t).Public(), newKey(t).Public()
	l := counterList(own, renewed, operator, late)
	tests := []struct {
		name     string
		position uint64
		province trust.Province
		author   string
		key      *sm2sig.PublicKey
		operator bool
		want     Why
	}{
		{"own key", 0, "310000", "A", own, false, Counts},
		{"last position of the span", 99, "310000", "A", own, false, Counts},
		{"first position after the span", 100, "310000", "A", own, false, OutsideSpan},
		{"before the span of the renewed key", 89, "310000", "A", renewed, false, OutsideSpan},
		{"first span of the renewed key", 94, "310000", "A", renewed, false, Counts},
		{"between its spans", 95, "310000", "A", renewed, false, OutsideSpan},
		{"its open span", 1 << 40, "310000", "A", renewed, false, Counts},
		{"another province", 0, "330000", "A", own, false, WrongProvince},
		{"an unknown authority", 0, "310000", "D", own, false, UnknownAuthority},
		{"no authority", 20, "310000", "", operator, false, UnknownAuthority},
		{"another authority's key", 60, "310000", "A", late, false, NoKey},
		{"an unknown key", 0, "310000", "A", newKey(t).Public(), false, NoKey},
		{"the operator for B", 10, "310000", "B", operator, true, Counts},
		{"the operator too early", 9, "310000", "B", operator, true, OutsideSpan},
		{"the operator for A", 10, "310000", "A", operator, true, NotOperated},
		{"the operator without the mark", 10, "310000", "B", operator, false, NoKey},
		{"the mark with the authority's own key", 50, "310000", "C", late, true, NoOperatorKey},
		{"the operator for C, which has a key too", 60, "310000", "C", operator, true, Counts},
		{"C itself", 60, "310000", "C", late, false, Counts},
	}
	for _, tt := range tests {
		m := LeafMeta{tt.position, tt.province, tt.author, 1, tt.key.ID(), tt.operator}
		c := NewCounter(l)
		key, why := c.Key(m)
		if why != tt.want || (key != nil) != (why == Counts) || key != nil && !key.Equal(tt.key) {
			t.Errorf("%s: Key = %v, %q, want %q", tt.name, key, why, tt.want)
		}
		counts, why := c.Next(m)
		if counts != (tt.want == Counts) || why != tt.want {
			t.Errorf("%s: Next = %v, %q, want %q", tt.name, counts, why, tt.want)
		}
		if last := c.Last(); (len(last) == 1) != counts {
			t.Errorf("%s: Last() = %v after a leaf that counts: %v", tt.name, last, counts)
		}
	}
}

func TestCounterNumbers(t *testing.T) {
	own, operator := newKey(t).Public(), newKey(t).Public()
	l := counterList(own, newKey(t).Public(), operator, newKey(t).Public())
	stranger := newKey(t).Public()
	leaf := func(position uint64, authority string, number uint64, key *sm2sig.PublicKey) LeafMeta {
		return LeafMeta{position, "310000", authority, number, key.ID(), key == operator}
	}
	leaves := []LeafMeta{
		leaf(10, "A", 1, own),
		leaf(11, "A", 2, stranger), // takes no number away
		leaf(12, "A", 2, own),
		leaf(13, "A", 2, own), // the same again
		leaf(14, "A", 1, own),
		leaf(15, "B", 3, operator), // a gap from the start
		leaf(16, "A", 9, own),      // a gap
		leaf(17, "A", 3, own),      // what was withheld comes too late
		leaf(18, "A", 10, own),
		leaf(19, "B", 4, operator),
	}
	want := []Why{Counts, NoKey, Counts, NumberNotAbove, NumberNotAbove, Counts, Counts, NumberNotAbove, Counts, Counts}
	wantGaps := []Gap{{"B", 15, 1, 3}, {"A", 16, 3, 9}}
	wantLast := map[string]uint64{"A": 10, "B": 4}

	// Counting may stop and resume anywhere without a difference.
	for stop := range len(leaves) + 1 {
		c := NewCounter(l)
		var got []Why
		var gaps []Gap
		for i, m := range leaves {
			if i == stop {
				gaps = c.Gaps()
				c = ResumeCounter(l, c.Last())
			}
			_, why := c.Next(m)
			got = append(got, why)
		}
		if gaps = append(gaps, c.Gaps()...); !slices.Equal(got, want) || !slices.Equal(gaps, wantGaps) || !maps.Equal(c.Last(), wantLast) {
			t.Errorf("resumed at %d: %v, gaps %v, last %v, want %v, %v, %v", stop, got, gaps, c.Last(), want, wantGaps, wantLast)
		}
		if c.Expected("A") != 11 || c.Expected("C") != 1 {
			t.Errorf("Expected(A), Expected(C) = %d, %d, want 11, 1", c.Expected("A"), c.Expected("C"))
		}
	}
}

// TestClosingASpanUndoesAThief: a thief's batch with a huge number blocks the authority until the list closes the
// span of the stolen key before it; counted anew, the authority's later batches are all there.
func TestClosingASpanUndoesAThief(t *testing.T) {
	stolen, fresh := newKey(t).Public(), newKey(t).Public()
	l := &list.List{Province: "310000", Anchors: []list.Anchor{{Authority: "A", StatusKeys: []list.StatusKey{{Key: stolen}, {Key: fresh, From: 5}}}}}
	leaves := []LeafMeta{
		{3, "310000", "A", 1, stolen.ID(), false},
		{4, "310000", "A", MaxNumber, stolen.ID(), false},
		{5, "310000", "A", 2, fresh.ID(), false},
	}
	count := func() string {
		c := NewCounter(l)
		var s []Why
		for _, m := range leaves {
			_, why := c.Next(m)
			s = append(s, why)
		}
		return fmt.Sprintf("%q", s)
	}
	if got, want := count(), `["" "" "number-not-above"]`; got != want {
		t.Errorf("with the span open: %s, want %s", got, want)
	}
	l.Anchors[0].StatusKeys[0].Until = until(4)
	if got, want := count(), `["" "outside-span" ""]`; got != want {
		t.Errorf("with the span closed at 4: %s, want %s", got, want)
	}
}

func TestCounterKeepsNothingThatChanges(t *testing.T) {
	key := newKey(t).Public()
	l := &list.List{Province: "310000", Anchors: []list.Anchor{{Authority: "A", StatusKeys: []list.StatusKey{{Key: key, Until: until(10)}}}}}
	last := map[string]uint64{"A": 3}
	c := ResumeCounter(l, last)
	last["A"], *l.Anchors[0].StatusKeys[0].Until = 0, 0
	c.Last()["A"] = 0
	if counts, why := c.Next(LeafMeta{5, "310000", "A", 3, key.ID(), false}); counts || why != NumberNotAbove {
		t.Errorf("Next(3 after 3) = %v, %q, want %q", counts, why, NumberNotAbove)
	}
}
