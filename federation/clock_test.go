package federation

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hutong-project/hutong/trust"
)

// A node learns how its clock stands to the others', and one province that tells a wrong time changes nothing.
func TestClockOffsets(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, codes...)
		w.at[sh].ahead = 40 * time.Second
		w.startAll()
		later(time.Minute)
		for _, code := range []trust.Province{sh, zj, gd, sc} {
			got, known := w.at[code].node.ClockOffset()
			want := time.Duration(0)
			if code == sh {
				want = -40 * time.Second
			}
			if diff := got - want; !known || diff.Abs() > 100*time.Millisecond {
				t.Errorf("ClockOffset() of %s = %s, %v, want %s", code, got, known, want)
			}
		}
		seen := false
		for _, c := range w.at[zj].node.Clocks() {
			if c.Province == sh {
				seen = true
				if diff := c.Offset - 40*time.Second; diff.Abs() > 100*time.Millisecond {
					t.Errorf("offset of %s as %s measured it = %s, want 40s", sh, zj, c.Offset)
				}
			}
		}
		if !seen {
			t.Errorf("%s has not measured the clock of %s", zj, sh)
		}
		metrics := prometheus.NewPedanticRegistry()
		metrics.MustRegister(clockCollector{w.at[sh].node})
		families, err := metrics.Gather()
		if err != nil || len(families) != 1 || len(families[0].GetMetric()) != 3 {
			t.Fatalf("Gather() = %v, %v, want one offset for each of three peers", families, err)
		}
		if got := families[0].GetMetric()[0].GetGauge().GetValue(); got > -39 || got < -41 {
			t.Errorf("hutong_clock_offset_seconds = %v, want about -40", got)
		}
	})
}

func TestMildMedian(t *testing.T) {
	for _, test := range []struct {
		offsets []time.Duration
		want    time.Duration
	}{
		{[]time.Duration{5}, 5},
		{[]time.Duration{9, -1}, 0},
		{[]time.Duration{9, 3}, 3},
		{[]time.Duration{-9, -3}, -3},
		{[]time.Duration{0, 9}, 0},
		{[]time.Duration{100, 0, -1}, 0},
		{[]time.Duration{100, 90, -1}, 90},
		{[]time.Duration{100, 90, 2, 1}, 2},
		{[]time.Duration{-100, -90, -2, 1}, -2},
	} {
		if got := mildMedian(test.offsets); got != test.want {
			t.Errorf("mildMedian(%v) = %d, want %d", test.offsets, got, test.want)
		}
	}
}
