package federation

import (
	"cmp"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hutong-project/hutong/trust"
)

const (
	// sampleLife is how long a peer's clock is known after it was measured.
	sampleLife = 10 * time.Minute
	// leastVoices is how many other provinces must have told their time before this node's clock is judged by them: no
	// single one talks a node out of signing.
	leastVoices = 2
)

// A ClockOffset is how far ahead of this node's clock a peer's is, measured over an exchange. It is wrong by half of
// the exchange's round trip at most.
type ClockOffset struct {
	Peer     peer.ID
	Province trust.Province // the one it is booked on
	Offset   time.Duration
}

// clockSample is what one exchange told of a peer's clock. Sent and received are readings of this node's clock.
func clockSample(sent, received time.Time, theirs uint64) time.Duration {
	middle := sent.Add(received.Sub(sent) / 2)
	return time.UnixMilli(int64(theirs)).Sub(middle)
}

// noteClock keeps what an exchange told of a peer's clock.
func (b *peerBook) noteClock(id peer.ID, offset time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.page(id)
	p.clock, p.clockAt = offset, time.Now()
}

// Clocks returns the offsets that were measured in the last ten minutes, in ascending order of peer. Only a leader
// exchanges, and so measures.
func (n *Node) Clocks() []ClockOffset {
	a := n.gate.current.Load()
	var all []ClockOffset
	for id := range a.peers {
		page := n.peers.show(id)
		if home, ok := a.home(id); ok && !page.clockAt.IsZero() && time.Since(page.clockAt) < sampleLife {
			all = append(all, ClockOffset{Peer: id, Province: home, Offset: page.clock})
		}
	}
	slices.SortFunc(all, func(x, y ClockOffset) int { return cmp.Compare(x.Peer, y.Peer) })
	return all
}

// ClockOffset returns how far this node's clock is behind the median of the other provinces' (negative: ahead), each
// of which has one voice. ok is false while fewer than two have told their time. Of an even number the voice nearer
// to this node's clock counts, so that it takes more than half of them to say that it is wrong.
func (n *Node) ClockOffset() (offset time.Duration, ok bool) {
	byProvince := map[trust.Province][]time.Duration{}
	for _, c := range n.Clocks() {
		if c.Province != n.cfg.Own {
			byProvince[c.Province] = append(byProvince[c.Province], c.Offset)
		}
	}
	var voices []time.Duration
	for _, offsets := range byProvince {
		voices = append(voices, mildMedian(offsets))
	}
	if len(voices) < leastVoices {
		return 0, false
	}
	return mildMedian(voices), true
}

// mildMedian returns the median; of an even number the one of the two in the middle that is nearer to zero, and zero
// where they lie on both sides of it.
func mildMedian(offsets []time.Duration) time.Duration {
	slices.Sort(offsets)
	low, high := offsets[(len(offsets)-1)/2], offsets[len(offsets)/2]
	switch {
	case low <= 0 && high >= 0 && low != high:
		return 0
	case low.Abs() < high.Abs():
		return low
	}
	return high
}

// clockCollector shows the offsets as metrics. A label is an admitted peer.
type clockCollector struct{ n *Node }

var clockDesc = prometheus.NewDesc("hutong_clock_offset_seconds", "How far ahead of this node's clock the peer's is.", []string{"peer"}, nil)

// Describe is prometheus.Collector's.
func (clockCollector) Describe(out chan<- *prometheus.Desc) { out <- clockDesc }

// Collect is prometheus.Collector's.
func (c clockCollector) Collect(out chan<- prometheus.Metric) {
	for _, o := range c.n.Clocks() {
		out <- prometheus.MustNewConstMetric(clockDesc, prometheus.GaugeValue, o.Offset.Seconds(), o.Peer.String())
	}
}
