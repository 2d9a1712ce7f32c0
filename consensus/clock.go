package consensus

import (
	"fmt"
	"time"

	"github.com/hutong-project/hutong/trust/registry"
)

// clockDoubt returns why this node must not sign; empty when it may. Signed times beyond skew are refused everywhere:
// a clock that is off by half of it is wrong, and soon costs the province its freshness.
func (r *Registry) clockDoubt(v *registry.View) string {
	if r.cfg.PeerClock == nil || v.National == nil {
		return ""
	}
	behind, known := r.cfg.PeerClock()
	if limit := time.Duration(v.National.Policy.Skew) * time.Second / 2; !known || behind.Abs() <= limit {
		return ""
	}
	word := "behind"
	if behind < 0 {
		word = "ahead of"
	}
	return fmt.Sprintf("this node's clock is %s %s the median of the other provinces'; it signs nothing", behind.Abs().Round(time.Second), word)
}
