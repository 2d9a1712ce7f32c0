package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/hutong-project/hutong/node/client"
)

// errNotReady is returned when a node says that its verdicts cannot be relied on.
var errNotReady = errors.New("a node is not ready")

type readyOutput struct {
	Nodes []nodeReady `json:"nodes"`
}

type nodeReady struct {
	Address string   `json:"address"`
	Ready   bool     `json:"ready"`
	Checks  []string `json:"checks,omitzero"` // a line each, as the node gives them
	Error   string   `json:"error,omitzero"`  // the node did not answer
}

// showReady prints what each node says of its readiness. It is what a health check runs: the exit code is 0 only when
// all are ready.
func (a *app) showReady(ctx context.Context, nodes []string, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, wait+30*time.Second)
	defer cancel()
	deadline := time.Now().Add(wait)
	var out readyOutput
	var failed error
	for _, address := range nodes {
		state := nodeReady{Address: address}
		text, err := askReady(ctx, address)
		for err != nil && time.Now().Before(deadline) && ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
			text, err = askReady(ctx, address)
		}
		state.Ready = err == nil
		if lines := strings.TrimSpace(text); lines != "" {
			state.Checks = strings.Split(lines, "\n")
		}
		if err != nil && !errors.Is(err, errNotReady) {
			state.Error = err.Error()
		}
		if failed == nil {
			failed = err
		}
		out.Nodes = append(out.Nodes, state)
	}
	err := a.emit(out, func(w io.Writer) {
		for _, n := range out.Nodes {
			if n.Error == "" {
				fmt.Fprintf(w, "%s\n  %s\n", n.Address, strings.Join(n.Checks, "\n  "))
			}
		}
	})
	if err == nil {
		err = failed
	}
	return err
}

// askReady returns what the node says of each check, and errNotReady when one did not pass.
func askReady(ctx context.Context, address string) (string, error) {
	n, err := client.New(address)
	if err != nil {
		return "", err
	}
	defer n.Close()
	ready, text, err := n.Ready(ctx)
	if err == nil && !ready {
		err = fmt.Errorf("%w: %s", errNotReady, address)
	}
	return text, err
}
