package federation

import (
	"fmt"
	"math"
	"net/netip"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/libp2p/go-libp2p/x/rate"
	"github.com/prometheus/client_golang/prometheus"
)

// userAgent is what peers see of this program; it tells no version on purpose.
const userAgent = "hutong"

// dialTimeout bounds one dial with both handshakes.
const dialTimeout = 5 * time.Second

// openHost starts a libp2p host that speaks TCP with Noise and yamux and nothing else: no QUIC, no relay, no port
// mapping, no address discovery, no ping. The gate decides who gets through.
func openHost(identity crypto.PrivKey, listen []string, g *gate, limits Limits, knownPeers int, registerer prometheus.Registerer) (host.Host, error) {
	resources, err := newResources(limits, knownPeers)
	if err != nil {
		return nil, err
	}
	h, err := libp2p.New(
		libp2p.Identity(identity),
		libp2p.ListenAddrStrings(listen...),
		// Without this a second process could listen on the same port and take half of the connections, unnoticed.
		libp2p.Transport(tcp.NewTCPTransport, tcp.DisableReuseport()),
		libp2p.Security(noise.ID, noise.New),
		libp2p.Muxer(yamux.ID, yamux.DefaultTransport),
		libp2p.DisableRelay(),
		libp2p.DisableIdentifyAddressDiscovery(),
		libp2p.Ping(false),
		libp2p.UserAgent(userAgent),
		libp2p.WithDialTimeout(dialTimeout),
		libp2p.PrometheusRegisterer(registerer),
		libp2p.ConnectionGater(g),
		libp2p.ResourceManager(resources),
		// The gate and the resource manager bound the connections; trimming the quiet ones would cut off the very
		// peers that are needed when something happens.
		libp2p.ConnectionManager(connmgr.NullConnMgr{}),
	)
	if err != nil {
		_ = resources.Close()
		return nil, fmt.Errorf("listening on %q: %w", listen, err)
	}
	return h, nil
}

// newResources returns the bounds on connections, streams and memory. Many provinces may call from behind one address,
// so the bounds for one address follow from how many peers there are, not from the library's default of eight.
func newResources(limits Limits, knownPeers int) (network.ResourceManager, error) {
	conns := 4 * max(knownPeers, limits.Peers)
	part := rcmgr.PartialLimitConfig{
		System: rcmgr.ResourceLimits{
			Conns: rcmgr.LimitVal(conns), ConnsInbound: rcmgr.LimitVal(conns), ConnsOutbound: rcmgr.LimitVal(conns),
			FD:      rcmgr.LimitVal(conns),
			Streams: rcmgr.LimitVal(16 * conns), StreamsInbound: rcmgr.LimitVal(8 * conns), StreamsOutbound: rcmgr.LimitVal(8 * conns),
			Memory: rcmgr.LimitVal64(limits.Memory),
		},
		Transient: rcmgr.ResourceLimits{
			Conns: 256, ConnsInbound: 128, ConnsOutbound: 128, FD: 256,
			Streams: 512, StreamsInbound: 256, StreamsOutbound: 256,
			Memory: rcmgr.LimitVal64(limits.Memory / 8),
		},
		PeerDefault: rcmgr.ResourceLimits{
			Conns: 8, ConnsInbound: 8, ConnsOutbound: 8, FD: 8,
			Streams: 192, StreamsInbound: 128, StreamsOutbound: 128,
			Memory: rcmgr.LimitVal64(limits.Memory / 4),
		},
		ProtocolDefault:     rcmgr.ResourceLimits{Memory: rcmgr.LimitVal64(limits.Memory)},
		ProtocolPeerDefault: rcmgr.ResourceLimits{Memory: rcmgr.LimitVal64(limits.Memory / 4)},
		Stream:              rcmgr.ResourceLimits{Memory: rcmgr.LimitVal64(limits.Memory / 4)},
	}
	concrete := part.Build(rcmgr.DefaultLimits.AutoScale())

	// A burst of one reconnection by every peer behind one address passes at once; then eight a second.
	fromOne := rate.Limit{RPS: 8, Burst: conns}
	loopback := []rate.PrefixLimit{
		{Prefix: netip.MustParsePrefix("127.0.0.0/8")},
		{Prefix: netip.MustParsePrefix("::1/128")},
	}
	resources, err := rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(concrete),
		rcmgr.WithMetricsDisabled(), // libp2p's own figures are enough
		rcmgr.WithNetworkPrefixLimit(
			[]rcmgr.NetworkPrefixLimit{{Network: loopback[0].Prefix, ConnCount: math.MaxInt}},
			[]rcmgr.NetworkPrefixLimit{{Network: loopback[1].Prefix, ConnCount: math.MaxInt}}),
		rcmgr.WithLimitPerSubnet(
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 32, ConnCount: conns / 2}},
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 56, ConnCount: conns / 2}}),
		rcmgr.WithConnRateLimiters(&rate.Limiter{
			NetworkPrefixLimits: loopback,
			SubnetRateLimiter: rate.SubnetLimiter{
				IPv4SubnetLimits: []rate.SubnetLimit{{PrefixLength: 32, Limit: fromOne}},
				IPv6SubnetLimits: []rate.SubnetLimit{{PrefixLength: 56, Limit: fromOne}},
				GracePeriod:      time.Minute,
			},
		}),
	)
	if err != nil {
		return nil, fmt.Errorf("setting the limits of libp2p: %w", err)
	}
	return resources, nil
}
