package federation

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/head"
	"github.com/hutong-project/hutong/trust/list"
)

// swallow makes a bare host take streams and never answer.
func (c *cluster) swallow(conversations ...conversation) {
	for _, conv := range conversations {
		c.host.SetStreamHandler(conv.id, func(s network.Stream) { _, _ = io.Copy(io.Discard, s) })
	}
}

// answerWith makes a bare host answer every request of a conversation with what reply returns.
func answerWith[Q any, M interface {
	*Q
	message
}](c *cluster, conv conversation, reply func(M) message) {
	c.host.SetStreamHandler(conv.id, func(s network.Stream) {
		defer s.Close()
		request := M(new(Q))
		if readFrame(s, s.Scope(), request) == nil {
			_ = writeFrame(s, reply(request))
		}
	})
}

// serveListsOf makes a bare host serve the true lists, so that it stays the first source to be asked for leaves.
func (c *cluster) serveListsOf(truth *fakeRegistry) {
	answerWith(c, listConversation, func(q *listRequest) message {
		return &listAnswer{List: must(truth.ListRaw(q.Province, q.Digest))}
	})
}

// anchorNamed returns an anchor that counts for nothing: it makes a list larger.
func anchorNamed(i int) list.Anchor {
	return list.Anchor{
		ID: fmt.Sprintf("a%04d", i), Name: "厅", Authority: "11310000000000000X", Roles: []list.Role{list.RoleIssuer},
		Certificate: bytes.Repeat([]byte{byte(i)}, 500), CredentialTypes: []string{"x"}, Formats: []string{"HT1"},
		Status: list.Granted, Since: 1, StatusSigner: list.SignerSelf, StatusCoverage: list.Coverage{Kind: list.CoverageNone},
	}
}

// stranger puts a host on the network that no list names.
func (w *world) stranger(name string) *cluster {
	identity := identityOf(name)
	c := &cluster{w: w, code: "000000", identity: identity, id: must(peer.IDFromPublicKey(identity.GetPublic())), addr: "/ip4/10.9.9.9/tcp/4001"}
	c.addHost()
	return c
}

// try opens a stream from c to to, lets say use it and returns what can be read until its end or reset.
func (c *cluster) try(to *cluster, conv conversation, say func(network.Stream)) (answered []byte, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s, err := c.host.NewStream(ctx, to.id, conv.id)
	if err != nil {
		return nil, err
	}
	defer s.Reset()
	say(s)
	return io.ReadAll(s)
}

var conversations = []conversation{headConversation, exchangeConversation, nationalConversation, listConversation, logConversation, forwardConversation, publishedConversation}

// A peer that no list names gets not one byte, whatever it asks for.
func TestStrangerGetsNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, sh, zj)
		w.startAll()
		w.at[sh].reg.cut(leaf(0, 10))
		later(time.Second)
		mallory := w.stranger("mallory")
		w.linkAll()
		requests := []message{
			&pushMessage{Head: w.at[zj].reg.View().Provinces[sh].Head.Raw}, &summary{}, &nationalRequest{From: 1},
			&listRequest{Province: sh, Digest: w.at[sh].reg.View().Provinces[sh].List.Digest}, &logRequest{Province: sh, To: 1},
			&forwardRequest{Command: []byte("x")}, &publishedRequest{Province: sh},
		}
		for i, conv := range conversations {
			got, err := mallory.try(w.at[sh], conv, func(s network.Stream) { _ = writeFrame(s, requests[i]) })
			if len(got) > 0 || err == nil {
				t.Errorf("a stranger's %s gave %d bytes, %v; want none and an error", conv.id, len(got), err)
			}
		}
		later(2 * time.Second)
		if got := w.at[sh].counted("turned_away_total", "reason=not-admitted"); got != len(conversations) {
			t.Errorf("turned away = %d, want %d", got, len(conversations))
		}
		if got := w.at[sh].host.Network().Connectedness(mallory.id); got == network.Connected {
			t.Error("a stranger is still connected after a sweep")
		}
	})
}

// A suspended province is disconnected as soon as the national list says so, gets nothing any more and is not heard.
func TestSuspendedProvinceIsDisconnected(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, sh, zj, gd)
		w.startAll()
		for _, code := range w.order {
			w.at[code].reg.cut(leaf(0, 10))
		}
		later(time.Second)
		w.holds(sh, gd)
		second := w.publishNational(suspend(gd))
		if err := w.at[sh].reg.AdoptNational(t.Context(), [][]byte{second}); err != nil {
			t.Fatal(err)
		}
		if err := w.at[zj].reg.AdoptNational(t.Context(), [][]byte{second}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for _, at := range []trust.Province{sh, zj} {
			if got := w.at[at].host.Network().Connectedness(w.at[gd].id); got == network.Connected {
				t.Errorf("%s is still connected with a suspended province", at)
			}
		}
		before := w.at[sh].reg.View().Provinces[gd].Head.Sequence
		w.at[gd].reg.cut(leaf(1, 10))
		w.at[sh].reg.cut(leaf(1, 10))
		later(time.Minute)
		if got := w.at[sh].reg.View().Provinces[gd].Head.Sequence; got != before {
			t.Errorf("head of a suspended province = %d, want %d: its peers are not heard", got, before)
		}
		if got := w.at[gd].reg.View().Provinces[sh].Head.Sequence; got != 1 {
			t.Errorf("suspended province holds head %d of %s, want 1, from before", got, sh)
		}
		w.holds(zj, sh)
	})
}

// A relay that alters leaves, or serves another list, or stays silent, is found out and another source asked.
func TestLyingSource(t *testing.T) {
	other := func(r *fakeRegistry) []byte {
		l := r.View().Provinces[sh].List.List
		l.Number, l.Previous = l.Number+1, trust.Digest{1}
		return must(l.Sign(key("l" + string(sh))))
	}
	lies := map[string]func(liar *cluster, truth *fakeRegistry){
		"leaves altered": func(liar *cluster, truth *fakeRegistry) {
			answerWith(liar, logConversation, func(q *logRequest) message {
				leaves := slices.Clone(must(truth.Leaves(sh, 0, q.From, q.To, leavesBytes)))
				leaves[0] = append(slices.Clone(leaves[0]), 0)
				return &logAnswer{Leaves: leaves}
			})
		},
		"leaves too many": func(liar *cluster, truth *fakeRegistry) {
			answerWith(liar, logConversation, func(q *logRequest) message {
				return &logAnswer{Leaves: make2(int(q.To-q.From)+1, leaf(0, 10))}
			})
		},
		"leaves doled out": func(liar *cluster, truth *fakeRegistry) {
			answerWith(liar, logConversation, func(q *logRequest) message {
				return &logAnswer{Leaves: must(truth.Leaves(sh, 0, q.From, q.From+1, leavesBytes))}
			})
		},
		"no leaves": func(liar *cluster, truth *fakeRegistry) {
			answerWith(liar, logConversation, func(*logRequest) message { return &logAnswer{} })
		},
		"another list": func(liar *cluster, truth *fakeRegistry) {
			answerWith(liar, listConversation, func(*listRequest) message { return &listAnswer{List: other(truth)} })
		},
		"list without signatures": func(liar *cluster, truth *fakeRegistry) {
			l := truth.View().Provinces[sh].List.List
			bare := must(l.Sign())
			answerWith(liar, listConversation, func(*listRequest) message { return &listAnswer{List: bare} })
		},
		"garbage for a list": func(liar *cluster, truth *fakeRegistry) {
			answerWith(liar, listConversation, func(*listRequest) message { return &listAnswer{List: []byte("{}")} })
		},
		"silence": func(liar *cluster, truth *fakeRegistry) {
			liar.swallow(listConversation, logConversation)
		},
		"another message": func(liar *cluster, truth *fakeRegistry) {
			answerWith(liar, listConversation, func(*listRequest) message { return &pushAnswer{Answer: answerHave} })
		},
	}
	for name, lie := range lies {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, sh, zj, gd)
				w.at[sh].reg.setLeading(false) // does not push: all comes through the liar's exchange
				w.at[zj].reg.setLeading(false)
				w.at[sh].reg.cut(leaf(0, 100), leaf(1, 100), leaf(2, 100))
				liar := w.at[gd]
				for _, code := range w.order {
					w.at[code].addHost()
				}
				w.linkAll()
				liar.serveListsOf(w.at[sh].reg)
				lie(liar, w.at[sh].reg)
				w.at[sh].start()
				w.at[zj].start()
				later(time.Second)
				doc := w.at[sh].reg.View().Provinces[sh].Head
				go func() {
					_, _ = liar.try(w.at[zj], exchangeConversation, func(s network.Stream) {
						_ = writeFrame(s, &summary{})
						_ = readFrame(s, s.Scope(), new(exchangeAnswer))
						_ = writeFrame(s, &exchangeRest{Heads: [][]byte{doc.Raw}})
						_ = s.CloseWrite()
					})
				}()
				later(15 * time.Second) // silence costs its patience twice: for the list and for the leaves
				w.holds(zj, sh)
				if w.at[zj].node.peers.show(liar.id).blamedAt.IsZero() {
					t.Error("the liar was not blamed")
				}
				if got := w.at[zj].node.peers.show(w.at[sh].id).blamedAt; !got.IsZero() {
					t.Error("the honest source was blamed")
				}
			})
		})
	}
}

func make2(n int, item []byte) [][]byte {
	items := make([][]byte, n)
	for i := range items {
		items[i] = item
	}
	return items
}

// A lie early in a log of several answers spoils only that run.
func TestLyingSourceOfALargeLog(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, sh, zj, gd)
		w.at[sh].reg.setLeading(false)
		w.at[zj].reg.setLeading(false)
		var leaves [][]byte
		for i := range 12 {
			leaves = append(leaves, leaf(uint64(i), 1000<<10))
		}
		w.at[sh].reg.cut(leaves...)
		liar, truth := w.at[gd], w.at[sh].reg
		for _, code := range w.order {
			w.at[code].addHost()
		}
		w.linkAll()
		liar.serveListsOf(truth)
		answerWith(liar, logConversation, func(q *logRequest) message {
			got := slices.Clone(must(truth.Leaves(sh, 0, q.From, q.To, leavesBytes)))
			if q.From == 0 {
				got[1] = leaf(77, 1000<<10)
			}
			return &logAnswer{Leaves: got}
		})
		w.at[sh].start()
		w.at[zj].start()
		r := w.at[zj].node.receiveRelayed(liar.id, truth.View().Provinces[sh].Head.Raw)
		later(time.Minute)
		<-r.done
		w.holds(zj, sh)
		if got := w.at[zj].counted("refusals_total", "code=root-mismatch", "province=310000"); got != 1 {
			t.Errorf("root mismatches = %d, want 1", got)
		}
	})
}

// receiveRelayed queues a head as if an exchange with source had brought it.
func (n *Node) receiveRelayed(source peer.ID, raw []byte) *candidate {
	c, err := n.consider(n.ctx, &candidate{doc: must(head.Read(raw)), source: source})
	if err != nil || c == nil {
		panic(fmt.Sprint("head was not queued: ", err))
	}
	return c
}

// What an admitted peer may send that is no proper request: the stream is reset in time, counted, and everybody else
// is served meanwhile.
func TestHostileStreams(t *testing.T) {
	prefix := func(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
	framed := func(body []byte) []byte { return append(prefix(uint32(len(body))), body...) }
	cases := map[string]struct {
		send   func(network.Stream)
		reason string
		within time.Duration
	}{
		"length beyond the limit": {func(s network.Stream) { _, _ = s.Write(prefix(1 << 31)) }, turnedOversize, time.Second},
		"length zero":             {func(s network.Stream) { _, _ = s.Write(prefix(0)) }, turnedOversize, time.Second},
		"garbage":                 {func(s network.Stream) { _, _ = s.Write(framed([]byte("GET / HTTP/1.1"))) }, turnedMalformed, time.Second},
		"deep nesting":            {func(s network.Stream) { _, _ = s.Write(framed(bytes.Repeat([]byte{0x81}, 60))) }, turnedMalformed, time.Second},
		"huge array, no elements": {func(s network.Stream) { _, _ = s.Write(framed([]byte{0x9b, 0, 0, 0, 1, 0, 0, 0, 0})) }, turnedMalformed, time.Second},
		"indefinite length":       {func(s network.Stream) { _, _ = s.Write(framed([]byte{0x9f, 0xff})) }, turnedMalformed, time.Second},
		"a map":                   {func(s network.Stream) { _, _ = s.Write(framed([]byte{0xa0})) }, turnedMalformed, time.Second},
		"trailing bytes":          {func(s network.Stream) { _, _ = s.Write(framed([]byte{0x81, 0x01, 0x00})) }, turnedMalformed, time.Second},
		"number not minimal":      {func(s network.Stream) { _, _ = s.Write(framed([]byte{0x81, 0x18, 0x01})) }, turnedMalformed, time.Second},
		"cut off": {func(s network.Stream) {
			_, _ = s.Write(prefix(40))
			_, _ = s.Write([]byte{0x81})
			_ = s.CloseWrite()
		}, turnedBroken, time.Second},
		"nothing at all": {func(s network.Stream) {}, turnedSlow, nationalConversation.patience + time.Second},
		"one byte a second": {func(s network.Stream) {
			_, _ = s.Write(prefix(60))
			for range 60 { // the sender notices the reset at its next byte
				if _, err := s.Write([]byte{0}); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}, turnedSlow, nationalConversation.patience + 3*time.Second},
		"endless": {func(s network.Stream) {
			_, _ = s.Write(prefix(50))
			for {
				if _, err := s.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		}, turnedMalformed, time.Second},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, sh, zj, gd)
				hostile := w.at[gd]
				for _, code := range w.order {
					w.at[code].addHost()
				}
				w.linkAll()
				w.at[sh].start()
				w.at[zj].start()
				later(time.Second)
				start := time.Now()
				ended := make(chan time.Duration, 1)
				go func() {
					got, err := hostile.try(w.at[sh], nationalConversation, test.send)
					if len(got) > 0 || err == nil {
						t.Errorf("answer = %d bytes, %v; want none and a reset", len(got), err)
					}
					ended <- time.Since(start)
				}()
				w.at[sh].reg.cut(leaf(0, 10))
				later(100 * time.Millisecond)
				w.holds(zj, sh)
				if got := <-ended; got > test.within {
					t.Errorf("stream ended after %v, want at most %v", got, test.within)
				}
				synctest.Wait()
				if got := w.at[sh].counted("turned_away_total", "reason="+test.reason); got != 1 {
					t.Errorf("turned away as %s = %d, want 1", test.reason, got)
				}
			})
		})
	}
}
