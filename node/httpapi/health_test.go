package httpapi

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hutong-project/hutong/consensus"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/registry"
)

type healthy consensus.Health

// Health is Health's.
func (h healthy) Health() consensus.Health { return consensus.Health(h) }

// A disk or a clock in doubt takes the node out of service before the node gives up.
func TestReadyAsksTheNode(t *testing.T) {
	const now = trust.Time(1_800_000_000)
	for _, test := range []struct {
		health healthy
		status int
		line   string
	}{
		{healthy{}, http.StatusOK, "[+] disk ok\n"},
		{healthy{Disk: "a test write has been under way for 3s"}, http.StatusServiceUnavailable, "[-] disk: a test write has been under way for 3s\n"},
		{healthy{Clock: "this node's clock is 31s behind"}, http.StatusServiceUnavailable, "[-] clock: this node's clock is 31s behind\n"},
	} {
		f := open(t).frontWith(t, func(cfg *Config) {
			cfg.Reader = picture{view: registry.New(beliefs(now)), leader: "a"}
			cfg.Clock, cfg.Health = func() time.Time { return now.Std() }, test.health
		})
		got := f.send(request{path: "/readyz?verbose"})
		if got.Code != test.status || !strings.Contains(got.Body.String(), test.line) {
			t.Errorf("GET /readyz?verbose with %+v = %d %q, want %d and %q", test.health, got.Code, got.Body, test.status, test.line)
		}
	}
}
