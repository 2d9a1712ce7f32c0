package verdict_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/hutong-project/hutong/trust/verdict"
)

var update = flag.Bool("update", false, "rewrite docs/verdicts.md from the table of messages")

const docs = "../../docs/verdicts.md"

// TestDocs holds docs/verdicts.md to the table in the code.
func TestDocs(t *testing.T) {
	want := page()
	if *update {
		if err := os.WriteFile(docs, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s differs from the code; run go test ./trust/verdict -update", docs)
	}
}

func page() string {
	var b strings.Builder
	b.WriteString(intro)
	step := verdict.Step(0)
	for _, e := range verdict.Table() {
		if e.Step != step {
			step = e.Step
			fmt.Fprintf(&b, "\n### Step %d: %s\n\n%s\n\n| code | ends the step | 中文 | English |\n|---|---|---|---|\n", step, step, about[step])
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", e.Code, e.Outcome, e.ZH, e.EN)
	}
	return b.String()
}

const intro = `# Verdicts

<!-- Made by go test ./trust/verdict -update from the table in trust/verdict/reasons.go. Edit that, not this. -->

A verdict is ` + "`valid`, `invalid` or `indeterminate`" + `. Nine steps lead to it; each ends passed, failed, unknown or
skipped. One failed: ` + "`invalid`" + `, however old or disputed the data. Else one unknown: ` + "`indeterminate`" + `. Else
` + "`valid`" + `. Step 6 alone may be skipped in a valid verdict, where the format has no rules of its own.
` + "`indeterminate`" + ` means that the question could not be decided; it is never to be read as valid.

` + "`reasons[]`" + ` holds every finding, the decisive ones first: failed, then unknown, then what passed with something to
know. A code always ends its step in the same way, and codes do not change. Programs compare ` + "`code`" + `; ` + "`zh`, `en` and\n`detail`" + ` are for people. No code, message or detail holds personal data.

## Moments

| moment | decides |
|---|---|
| time of issue, as the credential states it; where it states none, the begin of its validity; where there is none either, ` + "`validAt`" + ` with the note ` + "`issue-time-absent`" + ` | steps 3 to 5 |
| ` + "`validAt`" + `, by default now | steps 7 and 8 |
| ` + "`evaluatedAt`" + `, now | step 9 |

Both ends of a validity are inside it, for HT1 and for HC1: ` + "`validAt`" + ` equal to exp passes and a second later fails;
equal to nbf and iat passes and a second earlier fails. Clock skew is not allowed for here. A credential without exp is
for ever (长期).

## Codes
`

var about = map[verdict.Step]string{
	verdict.StepStructure: "The text was read by the strict reader of its format. Where it was not, no other step is taken.",
	verdict.StepSignature: "A key hint only narrows the search; every anchor that fits is tried, and the signature decides. The algorithm is that of the anchor's key, never the token's own word. A missing issuer counts as proven only where national list, trust list and head are all current.",
	verdict.StepChain:     "Every certificate from the signer's to the national root, or the pinned one, was in force at the time of issue. That one ended later is no fault. A certificate that the credential carries must be one that the listed authority speaks for. A partner that pins a certificate says by that that its key signs, whatever its key usage.",
	verdict.StepStanding:  "How the anchor and its province stood at the time of issue. Withdrawn since T: issued before T passes and the note says so, at or after T fails. Suspended since T: before passes, at or after is unknown, also when it was lifted later. Compromised since C: at or after C fails; before C passes only with a leaf about the credential, by its own authority, at or before the last trusted log position.",
	verdict.StepGrant:     "What the anchor may issue, and whether it is the authority that the credential names.",
	verdict.StepFormat:    "A QR code that is a credential has no rules of its own. A presentation code lives at most 24 hours.",
	verdict.StepDates:     "`clock-in-doubt` ends step 9 as well: the node was told so, or the cluster has agreed on a time that lies more than `skew` ahead of its clock.",
	verdict.StepStatus:    "Only the anchor's own authority can speak about its credentials and about the certificates behind them; national roots stand and fall with the national list. What the log states counts even where it does not cover. Certificates, like the credential, are judged as of `validAt`: to end a certificate and keep what it signed before, withdraw its anchor. Absence from the log passes from the coverage's `since` on, so a province states a `since` only when the log also holds what was revoked before. In data past grace, what can be lifted (暂扣) counts as unknown; a final status stays.",
	verdict.StepFreshness: "The worst of national list, trust list (by nextUpdate) and head (by age). Stale data, which is at most `grace` old, passes only where the question accepts it. What a withdrawn province said last does not age. A province that contradicted itself is at best stale.",
}
