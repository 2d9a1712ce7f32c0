package client

import (
	"context"
	"net/http"
	"time"

	"github.com/hutong-project/hutong/node/httpapi"
	"github.com/hutong-project/hutong/trust/strictjson"
)

// Members asks which nodes the cluster has. token is an operator's.
func (c *Client) Members(ctx context.Context, token string) ([]httpapi.ClusterNode, error) {
	var out httpapi.Cluster
	err := c.call(ctx, http.MethodGet, "/v1/cluster/members", "", token, nil, &out)
	return out.Nodes, err
}

// NewJoinToken has the cluster make a token with which one node may join. token is an operator's.
func (c *Client) NewJoinToken(ctx context.Context, token string, life time.Duration) (httpapi.JoinToken, error) {
	var out httpapi.JoinToken
	return out, c.post(ctx, "join-tokens", token, httpapi.TokenRequest{Seconds: int64(life / time.Second)}, &out)
}

// Join lets a node in, and returns all nodes of the cluster. token is a join token.
func (c *Client) Join(ctx context.Context, token string, in httpapi.Join) ([]httpapi.ClusterNode, error) {
	var out httpapi.Cluster
	err := c.post(ctx, "join", token, in, &out)
	return out.Nodes, err
}

// ChangeMember makes a change: promote, demote, remove or transfer-leader. token is an operator's.
func (c *Client) ChangeMember(ctx context.Context, token, change string, in httpapi.MemberChange) error {
	var out httpapi.Done
	return c.post(ctx, change, token, in, &out)
}

func (c *Client) post(ctx context.Context, what, token string, in, out any) error {
	body, err := strictjson.Marshal(in)
	if err != nil {
		return err
	}
	return c.call(ctx, http.MethodPost, "/v1/cluster/"+what, "application/json", token, body, out)
}
