package consensus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hutong-project/hutong/consensus/state"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/head"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/registry"
	"github.com/hutong-project/hutong/trust/sm2sig"
)

// How far apart the heads of a province are cut while it changes. The first change is told at once; as long as
// each head is followed by another change, the distance doubles.
const (
	minSpacing = 200 * time.Millisecond
	maxSpacing = time.Second

	// clockInterval is how often a leader whose clock is in doubt looks at it again.
	clockInterval = time.Second

	// leadAgain is how long a leader waits that could not begin to lead.
	leadAgain = time.Second
)

// Run does what falls to the leader, as often as this node is it, until ctx ends, the registry is closed (nil in
// both cases) or the node stops (the reason).
func (r *Registry) Run(ctx context.Context) error {
	following, unfollow := context.WithCancel(ctx)
	var followed sync.WaitGroup
	followed.Go(func() { r.followUp(following) })
	defer followed.Wait()
	defer unfollow()
	for {
		select {
		case leader := <-r.raft.LeaderCh():
			r.announce()
			if !leader {
				continue
			}
			for err := r.lead(ctx); err != nil; err = r.lead(ctx) {
				r.cfg.Logger.Warn("leading ended early", "error", err)
				if !r.leadsAfter(ctx, leadAgain) {
					break // the next leadership is announced like the first
				}
			}
		case <-ctx.Done():
			return nil
		case <-r.done:
			return nil
		case <-r.stopped:
			return r.failed()
		}
	}
}

// leadsAfter waits and reports whether this node still leads then. What kept it from leading, such as a Raft that was too
// busy to take a barrier, may have passed, and no election would tell.
func (r *Registry) leadsAfter(ctx context.Context, wait time.Duration) bool {
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
		return false
	case <-r.done:
		return false
	case <-r.stopped:
		return false
	}
	_, _, self := r.Leader()
	return self
}

// lead cuts and signs heads while this node leads. A head that an earlier leader left unsigned comes first.
func (r *Registry) lead(ctx context.Context) error {
	defer r.settled.Store(false)
	paces := map[trust.Province]*pace{}
	for {
		if err := r.settle(ctx); err != nil {
			return err
		}
		changed := r.Changed()
		wait := r.cutDue(ctx, paces)
		t := time.NewTimer(wait)
		select {
		case <-changed:
		case <-t.C:
		case <-r.raft.LeaderCh(): // it may have been lost and won again
			r.settled.Store(false)
			r.announce()
		case <-ctx.Done():
		case <-r.done:
		case <-r.stopped:
		}
		t.Stop()
		if _, _, self := r.Leader(); !self || ctx.Err() != nil || r.usable() != nil {
			return nil
		}
	}
}

// settle makes sure that what earlier leaders had agreed is applied here before this one judges anything, and that the
// connected peers hold no own head that the state lacks before this one signs anything.
func (r *Registry) settle(ctx context.Context) error {
	if r.settled.Load() {
		return nil
	}
	if err := r.barrier(ctx); err != nil {
		return fmt.Errorf("waiting for the entries of earlier leaders: %w", err)
	}
	r.settled.Store(true)
	r.greet(ctx)
	return nil
}

// pace is when a province's head may be cut again.
type pace struct {
	last    time.Time // of the last attempt
	spacing time.Duration
	mute    string // why no head can be signed, as it was logged last
	failure string // of the last attempt, as it was logged
}

// report logs why an attempt failed, once for attempts that fail alike.
func (c *pace) report(log *slog.Logger, p trust.Province, err error) {
	if err == nil {
		c.failure = ""
		return
	}
	if why := err.Error(); why != c.failure {
		c.failure = why
		log.Warn("a head was not signed", "province", p, "error", err)
	}
}

// cutDue cuts all heads that are due and returns how long to wait until the next one is, if nothing changes.
func (r *Registry) cutDue(ctx context.Context, paces map[trust.Province]*pace) time.Duration {
	d := r.Reading()
	defer d.Close()
	const idle = time.Minute
	if d.View.Unsettled != nil {
		return r.settleStep(ctx, d)
	}
	if d.View.National == nil {
		return idle
	}
	if why := r.clockDoubt(d.View); why != "" {
		if r.inDoubt.CompareAndSwap(false, true) {
			r.cfg.Logger.Error("no heads are signed", "why", why)
		}
		return clockInterval
	}
	r.inDoubt.Store(false)
	wait := idle
	var group sync.WaitGroup
	for _, code := range d.View.Codes() {
		p := d.View.Provinces[code]
		if !p.Local {
			continue
		}
		c := paces[code]
		if c == nil {
			c = &pace{spacing: minSpacing}
			paces[code] = c
		}
		key, in := r.due(d, p, c)
		if key == nil || in > 0 {
			wait = min(wait, in)
			continue
		}
		wait = min(wait, c.spacing)
		c.next(time.Now())
		group.Go(func() {
			c.report(r.cfg.Logger, code, r.cutHead(ctx, d, p, key))
		})
	}
	group.Wait()
	return wait
}

// next notes an attempt. One that follows the last as soon as it may makes the next one wait longer.
func (c *pace) next(now time.Time) {
	if now.Sub(c.last) < 2*c.spacing {
		c.spacing = min(2*c.spacing, maxSpacing)
	} else {
		c.spacing = minSpacing
	}
	c.last = now
}

// due returns the key that signs the province's next head and how long until it is due. Without a key, or before
// a trust list, there is none.
func (r *Registry) due(d *Reading, p *registry.Province, c *pace) (*sm2sig.PrivateKey, time.Duration) {
	key := r.headKey(p.Entry)
	switch {
	case p.Entry.Status == national.Withdrawn:
		r.mute(c, p, "it is withdrawn")
		return nil, time.Minute
	case key == nil:
		r.mute(c, p, "no head key of this node is in its national entry")
		return nil, time.Minute
	case p.List == nil || p.List.Session != p.Entry.Session:
		r.mute(c, p, "it has no trust list in the current session")
		return nil, time.Minute
	}
	c.mute = ""
	soonest := c.spacing - time.Since(c.last)
	pending, err := r.pending(d, p.Code)
	if err != nil || pending != nil || behind(d.View, p) {
		return key, soonest
	}
	interval := time.Duration(p.Entry.ClocksOf(d.View.National.Policy).HeadInterval) * time.Second
	age := r.cfg.Clock().Sub(p.Head.Issued.Std())
	return key, max(soonest, interval-age)
}

func (r *Registry) mute(c *pace, p *registry.Province, why string) {
	if c.mute != why {
		c.mute = why
		r.cfg.Logger.Warn("no heads are signed for a province", "province", p.Code, "why", why)
	}
}

// behind reports whether the state is another one than the last head says.
func behind(v *registry.View, p *registry.Province) bool {
	h := p.Head
	return h == nil || h.Session != p.Entry.Session || h.TrustList.Digest != p.List.Digest ||
		h.Log.Generation != p.Log.Generation || h.Log.Size != p.Log.Size || h.NationalList.Digest != v.National.Digest
}

// headKey returns the key of this node that the province's national entry lists, or nil.
func (r *Registry) headKey(entry *national.Province) *sm2sig.PrivateKey {
	for _, listed := range entry.HeadKeys {
		for _, key := range r.cfg.HeadKeys {
			if key.Public().Equal(listed.Key) {
				return key
			}
		}
	}
	return nil
}

func (r *Registry) pending(d *Reading, p trust.Province) ([]byte, error) {
	v, err := d.database()
	if err != nil {
		return nil, err
	}
	return state.Pending(v, p)
}

// cutHead has the cluster agree on the next head, unless one is agreed already, signs it and hands the signature
// in.
func (r *Registry) cutHead(ctx context.Context, d *Reading, p *registry.Province, key *sm2sig.PrivateKey) error {
	ctx, cancel := context.WithTimeout(ctx, r.patience())
	defer cancel()
	payload, err := r.pending(d, p.Code)
	if err != nil {
		return err
	}
	if payload == nil {
		if payload, err = r.agree(ctx, p.Code); err != nil || payload == nil {
			return err
		}
	}
	raw, err := head.SignPayload(payload, key)
	if err != nil {
		return err
	}
	return r.handIn(ctx, p.Code, raw)
}

// agree returns the payload that the cluster has agreed on. It has been applied on this node, the leader, by the
// time the reply is here, though perhaps not yet published.
func (r *Registry) agree(ctx context.Context, p trust.Province) ([]byte, error) {
	reply, err := r.lone(ctx, &state.CutHead{Now: r.cfg.now(), Province: p})
	if err != nil {
		return nil, err
	}
	if err := r.waitApplied(ctx, reply.Index); err != nil {
		return nil, err
	}
	d := r.Reading()
	defer d.Close()
	return r.pending(d, p)
}

// handIn proposes the signed head. It verifies it first, like everything that enters the log.
func (r *Registry) handIn(ctx context.Context, p trust.Province, raw []byte) error {
	h, err := head.Read(raw)
	if err != nil {
		return err
	}
	d := r.Reading()
	entry, _, err := member(d.View, p)
	d.Close()
	if err != nil {
		return err
	}
	if err := h.CheckSigned(entry); err != nil {
		return err
	}
	_, err = r.lone(ctx, &state.SignHead{Province: p, Basis: state.Basis{National: d.View.National.Digest}, Raw: raw})
	return err
}

// lone proposes what only a leader may, without handing it to another one.
func (r *Registry) lone(ctx context.Context, body any) (state.Reply, error) {
	command, err := state.Encode(body)
	if err != nil {
		return state.Reply{}, err
	}
	reply, err := r.propose(ctx, command)
	if err == nil {
		err = reply.Err()
	}
	if err == nil && reply.Outcome == state.Moved {
		err = errors.New("the national list changed meanwhile")
	}
	return reply, err
}
