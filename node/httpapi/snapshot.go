package httpapi

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/hutong-project/hutong/consensus"
	"github.com/hutong-project/hutong/node/access"
)

// SnapshotType is the media type of a backup of the cluster's state.
const SnapshotType = "application/vnd.hutong.backup"

// Backups writes backups of what the node has applied.
type Backups interface {
	WriteBackup(w io.Writer) (consensus.Label, error)
}

// errNotOperator is returned for the token of somebody who does not run the cluster.
var errNotOperator = errors.New("no operator's token")

// operator returns nil for the token of an operator of the cluster.
func (s *Server) operator(r *http.Request) error {
	who, err := s.cfg.Tokens.Principal(access.BearerToken(r.Header.Get("Authorization")))
	if err == nil && !who.Operator() {
		err = errNotOperator
	}
	return err
}

// snapshot streams a backup of the whole state. Its end carries a digest: an answer that broke off is known by that.
func (s *Server) snapshot(w http.ResponseWriter, r *http.Request) {
	const route = "GET /v1/snapshot"
	err := s.operator(r)
	if err == nil && s.cfg.Backups == nil {
		err = errors.New("the node has no backups")
	}
	if err == nil && !s.saving.TryLock() {
		err = fmt.Errorf("%w: another snapshot is being written", consensus.ErrBusy)
	}
	if err != nil {
		fail(w, s.cfg.Logger, route, err)
		return
	}
	defer s.saving.Unlock()
	w.Header().Set("Content-Type", SnapshotType)
	out := &patient{w: w, control: http.NewResponseController(w), step: s.times.write}
	label, err := s.cfg.Backups.WriteBackup(out)
	switch {
	case err == nil:
		s.cfg.Logger.Info("wrote a snapshot", "applied", label.Index, "bytes", out.n)
	case out.n == 0:
		fail(w, s.cfg.Logger, route, err)
	default:
		s.cfg.Logger.Warn("a snapshot broke off", "bytes", out.n, "error", err)
	}
}

// patient gives every write its own time: a large snapshot may take long, a client that takes nothing may not.
type patient struct {
	w       io.Writer
	control *http.ResponseController
	step    time.Duration
	n       int64
}

func (p *patient) Write(b []byte) (int, error) {
	if err := p.control.SetWriteDeadline(time.Now().Add(p.step)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	n, err := p.w.Write(b)
	p.n += int64(n)
	return n, err
}
