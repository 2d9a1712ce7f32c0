package federation

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hutong-project/hutong/trust"
)

// A Config says who this node is and with whom it forms a cluster. New copies it.
type Config struct {
	Identity crypto.PrivKey  // Ed25519; the peer id follows from it
	Listen   []string        // TCP multiaddresses, such as /ip4/0.0.0.0/tcp/7201
	Own      trust.Province  // the cluster's own province
	Cluster  []peer.AddrInfo // all nodes of the own cluster; this one may be among them
	Registry Registry

	// Exchange is the time between two periodic exchanges of the leader, ± a fifth. Zero means DefaultExchange.
	Exchange time.Duration
	Limits   Limits

	Logger     *slog.Logger          // nil: slog.Default
	Registerer prometheus.Registerer // nil: a registry of its own that nobody reads
	Clock      func() time.Time      // what signed times are compared with; nil: time.Now
}

// Limits bound what peers can cost. A zero field stands for its default.
type Limits struct {
	Memory int64 // bytes of frames and connection buffers in all; default 512 MiB; at least 400 MiB
	Peers  int   // peers to make room for when the lists name fewer; default 160
}

// DefaultExchange is the time between two periodic exchanges.
const DefaultExchange = 10 * time.Second

const (
	defaultMemory = 512 << 20
	leastMemory   = 400 << 20 // a quarter is one peer's, which must hold the largest frame
	defaultPeers  = 160
	mostPeers     = 10_000
)

// complete fills in the defaults and reports every contradiction at once.
func (c Config) complete() (Config, error) {
	var problems []error
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }

	if c.Identity == nil || c.Identity.Type() != crypto.Ed25519 {
		wrong("identity: want an Ed25519 key")
	}
	if len(c.Listen) == 0 {
		wrong("listen: empty, want at least one TCP multiaddress")
	}
	for _, text := range c.Listen {
		addr, err := multiaddr.NewMultiaddr(text)
		if err != nil {
			wrong("listen: %q: %w", text, err)
		} else if protocols := addr.Protocols(); len(protocols) != 2 || protocols[1].Code != multiaddr.P_TCP {
			wrong("listen: %q, want an address such as /ip4/0.0.0.0/tcp/7201", text)
		}
	}
	if !c.Own.Valid() {
		wrong("own: %q is no province code", string(c.Own))
	}
	if c.Registry == nil {
		wrong("registry: not set")
	}
	if c.Exchange == 0 {
		c.Exchange = DefaultExchange
	}
	if c.Exchange < 0 {
		wrong("exchange: %v, want a positive time", c.Exchange)
	}
	if c.Limits.Memory == 0 {
		c.Limits.Memory = defaultMemory
	}
	if c.Limits.Memory < leastMemory {
		wrong("limits: memory of %d bytes, want at least %d", c.Limits.Memory, leastMemory)
	}
	if c.Limits.Peers == 0 {
		c.Limits.Peers = defaultPeers
	}
	if c.Limits.Peers < 0 || c.Limits.Peers > mostPeers {
		wrong("limits: %d peers, want 1 to %d", c.Limits.Peers, mostPeers)
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Registerer == nil {
		c.Registerer = prometheus.NewRegistry()
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	c.Listen = slices.Clone(c.Listen)
	c.Cluster = slices.Clone(c.Cluster)
	if err := errors.Join(problems...); err != nil {
		return Config{}, fmt.Errorf("configuring the federation: %w", err)
	}
	return c, nil
}
