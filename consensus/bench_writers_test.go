package consensus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hutong-project/hutong/consensus/consensustest"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/statuslog"
)

const writers = 64

// authorityOf names the authority of a writer.
func authorityOf(i int) string { return fmt.Sprintf("11310000MB00%05dX", i) }

func writerKey(i int) string { return fmt.Sprint("writer ", i) }

// manyAuthorities gives each writer an authority with a status key of its own.
func manyAuthorities(l *list.List) {
	police := l.Anchors[1]
	for i := range writers {
		a := police
		a.ID, a.Authority = fmt.Sprintf("writer-%02d", i), authorityOf(i)
		a.StatusKeys = []list.StatusKey{{Key: consensustest.Key(writerKey(i)).Public()}}
		l.Anchors = append(l.Anchors, a)
	}
	slices.SortFunc(l.Anchors, func(a, b list.Anchor) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
}

// BenchmarkSingles has 64 writers append single events to three nodes over TCP: signed by 64 authorities, and by the
// operator for one authority.
func BenchmarkSingles(b *testing.B) {
	b.Run("authorities", func(b *testing.B) {
		singles(b, func(ctx context.Context, m *Registry, w, n int) error {
			batch := statuslog.Batch{Province: own, Authority: authorityOf(w), Number: uint64(n + 1), Time: consensustest.Start, Events: []statuslog.Event{consensustest.Revoked(fmt.Sprint(w, n))}}
			signed, err := batch.Sign(consensustest.Key(writerKey(w)))
			if err != nil {
				return err
			}
			_, err = m.AppendBatch(ctx, signed)
			return err
		})
	})
	b.Run("operator", func(b *testing.B) {
		singles(b, func(ctx context.Context, m *Registry, w, n int) error {
			_, err := m.AppendEvents(ctx, consensustest.Labour, []statuslog.Event{consensustest.Revoked(fmt.Sprint(w, n))})
			return err
		})
	})
}

func singles(b *testing.B, write func(ctx context.Context, m *Registry, writer, n int) error) {
	w := consensustest.New()
	_, nodes := threeOverTCP(b, w)
	ctx, cancel := context.WithTimeout(b.Context(), 5*time.Minute)
	defer cancel()
	m := nodes[leaderOf(b, ctx, nodes)]
	if err := m.AdoptNational(ctx, w.Raws()); err != nil {
		b.Fatal(err)
	}
	if err := m.PublishList(ctx, w.Provinces[trust.Province(own)].NextList(manyAuthorities).Raw); err != nil {
		b.Fatal(err)
	}
	var group sync.WaitGroup
	failed := make(chan error, writers)
	b.ResetTimer()
	for i := range writers {
		group.Go(func() {
			for n := range b.N/writers + 1 {
				if err := write(ctx, m, i, n); err != nil && !errors.Is(err, context.Canceled) {
					failed <- err
					return
				}
			}
		})
	}
	group.Wait()
	b.ReportMetric(float64(writers*(b.N/writers+1))/b.Elapsed().Seconds(), "singles/s")
	b.StopTimer()
	for _, r := range nodes {
		r.Close()
	}
	close(failed)
	if err := <-failed; err != nil {
		b.Fatal(err)
	}
}
