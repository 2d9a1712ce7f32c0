package federation

import (
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"
)

// SetCluster replaces the nodes of the own cluster, as far as they are not in the national list anyway. Those that are
// no longer among them are disconnected at once.
func (n *Node) SetCluster(mates []peer.AddrInfo) {
	n.admitting.Lock()
	n.mates = slices.Clone(mates)
	n.admitting.Unlock()
	n.readmit()
}
