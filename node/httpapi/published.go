package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/hutong-project/hutong/consensus"
	"github.com/hutong-project/hutong/trust"
)

// Publication tells when a status batch survives the loss of the whole cluster.
type Publication interface {
	// AwaitPublished returns nil once a cluster of another province has confirmed that it holds a head which pins the
	// receipt's batch. Until ctx ends it waits; any error means that nobody has confirmed it so far.
	AwaitPublished(ctx context.Context, receipt consensus.Receipt) error
}

// errNotPublished wraps what ended the wait for a batch that is durable in the cluster.
var errNotPublished = errors.New("not published yet")

const codeNotPublished = "not-published"

// waits reads the query of POST /v1/status-batches: wait=published, or nothing.
func waits(r *http.Request) (bool, error) {
	if r.URL.RawQuery == "" {
		return false, nil
	}
	query := r.URL.Query()
	if values := query["wait"]; len(query) != 1 || len(values) != 1 || values[0] != "published" {
		return false, trust.Refuse(trust.Malformed, "the query may say wait=published and nothing else")
	}
	return true, nil
}

// awaitPublished bounds the wait, by time and by the server's shutdown, so that its end is an answer and not a broken
// connection.
func (s *Server) awaitPublished(ctx context.Context, receipt consensus.Receipt) error {
	ctx, cancel := context.WithTimeout(ctx, s.times.publish)
	defer cancel()
	defer context.AfterFunc(s.stopping, cancel)()
	err := errors.New("this node has no federation")
	if s.cfg.Publication != nil {
		err = s.cfg.Publication.AwaitPublished(ctx, receipt)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errNotPublished, err)
	}
	return nil
}

// notPublished is the answer for a batch that stands in the log and that no other province is known to hold. It holds
// the receipt: the batch is not to be sent under another number. Sending the same bytes again waits again.
func notPublished(receipt Receipt) Problem {
	p := problem(http.StatusGatewayTimeout, codeNotPublished, "Durable in the cluster; no other province has confirmed it in time",
		fmt.Sprintf("the batch stands at position %d; send the same again to go on waiting", receipt.Position))
	p.Receipt = &receipt
	return p
}
