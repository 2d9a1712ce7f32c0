package consensus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hutong-project/hutong/consensus/state"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/statuslog"
)

// AppendBatch appends an authority's signed batch to the own log and returns where it stands. It may be repeated:
// the same bytes give the same receipt. Refusals: those of statuslog.ReadBatch, NotReady, ForeignProvince,
// UnknownAuthority, UnknownKey, BadSignature, FromFuture, and a *NumberError for another number than the one
// expected.
func (r *Registry) AppendBatch(ctx context.Context, signed []byte) (Receipt, error) {
	s, err := statuslog.ReadBatch(signed)
	if err != nil {
		return Receipt{}, err
	}
	reply, err := r.write(ctx, func(d *Reading) (any, error) {
		if err := r.checkBatch(d, s); err != nil {
			return nil, err
		}
		return &state.AppendBatches{Now: r.cfg.now(), Batches: [][]byte{signed}}, nil
	})
	if err != nil {
		return Receipt{}, fmt.Errorf("appending batch %d of %s: %w", s.Number, s.Authority, err)
	}
	return single(reply)
}

// checkBatch verifies the signature under a key that the trust list gives to the batch's authority. Whether the
// key's span holds the position that the batch gets is asked when it is applied; here it would be a guess.
func (r *Registry) checkBatch(d *Reading, s *statuslog.SignedBatch) error {
	if s.Province != r.cfg.Own {
		return trust.Refuse(trust.ForeignProvince, "status batch of %s, this is the registry of %s", s.Province, r.cfg.Own)
	}
	if d.View.National == nil {
		return trust.Refuse(trust.NotReady, "no national list has been adopted")
	}
	own := d.View.Provinces[r.cfg.Own]
	if own == nil || own.List == nil {
		return trust.Refuse(trust.NotReady, "%s has not published a trust list", r.cfg.Own)
	}
	if err := s.CheckTime(r.cfg.now(), skew(d)); err != nil {
		return err
	}
	for _, k := range own.List.List.OperatorStatusKeys {
		if s.Operator && k.Key.ID() == s.KeyID {
			return verified(s, s.Verify(k.Key))
		}
	}
	known := false
	for i := range own.List.List.Anchors {
		a := &own.List.List.Anchors[i]
		if a.Authority != s.Authority {
			continue
		}
		known = true
		for _, k := range a.StatusKeys {
			if !s.Operator && k.Key.ID() == s.KeyID {
				return verified(s, s.Verify(k.Key))
			}
		}
	}
	if !known {
		return trust.Refuse(trust.UnknownAuthority, "no anchor of %s has the authority %.40q", r.cfg.Own, s.Authority)
	}
	return trust.Refuse(trust.UnknownKey, "key %s is no status key of the authority %.40q", s.KeyID.Short(), s.Authority)
}

func verified(s *statuslog.SignedBatch, ok bool) error {
	if ok {
		return nil
	}
	return trust.Refuse(trust.BadSignature, "batch %d of %s: the signature of key %s does not verify", s.Number, s.Authority, s.KeyID.Short())
}

func skew(d *Reading) time.Duration { return time.Duration(d.View.National.Policy.Skew) * time.Second }

// AppendEvents has the leader put events into a batch with the authority's next number, sign it with the operator
// key and append it. It works for authorities whose trust list entry has statusSigner operator. It must not be
// repeated after ErrUnknownOutcome without looking: the events would stand in the log twice.
func (r *Registry) AppendEvents(ctx context.Context, authority string, events []statuslog.Event) (Receipt, error) {
	reply, err := r.submit(ctx, request{Authority: authority, Events: events})
	if err == nil {
		err = reply.Err()
	}
	if err != nil {
		return Receipt{}, fmt.Errorf("appending %d events of %s: %w", len(events), authority, err)
	}
	return single(reply)
}

func single(reply state.Reply) (Receipt, error) {
	if len(reply.Receipts) != 1 {
		return Receipt{}, errors.New("appending a batch: the cluster's answer holds no receipt")
	}
	return reply.Receipts[0], nil
}
