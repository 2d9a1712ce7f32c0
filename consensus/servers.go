package consensus

import (
	"net"
	"net/netip"
	"slices"

	"github.com/hashicorp/raft"
)

// plainRemedy is what to do about a cluster without TLS whose nodes are on several machines.
const plainRemedy = "give the node a certificate in cluster.tls (`hutong province init` and `hutong province nodes` make it)"

// Loopback reports whether an address, host:port, can only be this machine's.
func Loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// servers returns the members as this node knows them: those of Raft's newest configuration, committed or not, and
// those of its own configuration file that were not removed since. The latter are all that a node knows which has yet
// to hear from its leader, and the way in for members that joined while it was away.
func (r *Registry) servers() []raft.Server {
	var known []raft.Server
	if node := r.running.Load(); node != nil {
		known = slices.Clone(node.GetConfiguration().Configuration().Servers)
	}
	for _, m := range r.members().Servers {
		same := func(s raft.Server) bool { return s.ID == m.ID || s.Address == m.Address }
		if !slices.ContainsFunc(known, same) {
			known = append(known, m)
		}
	}
	return known
}
