package federation

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hutong-project/hutong/trust"
)

// metrics are the federation's own figures. Labels are bounded: a province is one of the national list or the own one,
// a code one of trust's.
type metrics struct {
	heads    *prometheus.CounterVec // by province that the head is of, and outcome
	refusals *prometheus.CounterVec // by province that the refused thing is of, and code
	pushes   *prometheus.CounterVec // by receiving province, and answer
	asks     *prometheus.CounterVec // exchanges by outcome
	turned   *prometheus.CounterVec // streams and connections turned away, by reason
	fetched  *prometheus.CounterVec // bytes fetched by kind
}

func newMetrics(registerer prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "hutong", Subsystem: "federation", Name: name, Help: help,
		}, labels)
	}
	m := &metrics{
		heads:    counter("heads_total", "Heads received, by province and what became of them.", "province", "outcome"),
		refusals: counter("refusals_total", "Checks that failed, by the province whose data it was and the reason code.", "province", "code"),
		pushes:   counter("pushes_total", "Heads pushed, by receiving province and its answer.", "province", "answer"),
		asks:     counter("exchanges_total", "Exchanges begun by this node, by outcome.", "outcome"),
		turned:   counter("turned_away_total", "Connections and streams of peers turned away, by reason.", "reason"),
		fetched:  counter("fetched_bytes_total", "Bytes fetched from peers, by kind.", "kind"),
	}
	for _, c := range []prometheus.Collector{m.heads, m.refusals, m.pushes, m.asks, m.turned, m.fetched} {
		if err := registerer.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// Reasons for which a peer is turned away, as the metric's label.
const (
	turnedNotAdmitted = "not-admitted"
	turnedBusy        = "busy"
	turnedOversize    = "oversize"
	turnedMalformed   = "malformed"
	turnedSlow        = "slow"
	turnedBroken      = "broken"
)

func (m *metrics) refuse(p trust.Province, code trust.RefusalCode) {
	m.refusals.WithLabelValues(string(p), string(code)).Inc()
}
