package demo

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/hutong-project/hutong/trust/credential"
	"github.com/hutong-project/hutong/trust/credential/qrcode"
	"github.com/hutong-project/hutong/trust/sm2sig"
)

func TestLinesFit80Columns(t *testing.T) {
	var out bytes.Buffer
	r := &report{out: &out}
	r.add(Line{Step: strings.Repeat("证照", 40), Verdict: "indeterminate", Reason: strings.Repeat("x", 60), Expected: "indeterminate", MS: 12345.6})
	r.add(Line{Step: "kill -9 330000-1"})
	for line := range strings.Lines(out.String()) {
		width := 0
		for _, c := range strings.TrimRight(line, "\n") {
			width += columns(c)
		}
		if width != 80 {
			t.Errorf("a line takes %d columns, want 80: %q", width, line)
		}
	}
}

func TestWrong(t *testing.T) {
	for _, c := range []struct {
		line Line
		want bool
	}{
		{Line{}, false},
		{Line{Verdict: "valid", Expected: "valid"}, false},
		{Line{Verdict: "valid", Reason: "anchor-withdrawn-later", Expected: "valid"}, false},
		{Line{Verdict: "invalid", Expected: "valid"}, true},
		{Line{Verdict: "", Expected: "valid"}, true},
		{Line{Verdict: "invalid", Reason: "expired", Expected: "invalid", ExpectedReason: "expired"}, false},
		{Line{Verdict: "invalid", Reason: "credential-revoked", Expected: "invalid", ExpectedReason: "expired"}, true},
		{Line{Verdict: "indeterminate", Reason: "expired", Expected: "invalid", ExpectedReason: "expired"}, true},
	} {
		if got := c.line.wrong(); got != c.want {
			t.Errorf("wrong(%+v) = %v, want %v", c.line, got, c.want)
		}
	}
}

func TestReportCountsWhatDiffers(t *testing.T) {
	var out bytes.Buffer
	s := &story{report: &report{out: &out, json: true}}
	s.delayed(Line{Step: "a", Verdict: "valid", Expected: "valid", MS: 10})
	if err := s.outcome(); err != nil {
		t.Errorf("outcome after an expected verdict = %v, want nil", err)
	}
	s.delayed(Line{Step: "b", Verdict: "valid", Expected: "invalid", MS: 30})
	if err := s.outcome(); err == nil {
		t.Error("outcome after an unexpected verdict = nil, want an error")
	}
	if got := s.percentile(1); got != 30 {
		t.Errorf("percentile(1) = %v, want 30", got)
	}
	dec := json.NewDecoder(&out)
	for i := range 2 {
		var l Line
		if err := dec.Decode(&l); err != nil {
			t.Fatalf("line %d of --json: %v", i, err)
		}
	}
}

func TestTamperedCodeReadsAndDoesNotVerify(t *testing.T) {
	key, err := sm2sig.Generate(nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := qrcode.Encode(qrcode.Claims{
		Province: "310000", Anchor: "issuer-1", Type: typeIdentity, Authority: "11310000000000003L", Handle: [16]byte{1},
		Issued: now(), Expires: now() + 60, Face: []credential.Claim{{Name: "持证主体", Value: holder}},
	}, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	forged, err := tamper(text)
	if err != nil {
		t.Fatal(err)
	}
	c, err := qrcode.Decode(forged)
	if err != nil {
		t.Fatalf("Decode(forged) = %v, want a readable code", err)
	}
	if c.Face[0].Value != otherHolder {
		t.Errorf("the forged code shows %q, want %q", c.Face[0].Value, otherHolder)
	}
	if key.Public().VerifyRaw(c.Message, c.Signature) {
		t.Error("the forged code verifies")
	}
}
