package consensus

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hutong-project/hutong/consensus/consensustest"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/statuslog"
)

// A leader whose clock is off the other provinces' by more than half of skew (60 s) signs nothing, says so, and goes on
// once it is right. What authorities sign themselves is taken all the while.
func TestClockInDoubtSignsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var behind atomic.Int64
		var known atomic.Bool
		c := startCluster(t, 3, func(cfg *Config) {
			cfg.PeerClock = func() (time.Duration, bool) { return time.Duration(behind.Load()), known.Load() }
		})
		c.begin()
		m := c.leader()
		sequence := func() uint64 {
			if h := m.view().Provinces[own].Head; h != nil {
				return h.Sequence
			}
			return 0
		}
		for _, test := range []struct {
			behind time.Duration
			known  bool
			signs  bool
		}{
			{0, false, true}, {time.Hour, false, true}, {30 * time.Second, true, true}, {-30 * time.Second, true, true},
			{31 * time.Second, true, false}, {-31 * time.Second, true, false}, {0, true, true},
		} {
			behind.Store(int64(test.behind))
			known.Store(test.known)
			time.Sleep(5 * time.Second)
			before := sequence()
			time.Sleep(2 * time.Minute)
			if got := sequence() > before; got != test.signs {
				t.Errorf("clock off by %s (known %v): heads were signed: %v, want %v", test.behind, test.known, got, test.signs)
			}
			if doubt := m.Health().Clock; (doubt == "") != test.signs {
				t.Errorf("clock off by %s (known %v): Health().Clock = %q", test.behind, test.known, doubt)
			}
			_, err := m.AppendEvents(t.Context(), consensustest.Labour, []statuslog.Event{consensustest.Revoked("o" + test.behind.String() + "x")})
			if want := trust.RefusalCode(""); test.signs && err != nil || !test.signs && codeOf(err) != trust.NotReady {
				t.Errorf("clock off by %s: AppendEvents() = %v, want %q", test.behind, err, want)
			}
			if !test.signs && !strings.Contains(err.Error(), "signs nothing") {
				t.Errorf("AppendEvents() = %v, want why", err)
			}
		}
		behind.Store(int64(time.Hour))
		known.Store(true)
		if _, err := m.AppendBatch(t.Context(), c.world.Provinces[own].Batch(1, consensustest.Revoked("a"))); err != nil {
			t.Errorf("AppendBatch() of what an authority signed = %v", err)
		}
	})
}
