package node

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/hutong-project/hutong/consensus"
	"github.com/hutong-project/hutong/federation"
	"github.com/hutong-project/hutong/node/config"
	"github.com/hutong-project/hutong/node/httpapi"
	"github.com/hutong-project/hutong/trust/registry"
)

// beliefs is the registry as the federation needs it.
type beliefs struct{ *consensus.Registry }

// View returns the newest applied view. A view is never changed, so it outlives the reading that it came with.
func (b beliefs) View() *registry.View {
	reading := b.Reading()
	defer reading.Close()
	return reading.View
}

// Leading reports whether this node leads its cluster.
func (b beliefs) Leading() bool {
	_, _, self := b.Leader()
	return self
}

// forwarder carries writes of a follower to the leader over the federation's own-cluster protocol. The registry is
// opened before the federation, so it starts out unable and joins later.
type forwarder struct{ to atomic.Pointer[route] }

type route struct {
	federation *federation.Node
	peers      map[string]peer.ID // by node id
}

// Forward hands a command to the leader.
func (f *forwarder) Forward(ctx context.Context, leaderID string, command []byte) ([]byte, error) {
	r := f.to.Load()
	if r == nil {
		return nil, consensus.ErrNoLeader
	}
	id, known := r.peers[leaderID]
	if !known {
		return nil, fmt.Errorf("forwarding to the leader: %q is no node of the cluster that this one knows: %w", leaderID, consensus.ErrNoLeader)
	}
	return r.federation.Forward(ctx, id, command)
}

// peerClock is what the federation says of this node's clock; nothing before join.
func (f *forwarder) peerClock() (behind time.Duration, known bool) {
	r := f.to.Load()
	if r == nil {
		return 0, false
	}
	return r.federation.ClockOffset()
}

// join connects both ends: what this node forwards, and what is forwarded to it.
func (f *forwarder) join(cfg *config.Config, n *federation.Node, r *consensus.Registry, log *slog.Logger) (*membership, error) {
	m := &membership{cfg: cfg, federation: n, Registry: r, forward: f, log: log}
	if err := m.follow(); err != nil {
		return nil, err
	}
	n.OnForward(r.ApplyForwarded)
	return m, nil
}

// Testify is consensus.Witnesses. Until the federation runs nobody can be asked.
func (f *forwarder) Testify(ctx context.Context, connected bool) []consensus.Testimony {
	r := f.to.Load()
	if r == nil {
		return nil
	}
	var heard []consensus.Testimony
	for _, t := range r.federation.Testify(ctx, connected) {
		heard = append(heard, consensus.Testimony{Province: t.Province, Heads: t.Heads})
	}
	return heard
}

// exchange is the federation as the HTTP interface shows it.
type exchange struct{ *federation.Node }

// Provinces returns the state of the exchange with each province.
func (e exchange) Provinces() []httpapi.ProvinceSync {
	var all []httpapi.ProvinceSync
	for _, s := range e.Status() {
		sync := httpapi.ProvinceSync{Province: s.Province, LastError: s.LastError}
		if s.Source != "" {
			sync.Source = s.Source.String()
		}
		all = append(all, sync)
	}
	return all
}

// Connected counts the peers that answer.
func (e exchange) Connected() int {
	count := 0
	for _, p := range e.Peers() {
		if p.Connected {
			count++
		}
	}
	return count
}
