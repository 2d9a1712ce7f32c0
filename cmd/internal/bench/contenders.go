package bench

import (
	"errors"
	"fmt"
	"time"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/credential/qrcode"
	"github.com/hutong-project/hutong/trust/sm2sig"
	"github.com/hutong-project/hutong/trust/verdict"
)

// errWrongAnswer ends a measurement: a fast wrong answer is worth nothing.
var errWrongAnswer = errors.New("wrong answer")

// reference verifies the credentials' own signatures with the library's whole verification, nothing else.
func (s *subject) reference(worker int) (func() error, error) {
	next := s.from(worker)
	return func() error {
		if q := next(); !sm2sig.ReferenceVerify(q.key, q.message, q.der) {
			return fmt.Errorf("%w: a good signature does not verify with the library", errWrongAnswer)
		}
		return nil
	}, nil
}

// signature verifies them as a verdict does.
func (s *subject) signature(worker int) (func() error, error) {
	next := s.from(worker)
	return func() error {
		if q := next(); !q.key.Verify(q.message, q.der) {
			return fmt.Errorf("%w: a good signature does not verify", errWrongAnswer)
		}
		return nil
	}, nil
}

// inProcess takes all steps from the text to the verdict.
func (s *subject) inProcess(worker int) (func() error, error) {
	next := s.from(worker)
	return func() error {
		v, err := s.judge(next().text)
		if err != nil {
			return err
		}
		if v.Result != verdict.Valid || len(v.Reasons) != 0 {
			return fmt.Errorf("%w: %s %v, want valid", errWrongAnswer, v.Result, v.Reasons)
		}
		return nil
	}, nil
}

func (s *subject) judge(text string) (*verdict.Verdict, error) {
	reading := s.Registry.Reading()
	defer reading.Close()
	c, err := qrcode.Decode(text)
	if err != nil {
		return nil, err
	}
	return verdict.Judge(reading.View, reading, c, verdict.Question{Now: trust.TimeOf(time.Now())}), nil
}
