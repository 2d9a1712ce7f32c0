package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"

	"github.com/hutong-project/hutong/cmd/internal/coordinator"
	"github.com/hutong-project/hutong/cmd/internal/province"
	"github.com/hutong-project/hutong/consensus"
	"github.com/hutong-project/hutong/node/client"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/verdict"
)

// The exit codes. docs/cli.md lists them.
const (
	exitDone          = 0 // done, or valid
	exitRefused       = 1 // refused, or invalid
	exitIndeterminate = 2 // could not be decided
	exitCouldNotRun   = 3 // usage, files, network, a node that is not ready
	// consensus.ExitStorage and its neighbours: 74 and above, of a node whose disk or state is bad
)

// A resultError ends the program with a code when everything has been said already.
type resultError int

func (resultError) Error() string { return "" }

// resultOf returns the error with which a command ends that printed a verdict; nil for valid.
func resultOf(r verdict.Result) error {
	switch r {
	case verdict.Valid:
		return nil
	case verdict.Invalid:
		return resultError(exitRefused)
	}
	return resultError(exitIndeterminate)
}

// exitCode is the one table from errors to exit codes; what is not in it could not run.
func exitCode(err error) int {
	var result resultError
	var problem *client.ProblemError
	var stopped *consensus.StopError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &stopped):
		return stopped.Code
	case errors.As(err, &result):
		return int(result)
	case errors.As(err, &problem):
		if problem.Status >= 500 || problem.Status == http.StatusTooManyRequests {
			return exitCouldNotRun
		}
		return exitRefused
	case errors.Is(err, consensus.ErrNotBackup), errors.Is(err, consensus.ErrRestore), errors.Is(err, coordinator.ErrPending), errors.Is(err, coordinator.ErrComplete),
		errors.Is(err, province.ErrPending), errors.Is(err, province.ErrComplete):
		return exitRefused
	}
	if _, ok := trust.AsRefusal(err); ok {
		return exitRefused
	}
	return exitCouldNotRun
}

// message returns the line for standard error, with the remedy where the error itself does not name one.
func message(err error) string {
	if err == nil {
		return ""
	}
	var result resultError
	if errors.As(err, &result) {
		return ""
	}
	text := strings.ReplaceAll(err.Error(), "\n", "\n  ")
	var network *net.OpError
	var problem *client.ProblemError
	var refusal *trust.Refusal
	switch {
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case errors.As(err, &network) && network.Op == "dial":
		return text + "; is a node running there? `hutong node --config FILE` starts one"
	case errors.As(err, &problem) && problem.Status == http.StatusUnauthorized,
		errors.As(err, &refusal) && refusal.Code == "unauthorized": // an answer to a batch: see authority.Answer
		return text + "; the province's operator makes a token with `hutong province token add`"
	case strings.HasPrefix(text, "unknown flag"), strings.HasPrefix(text, "required flag"), strings.HasPrefix(text, "unknown shorthand"):
		return text + "; --help lists them"
	}
	return text
}
