package httpapi

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hutong-project/hutong/node/access"
	"github.com/hutong-project/hutong/node/sample"
	"github.com/hutong-project/hutong/trust/statuslog"
	"github.com/hutong-project/hutong/trust/strictjson"
)

// A world is one province with a server in front of its registry. Tests share it and run one after another.
type world struct {
	*sample.Province
	dir           string
	own, operated *sample.Issuer // signs its own status batches; has the operator sign
	ownToken      string
	operatedToken string
	tokens        *access.Tokens
}

var (
	shared     *world
	sharedErr  error
	openShared = sync.OnceFunc(func() { shared, sharedErr = newWorld() })
)

func TestMain(m *testing.M) {
	code := m.Run()
	if shared != nil {
		if err := shared.Close(); err != nil {
			_, _ = os.Stderr.WriteString("closing the sample province: " + err.Error() + "\n")
			code = 1
		}
		_ = os.RemoveAll(shared.dir)
	}
	os.Exit(code)
}

func newWorld() (*world, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	dir, err := os.MkdirTemp("", "hutong-httpapi-")
	if err != nil {
		return nil, err
	}
	p, err := sample.Open(ctx, sample.Config{Dir: filepath.Join(dir, "data"), Issuers: 2})
	if err != nil {
		return nil, err
	}
	w := &world{Province: p, dir: dir, own: p.Issuers[0], operated: p.Issuers[1]}
	path := filepath.Join(dir, "access.yaml")
	if w.ownToken, err = access.AddToken(path, "own", w.own.Authority); err != nil {
		return nil, err
	}
	if w.operatedToken, err = access.AddToken(path, "operated", w.operated.Authority); err != nil {
		return nil, err
	}
	w.tokens, err = access.OpenTokens(path)
	return w, err
}

func open(t testing.TB) *world {
	t.Helper()
	if openShared(); sharedErr != nil {
		t.Fatal(sharedErr)
	}
	return shared
}

// everybody is a gate that admits all addresses, as often as they like.
func everybody(t testing.TB) *access.Gate { return gate(t, []string{"0.0.0.0/0", "::/0"}, 0, 0) }

func gate(t testing.TB, allow []string, perSecond float64, burst int) *access.Gate {
	t.Helper()
	g, err := access.NewGate(allow, perSecond, burst)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// A front is a server of a test and the log that it writes.
type front struct {
	*Server
	log *bytes.Buffer
}

// front returns a server before the world's registry.
func (w *world) front(t testing.TB) *front { return w.frontWith(t, func(*Config) {}) }

// frontWith returns one whose configuration a test has changed.
func (w *world) frontWith(t testing.TB, change func(*Config)) *front {
	t.Helper()
	f := &front{log: &bytes.Buffer{}}
	cfg := Config{
		Node: "sample", Province: sample.Code, Reader: w.Registry, Consistency: w.Registry, Lists: w.Registry, StatusLog: w.Registry,
		Tokens: w.tokens, Gate: everybody(t), Logger: slog.New(slog.NewTextHandler(f.log, nil)), Clock: time.Now,
	}
	change(&cfg)
	f.Server = New(cfg)
	return f
}

// A request is what a test sends.
type request struct {
	method, path string
	kind         string // Content-Type; "": none
	token        string
	body         string
	header       http.Header
}

// send has the handler answer, all guards included.
func (f *front) send(r request) *httptest.ResponseRecorder {
	if r.method == "" {
		r.method = http.MethodGet
	}
	in := httptest.NewRequest(r.method, r.path, strings.NewReader(r.body))
	if r.kind != "" {
		in.Header.Set("Content-Type", r.kind)
	}
	if r.token != "" {
		in.Header.Set("Authorization", "Bearer "+r.token)
	}
	for name, values := range r.header {
		in.Header[name] = values
	}
	out := httptest.NewRecorder()
	f.Handler().ServeHTTP(out, in)
	return out
}

// read reads a 200's JSON into v.
func read(t testing.TB, w *httptest.ResponseRecorder, v any) {
	t.Helper()
	if w.Code != http.StatusOK {
		t.Fatalf("status %d %s, want 200", w.Code, w.Body)
	}
	if got := w.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type %q, want application/json", got)
	}
	if err := strictjson.Unmarshal(w.Body.Bytes(), v); err != nil {
		t.Fatalf("%v in %s", err, w.Body)
	}
}

// wantProblem checks that an answer is the problem, and that it has the form of RFC 9457.
func wantProblem(t testing.TB, resp *http.Response, status int, code string) Problem {
	t.Helper()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != status {
		t.Fatalf("status %d %s, want %d %s", resp.StatusCode, body, status, code)
	}
	if got := resp.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type %q, want application/problem+json", got)
	}
	var p Problem
	if err := strictjson.Unmarshal(body, &p); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	if p.Code != code || p.Status != status || p.Type != "urn:hutong:problem:"+code || p.Title == "" {
		t.Errorf("problem %+v, want status %d, code %s, its type and a title", p, status, code)
	}
	retry := resp.Header.Get("Retry-After")
	if wants := status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests; wants != (retry != "") {
		t.Errorf("Retry-After %q with status %d", retry, status)
	}
	return p
}

// A held is what the registry holds and a refused request must not change.
type held struct {
	national, list string
	log            uint64
}

func (w *world) held() held {
	reading := w.Registry.Reading()
	defer reading.Close()
	own := reading.View.Provinces[sample.Code]
	return held{national: reading.View.National.Digest.String(), list: own.List.Digest.String(), log: own.Log.Size}
}

func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// issue returns a fresh credential and its handle.
func issue(t testing.TB, is *sample.Issuer) (string, sample.Handle) {
	t.Helper()
	text, handle, err := is.Issue()
	if err != nil {
		t.Fatal(err)
	}
	return text, handle
}

func revoked(handles ...sample.Handle) []statuslog.Event {
	var events []statuslog.Event
	for _, h := range handles {
		events = append(events, sample.Event(h, statuslog.StatusRevoked))
	}
	return events
}
