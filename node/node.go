// Package node puts a node together: the registry of the cluster (consensus), the exchange with the other provinces
// (federation) and the HTTP interface, from one configuration.
//
// Open takes the steps of starting in order and undoes those taken when one fails. Run serves until its context ends
// or a part fails, and then stops in the one order that loses nothing: HTTP first, so that no new request comes; then
// the federation, which hands work to the registry; then the registry, which hands over leadership and closes its
// stores.
package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/hutong-project/hutong/consensus"
	"github.com/hutong-project/hutong/federation"
	"github.com/hutong-project/hutong/node/access"
	"github.com/hutong-project/hutong/node/config"
	"github.com/hutong-project/hutong/node/httpapi"
	"github.com/hutong-project/hutong/node/keyfile"
	"github.com/hutong-project/hutong/node/notify"
	"github.com/hutong-project/hutong/trust/sm2sig"
)

// drainWithin bounds the wait for the requests under way when the node stops; stopWithin is what the service manager
// is asked for, which adds handing over leadership and closing the stores.
const (
	drainWithin = 5 * time.Second
	stopWithin  = 40 * time.Second
)

// A Node is a running node. Open starts it, Run serves, Close ends it.
type Node struct {
	log        *slog.Logger
	registry   *consensus.Registry
	federation *federation.Node
	members    *membership
	api        *httpapi.Server
	listener   net.Listener
	service    *notify.Service // nil: nobody waits for word
}

// keys are the private keys that a node holds.
type keys struct {
	head     []*sm2sig.PrivateKey
	operator *sm2sig.PrivateKey
}

// Open starts a node. The error of a step that failed names the step.
func Open(cfg *config.Config, log *slog.Logger) (_ *Node, err error) {
	n := &Node{log: log}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close())
		}
	}()
	passphrase, err := keyfile.Passphrase(cfg.Keys.PassphraseFile)
	if err != nil {
		return nil, fmt.Errorf("opening the keys: %w", err)
	}
	held, err := openKeys(cfg, passphrase)
	if err != nil {
		return nil, fmt.Errorf("opening the keys: %w", err)
	}
	tokens, err := access.OpenTokens(cfg.API.Tokens)
	if err != nil {
		return nil, err
	}
	gate, err := access.NewGate(cfg.API.Allow, cfg.API.Rate.PerSecond, cfg.API.Rate.Burst)
	if err != nil {
		return nil, err
	}
	// The port is taken first: it is what most often is in use, and nothing has been changed yet.
	if n.listener, err = net.Listen("tcp", cfg.API.Listen); err != nil {
		return nil, fmt.Errorf("listening for HTTP on api.listen: %w", err)
	}
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	forward := &forwarder{}
	registry := registryConfig(cfg, held, forward, log)
	certificate, err := openCertificate(cfg, passphrase, log)
	if err != nil {
		return nil, err
	}
	if certificate != nil {
		registry.TLS = certificate
	}
	if n.registry, err = consensus.Open(registry); err != nil {
		return nil, fmt.Errorf("opening the registry: %w", err)
	}
	if err = metrics.Register(n.registry.Collector()); err != nil {
		return nil, fmt.Errorf("registering the registry's metrics: %w", err)
	}
	if n.federation, err = openFederation(cfg, passphrase, n.registry, metrics, log); err != nil {
		return nil, fmt.Errorf("starting the federation: %w", err)
	}
	if n.members, err = forward.join(cfg, n.federation, n.registry, log); err != nil {
		return nil, fmt.Errorf("starting the federation: %w", err)
	}
	n.api = httpapi.New(httpapi.Config{
		Node: cfg.Node, Province: cfg.Code(),
		Reader: n.registry, Consistency: n.registry, Lists: n.registry, StatusLog: n.registry, Peers: exchange{n.federation},
		Members:     n.members,
		Publication: publication{n.registry, forward}, Backups: n.registry, Health: n.registry,
		Tokens: tokens, Gate: gate,
		Certificate: certificateOf(certificate),
		Metrics:     promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}),
		Logger:      log, Clock: time.Now,
	})
	return n, nil
}

// Addr returns the address on which HTTP is served.
func (n *Node) Addr() string { return n.listener.Addr().String() }

// Run serves until ctx ends or a part fails, then stops. It returns nil when it stopped because ctx ended.
func (n *Node) Run(ctx context.Context) error {
	work, cancel := context.WithCancel(ctx)
	defer cancel()
	parts := []func() error{
		func() error { return n.registry.Run(work) },
		func() error { return n.federation.Run(work) },
		func() error { return n.members.run(work) },
		func() error { return n.api.Serve(n.listener) },
	}
	ended := make(chan error, len(parts))
	for _, part := range parts {
		go func() { ended <- part() }()
	}
	watch, unwatch := context.WithCancel(ctx)
	defer unwatch()
	watching := make(chan struct{})
	go func() { n.service.Serving(watch, n.alive); close(watching) }()
	n.log.Info("serving", "http", n.Addr(), "p2p", n.federation.Addrs(), "peer", n.federation.ID().String())

	var failure error
	running := len(parts)
	select {
	case <-ctx.Done():
	case failure = <-ended: // no part ends by itself while all is well
		running--
		if failure == nil {
			failure = errors.New("a part of the node ended by itself")
		}
	}
	unwatch()
	n.service.Stopping(stopWithin)
	drain, stop := context.WithTimeout(context.WithoutCancel(ctx), drainWithin)
	defer stop()
	if err := n.api.Shutdown(drain); err != nil {
		n.log.Warn("ending the requests under way", "error", err)
	}
	cancel()
	failure = errors.Join(failure, n.Close())
	late := time.NewTimer(drainWithin)
	defer late.Stop()
	for range running {
		select {
		case err := <-ended:
			failure = errors.Join(failure, err)
		case <-late.C: // the process ends anyway: better a line in the log than a node that hangs
			return errors.Join(failure, fmt.Errorf("stopping: a part of the node did not end within %s", drainWithin))
		}
	}
	<-watching
	return failure
}

// Close ends what Open started, without waiting for requests. It may be called again.
func (n *Node) Close() error {
	var errs []error
	if n.listener != nil {
		if err := n.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if n.federation != nil {
		errs = append(errs, n.federation.Close())
	}
	if n.registry != nil {
		errs = append(errs, n.registry.Close())
	}
	return errors.Join(errs...)
}

// Run opens a node and serves until ctx ends. Where a service manager started this process, it is told.
func Run(ctx context.Context, cfg *config.Config, log *slog.Logger) error {
	service, err := notify.Connect(os.Getenv, os.Getpid(), log.With("part", "notify"))
	if err != nil {
		return err
	}
	defer service.Close()
	opened := service.Starting()
	n, err := Open(cfg, log)
	opened()
	if err != nil {
		return err
	}
	n.service = service
	return n.Run(ctx)
}

func openKeys(cfg *config.Config, passphrase []byte) (held keys, err error) {
	for _, file := range cfg.Keys.Head {
		key, err := keyfile.LoadSM2(file, passphrase)
		if err != nil {
			return held, err
		}
		held.head = append(held.head, key)
	}
	if cfg.Keys.Operator != "" {
		held.operator, err = keyfile.LoadSM2(cfg.Keys.Operator, passphrase)
	}
	return held, err
}

func registryConfig(cfg *config.Config, held keys, forward *forwarder, log *slog.Logger) consensus.Config {
	heartbeat := time.Duration(cfg.Cluster.Heartbeat)
	c := consensus.Config{
		Dir: cfg.DataDir, NodeID: cfg.Node, Bind: cfg.Self().Address, Bootstrap: cfg.Cluster.Bootstrap,
		Own: cfg.Code(), Pin: cfg.Pin(), Founded: cfg.Founded(), HeadKeys: held.head, OperatorKey: held.operator,
		Forward: forward, Witnesses: forward, PeerClock: forward.peerClock, Logger: log.With("part", "consensus"),
		HeartbeatTimeout: heartbeat, ElectionTimeout: heartbeat,
		DiskLimit: time.Duration(cfg.Disk.Limit), Reserve: cfg.Disk.Reserve(),
	}
	for _, m := range cfg.Cluster.Members {
		c.Members = append(c.Members, consensus.Member{ID: m.ID, Address: m.Address})
	}
	return c
}

func openFederation(cfg *config.Config, passphrase []byte, r *consensus.Registry, metrics prometheus.Registerer, log *slog.Logger) (*federation.Node, error) {
	identity, err := keyfile.LoadIdentity(cfg.Federation.Identity, passphrase)
	if err != nil {
		return nil, err
	}
	id, err := peer.IDFromPrivateKey(identity)
	if err != nil {
		return nil, err
	}
	if self := cfg.Self(); id.String() != self.Peer {
		return nil, fmt.Errorf("the key in %s is of peer %s, but cluster.members says %s of %s: name the right key file", cfg.Federation.Identity, id, self.Peer, self.ID)
	}
	cluster, err := clusterPeers(cfg)
	if err != nil {
		return nil, err
	}
	return federation.New(federation.Config{
		Identity: identity, Listen: []string{cfg.Self().P2P}, Own: cfg.Code(), Cluster: cluster, Registry: beliefs{r},
		Exchange: time.Duration(cfg.Federation.Exchange), Logger: log.With("part", "federation"), Registerer: metrics,
	})
}

// clusterPeers returns the nodes that the configuration names, as the federation needs them.
func clusterPeers(cfg *config.Config) ([]peer.AddrInfo, error) {
	var peers []peer.AddrInfo
	for _, m := range cfg.Cluster.Members {
		info, err := addrInfo(m.ID, m.Peer, m.P2P)
		if err != nil {
			return nil, err
		}
		peers = append(peers, info)
	}
	return peers, nil
}

func addrInfo(id, peerID, p2p string) (peer.AddrInfo, error) {
	decoded, err := peer.Decode(peerID)
	if err != nil {
		return peer.AddrInfo{}, fmt.Errorf("reading the peer id of member %s: %w", id, err)
	}
	addr, err := multiaddr.NewMultiaddr(p2p)
	if err != nil {
		return peer.AddrInfo{}, fmt.Errorf("reading the p2p address of member %s: %w", id, err)
	}
	return peer.AddrInfo{ID: decoded, Addrs: []multiaddr.Multiaddr{addr}}, nil
}
