package client_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hutong-project/hutong/node/access"
	"github.com/hutong-project/hutong/node/client"
	"github.com/hutong-project/hutong/node/httpapi"
	"github.com/hutong-project/hutong/node/sample"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/statuslog"
	"github.com/hutong-project/hutong/trust/verdict"
)

func TestNew(t *testing.T) {
	for _, base := range []string{"", "127.0.0.1:8101", "ftp://host", "http://", "://", "http://a b", "node"} {
		if c, err := client.New(base); err == nil {
			t.Errorf("New(%q) = %s, want an error", base, c.Base())
		}
	}
	c, err := client.New("http://127.0.0.1:8101/")
	if err != nil || c.Base() != "http://127.0.0.1:8101" {
		t.Errorf("New = %v, %v, want the address without the slash", c, err)
	}
}

// TestClient goes the whole way: every call against a real server before a real registry.
func TestClient(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	p, c, tokens := serve(t, ctx)
	own, operated := p.Issuers[0], p.Issuers[1]

	good, handle, err := own.Issue()
	if err != nil {
		t.Fatal(err)
	}
	v, err := c.Verify(ctx, httpapi.Verify{Credential: good})
	if err != nil || v.Result != verdict.Valid {
		t.Fatalf("Verify = %+v, %v, want valid", v, err)
	}
	if v, err = c.Verify(ctx, httpapi.Verify{Credential: "HT1:"}); err != nil || v.Result != verdict.Invalid {
		t.Errorf("Verify(no credential) = %+v, %v, want the verdict invalid", v, err)
	}

	signed, err := own.Batch(1, []statuslog.Event{sample.Event(handle, statuslog.StatusRevoked)})
	if err != nil {
		t.Fatal(err)
	}
	receipt, err := c.PushBatch(ctx, tokens[0], signed)
	if err != nil || receipt.Number != 1 || receipt.Authority != own.Authority {
		t.Errorf("PushBatch = %+v, %v, want the receipt of batch 1", receipt, err)
	}
	if v, err = c.Verify(ctx, httpapi.Verify{Credential: good}); err != nil || !v.Has(verdict.CredentialRevoked) {
		t.Errorf("Verify(revoked) = %+v, %v, want the reason", v, err)
	}
	events := httpapi.Events{Authority: operated.Authority, Events: []httpapi.Event{{Handle: fmt.Sprintf("%x", handle), Status: "suspended"}}}
	if receipt, err = c.PushEvents(ctx, tokens[1], events); err != nil || receipt.Authority != operated.Authority {
		t.Errorf("PushEvents = %+v, %v, want a receipt", receipt, err)
	}
	status, err := c.Status(ctx, sample.Code, fmt.Sprintf("%x", handle))
	if err != nil || len(status.Statuses) != 2 {
		t.Errorf("Status = %+v, %v, want what both authorities said", status, err)
	}

	raw, err := p.NextNational()
	if err != nil {
		t.Fatal(err)
	}
	adopted, err := c.PublishNational(ctx, raw)
	if err != nil || adopted.Number != 2 {
		t.Errorf("PublishNational = %+v, %v, want number 2", adopted, err)
	}
	if got, err := c.Raw(ctx, "/v1/national-list"); err != nil || string(got) != string(raw) {
		t.Errorf("Raw = %d bytes, %v, want the list as published", len(got), err)
	}
	doc, err := national.Read(raw)
	if err != nil || doc.Digest != adopted.Digest {
		t.Errorf("digest %s, %v, want %s", doc.Digest, err, adopted.Digest)
	}
	reading := p.Registry.Reading()
	list := reading.View.Provinces[sample.Code].List
	_ = reading.Close()
	if raw, err = p.TrustList(list.List.Number+1, list.Digest, nil); err != nil {
		t.Fatal(err)
	}
	if adopted, err = c.PublishList(ctx, raw); err != nil || adopted.Number != 2 {
		t.Errorf("PublishList = %+v, %v, want number 2", adopted, err)
	}
	state, err := c.Node(ctx)
	if err != nil || state.National == nil || state.National.Sequence != 2 || len(state.Provinces) != 1 || state.Provinces[0].List != 2 {
		t.Errorf("Node = %+v, %v, want both new lists", state, err)
	}
	if ready, text, err := c.Ready(ctx); err != nil || !ready || !strings.Contains(text, "[+] leader ok") {
		t.Errorf("Ready = %v %q, %v, want ready", ready, text, err)
	}
	refusals(t, ctx, c, tokens, signed)
}

// refusals: what the node refuses comes back as a *ProblemError with its code.
func refusals(t *testing.T, ctx context.Context, c *client.Client, tokens [2]string, signed []byte) {
	t.Helper()
	_, foreign := c.PushBatch(ctx, tokens[1], signed)
	_, unknown := c.PushBatch(ctx, "ht_x", signed)
	_, missing := c.Status(ctx, "990000", strings.Repeat("ab", 16))
	_, broken := c.PublishList(ctx, []byte("{}"))
	_, route := c.Raw(ctx, "/v1/none")
	for _, r := range []struct {
		err    error
		status int
		code   string
	}{
		{foreign, 403, "forbidden"}, {unknown, 401, "unauthorized"}, {missing, 404, "not-found"}, {broken, 400, "malformed"}, {route, 404, "not-found"},
	} {
		var p *client.ProblemError
		if !errors.As(r.err, &p) || p.Status != r.status || p.Code != r.code {
			t.Errorf("error %v, want a problem %d %s", r.err, r.status, r.code)
			continue
		}
		if !strings.Contains(p.Error(), r.code) {
			t.Errorf("Error() = %q, want the code %s in it", p.Error(), r.code)
		}
	}
}

func serve(t *testing.T, ctx context.Context) (*sample.Province, *client.Client, [2]string) {
	t.Helper()
	dir := t.TempDir()
	p, err := sample.Open(ctx, sample.Config{Dir: filepath.Join(dir, "data"), Issuers: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("Close() = %v, want nil", err)
		}
	})
	var issued [2]string
	path := filepath.Join(dir, "access.yaml")
	for i, is := range p.Issuers {
		if issued[i], err = access.AddToken(path, is.Anchor, is.Authority); err != nil {
			t.Fatal(err)
		}
	}
	tokens, err := access.OpenTokens(path)
	if err != nil {
		t.Fatal(err)
	}
	gate, err := access.NewGate([]string{"127.0.0.0/8"}, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(httpapi.New(httpapi.Config{
		Node: "sample", Province: sample.Code, Reader: p.Registry, Lists: p.Registry, StatusLog: p.Registry,
		Tokens: tokens, Gate: gate, Logger: slog.New(slog.DiscardHandler), Clock: time.Now,
	}).Handler())
	t.Cleanup(server.Close)
	return p, connect(t, server.URL), issued
}

func connect(t *testing.T, base string) *client.Client {
	t.Helper()
	c, err := client.New(base)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// TestStrangers: what is no node of this version gives ErrAnswer, never a result.
func TestStrangers(t *testing.T) {
	for _, s := range []struct {
		name, body string
		status     int
	}{
		{"a page", "<html>hello</html>", 200},
		{"an empty answer", "", 200},
		{"an object of something else", `{"result":"valid"}`, 200},
		{"a verdict with an unknown member", verdictWith(`,"extra":1`), 200},
		{"a verdict twice", verdictWith("") + verdictWith(""), 200},
		{"an error page", "<html>bad gateway</html>", 502},
		{"an error of something else", `{"error":"no"}`, 500},
		{"no content", "", 204},
	} {
		t.Run(s.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(s.status)
				_, _ = w.Write([]byte(s.body))
			}))
			t.Cleanup(server.Close)
			v, err := connect(t, server.URL).Verify(t.Context(), httpapi.Verify{Credential: "HT1:"})
			if !errors.Is(err, client.ErrAnswer) {
				t.Errorf("Verify = %+v, %v, want ErrAnswer", v, err)
			}
			if err != nil && v != nil && v.Result == verdict.Valid {
				t.Errorf("Verify returns %s beside the error %v", v.Result, err)
			}
		})
	}
}

func verdictWith(more string) string {
	return `{"result":"valid","reasons":[],"checks":[],"evaluatedAt":"2026-01-01T00:00:00Z","validAt":"2026-01-01T00:00:00Z","evidence":{}` + more + `}`
}

// TestReadsAVerdict: the verdict that TestStrangers spoils is read when it is not spoilt.
func TestReadsAVerdict(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(verdictWith("")))
	}))
	t.Cleanup(server.Close)
	v, err := connect(t, server.URL).Verify(t.Context(), httpapi.Verify{Credential: "HT1:"})
	if err != nil || v.Result != verdict.Valid || v.ValidAt != trust.TimeOf(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("Verify = %+v, %v, want the verdict", v, err)
	}
}

// TestNobody: a node that is not there, and a caller who does not wait.
func TestNobody(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	if _, err := connect(t, server.URL).Node(t.Context()); err == nil {
		t.Error("Node of nobody = nil, want an error")
	}
	release := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(hanging.Close)
	t.Cleanup(func() { close(release) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := connect(t, hanging.URL).Node(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Node with an ended context = %v, want context.Canceled", err)
	}
}
