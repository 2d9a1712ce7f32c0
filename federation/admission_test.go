package federation

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/head"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/registry"
)

func TestAdmission(t *testing.T) {
	w := newWorld(t, sh, zj, gd)
	ids := make(map[trust.Province]peer.ID)
	for _, code := range w.order {
		ids[code] = w.at[code].id
	}
	day := must(peer.IDFromPublicKey(identityOf("day").GetPublic()))
	reg := w.at[sh].reg
	second := w.publishNational(suspend(gd))
	if err := reg.AdoptNational(t.Context(), [][]byte{second}); err != nil {
		t.Fatal(err)
	}
	doc := must(list.Read(must((&list.List{
		Version: 1, Province: zj, Session: 1, Number: 1, Issued: 1, NextUpdate: 2,
		Peers: []national.Peer{{ID: day.String()}, {ID: ids[gd].String()}, {ID: ids[zj].String(), Addrs: []string{"/ip4/10.3.3.3/tcp/1"}}},
	}).Sign(key("l" + string(zj))))))
	reg.change(zj, func(p *registry.Province) { p.List = &list.Evaluated{Document: doc} })
	a := admit(reg.View(), sh, ids[sh], nil)
	for _, test := range []struct {
		what string
		id   peer.ID
		home trust.Province
		ok   bool
	}{
		{"itself", ids[sh], "", false},
		{"entry peer", ids[zj], zj, true},
		{"day-to-day peer", day, zj, true},
		{"suspended province's entry peer named by another's trust list", ids[gd], "", false},
		{"nobody", peer.ID("nobody"), "", false},
	} {
		if home, ok := a.home(test.id); home != test.home || ok != test.ok {
			t.Errorf("home(%s) = %q, %v; want %q, %v", test.what, home, ok, test.home, test.ok)
		}
	}
	if got := a.byCode[zj]; !slices.Equal(got, []peer.ID{ids[zj], day}) {
		t.Errorf("peers of %s = %v, want the entry peer first", zj, got)
	}
	if got := len(a.peers[ids[zj]].addrs); got != 2 {
		t.Errorf("addresses of a peer named by both lists = %d, want 2", got)
	}
	if !slices.Equal(a.targets, []trust.Province{zj}) {
		t.Errorf("targets = %v, want %s alone", a.targets, zj)
	}
}

func TestGate(t *testing.T) {
	w := newWorld(t, sh, zj)
	refused := 0
	g := &gate{refused: func() { refused++ }}
	if g.admits(w.at[zj].id) {
		t.Error("a gate without an admission admits somebody")
	}
	g.current.Store(admit(w.at[sh].reg.View(), sh, w.at[sh].id, nil))
	stranger := must(peer.IDFromPublicKey(identityOf("stranger").GetPublic()))
	for _, test := range []struct {
		who  string
		id   peer.ID
		want bool
	}{{"an admitted peer", w.at[zj].id, true}, {"a stranger", stranger, false}} {
		if got := g.InterceptPeerDial(test.id); got != test.want {
			t.Errorf("InterceptPeerDial(%s) = %v, want %v", test.who, got, test.want)
		}
		if got := g.InterceptAddrDial(test.id, nil); got != test.want {
			t.Errorf("InterceptAddrDial(%s) = %v, want %v", test.who, got, test.want)
		}
		if got := g.InterceptSecured(network.DirInbound, test.id, nil); got != test.want {
			t.Errorf("InterceptSecured(%s) = %v, want %v", test.who, got, test.want)
		}
		if got, _ := g.InterceptUpgraded(connOf{id: test.id}); got != test.want {
			t.Errorf("InterceptUpgraded(%s) = %v, want %v", test.who, got, test.want)
		}
	}
	if refused != 1 {
		t.Errorf("strangers counted = %d, want 1", refused)
	}
}

type connOf struct {
	network.Conn
	id peer.ID
}

func (c connOf) RemotePeer() peer.ID { return c.id }

// Asked first is who brought the head, then the province's own peers, then others; who failed lately comes last.
func TestSourcesAreInOrder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, codes...)
		w.startAll()
		later(time.Second)
		n := w.at[sh].node
		entry, _ := n.entry(zj)
		ids := func(order ...trust.Province) (all []peer.ID) {
			for _, code := range order {
				all = append(all, w.at[code].id)
			}
			return all
		}
		if got, want := n.sources(entry, w.at[gd].id), ids(gd, zj, sc); !slices.Equal(got, want) {
			t.Errorf("sources = %v, want %v", got, want)
		}
		n.peers.blame(w.at[gd].id, errors.New("lied"))
		if got, want := n.sources(entry, w.at[gd].id), ids(zj, sc, gd); !slices.Equal(got, want) {
			t.Errorf("sources after blame = %v, want %v", got, want)
		}
		later(probation)
		if got, want := n.sources(entry, w.at[gd].id), ids(gd, zj, sc); !slices.Equal(got, want) {
			t.Errorf("sources a minute after blame = %v, want %v", got, want)
		}
	})
}

func TestHeadsBeyond(t *testing.T) {
	w := newWorld(t, sh, zj)
	reg := w.at[sh].reg
	reg.cut(leaf(0, 10))
	first := reg.View().Provinces[sh].Head
	reg.cut()
	second := reg.View().Provinces[sh].Head
	line := func(d *head.Document) summary {
		return summary{Provinces: []provinceSummary{{Province: sh, Session: d.Session, Sequence: d.Sequence, Digest: d.Digest}}}
	}
	fork := line(second)
	fork.Provinces[0].Digest = first.Digest
	newer := line(second)
	newer.Provinces[0].Session = 2
	check := func(what string, theirs summary, want ...[]byte) {
		t.Helper()
		if got := headsBeyond(reg.View(), &theirs); !slices.EqualFunc(got, want, bytes.Equal) {
			t.Errorf("headsBeyond of %s = %d heads, want %d", what, len(got), len(want))
		}
	}
	check("nothing held", summary{}, second.Raw)
	check("an older head", line(first), second.Raw)
	check("the same head", line(second))
	check("another head under the number", fork, second.Raw)
	check("a newer session", newer)
	reg.change(sh, func(p *registry.Province) { p.Equivocation = &registry.Evidence{A: second, B: first} })
	check("the same head, without the proof", line(second), second.Raw, first.Raw)
}

// A relay that does not serve the national list that a head names does not keep it from being followed: the head is
// signed, so others are asked.
func TestNationalListComesFromAnySource(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, sh, zj, gd)
		second := w.publishNational(func(*national.List) {})
		if err := w.at[sh].reg.AdoptNational(t.Context(), [][]byte{second}); err != nil {
			t.Fatal(err)
		}
		w.at[sh].reg.setLeading(false)
		w.at[zj].reg.setLeading(false)
		w.at[sh].reg.cut(leaf(0, 10))
		for _, code := range w.order {
			w.at[code].addHost()
		}
		w.linkAll()
		w.at[sh].start()
		w.at[zj].start()
		later(time.Second)
		w.at[zj].node.receiveRelayed(w.at[gd].id, w.at[sh].reg.View().Provinces[sh].Head.Raw)
		later(time.Second)
		w.holds(zj, sh)
		if got := w.at[zj].reg.View().National.Sequence; got != 2 {
			t.Errorf("national list = %d, want 2", got)
		}
	})
}
