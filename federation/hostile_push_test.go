package federation

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/head"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/registry"
)

// One peer cannot hold more streams open than the bound; another peer is not affected.
func TestStreamsAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, sh, zj, gd)
		for _, code := range w.order {
			w.at[code].addHost()
		}
		w.linkAll()
		w.at[sh].start()
		w.at[zj].start()
		later(time.Second)
		for range 50 {
			s := must(w.at[gd].host.NewStream(t.Context(), w.at[sh].id, headConversation.id))
			defer s.Reset()
			_, _ = s.Write([]byte{0})
		}
		later(time.Second)
		if got, want := w.at[sh].counted("turned_away_total", "reason=busy"), 50-headConversation.perPeer; got != want {
			t.Errorf("streams turned away = %d, want %d", got, want)
		}
		w.at[zj].reg.cut(leaf(0, 10))
		later(time.Second)
		w.holds(sh, zj)
		later(headConversation.patience)
		if got := len(w.at[sh].node.streams.open); got != 0 {
			t.Errorf("streams still booked after they ended = %d, want 0", got)
		}
	})
}

// Heads are refused with their reason, and nothing changes.
func TestPushedHeadIsRefused(t *testing.T) {
	good := func(r *fakeRegistry) head.Head {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.nextHead()
	}
	cases := map[string]struct {
		push func(w *world) []byte
		from trust.Province
		code trust.RefusalCode
	}{
		"no head":           {func(*world) []byte { return []byte("{}") }, sh, trust.Malformed},
		"another's":         {func(w *world) []byte { return issueHead(good(w.at[sh].reg), sh) }, gd, trust.ForeignProvince},
		"foreign signature": {func(w *world) []byte { return issueHead(good(w.at[sh].reg), gd) }, sh, trust.UnknownKey},
		"from the future": {func(w *world) []byte {
			h := good(w.at[sh].reg)
			h.Issued = h.Issued.Add(10 * time.Minute)
			return issueHead(h, sh)
		}, sh, trust.FromFuture},
		"another session": {func(w *world) []byte {
			h := good(w.at[sh].reg)
			h.Session = 2
			return issueHead(h, sh)
		}, sh, trust.WrongSession},
		"a leap": {func(w *world) []byte {
			h := good(w.at[sh].reg)
			h.Sequence = 1 << 52
			return issueHead(h, sh)
		}, sh, trust.FastForward},
		"unknown province": {func(w *world) []byte {
			h := good(w.at[sh].reg)
			h.Province = "990000"
			return issueHead(h, "990000")
		}, sh, trust.UnknownProvince},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, sh, zj, gd)
				w.at[zj].addHost()
				w.at[sh].addHost()
				w.at[gd].addHost()
				w.linkAll()
				w.at[zj].start()
				raw := test.push(w)
				var reply pushAnswer
				_, err := w.at[test.from].try(w.at[zj], headConversation, func(s network.Stream) {
					_ = writeFrame(s, &pushMessage{Head: raw})
					if err := readFrame(s, s.Scope(), &reply); err != nil {
						t.Error(err)
					}
				})
				if err != nil || reply.Answer != answerRefused || reply.Code != string(test.code) {
					t.Errorf("answer = %+v, %v; want refused with %s", reply, err, test.code)
				}
				w.holdsNone(zj, sh)
				if got := w.at[zj].counted("refusals_total", "code="+string(test.code)); got == 0 {
					t.Errorf("refusals with %s = 0, want it counted", test.code)
				}
			})
		})
	}
}

// An empty gift, or one that is wrong, costs its sender the gift and nobody the head.
func TestWrongGiftIsReplaced(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, sh, zj)
		w.at[sh].reg.setLeading(false)
		w.startAll()
		later(time.Second)
		w.at[sh].reg.cut(leaf(0, 10), leaf(1, 10))
		m := pushMessage{Head: w.at[sh].reg.View().Provinces[sh].Head.Raw, List: []byte("[]"), Leaves: [][]byte{leaf(0, 10), leaf(9, 10)}}
		if r := w.at[zj].node.receivePush(t.Context(), caller{w.at[sh].id, sh}, m); r.answer != answerAccepted {
			t.Errorf("push with a wrong gift = %d, %v; want accepted", r.answer, r.err)
		}
		w.holds(zj, sh)
	})
}

// A peer that fell silent holds up its province's other peers for a moment only.
func TestSilentPeerIsHedged(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, sh, zj)
		silent := w.stranger("silent")
		silent.swallow(conversations...)
		second := w.publishNational(func(l *national.List) {
			l.Provinces[1].Peers = append([]national.Peer{{ID: silent.id.String(), Addrs: []string{silent.addr}}}, l.Provinces[1].Peers...)
		})
		for _, code := range w.order {
			if err := w.at[code].reg.AdoptNational(t.Context(), [][]byte{second}); err != nil {
				t.Fatal(err)
			}
			w.at[code].addHost()
		}
		w.linkAll()
		w.at[zj].reg.setLeading(false) // nothing but the push shall bring the head
		w.at[sh].exchange = time.Hour
		w.at[sh].start()
		w.at[zj].start()
		later(20 * time.Second)
		w.at[sh].node.peers.book(silent.id, nil, time.Now().Add(time.Second)) // the one that answered last
		w.at[sh].reg.cut(leaf(0, 10))
		later(hedge - time.Second)
		w.holdsNone(zj, sh)
		later(2 * time.Second)
		w.holds(zj, sh)
	})
}

// A province whose heads pin what nobody has does not keep everybody asking.
func TestHeadsThatPinNothingAreRested(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, sh, zj, gd)
		hostile := w.at[gd]
		for _, code := range w.order {
			w.at[code].addHost()
		}
		w.linkAll()
		asked := 0
		hostile.serveListsOf(hostile.reg)
		answerWith(hostile, logConversation, func(*logRequest) message {
			asked++
			return &logAnswer{}
		})
		w.at[sh].start()
		w.at[zj].start()
		for i := range 300 {
			hostile.reg.cut(leaf(uint64(i), 10))
			n := w.at[sh].node
			n.receivePush(t.Context(), caller{hostile.id, gd}, pushMessage{Head: hostile.reg.View().Provinces[gd].Head.Raw})
			later(200 * time.Millisecond)
		}
		if asked == 0 || asked > 15 {
			t.Errorf("a minute of heads that pin nothing had the log asked for %d times, want 1 to 15", asked)
		}
		answerWith(hostile, logConversation, func(q *logRequest) message {
			return &logAnswer{Leaves: must(hostile.reg.Leaves(gd, 0, q.From, q.To, leavesBytes))}
		})
		later(longRest)
		w.at[sh].node.receivePush(t.Context(), caller{hostile.id, gd}, pushMessage{Head: hostile.reg.View().Provinces[gd].Head.Raw})
		w.holds(sh, gd)
	})
}

// A registry that cannot decide is no refusal: the head comes again.
func TestUndecidedHeadComesAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, sh, zj)
		w.startAll()
		later(time.Second)
		tries := 0
		w.at[zj].reg.hold = func(context.Context, registry.Update) error {
			if tries++; tries < 3 {
				return errors.New("no leader")
			}
			return nil
		}
		w.at[sh].reg.cut(leaf(0, 10))
		later(5 * time.Second)
		w.holds(zj, sh)
		if got := w.at[zj].counted("refusals_total"); got != 0 {
			t.Errorf("refusals = %d, want none: nothing was wrong with the head", got)
		}
	})
}

// Commands are forwarded within the cluster only.
func TestForwardIsForTheOwnCluster(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, sh, zj)
		mate := w.stranger("mate")
		mate.code, mate.reg = sh, w.at[sh].reg
		cluster := []peer.AddrInfo{
			{ID: w.at[sh].id, Addrs: []multiaddr.Multiaddr{multiaddr.StringCast(w.at[sh].addr)}},
			{ID: mate.id, Addrs: []multiaddr.Multiaddr{multiaddr.StringCast(mate.addr)}},
		}
		w.at[sh].addHost()
		w.at[zj].addHost()
		w.linkAll()
		for _, c := range []*withMates{{w.at[sh], cluster}, {mate, cluster}, {w.at[zj], nil}} {
			cfg := c.config()
			cfg.Cluster = c.mates
			m := must(newMetrics(cfg.Registerer))
			c.node = serveOn(cfg, c.host, newGate(m), m)
			c.run()
		}
		ctx := t.Context()
		leader, follower, foreign := w.at[sh].node, mate.node, w.at[zj].node
		if _, err := follower.Forward(ctx, leader.ID(), []byte("early")); err == nil {
			t.Error("Forward before OnForward = nil, want an error")
		}
		leader.OnForward(func(_ context.Context, command []byte) ([]byte, error) {
			switch string(command) {
			case "refuse":
				return nil, trust.Refuse(trust.WrongNumber, "expected 7")
			case "fail":
				return nil, errors.New("no quorum")
			}
			return append([]byte("did "), command...), nil
		})
		if got, err := follower.Forward(ctx, leader.ID(), []byte("it")); err != nil || string(got) != "did it" {
			t.Errorf("Forward(it) = %q, %v; want %q", got, err, "did it")
		}
		_, err := follower.Forward(ctx, leader.ID(), []byte("refuse"))
		if refusal, ok := trust.AsRefusal(err); !ok || refusal.Code != trust.WrongNumber || refusal.Detail != "expected 7" {
			t.Errorf("Forward(refuse) = %v, want the refusal itself", err)
		}
		if _, err := follower.Forward(ctx, leader.ID(), []byte("fail")); err == nil || errors.As(err, new(*trust.Refusal)) {
			t.Errorf("Forward(fail) = %v, want an error that is no refusal", err)
		}
		if _, err := foreign.Forward(ctx, leader.ID(), []byte("it")); err == nil {
			t.Error("Forward to another province = nil, want an error")
		}
		got, err := w.at[zj].try(w.at[sh], forwardConversation, func(s network.Stream) {
			_ = writeFrame(s, &forwardRequest{Command: []byte("it")})
		})
		if len(got) > 0 || err == nil {
			t.Errorf("foreign province's command gave %q, %v; want a reset", got, err)
		}
	})
}

type withMates struct {
	*cluster
	mates []peer.AddrInfo
}
