package httpapi

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/hutong-project/hutong/consensus"
	"github.com/hutong-project/hutong/node/access"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/sm3"
	"github.com/hutong-project/hutong/trust/strictjson"
)

// Members changes who is in the cluster. A nil error means that the cluster has agreed on it.
type Members interface {
	Nodes(ctx context.Context) ([]ClusterNode, error)
	AddJoinToken(ctx context.Context, digest trust.Digest, expires trust.Time) error
	Join(ctx context.Context, token trust.Digest, m consensus.NewMember) error
	Promote(ctx context.Context, id string, force bool) error
	Demote(ctx context.Context, id string, force bool) error
	Remove(ctx context.Context, id string, force bool) error
	TransferLeader(ctx context.Context, id string) error
}

// A ClusterNode is one node of the cluster, as the node that was asked sees it.
type ClusterNode struct {
	ID      string `json:"id"`
	Address string `json:"address"` // host:port of its Raft traffic
	Peer    string `json:"peer"`    // libp2p peer id
	P2P     string `json:"p2p"`     // multiaddress
	Voter   bool   `json:"voter"`
	Leader  bool   `json:"leader"`
	Answers bool   `json:"answers"` // it said how far it has applied
	Applied uint64 `json:"applied"`
}

// A Cluster is the nodes of one cluster.
type Cluster struct {
	Nodes []ClusterNode `json:"nodes"`
}

// TokenRequest asks for a join token.
type TokenRequest struct {
	Seconds int64 `json:"seconds"` // how long it is good for: 1 to 86,400
}

// A JoinToken lets one node join. The cluster keeps only its digest.
type JoinToken struct {
	Token   string     `json:"token"`
	Expires trust.Time `json:"expires"`
}

// Join is the body with which a node joins; the join token is the bearer token.
type Join struct {
	ID      string `json:"id"`
	Address string `json:"address"`
	Peer    string `json:"peer"`
	P2P     string `json:"p2p"`
}

// A MemberChange changes one node's place in the cluster.
type MemberChange struct {
	ID    string `json:"id"`             // of transfer-leader may be empty: the node that is furthest
	Force bool   `json:"force,omitzero"` // also when no majority answers afterwards, or the node is behind
}

// Done is the answer to a change.
type Done struct {
	Done bool `json:"done"`
}

const maxMemberBody = 4 << 10

func (s *Server) memberRoutes(mux *http.ServeMux) {
	if s.cfg.Members == nil {
		return
	}
	c := s.cfg.Members
	s.administer(mux, "GET /v1/cluster/members", func(ctx context.Context, _ []byte) (any, error) {
		nodes, err := c.Nodes(ctx)
		return Cluster{nodes}, err
	})
	s.administer(mux, "POST /v1/cluster/join-tokens", s.newJoinToken)
	for name, change := range map[string]func(ctx context.Context, in MemberChange) error{
		"promote":         func(ctx context.Context, in MemberChange) error { return c.Promote(ctx, in.ID, in.Force) },
		"demote":          func(ctx context.Context, in MemberChange) error { return c.Demote(ctx, in.ID, in.Force) },
		"remove":          func(ctx context.Context, in MemberChange) error { return c.Remove(ctx, in.ID, in.Force) },
		"transfer-leader": func(ctx context.Context, in MemberChange) error { return c.TransferLeader(ctx, in.ID) },
	} {
		s.administer(mux, "POST /v1/cluster/"+name, func(ctx context.Context, body []byte) (any, error) {
			var in MemberChange
			if err := strictjson.Unmarshal(body, &in); err != nil {
				return nil, malformed("", err)
			}
			s.cfg.Logger.Info("changing the members", "change", name, "member", in.ID, "force", in.Force)
			return Done{true}, change(ctx, in)
		})
	}
	mux.HandleFunc("POST /v1/cluster/join", s.join)
}

// administer serves a route that takes an operator's token, which is looked at before the body.
func (s *Server) administer(mux *http.ServeMux, route string, do func(ctx context.Context, body []byte) (any, error)) {
	mux.HandleFunc(route, func(w http.ResponseWriter, r *http.Request) {
		err := s.operator(r)
		if err != nil {
			fail(w, s.cfg.Logger, route, err)
			return
		}
		s.carryOut(w, r, route, do)
	})
}

func (s *Server) carryOut(w http.ResponseWriter, r *http.Request, route string, do func(ctx context.Context, body []byte) (any, error)) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxMemberBody))
	if err != nil {
		fail(w, s.cfg.Logger, route, readError(err))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.times.propose)
	defer cancel()
	out, err := do(ctx, body)
	if err != nil {
		fail(w, s.cfg.Logger, route, err)
		return
	}
	writeJSON(w, s.cfg.Logger, route, out)
}

func (s *Server) newJoinToken(ctx context.Context, body []byte) (any, error) {
	var in TokenRequest
	if err := strictjson.Unmarshal(body, &in); err != nil {
		return nil, malformed("", err)
	}
	if in.Seconds < 1 || in.Seconds > int64(consensus.MaxTokenLife/time.Second) {
		return nil, trust.Refuse(trust.Malformed, "seconds: want 1 to %d", int64(consensus.MaxTokenLife/time.Second))
	}
	token, digest := access.NewToken()
	out := JoinToken{Token: token, Expires: s.now().Add(time.Duration(in.Seconds) * time.Second)}
	return out, s.cfg.Members.AddJoinToken(ctx, digest, out.Expires)
}

// join lets a node in. Its token is not one of those in the file of access tokens: the cluster knows it.
func (s *Server) join(w http.ResponseWriter, r *http.Request) {
	const route = "POST /v1/cluster/join"
	token := access.BearerToken(r.Header.Get("Authorization"))
	if token == "" {
		fail(w, s.cfg.Logger, route, access.ErrUnknownToken)
		return
	}
	s.carryOut(w, r, route, func(ctx context.Context, body []byte) (any, error) {
		var in Join
		if err := strictjson.Unmarshal(body, &in); err != nil {
			return nil, malformed("", err)
		}
		err := s.cfg.Members.Join(ctx, sm3.Sum([]byte(token)), consensus.NewMember(in))
		if err != nil {
			return nil, err
		}
		s.cfg.Logger.Info("a node joined", "member", in.ID, "address", in.Address)
		nodes, err := s.cfg.Members.Nodes(ctx)
		return Cluster{nodes}, err
	})
}
