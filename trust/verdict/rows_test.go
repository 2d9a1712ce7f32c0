package verdict_test

import (
	"slices"
	"testing"

	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/verdict"
)

// A row is one question: how the world differs from one in which all is well, and the answer. codes are all reasons,
// in their order.
type row struct {
	name   string
	change func(w *world)
	want   verdict.Result
	codes  []verdict.Code
}

type codes = []verdict.Code

var tables = map[string][]row{
	"signature":          signatureRows,
	"issuers":            severalIssuersRows,
	"chain":              chainRows,
	"standing":           standingRows,
	"compromise":         compromiseRows,
	"grant":              grantRows,
	"dates":              dateRows,
	"status":             statusRows,
	"certificate status": certificateStatusRows,
	"transfer":           transferRows,
	"coverage":           coverageRows,
	"freshness":          freshnessRows,
	"clock":              clockRows,
}

func TestJudge(t *testing.T) {
	for name, rows := range tables {
		for _, r := range rows {
			t.Run(name+"/"+r.name, func(t *testing.T) {
				w := newWorld(t)
				if r.change != nil {
					r.change(w)
				}
				v := w.judge()
				if v.Result != r.want || !slices.Equal(codesOf(v), r.codes) {
					t.Errorf("Judge = %s %v, want %s %v", v.Result, codesOf(v), r.want, r.codes)
				}
				checkConsistent(t, v)
			})
		}
	}
}

func codesOf(v *verdict.Verdict) (found codes) {
	for _, reason := range v.Reasons {
		found = append(found, reason.Code)
	}
	return found
}

// checkConsistent checks what holds of every verdict.
func checkConsistent(t *testing.T, v *verdict.Verdict) {
	t.Helper()
	worst := verdict.Passed
	for i, c := range v.Checks {
		if int(c.Step) != i+1 || c.Name != c.Step.String() {
			t.Errorf("check %d is step %d %q", i, c.Step, c.Name)
		}
		switch {
		case c.Outcome == verdict.Failed:
			worst = verdict.Failed
		case c.Outcome != verdict.Passed && worst == verdict.Passed && c.Step != verdict.StepFormat:
			worst = verdict.Unknown
		}
		if (c.Outcome == verdict.Failed || c.Outcome == verdict.Unknown) && c.Code == "" {
			t.Errorf("step %s ended %s without a code", c.Name, c.Outcome)
		}
	}
	want := map[verdict.Outcome]verdict.Result{verdict.Passed: verdict.Valid, verdict.Unknown: verdict.Indeterminate, verdict.Failed: verdict.Invalid}[worst]
	if v.Result != want {
		t.Errorf("result %s from checks %v, want %s", v.Result, v.Checks, want)
	}
	for _, reason := range v.Reasons {
		if reason.ZH == "" || reason.EN == "" {
			t.Errorf("reason %s has no message", reason.Code)
		}
	}
}

// TestEveryCodeHasARow: a code that no row brings about is a rule that no test holds.
func TestEveryCodeHasARow(t *testing.T) {
	seen := map[verdict.Code]bool{}
	for _, rows := range tables {
		for _, r := range rows {
			for _, code := range r.codes {
				seen[code] = true
			}
		}
	}
	for _, r := range unreadableRows {
		seen[r.code] = true
	}
	for _, code := range verdict.Codes() {
		if !seen[code] {
			t.Errorf("no row brings about %s", code)
		}
	}
}

func TestAllWell(t *testing.T) {
	v := newWorld(t).judge()
	if v.Result != verdict.Valid || len(v.Reasons) != 0 {
		t.Fatalf("Judge of a good credential = %s %v, want valid without reasons", v.Result, codesOf(v))
	}
	for _, c := range v.Checks {
		want := verdict.Passed
		if c.Step == verdict.StepFormat {
			want = verdict.Skipped
		}
		if c.Outcome != want {
			t.Errorf("step %s = %s, want %s", c.Name, c.Outcome, want)
		}
	}
}

// TestStepOutcomes: where no anchor was found, the steps that need one are skipped, and the signature step is told apart
// from the chain step.
func TestStepOutcomes(t *testing.T) {
	const p, f, u, s = verdict.Passed, verdict.Failed, verdict.Unknown, verdict.Skipped
	for _, r := range []struct {
		name   string
		change func(w *world)
		want   []verdict.Outcome
	}{
		{"forged", func(w *world) { w.c.Signature[0] ^= 1 }, []verdict.Outcome{p, f, s, s, s, s, s, s, p}},
		{"unknown issuer", func(w *world) { w.c.Anchor = "nobody" }, []verdict.Outcome{p, f, s, s, s, s, s, s, p}},
		{"carried certificate not listed", func(w *world) { w.carry(keys().unlisted) }, []verdict.Outcome{p, p, f, s, s, s, s, s, p}},
		{"presentation", func(w *world) { w.c.Presentation, w.c.Issued, w.c.Expires = true, now, now+60 }, []verdict.Outcome{p, p, p, p, p, p, p, p, p}},
		{"no national list", func(w *world) { w.noNational = true }, []verdict.Outcome{p, u, s, s, s, s, s, s, s}},
		{"issuers disagree", func(w *world) { withdraw(twin(w), issued); w.c.Province, w.c.Authority = "", "" }, []verdict.Outcome{p, u, s, s, s, s, s, s, s}},
	} {
		w := newWorld(t)
		r.change(w)
		v := w.judge()
		var got []verdict.Outcome
		for _, c := range v.Checks {
			got = append(got, c.Outcome)
		}
		if !slices.Equal(got, r.want) {
			t.Errorf("%s: steps ended %v, want %v", r.name, got, r.want)
		}
	}
}

// TestCheckNamesTheFirstWorstFinding: a step with several findings carries the code of the one that decided it.
func TestCheckNamesTheFirstWorstFinding(t *testing.T) {
	for _, r := range []struct {
		name   string
		change func(w *world)
		step   verdict.Step
		want   verdict.Code
	}{
		{"none", func(*world) {}, verdict.StepGrant, ""},
		{"a note", func(w *world) { w.police().StatusCoverage = list.Coverage{Kind: list.CoverageNone} }, verdict.StepStatus, verdict.CoverageNone},
		{"two failures", func(w *world) { w.police().Formats = []string{"HC1"}; w.c.Type = "x" }, verdict.StepGrant, verdict.TypeNotGranted},
		{"two notes", func(w *world) {
			withdraw(w.police(), issued+1)
			standing(w.province(shanghai), national.Suspended, issued+1)
		}, verdict.StepStanding, verdict.AnchorWithdrawnLater},
		{"a note, then a failure", func(w *world) {
			withdraw(w.police(), issued+1)
			standing(w.province(shanghai), national.Withdrawn, issued)
		}, verdict.StepStanding, verdict.ProvinceWithdrawn},
		{"a failure, then an unknown", func(w *world) {
			withdraw(w.police(), issued)
			standing(w.province(shanghai), national.Suspended, issued)
		}, verdict.StepStanding, verdict.AnchorWithdrawn},
	} {
		w := newWorld(t)
		r.change(w)
		if got := w.judge().Checks[r.step-1].Code; got != r.want {
			t.Errorf("%s: code of the check = %q, want %q", r.name, got, r.want)
		}
	}
}

func TestOutcomeOfAStep(t *testing.T) {
	v := newWorld(t).judge()
	for step, want := range map[verdict.Step]verdict.Outcome{
		0: verdict.Skipped, -1: verdict.Skipped, 10: verdict.Skipped,
		verdict.StepStructure: verdict.Passed, verdict.StepFormat: verdict.Skipped, verdict.StepFreshness: verdict.Passed,
	} {
		if got := v.Outcome(step); got != want {
			t.Errorf("Outcome(%d) = %s, want %s", step, got, want)
		}
	}
	if got := verdict.Step(10).String() + verdict.Step(0).String(); got != "nonenone" {
		t.Errorf("names of steps that do not exist = %s, want none", got)
	}
}
