package httpapi

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hutong-project/hutong/consensus"
	"github.com/hutong-project/hutong/node/access"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/registry"
	"github.com/hutong-project/hutong/trust/statuslog"
)

func TestAddresses(t *testing.T) {
	f := open(t).frontWith(t, func(c *Config) { c.Gate = gate(t, []string{"10.1.0.0/16", "fd00::/8"}, 0, 0) })
	for _, c := range []struct {
		from string
		want int
	}{
		{"10.1.2.3:4000", 200}, {"[fd00::1]:4000", 200}, {"[::ffff:10.1.2.3]:4000", 200},
		{"10.2.0.1:4000", 403}, {"[::1]:4000", 403}, {"127.0.0.1:4000", 403}, {"", 403},
	} {
		r := httptest.NewRequest(http.MethodGet, "/livez", nil)
		r.RemoteAddr = c.from
		r.Header.Set("X-Forwarded-For", "10.1.2.3") // says nothing
		answer := httptest.NewRecorder()
		f.Handler().ServeHTTP(answer, r)
		if answer.Code != c.want {
			t.Errorf("from %q: status %d, want %d", c.from, answer.Code, c.want)
		}
		if c.want == http.StatusForbidden {
			wantProblem(t, answer.Result(), 403, "forbidden")
		}
	}
}

func TestRateLimit(t *testing.T) {
	f := open(t).frontWith(t, func(c *Config) { c.Gate = gate(t, []string{"0.0.0.0/0"}, 0.001, 2) })
	from := func(address string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, "/livez", nil)
		r.RemoteAddr = address
		answer := httptest.NewRecorder()
		f.Handler().ServeHTTP(answer, r)
		return answer
	}
	for i := range 2 {
		if got := from("10.0.0.1:1").Code; got != http.StatusOK {
			t.Fatalf("request %d: status %d, want 200", i+1, got)
		}
	}
	wantProblem(t, from("10.0.0.1:2").Result(), http.StatusTooManyRequests, "too-many-requests")
	if got := from("10.0.0.2:1").Code; got != http.StatusOK {
		t.Errorf("another address: status %d, want 200", got)
	}
}

// picture is a Reader that shows one view.
type picture struct {
	view   *registry.View
	leader string
	behind bool
	panics any
}

func (p picture) Reading() *consensus.Reading {
	if p.panics != nil {
		panic(p.panics)
	}
	return &consensus.Reading{View: p.view}
}

func (p picture) Leader() (id, address string, self bool) { return p.leader, "", p.leader == "sample" }

func (p picture) CaughtUp() bool { return !p.behind }

func (p picture) NationalChain(uint64, int) ([][]byte, error) { return nil, nil }

// TestPanic: one bad request costs a 500 without detail and a log line, not the node.
func TestPanic(t *testing.T) {
	f := open(t).frontWith(t, func(c *Config) { c.Reader = picture{panics: "index " + secret} })
	for range 2 {
		answer := f.send(request{method: http.MethodPost, path: verify, kind: text, body: "HT1:"})
		p := wantProblem(t, answer.Result(), http.StatusInternalServerError, "internal")
		if p.Detail != "" || strings.Contains(answer.Body.String(), secret) {
			t.Errorf("problem %+v, want no detail", p)
		}
	}
	if got := strings.Count(f.log.String(), "answering a request: panic"); got != 2 {
		t.Errorf("%d log lines about a panic, want 2: %s", got, f.log)
	}
	if !strings.Contains(f.log.String(), routeVerify) || !strings.Contains(f.log.String(), "guard_test.go") {
		t.Errorf("the log does not say where: %s", f.log)
	}
}

// writes is a StatusLog and Lists that answers with one error.
type writes struct{ err error }

func (w writes) AdoptNational(context.Context, [][]byte) error { return w.err }

func (w writes) PublishList(context.Context, []byte) error { return w.err }

func (w writes) AppendBatch(context.Context, []byte) (consensus.Receipt, error) {
	return consensus.Receipt{}, w.err
}

func (w writes) AppendEvents(context.Context, string, []statuslog.Event) (consensus.Receipt, error) {
	return consensus.Receipt{}, w.err
}

// TestErrors: the errors of the cluster become the answers that docs/http-api.md lists.
func TestErrors(t *testing.T) {
	w := open(t)
	handle := strings.Repeat("ab", 16)
	body := fmt.Sprintf(`{"authority":%q,"events":[{"handle":%q,"status":"revoked"}]}`, w.operated.Authority, handle)
	for _, c := range []struct {
		err      error
		status   int
		code     string
		expected uint64
		logged   bool
	}{
		{consensus.ErrNoLeader, 503, "no-leader", 0, false},
		{fmt.Errorf("appending: %w", consensus.ErrBusy), 503, "busy", 0, false},
		{consensus.ErrClosed, 503, "stopping", 0, false},
		{consensus.ErrStopped, 503, "stopping", 0, false},
		{consensus.ErrUnknownOutcome, 503, "unknown-outcome", 0, false},
		{context.DeadlineExceeded, 503, "unknown-outcome", 0, false},
		{&consensus.NumberError{Expected: 7}, 409, "wrong-number", 7, false},
		{trust.Refuse(trust.NotReady, "no list"), 503, "not-ready", 0, false},
		{trust.Refuse(trust.BadSignature, "no"), 403, "bad-signature", 0, false},
		{trust.Refuse(trust.Rollback, "no"), 409, "rollback", 0, false},
		{trust.Refuse(trust.OverClaim, "no"), 422, "over-claim", 0, false},
		{errors.New("reading /var/lib/hutong: " + secret), 500, "internal", 0, true},
	} {
		f := w.frontWith(t, func(cfg *Config) { cfg.StatusLog = writes{c.err} })
		answer := f.send(request{method: http.MethodPost, path: batches, kind: asJSON, token: w.operatedToken, body: body})
		p := wantProblem(t, answer.Result(), c.status, c.code)
		if p.Expected != c.expected {
			t.Errorf("%v: expected %d, want %d", c.err, p.Expected, c.expected)
		}
		if strings.Contains(answer.Body.String(), secret) {
			t.Errorf("%v: the answer tells what is wrong inside: %s", c.err, answer.Body)
		}
		if logged := f.log.Len() > 0; logged != c.logged {
			t.Errorf("%v: logged %v, want %v", c.err, logged, c.logged)
		}
	}
}

// TestSlow: a body that never ends costs one connection until the read timeout, and then it is answered; a header that
// never ends is cut off.
func TestSlow(t *testing.T) {
	w := open(t)
	for _, c := range []struct{ name, sent, want string }{
		{"stops in the middle", "POST /v1/verify HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\nHT1:", "malformed"},
		{"stops between chunks", "POST /v1/verify HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nHT1:\r\n", "malformed"},
		{"a batch that stops", "POST /v1/status-batches HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + w.ownToken + "\r\nContent-Type: application/cose\r\nContent-Length: 1000\r\n\r\n\x01", "malformed"},
		{"a header that stops", "POST /v1/verify HTTP/1.1\r\nHost:", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := dialSlow(t, w)
			if _, err := io.WriteString(conn, c.sent); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if c.want == "" {
				if err == nil && resp.StatusCode != http.StatusRequestTimeout && resp.StatusCode != http.StatusBadRequest {
					t.Errorf("status %d for half a header, want the connection cut off", resp.StatusCode)
				}
				return
			}
			if err != nil {
				t.Fatalf("no answer: %v", err)
			}
			defer resp.Body.Close()
			wantProblem(t, resp, http.StatusBadRequest, c.want)
		})
	}
}

// TestEndless: a body that goes on and on is refused at its limit, while it is still being sent.
func TestEndless(t *testing.T) {
	w := open(t)
	conn := dialSlow(t, w)
	go func() {
		chunk := "1000\r\n" + strings.Repeat("0", 0x1000) + "\r\n"
		_, err := io.WriteString(conn, "POST /v1/verify HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")
		for err == nil {
			_, err = io.WriteString(conn, chunk)
		}
	}()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d, want 413", resp.StatusCode)
	}
}

// dialSlow connects to a server with a short read timeout. Nothing in it waits for longer than ten seconds.
func dialSlow(t *testing.T, w *world) net.Conn {
	t.Helper()
	tokens, err := access.OpenTokens(w.dir + "/access.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(Config{
		Node: "sample", Reader: w.Registry, Lists: w.Registry, StatusLog: w.Registry, Tokens: tokens,
		Gate: everybody(t), Logger: slog.New(slog.DiscardHandler), Clock: time.Now,
	}, times{read: 150 * time.Millisecond, write: 5 * time.Second, idle: time.Second, propose: time.Second})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := errors.Join(s.Shutdown(ctx), <-ended); err != nil {
			t.Errorf("ending the server: %v", err)
		}
	})
	return conn
}
