package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/hutong-project/hutong/consensus"
	"github.com/hutong-project/hutong/node/sample"
)

// asked notes what a question wished for, and answers err.
type asked struct {
	linearize int
	index     uint64
	err       error
}

// Linearize is Consistency's.
func (a *asked) Linearize(context.Context) error { a.linearize++; return a.err }

// WaitApplied is Consistency's.
func (a *asked) WaitApplied(_ context.Context, index uint64) error { a.index = index; return a.err }

// Both questions take both wishes, in each of their forms; a cluster that cannot grant them answers 503.
func TestConsistency(t *testing.T) {
	w := open(t)
	text, handle := issue(t, w.own)
	status := fmt.Sprintf("/v1/credentials/status?province=%s&handle=%x", sample.Code, handle)
	asJSON := func(more string) request {
		return request{method: http.MethodPost, path: "/v1/verify", kind: "application/json", body: fmt.Sprintf(`{"credential":%q%s}`, text, more)}
	}
	asText := func(query string) request {
		return request{method: http.MethodPost, path: "/v1/verify" + query, kind: "text/plain", body: text}
	}
	for _, test := range []struct {
		request   request
		linearize int
		index     uint64
		malformed bool
	}{
		{request{path: status}, 0, 0, false},
		{request{path: status + "&consistency=local"}, 0, 0, false},
		{request{path: status + "&consistency=linearizable"}, 1, 0, false},
		{request{path: status + "&index=7"}, 0, 7, false},
		{request{path: status + "&consistency=linearizable&index=7"}, 1, 7, false},
		{request{path: status + "&consistency=strong"}, 0, 0, true},
		{request{path: status + "&index=-1"}, 0, 0, true},
		{request{path: status + "&index=9007199254740993"}, 0, 0, true},
		{asText(""), 0, 0, false},
		{asText("?consistency=linearizable"), 1, 0, false},
		{asText("?index=7"), 0, 7, false},
		{asText("?consistency=Linearizable"), 0, 0, true},
		{asJSON(""), 0, 0, false},
		{asJSON(`,"consistency":"linearizable"`), 1, 0, false},
		{asJSON(`,"index":7`), 0, 7, false},
		{asJSON(`,"consistency":"x"`), 0, 0, true},
	} {
		var seen asked
		f := w.frontWith(t, func(cfg *Config) { cfg.Consistency = &seen })
		got := f.send(test.request)
		if test.malformed {
			wantProblem(t, got.Result(), http.StatusBadRequest, "malformed")
		} else if got.Code != http.StatusOK {
			t.Errorf("%s %s = %d %s, want 200", test.request.path, test.request.body, got.Code, got.Body)
		}
		if seen.linearize != test.linearize || seen.index != test.index {
			t.Errorf("%s %.0s: asked %d times to linearize and for index %d, want %d and %d", test.request.path, test.request.body, seen.linearize, seen.index, test.linearize, test.index)
		}
		if test.linearize > 0 || test.index > 0 {
			f = w.frontWith(t, func(cfg *Config) { cfg.Consistency = &asked{err: consensus.ErrBusy} })
			wantProblem(t, f.send(test.request).Result(), http.StatusServiceUnavailable, "busy")
		}
	}
	// The real registry grants both.
	f := w.front(t)
	if got := f.send(request{path: status + "&consistency=linearizable&index=1"}); got.Code != http.StatusOK || !strings.Contains(got.Body.String(), "freshness") {
		t.Errorf("a linearizable status = %d %s, want 200", got.Code, got.Body)
	}
}
