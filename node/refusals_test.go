package node_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hutong-project/hutong/node/client"
	"github.com/hutong-project/hutong/node/httpapi"
	"github.com/hutong-project/hutong/node/nodetest"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/sm2sig"
	"github.com/hutong-project/hutong/trust/statement"
	"github.com/hutong-project/hutong/trust/statuslog"
	"github.com/hutong-project/hutong/trust/strictjson"
)

// A refusal is one thing that a node must not take, and the answer to it.
type refusal struct {
	name   string
	do     func() error
	status int
	code   string
}

// refused does each and compares the answer, and what the nodes believe before and after.
func refused(t *testing.T, ctx context.Context, p *pair, table []refusal) {
	t.Helper()
	before := [2]httpapi.NodeState{belief(t, ctx, p.here), belief(t, ctx, p.there)}
	for _, test := range table {
		err := test.do()
		var got *client.ProblemError
		if !errors.As(err, &got) || got.Status != test.status || got.Code != test.code {
			t.Errorf("%s: answer %v, want %d %s", test.name, err, test.status, test.code)
		}
		if now := belief(t, ctx, p.here); !reflect.DeepEqual(now, before[0]) {
			t.Fatalf("%s: changed what %s believes:\n%+v, want\n%+v", test.name, p.here.Name, now, before[0])
		}
	}
	if now := belief(t, ctx, p.there); !reflect.DeepEqual(now, before[1]) {
		t.Errorf("what %s believes changed:\n%+v, want\n%+v", p.there.Name, now, before[1])
	}
}

// belief is what a node believes, without what changes while nothing happens.
func belief(t *testing.T, ctx context.Context, n *nodetest.Node) httpapi.NodeState {
	t.Helper()
	state, err := n.Client.Node(ctx)
	if err != nil {
		t.Fatal(err)
	}
	state.Applied, state.Connected, state.Leader, state.Leading = 0, 0, "", false
	for i := range state.Provinces {
		p := &state.Provinces[i]
		p.Sequence, p.Issued, p.AgeSeconds, p.Source, p.LastError = 0, 0, 0, "", ""
	}
	return state
}

func newKey(t *testing.T) *sm2sig.PrivateKey {
	t.Helper()
	key, err := sm2sig.Generate(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestBatchesRefused: status batches that no cluster may take.
func TestBatchesRefused(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p := startPair(t, ctx, 1)
	claims := p.police.Claims()
	event := nodetest.Change(claims.Handle, statuslog.StatusRevoked)
	text := issue(t, p.police, claims)

	// Signs a batch of the police after a change, and pushes it with a token.
	push := func(token string, key *sm2sig.PrivateKey, change func(b *statuslog.Batch)) func() error {
		return func() error {
			b := p.police.Unsigned(event)
			if change != nil {
				change(b)
			}
			signed, err := b.Sign(key)
			if err != nil {
				return err
			}
			_, err = p.here.Client.PushBatch(ctx, token, signed)
			return err
		}
	}
	police, key, stranger := p.police.Token, p.police.StatusKey, newKey(t)
	raw := func(n *nodetest.Node, token, kind string, body []byte) func() error {
		return func() error { return post(ctx, n, "/v1/status-batches", token, kind, body) }
	}
	signed, err := p.police.Unsigned(event).Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(signed)
	flipped[len(flipped)-1] ^= 1
	events := `{"authority":"` + p.hospital.Code + `","events":[{"handle":"00112233445566778899aabbccddeeff","status":"revoked"}]}`
	refused(t, ctx, p, []refusal{
		{"without a token", push("", key, nil), 401, "unauthorized"},
		{"with a wrong token", push("ht_wrong", key, nil), 401, "unauthorized"},
		{"with another province's token", push(p.bureau.Token, key, nil), 401, "unauthorized"},
		{"with another authority's token", push(p.hospital.Token, key, nil), 403, "forbidden"},
		{"for another authority", push(police, key, func(b *statuslog.Batch) { b.Authority = p.hospital.Code }), 403, "forbidden"},
		{"signed by another authority", push(police, p.bureau.StatusKey, nil), 403, "unknown-key"},
		{"signed by the key of its credentials", push(police, p.police.CredentialKey, nil), 403, "unknown-key"},
		{"signed by no listed key", push(police, stranger, nil), 403, "unknown-key"},
		{"signed by the operator", push(police, p.lists.OperatorKey, nil), 403, "unknown-key"},
		{"signed by the operator, and marked so", push(police, p.lists.OperatorKey, func(b *statuslog.Batch) { b.Operator = true }), 403, "unknown-key"},
		{"of another province", push(police, key, func(b *statuslog.Batch) { b.Province = elsewhere }), 403, "foreign-province"},
		{"number 2 first", push(police, key, func(b *statuslog.Batch) { b.Number = 2 }), 409, "wrong-number"},
		{"an hour in the future", push(police, key, func(b *statuslog.Batch) { b.Time = b.Time.Add(time.Hour) }), 422, "from-future"},
		{"effective an hour in the future", push(police, key, func(b *statuslog.Batch) {
			b.Events = []statuslog.Event{event}
			b.Events[0].Effective = b.Time.Add(time.Hour)
		}), 422, "from-future"},
		{"one flipped bit", raw(p.here, police, httpapi.BatchType, flipped), 403, "bad-signature"},
		{"broken off", raw(p.here, police, httpapi.BatchType, signed[:len(signed)-1]), 400, "malformed"},
		{"with more behind it", raw(p.here, police, httpapi.BatchType, append(bytes.Clone(signed), 0)), 400, "malformed"},
		{"at another province", raw(p.there, p.bureau.Token, httpapi.BatchType, signed), 403, "forbidden"},
		{"as another type", raw(p.here, police, "text/plain", signed), 415, "unsupported-media-type"},
		{"over a megabyte", raw(p.here, police, httpapi.BatchType, make([]byte, statuslog.MaxBatchBytes+1)), 413, "too-large"},
		{"a credential", raw(p.here, police, httpapi.BatchType, []byte(text)), 400, "malformed"},

		{"events of who signs itself", raw(p.here, police, "application/json", []byte(strings.ReplaceAll(events, p.hospital.Code, p.police.Code))), 403, "unknown-key"},
		{"events with another's token", raw(p.here, police, "application/json", []byte(events)), 403, "forbidden"},
		{"events with a key that stands twice", raw(p.here, p.hospital.Token, "application/json", []byte(strings.Replace(events, `"status"`, `"status":"valid","status"`, 1))), 400, "malformed"},
		{"events with an unknown field", raw(p.here, p.hospital.Token, "application/json", []byte(strings.Replace(events, `"status"`, `"states":1,"status"`, 1))), 400, "malformed"},
		{"events with other letter case", raw(p.here, p.hospital.Token, "application/json", []byte(strings.Replace(events, `"status"`, `"Status"`, 1))), 400, "malformed"},
		{"events with more behind them", raw(p.here, p.hospital.Token, "application/json", []byte(events+"{}")), 400, "malformed"},
		{"events with an unknown status", raw(p.here, p.hospital.Token, "application/json", []byte(strings.Replace(events, "revoked", "gone", 1))), 400, "malformed"},
		{"no events", raw(p.here, p.hospital.Token, "application/json", []byte(`{"authority":"`+p.hospital.Code+`","events":[]}`)), 400, "malformed"},
	})
	if v := judge(t, ctx, p.there, httpapi.Verify{Credential: text}); v.Result != "valid" {
		t.Errorf("after all refusals: Verify() = %s, want valid", explain(v))
	}
}

// TestListsRefused: trust lists and national lists that no cluster may take.
func TestListsRefused(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p := startPair(t, ctx, 1)
	if err := p.lists.Publish(ctx, p.lists.Next()); err != nil { // number 2, so that there is a lower one
		t.Fatal(err)
	}
	if err := p.WaitLists(ctx, p.there); err != nil {
		t.Fatal(err)
	}
	t.Run("trust list", func(t *testing.T) { testTrustListsRefused(t, ctx, p) })
	t.Run("national list", func(t *testing.T) { testNationalListsRefused(t, ctx, p) })
	t.Run("elsewhere", func(t *testing.T) {
		refused(t, ctx, p, []refusal{
			{"a head has no way in over HTTP", func() error { return post(ctx, p.here, "/v1/heads", "", "application/json", []byte("{}")) }, 405, "method-not-allowed"},
			{"a credential of 65 KiB", func() error {
				return post(ctx, p.here, "/v1/verify", "", "text/plain", make([]byte, 65<<10))
			}, 413, "too-large"},
			{"a bomb of 1 GiB", func() error {
				return post(ctx, p.here, "/v1/verify", "", "text/plain", bomb(t, 1<<10))
			}, 413, "too-large"},
			{"a question with a key that stands twice", func() error {
				return post(ctx, p.here, "/v1/verify", "", "application/json", []byte(`{"credential":"HT1:","credential":"HT1:"}`))
			}, 400, "malformed"},
			{"a question with an unknown field", func() error {
				return post(ctx, p.here, "/v1/verify", "", "application/json", []byte(`{"credential":"HT1:","now":"2026-01-01T00:00:00Z"}`))
			}, 400, "malformed"},
			{"a question with an unknown parameter", func() error {
				return post(ctx, p.here, "/v1/verify?now=2026-01-01T00:00:00Z", "", "text/plain", []byte("HT1:"))
			}, 400, "malformed"},
		})
	})
}

func testTrustListsRefused(t *testing.T, ctx context.Context, p *pair) {
	key := p.lists.ListKeys[0]
	publish := func(n *nodetest.Node, key *sm2sig.PrivateKey, change func(l *list.List)) func() error {
		return func() error {
			l := p.lists.Next()
			if change != nil {
				change(l)
			}
			raw, err := l.Sign(key)
			if err != nil {
				return err
			}
			_, err = n.Client.PublishList(ctx, raw)
			return err
		}
	}
	payload, err := p.lists.Next().Payload()
	if err != nil {
		t.Fatal(err)
	}
	sealed := func(payload string) func() error {
		return sealed(ctx, p.here, "/v1/trust-lists", list.PayloadType, payload, key)
	}
	first := `"formatVersion":1`
	refused(t, ctx, p, []refusal{
		{"a lower number", publish(p.here, key, func(l *list.List) { l.Number, l.Previous = 1, trust.Digest{} }), 409, "rollback"},
		{"another list under the number in force", publish(p.here, key, func(l *list.List) { l.Number, l.Previous = 2, trust.Digest{1} }), 409, "equivocation"},
		{"another list before it", publish(p.here, key, func(l *list.List) { l.Previous = trust.Digest{1} }), 409, "wrong-succession"},
		{"an earlier time", publish(p.here, key, func(l *list.List) { l.Issued = l.Issued.Add(-time.Hour) }), 409, "rollback"},
		{"an hour in the future", publish(p.here, key, func(l *list.List) { l.Issued = l.Issued.Add(time.Hour) }), 422, "from-future"},
		{"another session", publish(p.here, key, func(l *list.List) { l.Session = 2 }), 409, "wrong-session"},
		{"without an anchor that it had", publish(p.here, key, func(l *list.List) { l.Anchors = l.Anchors[1:] }), 409, "wrong-succession"},
		{"signed by a stranger", publish(p.here, newKey(t), nil), 403, "threshold-missed"},
		{"signed by another province", publish(p.here, p.Jurisdiction(elsewhere).ListKeys[0], nil), 403, "threshold-missed"},
		{"signed by a head key", publish(p.here, p.lists.HeadKey, nil), 403, "threshold-missed"},
		{"of another province", publish(p.there, key, nil), 403, "foreign-province"},
		{"of an unknown province", publish(p.here, key, func(l *list.List) { l.Province = "440000" }), 403, "unknown-province"},
		{"with an unknown field", sealed(strings.Replace(string(payload), first, first+`,"extra":1`, 1)), 400, "malformed"},
		{"with a key that stands twice", sealed(strings.Replace(string(payload), first, first+","+first, 1)), 400, "malformed"},
		{"of another version", sealed(strings.Replace(string(payload), first, `"formatVersion":2`, 1)), 400, "malformed"},
		{"no envelope", func() error { return post(ctx, p.here, "/v1/trust-lists", "", "application/json", payload) }, 400, "malformed"},
		{"over 16 MiB", func() error {
			return post(ctx, p.here, "/v1/trust-lists", "", "application/json", make([]byte, list.MaxBytes+1))
		}, 413, "too-large"},
	})
}

func testNationalListsRefused(t *testing.T, ctx context.Context, p *pair) {
	keys := p.Coordinator.Keys
	in := p.Coordinator.Current
	publish := func(keys []*sm2sig.PrivateKey, change func(l *national.List)) func() error {
		return func() error {
			l := in.List
			l.Sequence, l.Previous = l.Sequence+1, in.Digest
			if change != nil {
				change(&l)
			}
			raw, err := l.Sign(keys...)
			if err != nil {
				return err
			}
			_, err = p.here.Client.PublishNational(ctx, raw)
			return err
		}
	}
	next := in.List
	next.Sequence, next.Previous = 2, in.Digest
	payload, err := next.Payload()
	if err != nil {
		t.Fatal(err)
	}
	first := `"formatVersion":1`
	refused(t, ctx, p, []refusal{
		{"one signature of two", publish(keys[:1], nil), 403, "threshold-missed"},
		{"one signature twice", publish([]*sm2sig.PrivateKey{keys[0], keys[0]}, nil), 403, "threshold-missed"},
		{"signed by strangers", publish([]*sm2sig.PrivateKey{newKey(t), newKey(t)}, nil), 403, "threshold-missed"},
		{"a number left out", publish(keys, func(l *national.List) { l.Sequence++ }), 422, "incomplete"},
		{"another list before it", publish(keys, func(l *national.List) { l.Previous = trust.Digest{1} }), 409, "wrong-succession"},
		{"an earlier time", publish(keys, func(l *national.List) { l.Issued = l.Issued.Add(-time.Hour) }), 409, "rollback"},
		{"an hour in the future", publish(keys, func(l *national.List) { l.Issued = l.Issued.Add(time.Hour) }), 422, "from-future"},
		{"without a province that it had", publish(keys, func(l *national.List) { l.Provinces = l.Provinces[:1] }), 409, "wrong-succession"},
		{"with an unknown field", sealed(ctx, p.here, "/v1/national-list", national.PayloadType, strings.Replace(string(payload), first, first+`,"extra":1`, 1), keys...), 400, "malformed"},
		{"with a key that stands twice", sealed(ctx, p.here, "/v1/national-list", national.PayloadType, strings.Replace(string(payload), first, first+","+first, 1), keys...), 400, "malformed"},
		{"over 2 MiB", func() error {
			return post(ctx, p.here, "/v1/national-list", "", "application/json", make([]byte, national.MaxBytes+1))
		}, 413, "too-large"},
	})
}

// sealed posts an envelope around a payload that no writer would write.
func sealed(ctx context.Context, n *nodetest.Node, path, kind, payload string, keys ...*sm2sig.PrivateKey) func() error {
	return func() error {
		e := statement.New(kind, []byte(payload))
		for _, key := range keys {
			if err := e.Sign(key); err != nil {
				return err
			}
		}
		raw, err := e.Marshal()
		if err != nil {
			return err
		}
		return post(ctx, n, path, "", "application/json", raw)
	}
}

// post sends a body that the client would not send. A refusal is a *client.ProblemError.
func post(ctx context.Context, n *nodetest.Node, path, token, kind string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.Client.Base()+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", kind)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode == http.StatusOK {
		return err
	}
	if kind := resp.Header.Get("Content-Type"); kind != "application/problem+json" {
		return errors.New("a problem of type " + kind)
	}
	problem := new(client.ProblemError)
	if err := strictjson.Unmarshal(answer, &problem.Problem); err != nil {
		return err
	}
	return problem
}

// TestBodyThatNeverEnds: a body that drips costs one connection for the ten seconds of docs/http-api.md.
func TestBodyThatNeverEnds(t *testing.T) {
	if testing.Short() {
		t.Skip("takes the ten seconds of the read timeout")
	}
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	f := start(t, ctx, nodetest.Plan{Clusters: []nodetest.ClusterPlan{{Province: home}}})
	n := f.Clusters[0].Nodes[0]
	conn, err := net.Dial("tcp", n.API())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	begun := time.Now()
	if _, err := io.WriteString(conn, "POST /v1/verify HTTP/1.1\r\nHost: node\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, conn) // the answer, until the node ends the connection
		ended <- err
	}()
	drip := time.NewTicker(250 * time.Millisecond)
	defer drip.Stop()
	const limit = 15 * time.Second
	for {
		select {
		case <-ended:
			if took := time.Since(begun); took > limit {
				t.Errorf("the connection ended after %v, want at most %v", took, limit)
			}
			if _, err := n.Client.Node(ctx); err != nil {
				t.Errorf("Node() = %v, want an answer as before", err)
			}
			return
		case <-drip.C:
			_, _ = io.WriteString(conn, "1\r\nA\r\n") // the node may have ended it meanwhile
			if time.Since(begun) > limit {
				t.Fatalf("the connection is open after %v, want it ended", limit)
			}
		}
	}
}
