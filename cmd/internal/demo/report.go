package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// A Line is one event of the story. With --json it is printed as one object, all members present.
type Line struct {
	Step           string  `json:"step"`
	From           string  `json:"from"`           // province code that issued
	At             string  `json:"at"`             // province code where it was judged, or where the step took place
	Verdict        string  `json:"verdict"`        // valid, invalid, indeterminate; empty: no verdict in this step
	Reason         string  `json:"reason"`         // code of the first reason
	Expected       string  `json:"expected"`       // verdict
	ExpectedReason string  `json:"expectedReason"` // empty: any
	MS             float64 `json:"ms"`             // how long it took, or, of a change of status, from its acknowledgement on
}

// expect is what a line should say: a verdict, and a reason where that matters.
type expect struct{ verdict, reason string }

// wrong reports whether the verdict, or its reason, differs from what was expected.
func (l Line) wrong() bool {
	return l.Expected != "" && l.Verdict != l.Expected || l.ExpectedReason != "" && l.Reason != l.ExpectedReason
}

// A report prints lines as they come and remembers what was wrong.
type report struct {
	out    io.Writer
	json   bool
	lines  int
	wrongs []Line
	delays []float64 // from the acknowledgement of a change of status to its verdict elsewhere
}

// Columns of the table: 80 in all.
const (
	stepWidth    = 31
	verdictWidth = 13
	reasonWidth  = 22
)

func (r *report) heading(text string) {
	if !r.json {
		fmt.Fprintf(r.out, "\n%s\n", text)
	}
}

func (r *report) head() {
	if !r.json {
		fmt.Fprintf(r.out, "%s %s %s %8s\n", pad("步骤 step", stepWidth+3), pad("判定 verdict", verdictWidth), pad("理由 reason", reasonWidth), "ms")
		fmt.Fprintln(r.out, strings.Repeat("─", 80))
	}
}

func (r *report) add(l Line) {
	r.lines++
	if l.wrong() {
		r.wrongs = append(r.wrongs, l)
	}
	if r.json {
		l.Step = strings.TrimSpace(l.Step)
		_ = json.NewEncoder(r.out).Encode(l) // a broken pipe shows in the next write's absence of a reader
		return
	}
	mark := " "
	if l.wrong() {
		mark = "✗"
	} else if l.Expected != "" {
		mark = "✓"
	}
	fmt.Fprintf(r.out, "%s %s  %s %s %8.1f\n", mark, pad(l.Step, stepWidth), pad(l.Verdict, verdictWidth), pad(l.Reason, reasonWidth), l.MS)
	if l.wrong() {
		fmt.Fprintf(r.out, "  expected %s %s\n", l.Expected, l.ExpectedReason)
	}
}

// delayed adds a line whose delay counts from the acknowledgement of a change of status.
func (r *report) delayed(l Line) {
	r.delays = append(r.delays, l.MS)
	r.add(l)
}

// percentile returns the p-th part of the delays, 0 ≤ p ≤ 1.
func (r *report) percentile(p float64) float64 {
	if len(r.delays) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(r.delays))
	return sorted[int(p*float64(len(sorted)-1)+0.5)]
}

// pad fills s with blanks to a width in columns, in which a Chinese character takes two, and cuts what is longer.
func pad(s string, width int) string {
	used := 0
	for i, c := range s {
		w := columns(c)
		if used+w > width {
			return s[:i] + strings.Repeat(" ", width-used)
		}
		used += w
	}
	return s + strings.Repeat(" ", width-used)
}

// columns returns how many columns of a terminal a character takes (Unicode TR11: the wide blocks that occur here).
func columns(c rune) int {
	if c >= 0x1100 && (c <= 0x115f || c >= 0x2e80 && c <= 0xa4cf || c >= 0xac00 && c <= 0xd7a3 ||
		c >= 0xf900 && c <= 0xfaff || c >= 0xfe30 && c <= 0xfe6f || c >= 0xff00 && c <= 0xff60 || c >= 0xffe0 && c <= 0xffe6) {
		return 2
	}
	return 1
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
