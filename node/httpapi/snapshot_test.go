package httpapi

import (
	"bytes"
	"io"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/hutong-project/hutong/consensus"
	"github.com/hutong-project/hutong/node/access"
	"github.com/hutong-project/hutong/node/sample"
)

// TestSnapshot: an operator gets a whole backup, one at a time; nobody else gets any, and an operator's token pushes
// no status changes.
func TestSnapshot(t *testing.T) {
	w := open(t)
	path := filepath.Join(t.TempDir(), "access.yaml")
	authority := must[string](t)(access.AddToken(path, "own", w.own.Authority))
	operator := must[string](t)(access.AddOperatorToken(path, "operator"))
	f := w.frontWith(t, func(c *Config) {
		c.Tokens = must[*access.Tokens](t)(access.OpenTokens(path))
		c.Backups = w.Registry
	})
	get := request{path: "/v1/snapshot", token: operator}
	answer := f.send(get)
	if answer.Code != http.StatusOK {
		t.Fatalf("status %d %s, want 200", answer.Code, answer.Body)
	}
	label, err := consensus.VerifyBackup(bytes.NewReader(answer.Body.Bytes()))
	if err != nil || label.Province != sample.Code {
		t.Errorf("VerifyBackup(the answer) = %+v, %v; want a backup of %s", label, err, sample.Code)
	}
	for token, status := range map[string]int{"": http.StatusUnauthorized, "ht_nobody": http.StatusUnauthorized, authority: http.StatusForbidden} {
		get.token = token
		code := map[int]string{http.StatusUnauthorized: "unauthorized", http.StatusForbidden: "forbidden"}[status]
		wantProblem(t, f.send(get).Result(), status, code)
	}
	wantProblem(t, f.send(request{
		method: http.MethodPost, path: "/v1/status-batches", kind: "application/json", token: operator, body: `{"authority":"","events":[]}`,
	}).Result(), http.StatusForbidden, "forbidden")

	get.token = operator
	var slow *front
	asked := false
	slow = w.frontWith(t, func(c *Config) {
		c.Tokens = must[*access.Tokens](t)(access.OpenTokens(path))
		c.Backups = backups(func(io.Writer) {
			asked = true
			wantProblem(t, slow.send(get).Result(), http.StatusServiceUnavailable, "busy")
		})
	})
	if slow.send(get); !asked {
		t.Error("no backup was written, want one during which another is refused")
	}
}

// backups writes nothing and has something done meanwhile.
type backups func(io.Writer)

func (b backups) WriteBackup(w io.Writer) (consensus.Label, error) {
	b(w)
	return consensus.Label{}, nil
}
