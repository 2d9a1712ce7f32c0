package federation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/registry"
)

var (
	// ErrClosed is returned by everything that was under way when the node was closed, or begun later.
	ErrClosed = errors.New("federation is closed")
	// ErrBusy is returned when a bound on memory or streams stands in the way; trying later may help.
	ErrBusy = errors.New("federation is busy")
	// ErrNotHeld is returned when a peer answered that it does not hold what was asked for.
	ErrNotHeld = errors.New("peer does not hold it")
)

// A Node is one cluster member's side of the federation. All of its methods are safe for concurrent use.
type Node struct {
	cfg     Config
	host    host.Host
	gate    *gate
	log     *slog.Logger
	metrics *metrics

	ctx    context.Context // ends with Close
	cancel context.CancelFunc

	forwarded atomic.Pointer[ForwardHandler]
	streams   streamCounts
	peers     peerBook
	provinces provinceBook
	pushers   pushers
	national  chan struct{} // held by the one who walks the national chain
	rivals    rivalBook

	admitting sync.Mutex      // held while the admission is worked out anew
	mates     []peer.AddrInfo // all nodes of the own cluster

	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup // everything that Close waits for; grows only while !closed
}

// New opens the node's listener and serves from then on; only Run pushes and exchanges. An error means that the
// configuration contradicts itself or that the addresses cannot be listened on.
func New(cfg Config) (*Node, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	self, err := peer.IDFromPublicKey(cfg.Identity.GetPublic())
	if err != nil {
		return nil, fmt.Errorf("configuring the federation: identity: %w", err)
	}
	m, err := newMetrics(cfg.Registerer)
	if err != nil {
		return nil, fmt.Errorf("registering the federation's metrics: %w", err)
	}
	g := newGate(m)
	first := admit(cfg.Registry.View(), cfg.Own, self, cfg.Cluster)
	g.current.Store(first)
	h, err := openHost(cfg.Identity, cfg.Listen, g, cfg.Limits, len(first.peers), cfg.Registerer)
	if err != nil {
		return nil, err
	}
	n := serveOn(cfg, h, g, m)
	if err := cfg.Registerer.Register(clockCollector{n}); err != nil {
		return nil, errors.Join(fmt.Errorf("registering the federation's metrics: %w", err), n.Close())
	}
	return n, nil
}

// serveOn puts a node on a host that stands behind g. The node closes the host.
func serveOn(cfg Config, h host.Host, g *gate, m *metrics) *Node {
	n := &Node{
		cfg:      cfg,
		host:     h,
		gate:     g,
		log:      cfg.Logger,
		metrics:  m,
		national: make(chan struct{}, 1),
		mates:    cfg.Cluster,
	}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.readmit()
	n.serve(headConversation, n.serveHead)
	n.serve(exchangeConversation, n.serveExchange)
	n.serve(nationalConversation, n.serveNational)
	n.serve(listConversation, n.serveList)
	n.serve(logConversation, n.serveLog)
	n.serve(forwardConversation, n.serveForward)
	n.serve(publishedConversation, n.servePublished)
	return n
}

// ID returns the node's peer id.
func (n *Node) ID() peer.ID { return n.host.ID() }

// Addrs returns the multiaddresses that the node listens on.
func (n *Node) Addrs() []string {
	var addrs []string
	for _, addr := range n.host.Addrs() {
		addrs = append(addrs, addr.String())
	}
	return addrs
}

// Close ends all streams, connections and work under way, and returns when nothing of it runs any more. The registry
// must still answer until then: what was handed to it is waited for. A second call waits for the first.
func (n *Node) Close() error {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	n.cancel()
	err := n.host.Close()
	n.running.Wait()
	return err
}

// begin announces work that Close has to wait for; each true is followed by one n.running.Done.
func (n *Node) begin() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return false
	}
	n.running.Add(1)
	return true
}

// start runs work in a goroutine that Close waits for, unless the node is closed. work must end with n.ctx.
func (n *Node) start(work func()) bool {
	if !n.begin() {
		return false
	}
	go func() {
		defer n.running.Done()
		work()
	}()
	return true
}

func (n *Node) now() trust.Time { return trust.TimeOf(n.cfg.Clock()) }

func (n *Node) view() *registry.View { return n.cfg.Registry.View() }

// readmit works out the admission anew and disconnects at once who is no longer in it.
func (n *Node) readmit() *admission {
	n.admitting.Lock()
	defer n.admitting.Unlock()
	a := admit(n.view(), n.cfg.Own, n.host.ID(), n.mates)
	old := n.gate.current.Swap(a)
	store := n.host.Peerstore()
	for id, m := range a.peers {
		store.AddAddrs(id, m.addrs, peerstore.PermanentAddrTTL)
	}
	if old != nil {
		for id := range old.peers {
			if a.peers[id] == nil {
				store.ClearAddrs(id)
			}
		}
	}
	n.sweep(a)
	n.peers.keep(a)
	return a
}

// sweep closes the connections of peers that a does not admit, also of one that slipped in while the admission changed.
func (n *Node) sweep(a *admission) {
	for _, id := range n.host.Network().Peers() {
		if a.peers[id] == nil {
			n.log.Info("disconnecting a peer that is not admitted", "peer", id)
			_ = n.host.Network().ClosePeer(id)
		}
	}
}

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
