package consensus

import (
	"context"
	"fmt"
	"time"

	"github.com/hutong-project/hutong/consensus/state"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/head"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/registry"
)

// Witnesses are the clusters of other provinces: what this one published, they hold.
type Witnesses interface {
	// Testify asks peers of other provinces what heads they hold, and returns what those said that answered before ctx
	// ended: at once from peers that are connected, and, unless connected is true, from a peer of each other province.
	// Heads of which this cluster lacks something are fetched and handed to AdoptUpdate meanwhile and afterwards.
	Testify(ctx context.Context, connected bool) []Testimony
}

// A Testimony is what one peer of another province answered.
type Testimony struct {
	Province trust.Province // that the peer is of
	Heads    [][]byte       // those that it holds and this cluster lacks, of any province; nothing is verified
}

const (
	// greetWithin is how long a new leader waits for what the connected peers hold before it takes up its work.
	greetWithin = time.Second
	// testifyWithin is how long an unsettled cluster waits for one round of answers, and settlePause the time between two.
	testifyWithin = 5 * time.Second
	settlePause   = time.Second
	// witnesses is how many other provinces must have answered before an unsettled cluster goes on: all where there
	// are fewer.
	witnesses = 2
)

// greet is what every new leader does first: the heads that connected peers hold tell whether the state lacks any.
func (r *Registry) greet(ctx context.Context) {
	if r.cfg.Witnesses == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, greetWithin)
	defer cancel()
	for _, t := range r.cfg.Witnesses.Testify(ctx, true) {
		for _, raw := range t.Heads {
			if err := r.noticeLost(context.WithoutCancel(ctx), raw); err != nil {
				r.cfg.Logger.Warn("looking at what a peer holds of this province", "peer_of", t.Province, "error", err)
			}
		}
	}
}

// noticeLost makes the cluster unsettled when raw is a head that it signed and does not hold. Any other head is none of
// its business.
func (r *Registry) noticeLost(ctx context.Context, raw []byte) error {
	h, err := head.Read(raw)
	if err != nil {
		return nil // of some province; the federation books who sent it
	}
	d := r.Reading()
	defer d.Close()
	if d.View.Unsettled != nil || d.View.National == nil || !r.lost(d.View, h) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, r.patience())
	defer cancel()
	_, err = r.lone(ctx, &state.Unsettle{Now: r.cfg.now(), Basis: state.Basis{National: d.View.National.Digest}, Head: raw})
	if err != nil {
		return fmt.Errorf("a peer holds head %d of %s, which this cluster does not hold: %w", h.Sequence, h.Province, err)
	}
	r.cfg.Logger.Error("this cluster is unsettled: a peer holds a head that it signed and does not hold", "province", h.Province,
		"session", h.Session, "sequence", h.Sequence)
	return nil
}

// lost reports whether h is a validly signed head of an own or hosted province that follows or contradicts the one held.
func (r *Registry) lost(v *registry.View, h *head.Document) bool {
	entry, p, err := member(v, h.Province)
	if err != nil || !p.Local || h.Session != entry.Session || h.CheckSigned(entry) != nil {
		return false
	}
	if p.Head == nil {
		return true
	}
	if p.Head.Digest == h.Digest {
		return false
	}
	if _, conflict := head.Contradicts(p.Head, h); conflict {
		return true
	}
	return h.CheckFollows(p.Head, entry, r.cfg.now(), v.National.Policy) == nil
}

// settleStep does one round of settling, on the leader, and returns how long to wait for the next.
func (r *Registry) settleStep(ctx context.Context, d *Reading) time.Duration {
	u := *d.View.Unsettled
	if d.View.National == nil {
		return settlePause // an operator has to publish it
	}
	var heard []Testimony
	if r.cfg.Witnesses != nil {
		asking, cancel := context.WithTimeout(ctx, testifyWithin)
		heard = r.cfg.Witnesses.Testify(asking, false)
		cancel()
	}
	found := r.weigh(d.View, heard)
	ctx, cancel := context.WithTimeout(ctx, r.patience())
	defer cancel()
	var err error
	switch {
	case u.Stuck:
	case found.trouble == "" && (found.enough || u.NoPeers) && !untidy(d.View):
		if _, err = r.lone(ctx, &state.Settle{Now: r.cfg.now(), Basis: state.Basis{National: d.View.National.Digest}, Floors: found.floors}); err == nil {
			r.cfg.Logger.Info("this cluster is settled again", "answers", len(heard), "floors", len(found.floors))
		}
	case found.trouble != u.Trouble || found.stuck || untidy(d.View):
		_, err = r.lone(ctx, &state.Unsettle{Now: r.cfg.now(), Trouble: found.trouble, Stuck: found.stuck})
		r.cfg.Logger.Warn("this cluster is unsettled", "why", u.Why, "waits_for", found.trouble, "stuck", found.stuck)
	}
	if err != nil {
		r.cfg.Logger.Warn("settling did not get on", "error", err)
	}
	return settlePause
}

// untidy reports whether leaves beyond the last own head are still to be set aside.
func untidy(v *registry.View) bool {
	p := v.Provinces[v.Own]
	return p != nil && p.Head != nil && p.Head.Session == p.Entry.Session && p.Log.Size > p.Head.Log.Size
}

// findings are what the answers of a round amount to.
type findings struct {
	enough  bool     // provinces have answered
	floors  [][]byte // the highest head of each province that anybody showed
	trouble string   // empty: nothing stands in the way
	stuck   bool
}

// weigh goes through what peers answered. Only what is signed counts: nobody can hold the cluster up by a claim.
func (r *Registry) weigh(v *registry.View, heard []Testimony) (f findings) {
	answered := map[trust.Province]bool{}
	highest := map[trust.Province]*head.Document{}
	for _, t := range heard {
		answered[t.Province] = true
		for _, raw := range t.Heads {
			h, err := head.Read(raw)
			if err != nil {
				continue
			}
			if why, conflict := r.conflicting(v, h, highest[h.Province]); conflict {
				f.trouble, f.stuck = "two own heads conflict, so only a new session of the national list helps: "+why, true
				return f
			}
			if r.counts(v, h) && (highest[h.Province] == nil || highest[h.Province].Sequence < h.Sequence) {
				highest[h.Province] = h
			}
		}
	}
	for _, code := range v.Codes() {
		h := highest[code]
		if h == nil {
			continue
		}
		f.floors = append(f.floors, h.Raw)
		if p := v.Provinces[code]; p.Local && f.trouble == "" {
			f.trouble = fmt.Sprintf("head %d of %s and its %d leaves are being taken back; where they cannot be had from any peer, only a new session of the national list helps",
				h.Sequence, code, h.Log.Size)
		}
	}
	others := otherProvinces(v)
	want := min(witnesses, others)
	f.enough = want > 0 && len(answered) >= want
	if f.trouble == "" && !f.enough && !v.Unsettled.NoPeers {
		f.trouble = fmt.Sprintf("%d of %d other provinces have said what they hold, want %d", len(answered), others, want)
		if want == 0 {
			f.trouble = "the national list names no other province; restore with --no-peers to state that there is none"
		}
	}
	return f
}

// counts reports whether h is signed, of the session, and follows what is held.
func (r *Registry) counts(v *registry.View, h *head.Document) bool {
	entry, p, err := member(v, h.Province)
	if err != nil || h.CheckSigned(entry) != nil || p.Head != nil && p.Head.Digest == h.Digest {
		return false
	}
	return h.CheckFollows(p.Head, entry, r.cfg.now(), v.National.Policy) == nil
}

// conflicting reports whether an own head contradicts the one held or another that somebody showed.
func (r *Registry) conflicting(v *registry.View, h, other *head.Document) (string, bool) {
	entry, p, err := member(v, h.Province)
	if err != nil || !p.Local || h.Session != entry.Session || h.CheckSigned(entry) != nil {
		return "", false
	}
	for _, known := range []*head.Document{p.Head, other} {
		if known == nil {
			continue
		}
		if why, yes := head.Contradicts(known, h); yes {
			return why, true
		}
	}
	return "", false
}

// otherProvinces counts the provinces that have clusters of their own.
func otherProvinces(v *registry.View) int {
	n := 0
	for _, code := range v.Codes() {
		if p := v.Provinces[code]; p.Entry != nil && !p.Local && p.Entry.Host == "" && p.Entry.Status != national.Withdrawn {
			n++
		}
	}
	return n
}
