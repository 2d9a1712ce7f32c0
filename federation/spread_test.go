package federation

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/head"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/registry"
)

const (
	sh = trust.Province("310000")
	zj = trust.Province("330000")
	gd = trust.Province("440000")
	sc = trust.Province("510000")
)

// A new head reaches every other province by push, with its list and leaves, long before an exchange would bring it.
func TestPushSpreads(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, codes...)
		w.startAll()
		later(time.Second)
		w.at[sh].reg.cut(leaf(0, 100), leaf(1, 100))
		later(100 * time.Millisecond)
		for _, at := range []trust.Province{zj, gd, sc} {
			w.holds(at, sh)
		}
		w.at[sh].reg.cut(leaf(2, 100))
		later(100 * time.Millisecond)
		for _, at := range []trust.Province{zj, gd, sc} {
			w.holds(at, sh)
			if got := w.at[at].counted("fetched_bytes_total", "kind=log"); got > 300 {
				t.Errorf("%s fetched %d bytes of leaves, want those of the second head to come with the push", at, got)
			}
		}
		if got := w.at[sh].counted("pushes_total", "answer=accepted"); got != 6 {
			t.Errorf("pushes accepted = %d, want 6: two heads, three provinces", got)
		}
	})
}

// What two provinces cannot tell each other reaches them through a third one's exchanges.
func TestExchangeGoesAroundACut(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, sh, zj, gd)
		w.startAll()
		later(time.Second)
		w.cut(sh, zj)
		w.at[sh].reg.cut(leaf(0, 100))
		w.at[zj].reg.cut(leaf(0, 200), leaf(1, 200))
		later(time.Second)
		w.holds(gd, sh)
		w.holds(gd, zj)
		w.holdsNone(zj, sh)
		w.holdsNone(sh, zj)
		later(time.Minute)
		w.holds(zj, sh)
		w.holds(sh, zj)
	})
}

// Who joins late, or comes back after a long absence, catches up at once as the new leader of its cluster.
func TestNewLeaderCatchesUpAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, sh, zj, gd)
		for _, code := range w.order {
			w.at[code].addHost()
		}
		w.linkAll()
		for _, at := range []trust.Province{sh, zj} {
			w.at[at].exchange = time.Hour // what the new one learns, it shall learn by its own asking
			w.at[at].start()
		}
		later(time.Second)
		for i := range 30 {
			w.at[sh].reg.cut(leaf(uint64(i), 1000))
			later(time.Second)
		}
		later(time.Minute) // no push is tried again
		w.at[gd].reg.setLeading(false)
		w.at[gd].start()
		later(200 * time.Millisecond)
		w.holdsNone(gd, sh)
		w.at[gd].reg.setLeading(true)
		later(200 * time.Millisecond)
		w.holds(gd, sh)
	})
}

// A node that does not lead neither pushes nor exchanges, and still serves and takes pushes in.
func TestOnlyTheLeaderPushes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, sh, zj)
		w.at[sh].reg.setLeading(false)
		w.startAll()
		later(time.Second)
		if got := w.at[zj].counted("exchanges_total", "outcome=answered"); got == 0 {
			t.Error("a node that does not lead answered no exchange")
		}
		w.at[sh].reg.cut(leaf(0, 10))
		later(2 * time.Second)
		w.holdsNone(zj, sh)
		w.at[zj].reg.cut(leaf(0, 10))
		later(time.Second)
		w.holds(sh, zj)
		if got := w.at[sh].counted("exchanges_total") + w.at[sh].counted("pushes_total"); got != 0 {
			t.Errorf("a node that does not lead began %d pushes and exchanges, want none", got)
		}
	})
}

// A new national list travels ahead of everything that rests on it.
func TestNationalListTravelsFirst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, sh, zj, gd)
		w.startAll()
		later(time.Second)
		// From number 2 on, 上海 has another head key; 3 changes nothing.
		second := w.publishNational(func(l *national.List) {
			l.Provinces[0].HeadKeys = []national.Key{proved("h-second", national.RoleHead, sh)}
		})
		third := w.publishNational(func(*national.List) {})
		if err := w.at[sh].reg.AdoptNational(t.Context(), [][]byte{second, third}); err != nil {
			t.Fatal(err)
		}
		w.at[sh].reg.mu.Lock()
		h := w.at[sh].reg.nextHead()
		doc := must(head.Read(must(h.Sign(key("h-second")))))
		w.at[sh].reg.change(sh, func(p *registry.Province) { p.Head = doc })
		w.at[sh].reg.mu.Unlock()
		later(time.Second)
		for _, at := range []trust.Province{zj, gd} {
			w.holds(at, sh)
			if got := w.at[at].reg.View().National.Sequence; got != 3 {
				t.Errorf("national list at %s = %d, want 3", at, got)
			}
		}
	})
}

// A second national list under one number makes everybody's contested, by one fetch each.
func TestRivalNationalListIsShown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, sh, zj)
		second := w.publishNational(func(*national.List) {})
		w.national, w.chain = w.national[:1], w.chain[:1]
		rival := w.publishNational(func(l *national.List) { l.Operator = "another" })
		if err := errors.Join(w.at[sh].reg.AdoptNational(t.Context(), [][]byte{second}), w.at[zj].reg.AdoptNational(t.Context(), [][]byte{rival})); err != nil {
			t.Fatal(err)
		}
		w.startAll()
		later(2 * time.Minute)
		for _, at := range w.order {
			if !w.at[at].reg.View().Contested {
				t.Errorf("national list at %s is not contested", at)
			}
			if got := w.at[at].counted("fetched_bytes_total", "kind=national"); got > 2*len(rival) {
				t.Errorf("%s fetched %d bytes of national lists in two minutes, want one list", at, got)
			}
		}
	})
}

// A log larger than one call is staged in pieces that stay within the bound.
func TestLargeLogIsStaged(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, sh, zj)
		w.startAll()
		later(time.Second)
		var leaves [][]byte
		for i := range 20 {
			leaves = append(leaves, leaf(uint64(i), 600<<10))
		}
		w.at[sh].reg.cut(leaves...)
		later(time.Second)
		w.holds(zj, sh)
		if r := w.at[zj].reg; r.stagings < 2 || r.largest > leavesBytes {
			t.Errorf("12 MB of leaves came in %d stagings of at most %d bytes, want at least 2 of at most %d", r.stagings, r.largest, leavesBytes)
		}
	})
}

// While one head is being adopted, of those that come only the newest is kept.
func TestNewestHeadWins(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, sh, zj)
		w.startAll()
		later(time.Second)
		release := make(chan struct{})
		w.at[zj].reg.hold = func(ctx context.Context, u registry.Update) error {
			select {
			case <-release:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		var pushed [][]byte
		for i := range 5 {
			w.at[sh].reg.mu.Lock()
			h := w.at[sh].reg.nextHead()
			w.at[sh].reg.mu.Unlock()
			h.Sequence = uint64(i + 1)
			pushed = append(pushed, issueHead(h, sh))
		}
		results := make(chan result, len(pushed))
		for _, raw := range pushed {
			go func() {
				results <- w.at[zj].node.receivePush(t.Context(), caller{w.at[sh].id, sh}, pushMessage{Head: raw})
			}()
			synctest.Wait()
		}
		close(release)
		synctest.Wait()
		if got, want := w.at[zj].reg.adopted, []uint64{1, 5}; len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
			t.Errorf("sequences adopted = %v, want %v", got, want)
		}
		counts := make(map[answer]int)
		for range pushed {
			counts[(<-results).answer]++
		}
		if counts[answerAccepted] != 2 || counts[answerRetry] != 3 {
			t.Errorf("answers = %v, want 2 accepted and 3 retry", counts)
		}
	})
}

// A province that never answers, and one whose adoption hangs, delay nobody else.
func TestStuckProvinceDelaysNobody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, codes...)
		w.at[zj].addHost() // takes connections, speaks no protocol
		w.at[zj].swallow(headConversation, exchangeConversation, listConversation, logConversation, nationalConversation)
		for _, code := range []trust.Province{sh, gd, sc} {
			w.at[code].addHost()
		}
		w.linkAll()
		for _, code := range []trust.Province{sh, gd, sc} {
			w.at[code].start()
		}
		w.at[gd].reg.hold = func(ctx context.Context, _ registry.Update) error {
			<-ctx.Done()
			return ctx.Err()
		}
		later(time.Minute)
		w.at[sh].reg.cut(leaf(0, 10))
		later(200 * time.Millisecond)
		w.holds(sc, sh)
		w.at[sh].reg.cut(leaf(1, 10))
		later(200 * time.Millisecond)
		w.holds(sc, sh)
	})
}

// Two heads under one number meet by exchange; the proof reaches every registry, and stays with it.
func TestEquivocationIsPassedOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, sh, zj, gd)
		liar := w.at[sh]
		liar.addHost()
		liar.reg.cut(leaf(0, 10))
		one := liar.reg.View().Provinces[sh]
		liar.reg.mu.Lock()
		h := liar.reg.nextHead()
		liar.reg.mu.Unlock()
		h.Sequence, h.NationalList.Digest = one.Head.Sequence, trust.Digest{1}
		two := issueHead(h, sh)
		for at, raw := range map[trust.Province][]byte{zj: one.Head.Raw, gd: two} {
			update := registry.Update{Province: sh, Head: raw, List: one.List.Raw, Leaves: [][]byte{leaf(0, 10)}}
			if err := w.at[at].reg.AdoptUpdate(t.Context(), update); err != nil {
				t.Fatal(err)
			}
		}
		w.at[zj].addHost()
		w.at[gd].addHost()
		w.linkAll()
		w.at[zj].start()
		w.at[gd].start()
		later(time.Minute)
		for _, at := range []trust.Province{zj, gd} {
			if w.at[at].reg.View().Provinces[sh].Equivocation == nil {
				t.Errorf("%s does not know that %s signed two heads %d", at, sh, h.Sequence)
			}
			if got := w.at[at].counted("refusals_total", "code=equivocation"); got < 1 || got > 2 {
				t.Errorf("equivocation counted %d times at %s in a minute, want once or twice", got, at)
			}
		}
	})
}

// A head of the own province that a peer holds and the own registry lost is handed to the registry.
func TestLostOwnHeadIsReported(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, sh, zj)
		w.startAll()
		later(time.Second)
		w.at[sh].reg.cut(leaf(0, 10))
		later(time.Second)
		w.holds(zj, sh)
		var handed []registry.Update
		w.at[sh].reg.mu.Lock()
		w.at[sh].reg.hold = func(_ context.Context, u registry.Update) error {
			handed = append(handed, u)
			return trust.Refuse(trust.ForeignProvince, "own head")
		}
		w.at[sh].reg.change(sh, func(p *registry.Province) { p.Head = nil })
		w.at[sh].reg.mu.Unlock()
		later(time.Minute)
		w.at[sh].reg.mu.Lock()
		defer w.at[sh].reg.mu.Unlock()
		if len(handed) == 0 || handed[0].Province != sh || handed[0].Leaves != nil {
			t.Errorf("updates handed to the registry = %d, want the bare head of %s", len(handed), sh)
		}
	})
}

func TestAwaitPublished(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, sh, zj)
		w.startAll()
		later(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if err := w.at[sh].node.AwaitPublished(ctx, sh, 0, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("AwaitPublished before any head = %v, want a deadline", err)
		}
		done := make(chan error)
		go func() { done <- w.at[sh].node.AwaitPublished(t.Context(), sh, 0, 1) }()
		w.at[sh].reg.cut(leaf(0, 10))
		if err := <-done; err != nil {
			t.Errorf("AwaitPublished after a push = %v, want nil", err)
		}
		w.holds(zj, sh)
	})
}

func TestStatusTellsHowItStands(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, sh, zj, gd)
		w.startAll()
		later(time.Second)
		w.at[sh].reg.cut(leaf(0, 10))
		later(time.Second)
		w.cut(zj, gd)
		w.mn.UnlinkPeers(w.at[zj].id, w.at[gd].id)
		later(time.Minute)
		all := w.at[zj].node.Status()
		if len(all) != 3 || all[0].Province != sh || all[1].Province != zj || all[2].Province != gd {
			t.Fatalf("Status() = %+v, want one line each in order of code", all)
		}
		if s := all[0]; s.Sequence != 1 || s.Age != 61*time.Second || s.Lag != 0 || s.Source != w.at[sh].id || len(s.Peers) != 1 || !s.Peers[0].Connected {
			t.Errorf("status of %s = %+v, want sequence 1, 61 s old, from its own connected peer", sh, s)
		}
		if !all[1].Local || all[1].Age >= 0 {
			t.Errorf("status of the own province = %+v, want local and without a head", all[1])
		}
		if p := all[2].Peers[0]; p.Connected || p.LastError == "" {
			t.Errorf("peer that cannot be reached = %+v, want not connected and why", p)
		}
	})
}

// A trust list too large for a push is fetched from the pusher.
func TestLargeListIsFetched(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, sh, zj)
		w.at[sh].reg.setList(func(l *list.List) {
			for i := range 200 {
				l.Anchors = append(l.Anchors, anchorNamed(i))
			}
		})
		w.startAll()
		later(time.Second)
		w.at[sh].reg.cut()
		later(time.Second)
		w.holds(zj, sh)
		if got := w.at[zj].counted("fetched_bytes_total", "kind=list"); got <= pushExtras {
			t.Errorf("fetched %d bytes of list, want more than the %d that fit into a push", got, pushExtras)
		}
	})
}
