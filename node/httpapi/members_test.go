package httpapi

import (
	"context"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hutong-project/hutong/consensus"
	"github.com/hutong-project/hutong/node/access"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/sm3"
)

// cluster notes what it is asked for, and answers with err.
type cluster struct {
	asked   []string
	digest  trust.Digest
	expires trust.Time
	err     error
}

func (c *cluster) note(what ...string) error {
	c.asked = append(c.asked, strings.Join(what, " "))
	return c.err
}

func (c *cluster) Nodes(context.Context) ([]ClusterNode, error) {
	return []ClusterNode{{ID: "n1", Voter: true, Leader: true}}, c.note("nodes")
}

func (c *cluster) AddJoinToken(_ context.Context, d trust.Digest, expires trust.Time) error {
	c.digest, c.expires = d, expires
	return c.note("token")
}

func (c *cluster) Join(_ context.Context, d trust.Digest, m consensus.NewMember) error {
	c.digest = d
	return c.note("join", m.ID, m.Address, m.Peer, m.P2P)
}

func (c *cluster) Promote(_ context.Context, id string, force bool) error {
	return c.note("promote", id, forced(force))
}

func (c *cluster) Demote(_ context.Context, id string, force bool) error {
	return c.note("demote", id, forced(force))
}

func (c *cluster) Remove(_ context.Context, id string, force bool) error {
	return c.note("remove", id, forced(force))
}

func (c *cluster) TransferLeader(_ context.Context, id string) error { return c.note("transfer", id) }

func forced(force bool) string {
	if force {
		return "force"
	}
	return "gently"
}

// TestMembers: an operator changes the members; nobody else does, and what cannot be read changes nothing.
func TestMembers(t *testing.T) {
	w := open(t)
	path := filepath.Join(t.TempDir(), "access.yaml")
	authority := must[string](t)(access.AddToken(path, "own", w.own.Authority))
	operator := must[string](t)(access.AddOperatorToken(path, "operator"))
	c := &cluster{}
	f := w.frontWith(t, func(cfg *Config) {
		cfg.Tokens = must[*access.Tokens](t)(access.OpenTokens(path))
		cfg.Members = c
	})
	post := func(path, token, body string) request {
		return request{method: http.MethodPost, path: "/v1/cluster/" + path, kind: "application/json", token: token, body: body}
	}
	for _, test := range []struct {
		send request
		asks string
	}{
		{request{path: "/v1/cluster/members", token: operator}, "nodes"},
		{post("promote", operator, `{"id":"n2"}`), "promote n2 gently"},
		{post("demote", operator, `{"id":"n2","force":true}`), "demote n2 force"},
		{post("remove", operator, `{"id":"n2","force":false}`), "remove n2 gently"},
		{post("transfer-leader", operator, `{"id":""}`), "transfer "},
		{post("join-tokens", operator, `{"seconds":60}`), "token"},
	} {
		c.asked = nil
		if got := f.send(test.send); got.Code != http.StatusOK || !slices.Equal(c.asked, []string{test.asks}) {
			t.Errorf("%s = %d %s and asks for %q, want 200 and %q", test.send.path, got.Code, got.Body, c.asked, test.asks)
		}
		c.asked = nil
		for token, status := range map[string]int{"": http.StatusUnauthorized, "ht_nobody": http.StatusUnauthorized, authority: http.StatusForbidden} {
			refused := test.send
			refused.token = token
			code := map[int]string{http.StatusUnauthorized: "unauthorized", http.StatusForbidden: "forbidden"}[status]
			wantProblem(t, f.send(refused).Result(), status, code)
		}
		if test.send.method == http.MethodPost {
			for _, body := range []string{"", "{}", `{"id":7}`, `{"id":"n2","more":1}`, `{"seconds":0}`, `{"seconds":86401}`, `{"seconds":-1}`} {
				bad := test.send
				bad.body = body
				wantProblem(t, f.send(bad).Result(), http.StatusBadRequest, "malformed")
			}
			large := test.send
			large.body = `{"id":"` + strings.Repeat("n", maxMemberBody) + `"}`
			wantProblem(t, f.send(large).Result(), http.StatusRequestEntityTooLarge, "too-large")
		}
		if c.asked != nil {
			t.Errorf("%s: what was refused asked for %q", test.send.path, c.asked)
		}
	}
	for code, status := range map[trust.RefusalCode]int{
		trust.UnknownMember: http.StatusNotFound, trust.NoQuorum: http.StatusConflict, trust.Behind: http.StatusConflict,
	} {
		c.err = trust.Refuse(code, "because")
		wantProblem(t, f.send(post("remove", operator, `{"id":"n2"}`)).Result(), status, string(code))
	}
}

// TestJoin: the token that the cluster made is what a node joins with; the cluster is given its digest alone.
func TestJoin(t *testing.T) {
	w := open(t)
	path := filepath.Join(t.TempDir(), "access.yaml")
	operator := must[string](t)(access.AddOperatorToken(path, "operator"))
	c := &cluster{}
	f := w.frontWith(t, func(cfg *Config) {
		cfg.Tokens = must[*access.Tokens](t)(access.OpenTokens(path))
		cfg.Members = c
	})
	send := request{method: http.MethodPost, path: "/v1/cluster/join-tokens", kind: "application/json", token: operator, body: `{"seconds":60}`}
	var made JoinToken
	read(t, f.send(send), &made)
	if want := sm3.Sum([]byte(made.Token)); c.digest != want || c.expires != made.Expires {
		t.Errorf("the cluster has %s until %s, want the digest of the token, %s, until %s", c.digest, c.expires, want, made.Expires)
	}
	if left := made.Expires - trust.TimeOf(time.Now()); left < 50 || left > 61 {
		t.Errorf("the token is good for %d s, want about 60", left)
	}
	send.path, send.token, send.body = "/v1/cluster/join", made.Token, `{"id":"n4","address":"127.0.0.1:1","peer":"p","p2p":"/p"}`
	c.digest, c.asked = trust.Digest{}, nil
	var nodes Cluster
	read(t, f.send(send), &nodes)
	if want := "join n4 127.0.0.1:1 p /p"; c.digest != sm3.Sum([]byte(made.Token)) || c.asked[0] != want || len(nodes.Nodes) != 1 {
		t.Errorf("joining asks for %q with %s and answers %+v, want %q, the token's digest and the nodes", c.asked, c.digest, nodes, want)
	}
	c.err = trust.Refuse(trust.BadToken, "used")
	wantProblem(t, f.send(send).Result(), http.StatusForbidden, "bad-token")
	c.err = trust.Refuse(trust.MemberExists, "there")
	wantProblem(t, f.send(send).Result(), http.StatusConflict, "member-exists")
	c.asked = nil
	send.token = ""
	wantProblem(t, f.send(send).Result(), http.StatusUnauthorized, "unauthorized")
	send.token, send.body = made.Token, `{"id":"n4"}`
	wantProblem(t, f.send(send).Result(), http.StatusBadRequest, "malformed")
	if c.asked != nil {
		t.Errorf("what was refused asked for %q", c.asked)
	}
}
