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

// appendOperated signs and appends on the leader. One batch at a time gets a number; a wrong guess costs a refusal
// that names the right one. Refusals come back as replies, so that they travel to the node that asked.
func (r *Registry) appendOperated(ctx context.Context, q request) (state.Reply, error) {
	if r.cfg.OperatorKey == nil {
		return refusal(trust.Refuse(trust.NotReady, "the leader has no operator key"))
	}
	d := r.Reading()
	doubt := r.clockDoubt(d.View)
	d.Close()
	if doubt != "" {
		return refusal(trust.Refuse(trust.NotReady, "%s", doubt))
	}
	select {
	case r.appending <- struct{}{}:
		defer func() { <-r.appending }()
	case <-ctx.Done():
		return state.Reply{}, fmt.Errorf("%w: another batch is being signed: %v", ErrBusy, ctx.Err())
	}
	number := uint64(1)
	for range maxAttempts {
		reply, err := r.appendNumbered(ctx, q, number)
		if err != nil || reply.Outcome != state.NumberWrong {
			return reply, err
		}
		number = reply.Expected
	}
	return state.Reply{}, fmt.Errorf("%w: the number of %s moved %d times", ErrBusy, q.Authority, maxAttempts)
}

func (r *Registry) appendNumbered(ctx context.Context, q request, number uint64) (state.Reply, error) {
	now := r.cfg.now()
	batch := statuslog.Batch{
		Province: r.cfg.Own, Authority: q.Authority, Number: number, Time: now, Operator: true, Events: q.Events,
	}
	signed, err := batch.Sign(r.cfg.OperatorKey)
	if err != nil {
		return refusal(err)
	}
	s, err := statuslog.ReadBatch(signed)
	if err != nil {
		return refusal(err)
	}
	d := r.Reading()
	err = r.checkBatch(d, s)
	d.Close()
	if err != nil {
		return refusal(err)
	}
	command, err := state.Encode(&state.AppendBatches{Now: now, Batches: [][]byte{signed}})
	if err != nil {
		return refusal(err)
	}
	return r.propose(ctx, command)
}

// refusal makes a reply of a refusal; other errors stay errors.
func refusal(err error) (state.Reply, error) {
	if refused, ok := trust.AsRefusal(err); ok {
		return state.Reply{Outcome: state.Refused, Code: refused.Code, Detail: refused.Detail}, nil
	}
	return state.Reply{}, err
}

func single(reply state.Reply) (Receipt, error) {
	if len(reply.Receipts) != 1 {
		return Receipt{}, errors.New("appending a batch: the cluster's answer holds no receipt")
	}
	return reply.Receipts[0], nil
}
