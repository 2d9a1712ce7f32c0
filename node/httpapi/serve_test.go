package httpapi

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hutong-project/hutong/node/sample"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/statuslog"
	"github.com/hutong-project/hutong/trust/strictjson"
	"github.com/hutong-project/hutong/trust/verdict"
)

func TestVerifyForms(t *testing.T) {
	w := open(t)
	f := w.front(t)
	good, _ := issue(t, w.own)
	yesterday := trust.TimeOf(time.Now()).Add(-36 * time.Hour)
	for _, c := range []struct {
		name string
		in   request
		face bool
		want verdict.Result
	}{
		{"text", request{path: verify, kind: text, body: good}, false, verdict.Valid},
		{"text with a charset", request{path: verify, kind: "Text/Plain; charset=utf-8", body: good}, false, verdict.Valid},
		{"no media type", request{path: verify, body: good}, false, verdict.Valid},
		{"as curl sends it", request{path: verify, kind: "application/x-www-form-urlencoded", body: good}, false, verdict.Valid},
		{"line breaks around", request{path: verify, kind: text, body: "\n" + good + "\r\n"}, false, verdict.Valid},
		{"disclose", request{path: verify + "?disclose=true", kind: text, body: good}, true, verdict.Valid},
		{"do not disclose", request{path: verify + "?disclose=false&acceptStale=true", kind: text, body: good}, false, verdict.Valid},
		{"before it was issued", request{path: verify + "?validAt=" + yesterday.String(), kind: text, body: good}, false, verdict.Invalid},
		{"JSON", request{path: verify, kind: asJSON, body: question(t, Verify{Credential: good})}, false, verdict.Valid},
		{"JSON, disclose", request{path: verify, kind: asJSON, body: question(t, Verify{Credential: good, Disclose: true})}, true, verdict.Valid},
		{"JSON, before it was issued", request{path: verify, kind: asJSON, body: question(t, Verify{Credential: good, ValidAt: yesterday})}, false, verdict.Invalid},
		{"a blank more", request{path: verify, kind: text, body: good + " "}, false, verdict.Invalid},
	} {
		c.in.method = http.MethodPost
		var v verdict.Verdict
		answer := f.send(c.in)
		read(t, answer, &v)
		if v.Result != c.want {
			t.Errorf("%s: %s %v, want %s", c.name, v.Result, v.Reasons, c.want)
		}
		if face := v.Credential != nil && len(v.Credential.Face) > 0; face != c.face {
			t.Errorf("%s: face claims told: %v, want %v", c.name, face, c.face)
		}
		if got, want := answer.Header().Get("Content-Length"), fmt.Sprint(answer.Body.Len()); got != want {
			t.Errorf("%s: Content-Length %q, want %s", c.name, got, want)
		}
	}
}

func question(t testing.TB, in Verify) string {
	t.Helper()
	return string(must[[]byte](t)(strictjson.Marshal(in)))
}

// TestBatches walks through what an authority that signs itself sends: a batch, the same again, a wrong number.
func TestBatches(t *testing.T) {
	w := open(t)
	f := w.front(t)
	good, handle := issue(t, w.own)
	push := func(number uint64) request {
		raw := must[[]byte](t)(w.own.Batch(number, revoked(handle)))
		return request{method: http.MethodPost, path: batches, kind: BatchType, token: w.ownToken, body: string(raw)}
	}
	n := wantProblem(t, f.send(push(1<<40)).Result(), http.StatusConflict, "wrong-number").Expected
	first := push(n)
	var receipt, again Receipt
	read(t, f.send(first), &receipt)
	if receipt.Province != sample.Code || receipt.Authority != w.own.Authority || receipt.Number != n || receipt.Index == 0 || receipt.Recorded.IsZero() {
		t.Errorf("receipt %+v, want one of batch %d of %s", receipt, n, w.own.Authority)
	}
	before := w.held()
	read(t, f.send(first), &again)
	if again.Index < receipt.Index {
		t.Errorf("index of the same bytes %d, want at least %d", again.Index, receipt.Index)
	}
	if again.Index = receipt.Index; again != receipt {
		t.Errorf("receipt of the same bytes %+v, want %+v", again, receipt)
	}
	for _, number := range []uint64{n, n + 2} { // n with another signature, and one that leaves n + 1 out
		p := wantProblem(t, f.send(push(number)).Result(), http.StatusConflict, "wrong-number")
		if p.Expected != n+1 {
			t.Errorf("batch %d: expected %d, want %d", number, p.Expected, n+1)
		}
	}
	if after := w.held(); after != before {
		t.Errorf("the registry holds %+v, want what it held: %+v", after, before)
	}
	var v verdict.Verdict
	read(t, f.send(request{method: http.MethodPost, path: verify, kind: text, body: good}), &v)
	if v.Result != verdict.Invalid || !v.Has(verdict.CredentialRevoked) {
		t.Errorf("a revoked credential is %s %v, want invalid", v.Result, v.Reasons)
	}
	// A batch under another authority's name, signed with the sender's own listed key.
	forged := statuslog.Batch{Province: sample.Code, Authority: w.operated.Authority, Number: n, Time: trust.TimeOf(time.Now()), Events: revoked(handle)}
	raw := must[[]byte](t)(w.own.Sign(&forged))
	in := request{method: http.MethodPost, path: batches, kind: BatchType, token: w.operatedToken, body: string(raw)}
	wantProblem(t, f.send(in).Result(), http.StatusForbidden, "unknown-key")
}

// TestEvents walks through what an authority sends that cannot sign, and asks for the status.
func TestEvents(t *testing.T) {
	w := open(t)
	f := w.front(t)
	_, handle := issue(t, w.operated)
	hexHandle := fmt.Sprintf("%x", handle)
	push := func(event Event) Receipt {
		t.Helper()
		body := must[[]byte](t)(strictjson.Marshal(Events{Authority: w.operated.Authority, Events: []Event{event}}))
		var receipt Receipt
		read(t, f.send(request{method: http.MethodPost, path: batches, kind: asJSON, token: w.operatedToken, body: string(body)}), &receipt)
		return receipt
	}
	status := func() CredentialStatus {
		t.Helper()
		var s CredentialStatus
		read(t, f.send(request{path: "/v1/credentials/status?province=310000&handle=" + hexHandle}), &s)
		return s
	}
	if s := status(); s.Province != sample.Code || len(s.Statuses) != 0 || s.Freshness != "fresh" {
		t.Errorf("status before = %+v, want none", s)
	}
	first := push(Event{Handle: hexHandle, Status: "暂扣", Reason: "查验", SourceCode: "02"})
	subject := statuslog.HandleSubject(handle[:])
	second := push(Event{Subject: &subject, Status: "valid"})
	if second.Number != first.Number+1 || second.Position <= first.Position {
		t.Errorf("receipts %+v and %+v, want rising numbers and positions", first, second)
	}
	third := push(Event{Kind: "credential", Handle: hexHandle, Status: "07"})
	s := status()
	if len(s.Statuses) != 1 {
		t.Fatalf("status = %+v, want one entry", s)
	}
	got := s.Statuses[0]
	if got.Authority != w.operated.Authority || got.Status != statuslog.StatusRevoked || got.StatusZH != "吊销" || !got.Operator || got.Position.Position != third.Position {
		t.Errorf("status = %+v, want 吊销 by the operator at position %d", got, third.Position)
	}
}

// TestLists publishes the next lists and reads all that is shown of them.
func TestLists(t *testing.T) {
	w := open(t)
	f := w.front(t)
	number, list := currentNational(w), currentList(w).List.Number
	held := fmt.Sprintf("/v1/national-list?sequence=%d", number)
	first := f.send(request{path: "/v1/national-list"})
	tag := first.Header().Get("ETag")
	if first.Code != http.StatusOK || tag != `"`+w.held().national+`"` {
		t.Fatalf("status %d, ETag %s, want 200 and the digest %s", first.Code, tag, w.held().national)
	}
	if got := f.send(request{path: held}); got.Code != 200 || !bytes.Equal(got.Body.Bytes(), first.Body.Bytes()) {
		t.Errorf("the first national list = %d, want what is in force", got.Code)
	}
	notModified := f.send(request{path: "/v1/national-list", header: http.Header{"If-None-Match": {tag}}})
	if notModified.Code != http.StatusNotModified || notModified.Body.Len() > 0 || notModified.Header().Get("ETag") != tag {
		t.Errorf("If-None-Match = %d with %d bytes, want 304 without", notModified.Code, notModified.Body.Len())
	}

	next := must[[]byte](t)(w.NextNational())
	var adopted Adopted
	read(t, f.send(request{method: http.MethodPost, path: "/v1/national-list", kind: asJSON, body: string(next)}), &adopted)
	if adopted.Number != number+1 || adopted.Digest.String() != w.held().national {
		t.Errorf("adopted %+v, want the next number and the digest in force", adopted)
	}
	if got := f.send(request{path: "/v1/national-list", header: http.Header{"If-None-Match": {tag}}}); got.Code != 200 || !bytes.Equal(got.Body.Bytes(), next) {
		t.Errorf("with the old tag: status %d, want 200 with the new list", got.Code)
	}
	if got := f.send(request{path: held}); got.Code != 200 || !bytes.Equal(got.Body.Bytes(), first.Body.Bytes()) {
		t.Errorf("the first national list = %d, want the old one", got.Code)
	}

	raw := must[[]byte](t)(w.TrustList(list+1, currentList(w).Digest, nil))
	read(t, f.send(request{method: http.MethodPost, path: "/v1/trust-lists", kind: asJSON, body: string(raw)}), &adopted)
	if adopted.Number != list+1 || adopted.Digest.String() != w.held().list {
		t.Errorf("adopted %+v, want the next number and the digest in force", adopted)
	}
	shown := f.send(request{path: "/v1/trust-lists/310000"})
	if shown.Code != http.StatusOK || !bytes.Equal(shown.Body.Bytes(), raw) {
		t.Errorf("status %d, want the trust list as it was published", shown.Code)
	}
	tag = shown.Header().Get("ETag")
	if got := f.send(request{path: "/v1/trust-lists/310000", header: http.Header{"If-None-Match": {tag}}}); got.Code != http.StatusNotModified {
		t.Errorf("If-None-Match = %d, want 304", got.Code)
	}
	var provinces []ProvinceState
	read(t, f.send(request{path: "/v1/trust-lists"}), &provinces)
	at := slices.IndexFunc(provinces, func(p ProvinceState) bool { return p.Province == sample.Code })
	if at < 0 || provinces[at].List != list+1 || provinces[at].Anchors != 3 || len(provinces[at].Refused) != 0 || provinces[at].Freshness != "fresh" {
		t.Errorf("provinces %+v, want 310000 with the new list and three anchors", provinces)
	}
}

func TestShow(t *testing.T) {
	w := open(t)
	if err := w.Settled(t.Context()); err != nil {
		t.Fatal(err)
	}
	f := w.frontWith(t, func(c *Config) {
		c.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hutong_x 1\n")) })
	})
	var n NodeState
	read(t, f.send(request{path: "/v1/node"}), &n)
	if n.Node != "sample" || n.Province != sample.Code || n.Leader != "sample" || !n.Leading || n.Applied == 0 || n.National == nil || len(n.Provinces) != 1 {
		t.Errorf("node %+v, want the leader of 310000 with a national list and one province", n)
	}
	var heads []HeadState
	read(t, f.send(request{path: "/v1/heads"}), &heads)
	if len(heads) != 1 || heads[0].Province != sample.Code || heads[0].Freshness != "fresh" || !strings.Contains(string(heads[0].Envelope), `"payload"`) {
		t.Errorf("heads %+v, want the own one with its envelope", heads)
	}
	for path, want := range map[string]string{"/livez": "ok\n", "/readyz": "ready\n", "/metrics": "hutong_x 1\n"} {
		if got := f.send(request{path: path}); got.Code != http.StatusOK || got.Body.String() != want {
			t.Errorf("GET %s = %d %q, want 200 %q", path, got.Code, got.Body, want)
		}
	}
}
