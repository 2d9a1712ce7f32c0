package consensus

import (
	"fmt"
	"net"
	"time"

	"github.com/hashicorp/raft"
)

// transportTimeout bounds one exchange between nodes. Snapshots get it per 256 KiB.
const transportTimeout = 10 * time.Second

// listen opens the port of the Raft traffic.
func (r *Registry) listen() (raft.Transport, error) {
	c := &r.cfg
	l, err := net.Listen("tcp", c.Bind)
	if err != nil {
		return nil, fmt.Errorf("listening for the cluster on %s: %w", c.Bind, err)
	}
	var stream raft.StreamLayer = plain{Listener: l, advertise: c.Advertise}
	if c.TLS != nil {
		stream = &mutual{Listener: l, advertise: c.Advertise, own: c.Own, credentials: c.TLS, members: r.servers, recheck: memberRecheck}
	}
	return raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream:  stream,
		MaxPool: 3,
		// No pipeline: after a follower has stalled, Raft's pipeline may never send to it again.
		MaxRPCsInFlight:         1,
		Timeout:                 transportTimeout,
		Logger:                  raftLogger(c.Logger),
		MsgpackUseNewTimeFormat: true,
	}), nil
}

// plain is TCP without protection, for nodes that all are on one machine.
type plain struct {
	net.Listener
	advertise string
}

// Addr returns the address under which the other nodes reach this one; it may be a host name.
func (p plain) Addr() net.Addr { return address(p.advertise) }

// Dial connects to another node.
func (p plain) Dial(to raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	return net.DialTimeout("tcp", string(to), timeout)
}

type address string

// Network returns "tcp".
func (a address) Network() string { return "tcp" }

// String returns host:port.
func (a address) String() string { return string(a) }
