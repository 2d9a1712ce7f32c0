package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"testing"

	"github.com/hutong-project/hutong/cmd/internal/coordinator"
	"github.com/hutong-project/hutong/cmd/internal/province"
	"github.com/hutong-project/hutong/consensus"
	"github.com/hutong-project/hutong/node/client"
	"github.com/hutong-project/hutong/node/httpapi"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/verdict"
)

func TestExitCodes(t *testing.T) {
	problem := func(status int) error {
		return fmt.Errorf("asking: %w", &client.ProblemError{Problem: httpapi.Problem{Status: status, Code: "x", Title: "Refused"}})
	}
	for _, test := range []struct {
		err  error
		want int
		text string // in the message; empty: no message
	}{
		{nil, 0, ""},
		{resultOf(verdict.Valid), 0, ""},
		{resultOf(verdict.Invalid), 1, ""},
		{resultOf(verdict.Indeterminate), 2, ""},
		{resultOf("new in a later version"), 2, ""},
		{fmt.Errorf("signing: %w", trust.Refuse(trust.UnknownKey, "none")), 1, "signing: unknown-key: none"},
		{problem(403), 1, "Refused"},
		{problem(409), 1, "Refused"},
		{problem(401), 1, "hutong province token add"},
		{problem(429), 3, "Refused"},
		{problem(500), 3, "Refused"},
		{problem(503), 3, "Refused"},
		{coordinator.ErrPending, 1, "publish it"},
		{fmt.Errorf("x: %w", province.ErrComplete), 1, "equivocation"},
		{&net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}, 3, "is a node running there?"},
		{fmt.Errorf("opening: %w", &consensus.StopError{Code: consensus.ExitDiskFull, Err: errors.New("full"), Remedy: "make room"}), 75, "full; make room"},
		{context.Canceled, 3, "interrupted"},
		{fs.ErrNotExist, 3, "not exist"},
		{errors.New("unknown flag: --x"), 3, "--help lists them"},
	} {
		if got := exitCode(test.err); got != test.want {
			t.Errorf("exitCode(%v) = %d, want %d", test.err, got, test.want)
		}
		if got := message(test.err); !strings.Contains(got, test.text) || (test.text == "") != (got == "") {
			t.Errorf("message(%v) = %q, want %q in it", test.err, got, test.text)
		}
	}
}
