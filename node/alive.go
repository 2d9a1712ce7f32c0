package node

import (
	"context"
	"fmt"
	"net/http"
)

// alive goes the way of a verifier: over the listener to the HTTP interface, and to the registry and the federation.
// It returns an error when nobody answers, and hangs when a lock of theirs is never let go. Whether the node is ready
// does not enter into it: a restart mends a node that hangs, not one that has no leader or is cut off.
func (n *Node) alive(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.Addr()+"/livez", nil)
	if err != nil {
		return err
	}
	// A connection of its own, so that accepting is tried too. Any status is an answer: the node's own address need
	// not be among those that may ask.
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return fmt.Errorf("asking this node itself: %w", err)
	}
	if err := resp.Body.Close(); err != nil {
		return fmt.Errorf("asking this node itself: %w", err)
	}
	reading := n.registry.Reading()
	defer reading.Close()
	n.registry.Leader()
	n.federation.Peers()
	return nil
}
