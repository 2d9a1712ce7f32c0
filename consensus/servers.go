package consensus

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/raft"

	"github.com/hutong-project/hutong/consensus/state"
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
	removed := r.removed()
	for _, m := range r.members().Servers {
		same := func(s raft.Server) bool { return s.ID == m.ID || s.Address == m.Address }
		if !removed[string(m.ID)] && !slices.ContainsFunc(known, same) {
			known = append(known, m)
		}
	}
	return known
}

// removed returns the ids of the nodes that were removed.
func (r *Registry) removed() map[string]bool {
	ids := map[string]bool{}
	all, err := r.Directory()
	if err != nil {
		return ids // the registry is being closed
	}
	for _, m := range all {
		if m.Removed {
			ids[m.ID] = true
		}
	}
	return ids
}

// Directory returns the records of the nodes that joined a running cluster, and of all that were removed.
func (r *Registry) Directory() ([]state.Member, error) {
	d := r.Reading()
	defer d.Close()
	v, err := d.database()
	if err != nil {
		return nil, err
	}
	return state.Members(v)
}

// A MemberState is a node of the cluster as another one sees it.
type MemberState struct {
	ID, Address string
	Voter       bool
	Leader      bool
	Answers     bool   // it said how far it is
	Applied     uint64 // where it answers
}

// Members returns the nodes of Raft's newest configuration in the order of their ids, and asks each how far it is.
func (r *Registry) Members(ctx context.Context) []MemberState {
	leader, _, _ := r.Leader()
	servers := r.raft.GetConfiguration().Configuration().Servers
	all := make([]MemberState, len(servers))
	var asking sync.WaitGroup
	for i, s := range servers {
		m := &all[i]
		*m = MemberState{ID: string(s.ID), Address: string(s.Address), Voter: s.Suffrage == raft.Voter, Leader: string(s.ID) == leader}
		if m.ID == r.cfg.NodeID {
			m.Answers, m.Applied = true, r.report().Index
			continue
		}
		asking.Go(func() {
			applied, err := r.askReport(ctx, m.ID)
			m.Answers, m.Applied = err == nil, applied
		})
	}
	asking.Wait()
	slices.SortFunc(all, func(a, b MemberState) int { return strings.Compare(a.ID, b.ID) })
	return all
}
