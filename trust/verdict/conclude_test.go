package verdict

import "testing"

// TestConcludeFailsClosed: a step that nobody took is no step that passed.
func TestConcludeFailsClosed(t *testing.T) {
	all := func() *Verdict {
		v := newVerdict(Question{})
		for step := StepStructure; int(step) <= steps; step++ {
			v.pass(step)
		}
		return v
	}
	if got := all().conclude().Result; got != Valid {
		t.Fatalf("all steps passed: %s, want valid", got)
	}
	for step := StepStructure; int(step) <= steps; step++ {
		v := all()
		v.Checks[step-1].Outcome = Skipped
		want := Indeterminate
		if step == StepFormat {
			want = Valid
		}
		if got := v.conclude().Result; got != want {
			t.Errorf("step %s skipped: %s, want %s", step, got, want)
		}
		v.Checks[step-1].Outcome = Unknown
		if got := v.conclude().Result; got != Indeterminate {
			t.Errorf("step %s unknown: %s, want indeterminate", step, got)
		}
		v.Checks[step-1].Outcome = Failed
		if got := v.conclude().Result; got != Invalid {
			t.Errorf("step %s failed: %s, want invalid", step, got)
		}
	}
}
