package statuslog

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/hutong-project/hutong/trust"
)

// ev makes the event of a story: what is said, from which day on, and what it takes back (by its place in the
// story, from 1).
func ev(s Status, from trust.Time, corrects ...int) Event {
	e := Event{Kind: KindCredential, Subject: subjectOf(1), Status: s, Effective: from * day}
	if len(corrects) > 0 {
		e.Corrects = &EventRef{Position: uint64(corrects[0])}
	}
	return e
}

func story(events ...Event) []Entry {
	entries := make([]Entry, len(events))
	for i, e := range events {
		entries[i] = Entry{Ref: EventRef{Position: uint64(i + 1)}, Authority: "A", Event: e}
	}
	return entries
}

func TestFold(t *testing.T) {
	const (
		valid, suspended, rescinded, cancelled = StatusValid, StatusSuspended, StatusRescinded, StatusCancelled
		transferred, revoked, other, inactive  = StatusTransferred, StatusRevoked, StatusOther, StatusNotActive
	)
	type at struct {
		day    trust.Time
		status Status
		since  trust.Time // day
	}
	tests := []struct {
		name   string
		events []Event
		want   []at
	}{
		{"nothing said", nil, []at{{10, 0, 0}}},
		{"not yet effective", []Event{ev(revoked, 5)}, []at{{4, 0, 0}, {5, revoked, 5}, {9, revoked, 5}}},
		{"suspended and lifted", []Event{ev(valid, 1), ev(suspended, 5), ev(valid, 8)},
			[]at{{4, valid, 1}, {5, suspended, 5}, {7, suspended, 5}, {8, valid, 8}}},
		{"suspended again", []Event{ev(suspended, 1), ev(valid, 2), ev(suspended, 3)}, []at{{2, valid, 2}, {3, suspended, 3}}},
		{"lifted on the day it began", []Event{ev(suspended, 5), ev(valid, 5)}, []at{{5, valid, 5}}},
		{"a late issue event lifts nothing", []Event{ev(suspended, 5), ev(valid, 1)}, []at{{3, valid, 1}, {6, suspended, 5}}},
		{"late history with an activation lifts nothing", []Event{ev(suspended, 5), ev(inactive, 1), ev(valid, 2)}, []at{{1, inactive, 1}, {3, valid, 2}, {6, suspended, 5}}},
		{"a suspension dated back holds", []Event{ev(valid, 8), ev(suspended, 5)}, []at{{6, suspended, 5}, {9, suspended, 5}}},
		{"and is lifted by a later word", []Event{ev(valid, 8), ev(suspended, 5), ev(valid, 6)}, []at{{9, valid, 6}}},
		{"a final event stands", []Event{ev(revoked, 5), ev(valid, 8), ev(suspended, 9), ev(transferred, 10)}, []at{{4, 0, 0}, {20, revoked, 5}}},
		{"a final event dated back", []Event{ev(valid, 8), ev(revoked, 2)}, []at{{1, 0, 0}, {3, revoked, 2}, {9, revoked, 2}}},
		{"two final events: since the first day", []Event{ev(revoked, 5), ev(cancelled, 3)}, []at{{4, cancelled, 3}, {6, cancelled, 3}}},
		{"two final events of one day: the first said", []Event{ev(revoked, 5), ev(cancelled, 5)}, []at{{6, revoked, 5}}},
		{"final after suspension", []Event{ev(suspended, 2), ev(revoked, 5)}, []at{{3, suspended, 2}, {6, revoked, 5}}},
		{"corrected", []Event{ev(revoked, 5), ev(valid, 5, 1)}, []at{{4, 0, 0}, {5, valid, 5}, {9, valid, 5}}},
		{"corrected from a later day on", []Event{ev(revoked, 5), ev(valid, 8, 1)}, []at{{7, revoked, 5}, {8, valid, 8}}},
		{"corrected to another final status", []Event{ev(revoked, 5), ev(cancelled, 5, 1)}, []at{{6, cancelled, 5}}},
		{"valid without naming the final event", []Event{ev(revoked, 5), ev(valid, 8)}, []at{{9, revoked, 5}}},
		{"a correction of the wrong event", []Event{ev(suspended, 2), ev(revoked, 5), ev(valid, 8, 1)}, []at{{9, revoked, 5}}},
		{"a correction of nothing", []Event{ev(revoked, 5), ev(valid, 8, 7)}, []at{{9, revoked, 5}}},
		{"a correction of one of two final events", []Event{ev(revoked, 5), ev(cancelled, 6), ev(valid, 8, 1)}, []at{{9, cancelled, 6}}},
		{"both corrected", []Event{ev(revoked, 5), ev(cancelled, 6), ev(valid, 8, 1), ev(valid, 9, 2)}, []at{{8, cancelled, 6}, {9, valid, 9}}},
		{"a correction corrected brings nothing back", []Event{ev(revoked, 5), ev(cancelled, 5, 1), ev(valid, 6, 2)}, []at{{9, valid, 6}}},
		{"revoked again after a correction", []Event{ev(revoked, 5), ev(valid, 6, 1), ev(rescinded, 7)}, []at{{6, valid, 6}, {8, rescinded, 7}}},
		{"a correction uncovers a suspension of a later day", []Event{ev(suspended, 6), ev(revoked, 7), ev(valid, 5, 2)}, []at{{9, suspended, 6}}},
		{"a correction of a later event does not reach ahead", []Event{ev(valid, 1, 2), ev(revoked, 5)}, []at{{9, revoked, 5}}},
		{"a correction of itself", []Event{ev(revoked, 5, 1)}, []at{{9, revoked, 5}}},
		{"a suspension taken back", []Event{ev(valid, 1), ev(suspended, 5), ev(valid, 2, 2)}, []at{{9, valid, 2}}},
		{"transferred and called off", []Event{ev(valid, 1), ev(transferred, 5), ev(valid, 7)}, []at{{6, transferred, 5}, {8, valid, 7}}},
		{"transferred and ended", []Event{ev(transferred, 5), ev(cancelled, 7)}, []at{{6, transferred, 5}, {8, cancelled, 7}}},
		{"other and back", []Event{ev(other, 5), ev(valid, 6)}, []at{{5, other, 5}, {6, valid, 6}}},
		{"not active, then active", []Event{ev(inactive, 5), ev(valid, 6)}, []at{{5, inactive, 5}, {6, valid, 6}}},
		{"two words that are not valid: the later day", []Event{ev(suspended, 6), ev(other, 5)}, []at{{5, other, 5}, {6, suspended, 6}}},
	}
	for _, tt := range tests {
		entries := story(tt.events...)
		for _, want := range tt.want {
			got := Fold(entries, want.day*day)
			if got.Status != want.status || got.Since != want.since*day || got.Final != want.status.Final() {
				t.Errorf("%s: Fold(day %d) = %v since day %d, final %v, want %v since day %d",
					tt.name, want.day, got.Status, got.Since/day, got.Final, want.status, want.since)
			}
			if (got.Entry == nil) != (got.Status == 0) || got.Entry != nil && got.Entry.Status != got.Status {
				t.Errorf("%s: Fold(day %d).Entry = %+v, want the event that decided", tt.name, want.day, got.Entry)
			}
		}
	}
}

func TestOnlyTheSameAuthorityCorrects(t *testing.T) {
	for name, change := range map[string]func(e *Entry){
		"another authority": func(e *Entry) { e.Authority = "B" },
		"another subject":   func(e *Entry) { e.Subject = subjectOf(2) },
		"another kind":      func(e *Entry) { e.Kind = KindSeal },
		"another index":     func(e *Entry) { e.Corrects = &EventRef{1, 1} },
	} {
		entries := story(ev(StatusRevoked, 5), ev(StatusValid, 6, 1))
		change(&entries[1])
		if got := Fold(entries, 9*day); got.Status != StatusRevoked || !got.Final {
			t.Errorf("%s corrects: Fold = %v, want revoked", name, got.Status)
		}
	}
}

func TestFoldLinks(t *testing.T) {
	there, elsewhere, before := &Link{"330000", subjectOf(2)}, &Link{"440000", subjectOf(3)}, &Link{"110000", subjectOf(4)}
	linked := func(e Event, predecessor, successor *Link) Event {
		e.Predecessor, e.Successor = predecessor, successor
		return e
	}
	out := linked(ev(StatusTransferred, 5), nil, there)
	in := linked(ev(StatusValid, 1), before, nil)
	tests := []struct {
		name                   string
		events                 []Event
		predecessor, successor *Link
	}{
		{"transfer in", []Event{in}, before, nil},
		{"and then suspended", []Event{in, ev(StatusSuspended, 3)}, before, nil},
		{"transfer out", []Event{in, out}, before, there},
		{"named only later", []Event{ev(StatusTransferred, 4), out}, nil, there},
		{"pending, then suspended", []Event{out, ev(StatusSuspended, 6)}, nil, there},
		{"called off", []Event{out, ev(StatusValid, 6)}, nil, nil},
		{"called off, sent elsewhere", []Event{out, ev(StatusValid, 6), linked(ev(StatusTransferred, 7), nil, elsewhere)}, nil, elsewhere},
		{"ended after the transfer", []Event{out, ev(StatusCancelled, 7)}, nil, there},
		{"ended, a late valid", []Event{out, ev(StatusCancelled, 7), ev(StatusValid, 8)}, nil, there},
		{"superseded", []Event{linked(ev(StatusSuperseded, 5), nil, elsewhere)}, nil, elsewhere},
		{"superseded by mistake", []Event{linked(ev(StatusSuperseded, 5), nil, elsewhere), ev(StatusValid, 5, 1)}, nil, nil},
		{"transferred by mistake", []Event{out, ev(StatusRevoked, 6, 1)}, nil, nil},
		{"a word too old to be in force", []Event{ev(StatusSuspended, 7), out}, nil, nil},
	}
	for _, tt := range tests {
		got := Fold(story(tt.events...), 9*day)
		if got.Predecessor != tt.predecessor || got.Successor != tt.successor {
			t.Errorf("%s: Fold = predecessor %v, successor %v, want %v, %v", tt.name, got.Predecessor, got.Successor, tt.predecessor, tt.successor)
		}
	}
}

func TestFoldExpires(t *testing.T) {
	expiring := func(e Event, on trust.Time) Event { e.Expires = on * day; return e }
	issued, renewed := expiring(ev(StatusValid, 1), 10), expiring(ev(StatusValid, 5), 20)
	tests := []struct {
		name   string
		events []Event
		want   trust.Time
	}{
		{"none stated", []Event{ev(StatusValid, 1)}, 0},
		{"stated", []Event{issued}, 10},
		{"kept by an event without", []Event{issued, ev(StatusSuspended, 2)}, 10},
		{"renewed", []Event{issued, renewed}, 20},
		{"renewed, the issue sent late", []Event{renewed, issued}, 20},
		{"renewed by mistake", []Event{issued, renewed, ev(StatusValid, 5, 2)}, 10},
	}
	for _, tt := range tests {
		if got := Fold(story(tt.events...), 9*day).Expires; got != tt.want*day {
			t.Errorf("%s: Fold.Expires = day %d, want day %d", tt.name, got/day, tt.want)
		}
	}
	if got := Fold(story(issued, renewed), 4*day).Expires; got != 10*day {
		t.Errorf("before the renewal: Fold.Expires = day %d, want day 10", got/day)
	}
}

// TestFoldNeverReadsADoubtAsValid: whatever an authority says in whatever order, a final event that is effective and
// that no correction names rules out every answer but a final one, and a suspension rules out valid unless a word of
// the same or a later day stands after it, or a correction names it.
func TestFoldNeverReadsADoubtAsValid(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	statuses := []Status{StatusValid, StatusValid, StatusSuspended, StatusRevoked, StatusTransferred, StatusOther, StatusNotActive, StatusSuperseded}
	validSeen, finalSeen := 0, 0
	for range 20000 {
		var events []Event
		for i := range 1 + r.IntN(6) {
			e := ev(statuses[r.IntN(len(statuses))], trust.Time(1+r.IntN(5)))
			if i > 0 && r.IntN(3) == 0 {
				e.Corrects = &EventRef{Position: uint64(1 + r.IntN(i))}
			}
			events = append(events, e)
		}
		entries, at := story(events...), trust.Time(1+r.IntN(5))*day
		before := append([]Entry(nil), entries...)
		got := Fold(entries, at)
		if !reflect.DeepEqual(entries, before) {
			t.Fatalf("Fold changed its input")
		}
		final := false
		for i, e := range entries {
			if e.Effective > at {
				continue
			}
			taken, lifted := false, false
			for _, later := range entries[i+1:] {
				if later.Effective > at {
					continue
				}
				taken = taken || later.Corrects != nil && *later.Corrects == e.Ref
				lifted = lifted || later.Effective >= e.Effective
			}
			final = final || e.Status.Final() && !taken
			if e.Status != StatusValid && !taken && !lifted && got.Status == StatusValid {
				t.Fatalf("Fold(%+v, day %d) = valid, though event %d (%v) stands", events, at/day, i, e.Status)
			}
		}
		if got.Final != final || got.Status.Final() != final {
			t.Fatalf("Fold(%+v, day %d) = %v, final %v, want final %v", events, at/day, got.Status, got.Final, final)
		}
		if got.Status == StatusValid {
			validSeen++
		}
		if final {
			finalSeen++
		}
	}
	if validSeen < 1000 || finalSeen < 1000 {
		t.Errorf("%d answers were valid and %d final, want at least 1000 each, or this test tries nothing", validSeen, finalSeen)
	}
}
