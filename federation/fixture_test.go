package federation

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	mocknet "github.com/libp2p/go-libp2p/p2p/net/mock"
	"github.com/multiformats/go-multiaddr"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/certs"
	"github.com/hutong-project/hutong/trust/head"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/registry"
	"github.com/hutong-project/hutong/trust/sm2sig"
	"github.com/hutong-project/hutong/trust/statuslog"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// keys are made once; all worlds share them.
var (
	keysMu sync.Mutex
	keys   = make(map[string]*sm2sig.PrivateKey)
	proofs = make(map[string]national.Key)
	rootCA []byte
)

func key(name string) *sm2sig.PrivateKey {
	keysMu.Lock()
	defer keysMu.Unlock()
	if keys[name] == nil {
		keys[name] = must(sm2sig.Generate(nil))
	}
	return keys[name]
}

func proved(name string, role national.Role, code trust.Province) national.Key {
	k := key(name)
	keysMu.Lock()
	defer keysMu.Unlock()
	if _, ok := proofs[name]; !ok {
		proofs[name] = must(national.NewKey(k, role, code))
	}
	return proofs[name]
}

func rootDER(t testing.TB) []byte {
	k := key("root")
	keysMu.Lock()
	defer keysMu.Unlock()
	if rootCA == nil {
		now := trust.TimeOf(time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC))
		var err error
		rootCA, err = certs.SelfSigned(rand.Reader, certs.Template{CommonName: "test root", CA: true, NotBefore: now, NotAfter: now.Add(30 * 365 * 24 * time.Hour)}, k)
		if err != nil {
			t.Fatal(err)
		}
	}
	return rootCA
}

// A world is a few provinces with one node each, and the coordinator.
type world struct {
	t        *testing.T
	mn       mocknet.Mocknet
	national []national.List // by sequence − 1
	chain    [][]byte
	at       map[trust.Province]*cluster
	order    []trust.Province
}

// A cluster is one province's node with a registry in memory.
type cluster struct {
	w        *world
	code     trust.Province
	identity crypto.PrivKey
	id       peer.ID
	addr     string
	host     host.Host
	reg      *fakeRegistry
	node     *Node
	metrics  *prometheus.Registry
	stop     context.CancelFunc
	done     chan struct{}
	exchange time.Duration // zero: the default
	ahead    time.Duration // of its clock
}

// identityOf derives an Ed25519 key from a name, so that peer ids are the same in every run.
func identityOf(name string) crypto.PrivKey {
	seed := sha256.Sum256([]byte(name))
	private, _, err := crypto.GenerateEd25519Key(strings.NewReader(string(seed[:])))
	if err != nil {
		panic(err)
	}
	return private
}

var codes = []trust.Province{"310000", "330000", "440000", "510000"}

// newWorld makes provinces with registries that hold each other's national list, but starts no node.
func newWorld(t *testing.T, provinces ...trust.Province) *world {
	w := &world{t: t, mn: mocknet.New(), at: make(map[trust.Province]*cluster), order: provinces}
	for i, code := range provinces {
		identity := identityOf(string(code))
		c := &cluster{w: w, code: code, identity: identity, id: must(peer.IDFromPublicKey(identity.GetPublic())),
			addr: fmt.Sprintf("/ip4/10.0.0.%d/tcp/4001", i+1)}
		w.at[code] = c
	}
	w.publishNational(func(*national.List) {})
	for _, code := range provinces {
		w.at[code].reg = newFakeRegistry(code, w.chain[0])
		w.at[code].reg.setList(func(*list.List) {})
	}
	t.Cleanup(func() { _ = w.mn.Close() })
	return w
}

// publishNational signs the next national list, the last one as change leaves it.
func (w *world) publishNational(change func(*national.List)) []byte {
	now := trust.TimeOf(time.Now())
	var l national.List
	if len(w.national) == 0 {
		l = national.List{
			Version: 1, Operator: "test", Threshold: 2, Policy: national.DefaultPolicy(), Roots: [][]byte{rootDER(w.t)},
			Keys: []national.Key{proved("n0", national.RoleNational, ""), proved("n1", national.RoleNational, ""), proved("n2", national.RoleNational, "")},
		}
		for _, code := range slices.Sorted(slices.Values(w.order)) {
			c := w.at[code]
			l.Provinces = append(l.Provinces, national.Province{
				Code: code, NameZH: "省", NameEN: "Province", Status: national.Admitted, Since: now.Add(-1000 * time.Hour),
				ListKeys: []national.Key{proved("l"+string(code), national.RoleList, code)}, ListThreshold: 1,
				HeadKeys: []national.Key{proved("h"+string(code), national.RoleHead, code)}, Session: 1,
				Anchoring: national.Chained, Algorithms: []string{"SM2"}, Types: []string{"*"},
				Peers: []national.Peer{{ID: c.id.String(), Addrs: []string{c.addr}}},
			})
		}
	} else {
		l = w.national[len(w.national)-1]
		l.Provinces = slices.Clone(l.Provinces)
		l.Previous = must(national.Read(w.chain[len(w.chain)-1])).Digest
	}
	l.Sequence++
	l.Issued, l.NextUpdate = now, now.Add(30*24*time.Hour)
	change(&l)
	raw := must(l.Sign(key("n0"), key("n1")))
	w.national = append(w.national, l)
	w.chain = append(w.chain, raw)
	return raw
}

func suspend(code trust.Province) func(*national.List) {
	return func(l *national.List) {
		for i := range l.Provinces {
			if p := &l.Provinces[i]; p.Code == code {
				p.History = append(slices.Clone(p.History), national.Period{Status: p.Status, Since: p.Since})
				p.Status, p.Since, p.Reason = national.Suspended, l.Issued, "test"
			}
		}
	}
}

// linkAll makes every pair of hosts able to connect.
func (w *world) linkAll() {
	if err := w.mn.LinkAll(); err != nil {
		w.t.Fatal(err)
	}
}

// cut ends the connection between two provinces and the ability to make one.
func (w *world) cut(a, b trust.Province) {
	ida, idb := w.at[a].id, w.at[b].id
	for _, l := range w.mn.LinksBetweenPeers(ida, idb) {
		if err := w.mn.Unlink(l); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := w.mn.DisconnectPeers(ida, idb); err != nil {
		w.t.Fatal(err)
	}
}

// addHost puts the province's host on the network, without a node: for hostile peers.
func (c *cluster) addHost() {
	h, err := c.w.mn.AddPeer(c.identity, must(multiaddr.NewMultiaddr(c.addr)))
	if err != nil {
		c.w.t.Fatal(err)
	}
	c.host = h
}

func (c *cluster) config() Config {
	c.metrics = prometheus.NewRegistry()
	return must(Config{
		Identity: c.identity, Listen: []string{c.addr}, Own: c.code, Registry: c.reg, Registerer: c.metrics, Exchange: c.exchange,
		Clock:  func() time.Time { return time.Now().Add(c.ahead) },
		Logger: slog.New(slog.NewTextHandler(logTo, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}.complete())
}

// logTo is where nodes of tests log to; set it to os.Stderr while looking for a fault.
var logTo io.Writer = io.Discard

// start puts the province's node on its host.
func (c *cluster) start() {
	if c.host == nil {
		c.addHost()
	}
	cfg := c.config()
	m := must(newMetrics(cfg.Registerer))
	c.node = serveOn(cfg, c.host, newGate(m), m)
	c.run()
}

func (c *cluster) run() {
	var ctx context.Context
	ctx, c.stop = context.WithCancel(context.Background())
	c.done = make(chan struct{})
	go func() {
		defer close(c.done)
		if err := c.node.Run(ctx); err != nil {
			c.w.t.Errorf("Run of %s = %v, want nil", c.code, err)
		}
	}()
	c.w.t.Cleanup(c.close)
}

func (c *cluster) close() {
	if c.node == nil {
		return
	}
	c.stop()
	<-c.done
	if err := c.node.Close(); err != nil {
		c.w.t.Errorf("Close of %s = %v", c.code, err)
	}
	c.node = nil
}

// startAll starts a node for every province, linked with all others.
func (w *world) startAll() {
	for _, code := range w.order {
		w.at[code].addHost()
	}
	w.linkAll()
	for _, code := range w.order {
		w.at[code].start()
	}
}

// holds fails unless at holds exactly of's own newest head and log.
func (w *world) holds(at, of trust.Province) {
	w.t.Helper()
	want := w.at[of].reg.View().Provinces[of]
	got := w.at[at].reg.View().Provinces[of]
	switch {
	case got == nil || got.Head == nil:
		w.t.Errorf("%s holds no head of %s, want sequence %d", at, of, want.Head.Sequence)
	case got.Head.Digest != want.Head.Digest:
		w.t.Errorf("%s holds head %d of %s, want %d", at, got.Head.Sequence, of, want.Head.Sequence)
	case got.Log.Root != want.Log.Root:
		w.t.Errorf("%s holds %d leaves of %s, want %d with the same root", at, got.Log.Size, of, want.Log.Size)
	case got.List == nil || got.List.Digest != want.List.Digest:
		w.t.Errorf("%s holds another trust list of %s than %s itself", at, of, of)
	}
}

// holdsNone fails if at holds a head of of.
func (w *world) holdsNone(at, of trust.Province) {
	w.t.Helper()
	if p := w.at[at].reg.View().Provinces[of]; p != nil && p.Head != nil {
		w.t.Errorf("%s holds head %d of %s, want none", at, p.Head.Sequence, of)
	}
}

// bubble runs test on fake time. The world's cleanups run inside, so that a goroutine left over fails the test.
func bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

// later lets d of fake time pass.
func later(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// counted returns the sum of a counter's values whose labels hold all of those given as "name=value".
func (c *cluster) counted(name string, labels ...string) int {
	c.w.t.Helper()
	families, err := c.metrics.Gather()
	if err != nil {
		c.w.t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() != "hutong_federation_"+name {
			continue
		}
		for _, m := range f.GetMetric() {
			var have []string
			for _, l := range m.GetLabel() {
				have = append(have, l.GetName()+"="+l.GetValue())
			}
			if !slices.ContainsFunc(labels, func(want string) bool { return !slices.Contains(have, want) }) {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return int(sum)
}

// leaf returns the bytes of a leaf; the federation does not look into them.
func leaf(position uint64, size int) []byte {
	signed := make([]byte, size)
	binary.BigEndian.PutUint64(signed, position)
	return statuslog.Leaf{Position: position, Recorded: trust.TimeOf(time.Now()), Signed: signed}.Marshal()
}

func issueHead(h head.Head, code trust.Province) []byte {
	return must(h.Sign(key("h" + string(code))))
}

var _ Registry = (*fakeRegistry)(nil)

// emptyLog is the log state of a province that has said nothing.
var emptyLog = registry.LogInfo{Root: statuslog.EmptyRoot()}
