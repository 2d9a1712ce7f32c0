package verdict_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/credential/qrcode"
	"github.com/hutong-project/hutong/trust/credential/qrcode/qrcodetest"
	"github.com/hutong-project/hutong/trust/verdict"
)

func decodeError(text string) error {
	_, err := qrcode.Decode(text)
	return err
}

var unreadableRows = []struct {
	name string
	err  error
	want verdict.Result
	code verdict.Code
}{
	{"too long a text", decodeError("HT1:" + strings.Repeat("0", qrcode.MaxText)), verdict.Invalid, verdict.TooLarge},
	{"no payload", decodeError("https://example.org/"), verdict.Invalid, verdict.NotAQRPayload},
	{"another prefix", decodeError("XX1:NCF"), verdict.Invalid, verdict.WrongPrefix},
	{"not base45", decodeError("HT1:~~~"), verdict.Invalid, verdict.BadBase45},
	{"not compressed", decodeError("HT1:" + qrcodetest.Base45([]byte("not a zlib stream"))), verdict.Invalid, verdict.BadCompression},
	{"not COSE", &qrcode.Error{Stage: qrcode.StageCOSE}, verdict.Invalid, verdict.BadCOSE},
	{"bad claims", fmt.Errorf("reading: %w", &qrcode.Error{Stage: qrcode.StageClaims, Detail: "exp"}), verdict.Invalid, verdict.BadClaims},
	{"a stage nobody knows", &qrcode.Error{Stage: "expired"}, verdict.Invalid, verdict.Malformed},
	{"a refusal", trust.Refuse(trust.Malformed, "x"), verdict.Invalid, verdict.Malformed},
	{"a refusal for size", trust.Refuse(trust.TooLarge, "x"), verdict.Invalid, verdict.TooLarge},
	{"any other error", errors.New("disk"), verdict.Indeterminate, verdict.ReadingFailed},
	{"no error", nil, verdict.Indeterminate, verdict.ReadingFailed},
}

func TestUnreadable(t *testing.T) {
	for _, r := range unreadableRows {
		t.Run(r.name, func(t *testing.T) {
			v := verdict.Unreadable(r.err, verdict.Question{Now: now})
			if v.Result != r.want || !slices.Equal(codesOf(v), codes{r.code}) {
				t.Errorf("Unreadable(%v) = %s %v, want %s %v", r.err, v.Result, codesOf(v), r.want, r.code)
			}
			checkConsistent(t, v)
		})
	}
	// Every stage of the QR reader has its own code.
	for _, stage := range []qrcode.Stage{qrcode.StageSize, qrcode.StagePayload, qrcode.StagePrefix, qrcode.StageBase45, qrcode.StageCompression, qrcode.StageCOSE, qrcode.StageClaims} {
		if v := verdict.Unreadable(&qrcode.Error{Stage: stage}, verdict.Question{Now: now}); v.Has(verdict.Malformed) {
			t.Errorf("Unreadable of stage %s = %v, want a code of its own", stage, codesOf(v))
		}
	}
}
