package consensus

import (
	"context"
	"fmt"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hutong-project/hutong/consensus/audit"
)

// RemedyState is what to do about a state that does not verify.
const RemedyState = "this node must not serve: keep its directory for an inquiry, and let a new node with an empty directory and a " +
	"new id take its place; when other nodes stop over the same entry, it was taken in unverified, and the cluster is restored from a backup"

// watchState verifies the signatures in the state again and again, until Close. What does not verify stops the node:
// it may rest on a forged entry, or its disk may have changed one.
func (r *Registry) watchState(fs vfs.FS) {
	r.auditor = audit.New(audit.Config{
		View: r.store.View, Pin: r.cfg.Pin, FS: fs, Dir: r.cfg.Dir,
		Rate: max(r.cfg.AuditRate, 1), Every: r.cfg.AuditEvery, Logger: r.cfg.Logger,
	})
	if r.cfg.AuditRate < 0 {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.waiting.Go(func() {
		if err := r.auditor.Run(ctx); err != nil {
			r.fail(&StopError{ExitState, fmt.Errorf("the state does not verify: %w", err), RemedyState})
		}
	})
	r.waiting.Go(func() {
		defer cancel()
		<-r.done
	})
}
