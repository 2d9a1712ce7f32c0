package bench

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/hutong-project/hutong/trust/sm2sig"
	"github.com/hutong-project/hutong/trust/strictjson"
	"github.com/hutong-project/hutong/trust/verdict"
)

// seeThemFail shows that each check of an answer can fail: on a flipped bit and on a revoked credential.
func seeThemFail(s *subject, h *service) error {
	q := s.good[0]
	bad := bytes.Clone(q.der)
	bad[len(bad)-1] ^= 1
	if sm2sig.ReferenceVerify(q.key, q.message, bad) || q.key.Verify(q.message, bad) {
		return fmt.Errorf("%w: a signature with a flipped bit verifies", errWrongAnswer)
	}
	v, err := s.judge(s.revoked.text)
	if err != nil {
		return err
	}
	if v.Result != verdict.Invalid || !v.Has(verdict.CredentialRevoked) {
		return fmt.Errorf("%w: %s for a revoked credential", errWrongAnswer, v.Result)
	}
	c, err := h.dial()
	if err != nil {
		return err
	}
	if err := c.expectValid(&s.revoked); !errors.Is(err, errWrongAnswer) {
		return fmt.Errorf("%w: a revoked credential passes as valid over HTTP (%v)", errWrongAnswer, err)
	}
	return c.readWhole(&q)
}

// readWhole reads one answer as a verdict and not only by its beginning.
func (c *plainClient) readWhole(q *question) error {
	answer, err := c.verify(q.text)
	if err != nil {
		return err
	}
	var v verdict.Verdict
	if err := strictjson.Unmarshal(answer, &v); err != nil {
		return err
	}
	if v.Result != verdict.Valid || v.Credential == nil || v.Credential.Digest.String() != q.digest {
		return fmt.Errorf("%w: %.200s", errWrongAnswer, answer)
	}
	return nil
}
