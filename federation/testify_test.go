package federation

import (
	"context"
	"testing"
	"time"

	"github.com/hutong-project/hutong/trust/registry"
)

// TestTestify: peers tell what they hold and this cluster lacks, its own head among it; while it is unsettled that head
// is fetched like a foreign one, with its leaves.
func TestTestify(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, sh, zj, gd)
		w.startAll()
		later(time.Second)
		w.at[sh].reg.cut(leaf(0, 10))
		later(time.Second)
		lost := w.at[sh].reg.View().Provinces[sh].Head
		var handed []registry.Update
		w.at[sh].reg.mu.Lock()
		w.at[sh].reg.hold = func(_ context.Context, u registry.Update) error {
			handed = append(handed, u)
			return nil
		}
		w.at[sh].reg.change(sh, func(p *registry.Province) { p.Head, p.Log = nil, registry.LogInfo{} })
		view := *w.at[sh].reg.view
		view.Unsettled = &registry.Unsettled{Why: "a test"}
		w.at[sh].reg.view = registry.New(view)
		w.at[sh].reg.mu.Unlock()

		answered := map[string]bool{}
		for _, heard := range w.at[sh].node.Testify(t.Context(), true) {
			for _, raw := range heard.Heads {
				if string(raw) == string(lost.Raw) {
					answered[string(heard.Province)] = true
				}
			}
		}
		if !answered[string(zj)] || !answered[string(gd)] {
			t.Errorf("provinces that told of the lost head = %v, want %s and %s", answered, zj, gd)
		}
		later(2 * time.Second)
		w.at[sh].reg.mu.Lock()
		defer w.at[sh].reg.mu.Unlock()
		if len(handed) == 0 || handed[0].Province != sh || len(handed[0].Leaves) != 1 {
			t.Errorf("updates handed to the registry = %+v, want the lost head with its leaf", handed)
		}
	})
}

// TestTestifyEndsInTime: peers that do not answer are not waited for beyond the caller's time, and count for nothing.
func TestTestifyEndsInTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, sh, zj)
		w.startAll()
		later(time.Second)
		w.cut(sh, zj)
		w.mn.UnlinkPeers(w.at[sh].id, w.at[zj].id)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if heard := w.at[sh].node.Testify(ctx, false); len(heard) != 0 {
			t.Errorf("Testify() of nobody = %d answers, want none", len(heard))
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("Testify() took %s, want at most the caller's second", took)
		}
	})
}
