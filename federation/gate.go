package federation

import (
	"sync/atomic"

	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
)

// A gate keeps out every peer that the current admission does not name. A peer that the listening side refuses sees
// its own dial succeed and its first stream fail: connected is only what an answered stream proves.
type gate struct {
	current atomic.Pointer[admission]
	refused func() // counts
}

var _ connmgr.ConnectionGater = (*gate)(nil)

func (g *gate) admits(id peer.ID) bool {
	a := g.current.Load()
	return a != nil && a.peers[id] != nil
}

// InterceptPeerDial lets only admitted peers be dialled.
func (g *gate) InterceptPeerDial(id peer.ID) bool { return g.admits(id) }

// InterceptAddrDial lets every address of an admitted peer be dialled: the handshake proves who is there.
func (g *gate) InterceptAddrDial(id peer.ID, _ multiaddr.Multiaddr) bool { return g.admits(id) }

// InterceptAccept lets every address in as far as the handshake: provinces call from behind shared and changing
// addresses. The resource manager bounds how many handshakes there are.
func (g *gate) InterceptAccept(network.ConnMultiaddrs) bool { return true }

// InterceptSecured is where a peer that is not admitted is turned away.
func (g *gate) InterceptSecured(direction network.Direction, id peer.ID, _ network.ConnMultiaddrs) bool {
	admitted := g.admits(id)
	if !admitted && direction == network.DirInbound {
		g.refused()
	}
	return admitted
}

// InterceptUpgraded looks again: the admission may have changed during the handshake.
func (g *gate) InterceptUpgraded(conn network.Conn) (bool, control.DisconnectReason) {
	return g.admits(conn.RemotePeer()), 0
}

func newGate(m *metrics) *gate {
	return &gate{refused: m.turned.WithLabelValues(turnedNotAdmitted).Inc}
}
