package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

var (
	// ErrVoid is returned for a run that proves nothing.
	ErrVoid = errors.New("the run is void")
	// ErrWrong is returned when a node said what it must not say, or lost something.
	ErrWrong = errors.New("the history cannot be explained")
)

// Options say how a run goes.
type Options struct {
	Binary string        // the hutong program
	Dir    string        // a folder for everything; it stays
	Seed   uint64        // of who does what to whom; what the nodes make of it differs from run to run
	For    time.Duration // how long faults are injected
	Faults int           // fewer make the run void
}

const (
	signers, askers, readers = 3, 2, 3
	tormentors               = 2
	calm                     = time.Second // before the first fault
	least                    = 20          // acknowledged writes before the first fault, and after it
	healWithin               = 30 * time.Second
)

// A Report says what a run was.
type Report struct {
	Seed      uint64
	Writes    map[string]int // calls by outcome
	Reads     int
	Missed    int // reads without an answer
	Faults    map[string]int
	OnLeader  int
	Log       uint64        // batches in the end
	Healed    time.Duration // until all nodes held the same state
	Recovered time.Duration // the slowest node, from its start until it was ready
}

// Total is the number of faults.
func (r Report) Total() (n int) {
	for _, f := range r.Faults {
		n += f
	}
	return n
}

// String is one line.
func (r Report) String() string {
	return fmt.Sprintf("seed %d: %v writes, %d reads (%d unanswered), faults %v (%d on the leader), log of %d, healed in %s, slowest restart %s",
		r.Seed, r.Writes, r.Reads, r.Missed, r.Faults, r.OnLeader, r.Log, r.Healed.Round(time.Millisecond), r.Recovered.Round(time.Millisecond))
}

// Run makes one run. The error wraps ErrWrong or ErrVoid where it is about what the run showed; the report is then
// filled as far as the run went. All nodes have ended when it returns.
func Run(ctx context.Context, o Options) (report Report, err error) {
	report = Report{Seed: o.Seed, Writes: map[string]int{}, Faults: map[string]int{}}
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return report, err
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return report, err
	}
	c, err := found(ctx, o.Dir, o.Binary)
	if c != nil {
		defer func() { err = errors.Join(err, c.close()) }()
	}
	if err != nil {
		return report, fmt.Errorf("founding a province: %w", err)
	}
	h := newHistory()
	t, err := c.drive(ctx, o, h)
	t.describe(&report, h)
	if err != nil {
		return report, err
	}
	e, err := c.heal(ctx, h, &report)
	if err != nil {
		return report, err
	}
	if wrong := append(h.check(e), t.rejoined...); len(wrong) > 0 {
		return report, fmt.Errorf("%w: %d findings, the first: %w", ErrWrong, len(wrong), errors.Join(wrong[:min(len(wrong), 10)]...))
	}
	before := h.acknowledged(t.first)
	return report, report.proves(o, before, report.Writes[done.String()]-before)
}

// drive lets clients and faults run side by side, then only the clients for a moment, then ends both.
func (c *cluster) drive(ctx context.Context, o Options, h *history) (*tally, error) {
	t := &tally{fired: map[fault]int{}}
	work, done := context.WithCancel(ctx)
	defer done()
	clients, work := errgroup.WithContext(work)
	r := &recent{}
	for i := range signers + askers + readers {
		one := &caller{cluster: c, history: h, recent: r, number: i, rng: source(o.Seed, i)}
		act := one.look
		if i < signers {
			act = one.sign
		} else if i < signers+askers {
			act = one.ask
		}
		clients.Go(func() error {
			for work.Err() == nil {
				if err := act(work); err != nil {
					return err
				}
			}
			return nil
		})
	}
	torment, end := context.WithTimeout(ctx, calm+o.For)
	defer end()
	tormenting, torment := errgroup.WithContext(torment)
	for i := range tormentors {
		one := &tormentor{cluster: c, history: h, tally: t, rng: source(o.Seed, 1000+i)}
		tormenting.Go(func() error {
			select {
			case <-torment.Done():
			case <-time.After(calm):
			}
			return one.torment(torment)
		})
	}
	err := tormenting.Wait()
	if err == nil {
		err = c.ended()
	}
	select { // what was broken is whole again; the clients go on for a moment
	case <-ctx.Done():
	case <-time.After(calm):
	}
	done()
	return t, errors.Join(err, clients.Wait(), ctx.Err())
}

func source(seed uint64, stream int) *rand.Rand { return rand.New(rand.NewPCG(seed, uint64(stream))) }

// heal waits until all nodes hold the same state, and reads it. A write whose outcome nobody knew may take effect even
// now: then the state is read again.
func (c *cluster) heal(ctx context.Context, h *history, report *Report) (e end, err error) {
	healing := time.Now()
	for range 5 {
		a, err := c.agree(ctx, healWithin)
		if err != nil {
			return e, fmt.Errorf("healing: %w: %w", err, ErrWrong)
		}
		if report.Healed == 0 {
			report.Healed = time.Since(healing)
		}
		before := len(h.reads)
		if e, err = c.collect(ctx, h, a); err != nil {
			return e, err
		}
		report.Log = e.size
		if !slices.ContainsFunc(h.reads[before:], func(r read) bool { return r.size != e.size }) {
			return e, nil
		}
	}
	return e, fmt.Errorf("healing: the log grows although nobody writes: %w", ErrWrong)
}

// collect reads every handle that was ever written of, at every node, which must all say the same.
func (c *cluster) collect(ctx context.Context, h *history, a agreement) (end, error) {
	e := end{size: a.log.Size, root: a.log.Root, positions: map[handle]receipt{}}
	numbers := map[handle]write{}
	var handles []handle
	for _, w := range h.writes {
		if _, seen := numbers[w.handle]; !seen {
			handles = append(handles, w.handle)
		}
		numbers[w.handle] = w
	}
	shown := make([]map[handle]read, len(c.nodes))
	var asking errgroup.Group
	for i, n := range c.nodes {
		shown[i] = map[handle]read{}
		asking.Go(func() error {
			for _, one := range handles {
				r := read{node: i, handle: one, applied: a.applied, life: n.now(), call: h.now()}
				if err := n.status(ctx, &r); err != nil {
					return fmt.Errorf("reading the log at node %s: %w", n.id, err)
				}
				r.ret = h.now()
				shown[i][one] = r
			}
			return nil
		})
	}
	if err := asking.Wait(); err != nil {
		return e, err
	}
	for _, one := range handles {
		if r := shown[0][one]; r.present {
			e.positions[one] = receipt{position: r.position}
		}
		for i := range c.nodes {
			h.saw(shown[i][one])
		}
	}
	e.number(numbers)
	return e, nil
}

// number gives each batch in the log its authority's number: they stand in the order of their positions.
func (e *end) number(writes map[handle]write) {
	var inOrder []handle
	for one := range e.positions {
		inOrder = append(inOrder, one)
	}
	slices.SortFunc(inOrder, func(a, b handle) int { return int(e.positions[a].position) - int(e.positions[b].position) })
	counts := map[string]uint64{}
	for _, one := range inOrder {
		authority := writes[one].authority
		counts[authority]++
		e.positions[one] = receipt{position: e.positions[one].position, number: counts[authority]}
	}
}

// describe puts what happened into the report.
func (t *tally) describe(r *Report, h *history) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for kind, n := range t.fired {
		r.Faults[string(kind)] = n
	}
	r.OnLeader = t.leaders
	if len(t.recovery) > 0 {
		r.Recovered = slices.Max(t.recovery)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range h.writes {
		r.Writes[w.outcome.String()]++
	}
	r.Reads, r.Missed = len(h.reads), h.missed
}

// proves returns why the run is void, or nil.
func (r Report) proves(o Options, before, after int) error {
	switch {
	case r.Total() < max(o.Faults, 1):
		return fmt.Errorf("%w: %d faults, want %d", ErrVoid, r.Total(), max(o.Faults, 1))
	case before < least:
		return fmt.Errorf("%w: %d writes were acknowledged before the first fault, want %d", ErrVoid, before, least)
	case after < least:
		return fmt.Errorf("%w: %d writes were acknowledged after the first fault, want %d", ErrVoid, after, least)
	case r.OnLeader == 0:
		return fmt.Errorf("%w: no fault hit the leader", ErrVoid)
	case r.Reads < least:
		return fmt.Errorf("%w: %d reads, want %d", ErrVoid, r.Reads, least)
	}
	return nil
}
