package node

import (
	"context"
	"log/slog"
	"maps"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/hutong-project/hutong/consensus"
	"github.com/hutong-project/hutong/federation"
	"github.com/hutong-project/hutong/node/config"
	"github.com/hutong-project/hutong/node/httpapi"
	"github.com/hutong-project/hutong/trust"
)

// followEvery bounds how often the records of the members are looked at.
const followEvery = time.Second

// membership keeps the federation's own-cluster side in step with the members: those that the configuration names,
// those that joined since, without those that were removed.
type membership struct {
	*consensus.Registry
	cfg        *config.Config
	federation *federation.Node
	forward    *forwarder
	log        *slog.Logger

	known map[string]string // what follow last made of them; owned by run once that has begun
}

// run follows the members until ctx ends.
func (m *membership) run(ctx context.Context) error {
	pace := time.NewTicker(followEvery)
	defer pace.Stop()
	for {
		changed := m.Changed()
		if err := m.follow(); err != nil {
			m.log.Error("the members of the cluster cannot be followed", "error", err)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
		select {
		case <-pace.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// follow makes known to the federation what has changed.
func (m *membership) follow() error {
	members, err := m.members()
	if err != nil {
		return err
	}
	known := map[string]string{}
	for id, member := range members {
		known[id] = member.Peer + " " + member.P2P
	}
	if m.known != nil && maps.Equal(known, m.known) {
		return nil
	}
	peers := map[string]peer.ID{}
	var mates []peer.AddrInfo
	for id, member := range members {
		info, err := addrInfo(id, member.Peer, member.P2P)
		if err != nil {
			return err
		}
		peers[id] = info.ID
		mates = append(mates, info)
	}
	m.federation.SetCluster(mates)
	m.forward.to.Store(&route{federation: m.federation, peers: peers})
	m.known = known
	return nil
}

// members returns all nodes of the cluster that this one knows, by id.
func (m *membership) members() (map[string]config.Member, error) {
	members := map[string]config.Member{}
	for _, c := range m.cfg.Cluster.Members {
		members[c.ID] = c
	}
	records, err := m.Directory()
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		if r.Removed {
			delete(members, r.ID)
			continue
		}
		members[r.ID] = config.Member{ID: r.ID, Address: r.Address, Peer: r.Peer, P2P: r.P2P}
	}
	return members, nil
}

// Nodes is httpapi.Members.Nodes.
func (m *membership) Nodes(ctx context.Context) ([]httpapi.ClusterNode, error) {
	members, err := m.members()
	if err != nil {
		return nil, err
	}
	nodes := []httpapi.ClusterNode{}
	for _, s := range m.Members(ctx) {
		nodes = append(nodes, httpapi.ClusterNode{
			ID: s.ID, Address: s.Address, Peer: members[s.ID].Peer, P2P: members[s.ID].P2P,
			Voter: s.Voter, Leader: s.Leader, Answers: s.Answers, Applied: s.Applied,
		})
	}
	return nodes, nil
}

// Join is httpapi.Members.Join. Peer and multiaddress are read first: one that cannot be would reach every node.
func (m *membership) Join(ctx context.Context, token trust.Digest, n consensus.NewMember) error {
	if _, err := addrInfo(n.ID, n.Peer, n.P2P); err != nil {
		return trust.Refuse(trust.Malformed, "peer and p2p: want a peer id and a multiaddress")
	}
	return m.Registry.Join(ctx, token, n)
}
