package authority

import (
	"errors"
	"net/http"

	"github.com/hutong-project/hutong/node/client"
	"github.com/hutong-project/hutong/trust"
)

// Answer turns what a node answered to a batch into what Push goes by: nil, an *ExpectedError, a *trust.Refusal, or an
// error after which the batch may or may not have been taken.
func Answer(err error) error {
	var problem *client.ProblemError
	if !errors.As(err, &problem) {
		return err
	}
	switch {
	case problem.Code == string(trust.WrongNumber) && problem.Expected > 0:
		return &ExpectedError{Number: problem.Expected}
	case problem.Status >= 400 && problem.Status < 500 && problem.Status != http.StatusTooManyRequests:
		return trust.Refuse(trust.RefusalCode(problem.Code), "%s", problem.Error())
	}
	return err
}
