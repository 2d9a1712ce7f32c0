// Package client asks a node over its HTTP interface: docs/http-api.md.
//
// The commands, the demo and the benchmarks use it, so that all of them go the way that every user goes.
package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hutong-project/hutong/node/httpapi"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/strictjson"
	"github.com/hutong-project/hutong/trust/verdict"
)

const maxAnswer = 64 << 20

// ErrAnswer is returned when what answers is not a Hutong node, or one of another version.
var ErrAnswer = errors.New("unexpected answer")

// A ProblemError is a refusal by the node.
type ProblemError struct{ httpapi.Problem }

// Error returns the title, the code and the detail.
func (e *ProblemError) Error() string {
	text := e.Title
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return fmt.Sprintf("%s (%d %s)", text, e.Status, e.Code)
}

// A Client asks one node. It may be used concurrently.
type Client struct {
	base string
	http *http.Client
}

// New returns a client of the node at base, such as http://127.0.0.1:8101.
func New(base string) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("reading a node's address: %.80q, want http://host:port", base)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	transport.Proxy = nil
	return &Client{base: strings.TrimRight(base, "/"), http: &http.Client{Transport: transport, Timeout: 30 * time.Second}}, nil
}

// Base returns the node's address.
func (c *Client) Base() string { return c.base }

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Verify asks for a verdict.
func (c *Client) Verify(ctx context.Context, in httpapi.Verify) (*verdict.Verdict, error) {
	body, err := strictjson.Marshal(in)
	if err != nil {
		return nil, err
	}
	var out verdict.Verdict
	return &out, c.call(ctx, http.MethodPost, "/v1/verify", "application/json", "", body, &out)
}

// PushBatch pushes a status batch that the authority signed.
func (c *Client) PushBatch(ctx context.Context, token string, signed []byte) (httpapi.Receipt, error) {
	var out httpapi.Receipt
	return out, c.call(ctx, http.MethodPost, "/v1/status-batches", httpapi.BatchType, token, signed, &out)
}

// PushPublished is PushBatch that also waits until another province has confirmed the batch. When none has in time, the
// error is a *ProblemError with code not-published and the receipt: the batch is durable all the same.
func (c *Client) PushPublished(ctx context.Context, token string, signed []byte) (httpapi.Receipt, error) {
	var out httpapi.Receipt
	return out, c.call(ctx, http.MethodPost, "/v1/status-batches?wait=published", httpapi.BatchType, token, signed, &out)
}

// PushEvents pushes changes for the cluster to sign with its operator key.
func (c *Client) PushEvents(ctx context.Context, token string, in httpapi.Events) (httpapi.Receipt, error) {
	var out httpapi.Receipt
	body, err := strictjson.Marshal(in)
	if err != nil {
		return out, err
	}
	return out, c.call(ctx, http.MethodPost, "/v1/status-batches", "application/json", token, body, &out)
}

// PublishNational hands a national list to the node.
func (c *Client) PublishNational(ctx context.Context, envelope []byte) (httpapi.Adopted, error) {
	var out httpapi.Adopted
	return out, c.call(ctx, http.MethodPost, "/v1/national-list", "application/json", "", envelope, &out)
}

// PublishList hands a trust list to a node of the province that it is of, or of that province's host.
func (c *Client) PublishList(ctx context.Context, envelope []byte) (httpapi.Adopted, error) {
	var out httpapi.Adopted
	return out, c.call(ctx, http.MethodPost, "/v1/trust-lists", "application/json", "", envelope, &out)
}

// Node asks what the node believes and how current that is.
func (c *Client) Node(ctx context.Context) (httpapi.NodeState, error) {
	var out httpapi.NodeState
	return out, c.call(ctx, http.MethodGet, "/v1/node", "", "", nil, &out)
}

// Status asks what the status log of a province says about a random handle (32 hexadecimal digits).
func (c *Client) Status(ctx context.Context, province trust.Province, handle string) (httpapi.CredentialStatus, error) {
	var out httpapi.CredentialStatus
	query := url.Values{"province": {string(province)}, "handle": {handle}}
	return out, c.call(ctx, http.MethodGet, "/v1/credentials/status?"+query.Encode(), "", "", nil, &out)
}

// Raw returns the body of a GET, such as an envelope as carried.
func (c *Client) Raw(ctx context.Context, path string) ([]byte, error) {
	return c.roundTrip(ctx, http.MethodGet, path, "", "", nil)
}

// Ready reports whether the node is ready; the text is what it says of each check.
func (c *Client) Ready(ctx context.Context) (ready bool, text string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/readyz?verbose", nil)
	if err != nil {
		return false, "", err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return false, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return resp.StatusCode == http.StatusOK, string(body), err
}

func (c *Client) call(ctx context.Context, method, path, kind, token string, body []byte, out any) error {
	answer, err := c.roundTrip(ctx, method, path, kind, token, body)
	if err != nil {
		return err
	}
	if err := strictjson.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("asking %s: %w: %v", c.base, ErrAnswer, err)
	}
	return nil
}

func (c *Client) roundTrip(ctx context.Context, method, path, kind, token string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("asking a node: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("reading the answer of %s: %w", c.base, err)
	}
	if resp.StatusCode == http.StatusOK {
		return answer, nil
	}
	var p httpapi.Problem
	if err := strictjson.Unmarshal(answer, &p); err != nil {
		return nil, fmt.Errorf("asking %s: %w: status %s", c.base, ErrAnswer, resp.Status)
	}
	return nil, &ProblemError{p}
}
