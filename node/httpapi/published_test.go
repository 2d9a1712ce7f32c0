package httpapi

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/hutong-project/hutong/consensus"
)

// confirmations is a Publication that a test answers for.
type confirmations func(context.Context, consensus.Receipt) error

func (c confirmations) AwaitPublished(ctx context.Context, r consensus.Receipt) error {
	return c(ctx, r)
}

// TestWaitPublished: the wait ends with the receipt when another province confirms, and in bounded time with a problem
// that holds the receipt when none does. The batch stands in the log either way, once.
func TestWaitPublished(t *testing.T) {
	w := open(t)
	var asked consensus.Receipt
	confirmed := w.frontWith(t, func(c *Config) {
		c.Publication = confirmations(func(_ context.Context, r consensus.Receipt) error { asked = r; return nil })
	})
	_, handle := issue(t, w.own)
	var number *consensus.NumberError // tests share the authority
	_, err := w.Registry.AppendBatch(t.Context(), must[[]byte](t)(w.own.Batch(1<<40, revoked(handle))))
	if !errors.As(err, &number) {
		t.Fatalf("AppendBatch(far ahead) = %v, want the number expected", err)
	}
	signed := must[[]byte](t)(w.own.Batch(number.Expected, revoked(handle)))
	push := request{method: http.MethodPost, path: "/v1/status-batches?wait=published", kind: BatchType, token: w.ownToken, body: string(signed)}
	var first Receipt
	read(t, confirmed.send(push), &first)
	if asked.Position != first.Position || asked.Province != first.Province || asked.Digest != first.Digest {
		t.Errorf("AwaitPublished was asked about %+v, want the receipt %+v", asked, first)
	}

	nobody := w.frontWith(t, func(c *Config) {
		c.Publication = confirmations(func(ctx context.Context, _ consensus.Receipt) error { <-ctx.Done(); return ctx.Err() })
	})
	nobody.times.publish = 10 * time.Millisecond
	alone := w.front(t)
	for _, f := range []*front{nobody, alone} {
		p := wantProblem(t, f.send(push).Result(), http.StatusGatewayTimeout, "not-published")
		if p.Receipt == nil || p.Receipt.Position != first.Position || p.Receipt.Digest != first.Digest {
			t.Errorf("receipt in the problem = %+v, want %+v", p.Receipt, first)
		}
	}
	before := w.held()
	for _, query := range []string{"?wait=durable", "?wait=published&wait=published", "?wait", "?wait=published&x=1", "?x=1"} {
		bad := push
		bad.path = "/v1/status-batches" + query
		wantProblem(t, confirmed.send(bad).Result(), http.StatusBadRequest, "malformed")
	}
	if got := w.held(); got != before {
		t.Errorf("after refused requests the registry holds %+v, want %+v", got, before)
	}
}
