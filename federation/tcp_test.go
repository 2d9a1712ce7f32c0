package federation

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/national"
)

// eventually waits for a condition in real time.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 20 s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Over real TCP on loopback: a head spreads, a stranger gets nothing, a suspended province is cut off.
func TestOverTCP(t *testing.T) {
	w := newWorld(t, sh, zj)
	for _, code := range w.order {
		c := w.at[code]
		cfg := c.config()
		cfg.Listen = []string{"/ip4/127.0.0.1/tcp/0"}
		node, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		c.node, c.host = node, node.host
		c.run()
	}
	// The list names where the nodes really listen.
	second := w.publishNational(func(l *national.List) {
		for i := range l.Provinces {
			c := w.at[l.Provinces[i].Code]
			l.Provinces[i].Peers = []national.Peer{{ID: c.id.String(), Addrs: c.node.Addrs()}}
		}
	})
	adopt := func(raw []byte) {
		for _, code := range w.order {
			if err := w.at[code].reg.AdoptNational(t.Context(), [][]byte{raw}); err != nil {
				t.Fatal(err)
			}
		}
	}
	adopt(second)
	w.at[sh].reg.cut(leaf(0, 1000), leaf(1, 1000))
	holds := func() bool {
		p := w.at[zj].reg.View().Provinces[sh]
		return p.Head != nil && p.Log.Size == 2
	}
	eventually(t, "head of 310000 at 330000", holds)
	w.holds(zj, sh)

	for _, id := range w.at[sh].host.Mux().Protocols() {
		if !strings.HasPrefix(string(id), "/hutong/") && !strings.HasPrefix(string(id), "/ipfs/id/") {
			t.Errorf("node serves %s, want nothing but its own protocols and identify", id)
		}
	}
	strangerGetsNothing(t, w.at[sh])

	adopt(w.publishNational(suspend(zj)))
	eventually(t, "disconnection", func() bool { return !w.at[sh].node.connected(w.at[zj].id) })
	_, err := w.at[zj].node.exchangeWith(t.Context(), w.at[sh].id)
	if err == nil {
		t.Error("exchange of a suspended province = nil, want an error")
	}
}

func strangerGetsNothing(t *testing.T, c *cluster) {
	t.Helper()
	identity := identityOf("tcp stranger")
	open := &gate{refused: func() {}}
	a := &admission{peers: map[peer.ID]*member{c.id: {provinces: []trust.Province{c.code}}}}
	open.current.Store(a)
	h, err := openHost(identity, []string{"/ip4/127.0.0.1/tcp/0"}, open, Limits{Memory: leastMemory, Peers: 10}, 0, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	h.Peerstore().AddAddrs(c.id, c.host.Addrs(), peerstore.PermanentAddrTTL)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	before := c.counted("turned_away_total", "reason=not-admitted")
	s, err := h.NewStream(ctx, c.id, nationalConversation.id)
	if err == nil {
		_ = writeFrame(s, &nationalRequest{From: 1})
		got, err := io.ReadAll(s)
		if len(got) > 0 || err == nil {
			t.Errorf("stranger over TCP got %d bytes, %v; want none and an error", len(got), err)
		}
	}
	eventually(t, "the stranger's refusal in the metrics", func() bool { return c.counted("turned_away_total", "reason=not-admitted") > before })
	if slices.Contains(c.host.Network().Peers(), h.ID()) {
		t.Error("stranger is connected over TCP")
	}
}

func TestConfigIsChecked(t *testing.T) {
	good := func() Config {
		return Config{Identity: identityOf("x"), Listen: []string{"/ip4/127.0.0.1/tcp/0"}, Own: sh, Registry: newFakeRegistry(sh, newWorld(t, sh).chain[0])}
	}
	if _, err := good().complete(); err != nil {
		t.Fatalf("complete() of a good configuration = %v", err)
	}
	for want, spoil := range map[string]func(*Config){
		"identity":                      func(c *Config) { c.Identity = nil },
		"listen: empty":                 func(c *Config) { c.Listen = nil },
		"such as /ip4/0.0.0.0/tcp/7201": func(c *Config) { c.Listen = []string{"/ip4/127.0.0.1/udp/1/quic-v1"} },
		"listen: \"nonsense\"":          func(c *Config) { c.Listen = []string{"nonsense"} },
		"own":                           func(c *Config) { c.Own = "31" },
		"registry":                      func(c *Config) { c.Registry = nil },
		"exchange":                      func(c *Config) { c.Exchange = -1 },
		"memory":                        func(c *Config) { c.Limits.Memory = 1 },
		"peers":                         func(c *Config) { c.Limits.Peers = -1 },
	} {
		c := good()
		spoil(&c)
		if _, err := c.complete(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("complete() with a wrong %q = %v, want an error that names it", want, err)
		}
	}
}

func TestPortInUse(t *testing.T) {
	w := newWorld(t, sh, zj)
	cfg := w.at[sh].config()
	cfg.Listen = []string{"/ip4/127.0.0.1/tcp/0"}
	cfg.Logger = slog.New(slog.DiscardHandler)
	first, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	second := w.at[zj].config()
	second.Listen = first.Addrs()
	if node, err := New(second); err == nil {
		node.Close()
		t.Errorf("New on %v, which is in use, = nil, want an error", second.Listen)
	} else if !strings.Contains(err.Error(), "listening on") {
		t.Errorf("New on a port in use = %v, want an error that names the addresses", err)
	}
}
