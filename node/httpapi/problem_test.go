package httpapi

import (
	"context"
	"fmt"
	"testing"

	"github.com/hutong-project/hutong/consensus"
)

// TestUnknownOutcomeStaysUnknown: why an outcome is unknown must not turn it into an answer that nothing happened.
func TestUnknownOutcomeStaysUnknown(t *testing.T) {
	for _, why := range []error{
		consensus.ErrStopped, consensus.ErrClosed, consensus.ErrNoLeader, consensus.ErrBusy, context.DeadlineExceeded,
	} {
		err := fmt.Errorf("appending: %w: %w", consensus.ErrUnknownOutcome, why)
		if p, log := problemOf(err); p.Code != codeUnknown || p.Status != 503 || log {
			t.Errorf("problemOf(%v) = %d %s, logged %v, want 503 %s", err, p.Status, p.Code, log, codeUnknown)
		}
	}
}
