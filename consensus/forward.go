package consensus

import (
	"context"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"github.com/hutong-project/hutong/consensus/state"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/statuslog"
)

// forwardVersion is the version of what nodes of one cluster hand each other.
const forwardVersion = 1

// request is what goes to the leader: a command that the sender has verified, the question how far the leader has
// applied, or events that the leader is to sign.
type request struct {
	_         struct{} `cbor:",toarray"`
	Version   uint64
	Command   []byte
	Position  bool
	Authority string
	Events    []statuslog.Event
	Change    *change // of the members
	Report    bool    // the question how far the asked node itself has applied; it need not lead
}

// answer is what comes back.
type answer struct {
	_     struct{} `cbor:",toarray"`
	Fault fault
	Text  string
	Reply []byte
}

// fault is an error that is no refusal, as it travels.
type fault uint8

const (
	faultNone     fault = 0
	faultNoLeader fault = 1 // nothing happened
	faultBusy     fault = 2 // nothing happened
	faultUnknown  fault = 3
	faultOther    fault = 4 // nothing happened
)

var (
	wireEncoder, _ = cbor.CoreDetEncOptions().EncMode()
	wireDecoder, _ = cbor.DecOptions{IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden, MaxNestedLevels: 8}.DecMode()
)

// forward hands q to the leader.
func (r *Registry) forward(ctx context.Context, leader string, q request) (state.Reply, error) {
	q.Version = forwardVersion
	sent, err := wireEncoder.Marshal(q)
	if err != nil {
		return state.Reply{}, fmt.Errorf("handing a write to %s: %w", leader, err)
	}
	received, err := r.cfg.Forward.Forward(ctx, leader, sent)
	if err != nil {
		return state.Reply{}, fmt.Errorf("%w: handing it to %s: %w", ErrUnknownOutcome, leader, err)
	}
	var a answer
	if err := wireDecoder.Unmarshal(received, &a); err != nil {
		return state.Reply{}, fmt.Errorf("%w: reading the answer of %s: %v", ErrUnknownOutcome, leader, err)
	}
	switch a.Fault {
	case faultNone:
		return state.DecodeReply(a.Reply)
	case faultNoLeader:
		return state.Reply{}, fmt.Errorf("%w: %s says: %s", ErrNoLeader, leader, a.Text)
	case faultBusy:
		return state.Reply{}, fmt.Errorf("%w: %s says: %s", ErrBusy, leader, a.Text)
	case faultOther:
		return state.Reply{}, fmt.Errorf("handing a write to %s: %s", leader, a.Text)
	}
	return state.Reply{}, fmt.Errorf("%w: %s says: %s", ErrUnknownOutcome, leader, a.Text)
}

// ApplyForwarded is the leader's side of Forwarder: it takes what another node of the cluster handed over and
// returns the answer for it. The caller has made sure that it came from a node of the own cluster: signatures in it
// were verified there and are not verified again. The error is for bytes that are no request.
func (r *Registry) ApplyForwarded(ctx context.Context, command []byte) ([]byte, error) {
	if len(command) > state.MaxCommandBytes+1024 {
		return nil, trust.Refuse(trust.TooLarge, "a request of %d bytes", len(command))
	}
	var q request
	if err := wireDecoder.Unmarshal(command, &q); err != nil {
		return nil, trust.Refuse(trust.Malformed, "a request of the own cluster: %v", err)
	}
	if q.Version != forwardVersion {
		return nil, trust.Refuse(trust.Malformed, "a request of version %d, want %d", q.Version, forwardVersion)
	}
	if q.Command != nil {
		if _, err := state.Decode(q.Command); err != nil {
			return nil, trust.Refuse(trust.Malformed, "a request of the own cluster: %v", err)
		}
	}
	var a answer
	reply, err := r.executeHere(ctx, q)
	switch {
	case err == nil:
		a.Reply = reply.Encode()
	case errors.Is(err, ErrUnknownOutcome):
		a.Fault, a.Text = faultUnknown, err.Error()
	case errors.Is(err, ErrNoLeader), errors.Is(err, ErrClosed), errors.Is(err, ErrStopped):
		a.Fault, a.Text = faultNoLeader, err.Error()
	case errors.Is(err, ErrBusy):
		a.Fault, a.Text = faultBusy, err.Error()
	default:
		a.Fault, a.Text = faultOther, err.Error()
	}
	return wireEncoder.Marshal(a)
}

func (r *Registry) executeHere(ctx context.Context, q request) (state.Reply, error) {
	if err := r.usable(); err != nil {
		return state.Reply{}, err
	}
	return r.execute(ctx, q)
}

// execute does what a request asks for, on the leader.
func (r *Registry) execute(ctx context.Context, q request) (state.Reply, error) {
	if state.Appends(q.Command) {
		return r.gatherBatch(ctx, q)
	}
	if q.Command != nil {
		return r.propose(ctx, q.Command)
	}
	if q.Position {
		return r.position(ctx)
	}
	if q.Report {
		return r.report(), nil
	}
	if q.Change != nil {
		return r.changeMembers(ctx, *q.Change)
	}
	return r.appendOperated(ctx, q)
}
