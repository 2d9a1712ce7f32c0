package verdict

import (
	"errors"
	"strings"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/credential/qrcode"
)

// Unreadable returns the verdict on what could not be read as a credential: step 1 did not pass, and no other step
// was taken. err is what the format's reader returned: a refusal fails the step, any other error leaves it unknown.
func Unreadable(err error, q Question) *Verdict {
	v := newVerdict(q)
	code, detail := structureCode(err)
	v.find(code, detail)
	return v.conclude()
}

func structureCode(err error) (code Code, detail string) {
	var coded *qrcode.Error
	if errors.As(err, &coded) {
		code := Code(strings.ReplaceAll(string(coded.Stage), "_", "-"))
		if m, ok := messages[code]; !ok || m.step != StepStructure {
			code = Malformed
		}
		return code, coded.Detail
	}
	if refusal, ok := trust.AsRefusal(err); ok {
		if refusal.Code == trust.TooLarge {
			return TooLarge, refusal.Detail
		}
		return Malformed, refusal.Detail
	}
	return ReadingFailed, ""
}
