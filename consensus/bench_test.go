package consensus

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/hutong-project/hutong/consensus/consensustest"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/statuslog"
)

// BenchmarkAppend appends batches of 1,000 events to three nodes over TCP, one after the other.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{1, 1000} {
		b.Run(fmt.Sprintf("events=%d", size), func(b *testing.B) {
			w := consensustest.New()
			_, nodes := threeOverTCP(b, w)
			ctx, cancel := context.WithTimeout(b.Context(), 5*time.Minute)
			defer cancel()
			m := nodes[leaderOf(b, ctx, nodes)]
			if err := m.AdoptNational(ctx, w.Raws()); err != nil {
				b.Fatal(err)
			}
			if err := m.PublishList(ctx, w.Provinces[own].NextList(nil).Raw); err != nil {
				b.Fatal(err)
			}
			number := uint64(0)
			for b.Loop() {
				number++
				b.StopTimer()
				events := make([]statuslog.Event, size)
				for i := range events {
					events[i] = consensustest.Revoked(fmt.Sprintf("%d %d", number, i))
				}
				signed := w.Provinces[own].Batch(number, events...)
				b.StartTimer()
				if _, err := m.AppendBatch(ctx, signed); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(number)*float64(size)/b.Elapsed().Seconds(), "events/s")
			b.StopTimer()
			for _, r := range nodes {
				r.Close()
			}
		})
	}
}

// BenchmarkAbsentSubject asks for a subject that no event speaks of, as nearly every check of a credential does.
func BenchmarkAbsentSubject(b *testing.B) {
	w := consensustest.New()
	_, nodes := threeOverTCP(b, w)
	ctx := b.Context()
	m := nodes[leaderOf(b, ctx, nodes)]
	if err := m.AdoptNational(ctx, w.Raws()); err != nil {
		b.Fatal(err)
	}
	if err := m.PublishList(ctx, w.Provinces[own].NextList(nil).Raw); err != nil {
		b.Fatal(err)
	}
	for number := range uint64(100) {
		events := make([]statuslog.Event, 2000)
		for i := range events {
			events[i] = consensustest.Revoked(fmt.Sprintf("%d %d", number, i))
		}
		if _, err := m.AppendBatch(ctx, w.Provinces[own].Batch(number+1, events...)); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		d := m.Reading()
		if e, err := d.Events(own, statuslog.KindCredential, trust.Subject{1}); err != nil || len(e) != 0 {
			b.Fatal(e, err)
		}
		d.Close()
	}
	b.StopTimer()
	for _, r := range nodes {
		r.Close()
	}
}
