package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"github.com/hutong-project/hutong/consensus"
	"github.com/hutong-project/hutong/node/config"
	"github.com/hutong-project/hutong/node/sample"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/statuslog"
)

const (
	lookupSample = 1 << 16 // subjects of each kind that are asked about in turn
	lookupTurns  = 12
	// lookupTime is how long each kind is asked about.
	lookupTime = 1500 * time.Millisecond
	// quiet is the heartbeat of a registry that is opened to be read only: it never thinks of an election.
	quiet = time.Hour
)

// An expectation is a subject and what the log must say about it; no authority: nothing.
type expectation struct {
	subject   trust.Subject
	ref       statuslog.EventRef // of what the operator signed: the position alone
	authority string
	operator  bool
}

// openStopped opens the folder of a node that was stopped, in this process.
func openStopped(file string) (*consensus.Registry, error) {
	cfg, err := config.Load(file)
	if err != nil {
		return nil, err
	}
	c := consensus.Config{
		Dir: cfg.DataDir, NodeID: cfg.Node, Bind: cfg.Self().Address, Own: cfg.Code(), Pin: cfg.Pin(), Founded: cfg.Founded(),
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), HeartbeatTimeout: quiet, ElectionTimeout: quiet,
	}
	for _, m := range cfg.Cluster.Members {
		c.Members = append(c.Members, consensus.Member{ID: m.ID, Address: m.Address})
	}
	return consensus.Open(c)
}

// lookups are the measured look-ups of the two kinds.
type lookups struct {
	present, absent         *contender
	presentRate, absentRate float64
}

// lookUp asks for single events that were acknowledged, all of them once, and then measures a sample of all events and
// subjects of which the log says nothing.
func lookUp(ctx context.Context, r *consensus.Registry, h *handles, l *ledger) (*lookups, error) {
	for _, p := range l.pushes {
		if err := expect(r, p.expectation(h, 0)); err != nil {
			return nil, err
		}
	}
	for _, s := range l.single {
		if err := expect(r, s.expectation(h)); err != nil {
			return nil, err
		}
	}
	present, absent := l.sample(h), make([]expectation, lookupSample)
	first := h.take(lookupSample)
	for i := range absent {
		absent[i].subject = statuslog.HandleSubject(h.at(first + uint64(i)))
	}
	if err := seeLookupsFail(r, present[0], absent[0]); err != nil {
		return nil, err
	}
	for i := range present { // each once before the clock starts: a node that serves is warm
		if err := errors.Join(expect(r, present[i]), expect(r, absent[i])); err != nil {
			return nil, err
		}
	}
	var out lookups
	cores := runtime.GOMAXPROCS(0)
	var contenders []*contender
	for _, questions := range [][]expectation{present, absent} {
		c, err := newContender("look-ups", cores, func(worker int) (func() error, error) {
			at := worker * 7919 % len(questions)
			return func() error {
				q := &questions[at]
				at = (at + 1) % len(questions)
				return expect(r, *q)
			}, nil
		})
		if err != nil {
			return nil, err
		}
		contenders = append(contenders, c)
	}
	measured, err := alternate(ctx, contenders, lookupTurns, lookupTime/lookupTurns)
	if err != nil {
		return nil, err
	}
	out.present, out.absent = contenders[0], contenders[1]
	out.presentRate, out.absentRate = median(measured[0]), median(measured[1])
	return &out, nil
}

// expect looks one subject up, as a verdict does, and checks what the log says.
func expect(r *consensus.Registry, want expectation) error {
	d := r.Reading()
	defer d.Close()
	entries, err := d.Events(sample.Code, statuslog.KindCredential, want.subject)
	if err != nil {
		return err
	}
	if want.authority == "" && len(entries) == 0 {
		return nil
	}
	if want.authority == "" || len(entries) != 1 {
		return fmt.Errorf("%w: %d events about a subject of authority %q", errWrongAnswer, len(entries), want.authority)
	}
	e := entries[0]
	if e.Operator {
		e.Ref.Index = 0
	}
	if e.Ref != want.ref || e.Authority != want.authority || e.Operator != want.operator || e.Status != statuslog.StatusRevoked {
		return fmt.Errorf("%w: an event stands at %+v by %s, want %+v by %s", errWrongAnswer, e.Ref, e.Authority, want.ref, want.authority)
	}
	return nil
}

// seeLookupsFail shows that the check can fail both ways.
func seeLookupsFail(r *consensus.Registry, present, absent expectation) error {
	moved, missing, unexpected := present, absent, present
	moved.ref.Position++
	missing.authority = present.authority
	unexpected.authority = ""
	for what, wrong := range map[string]expectation{"moved": moved, "missing": missing, "unexpected": unexpected} {
		if expect(r, wrong) == nil {
			return fmt.Errorf("%w: the check of a look-up lets an event pass that is %s", errWrongAnswer, what)
		}
	}
	return nil
}

func (p *push) expectation(h *handles, index uint64) expectation {
	return expectation{
		subject: statuslog.HandleSubject(h.at(p.first + index)), authority: p.by.code,
		ref: statuslog.EventRef{Position: p.position, Index: uint32(index)},
	}
}

func (s *stated) expectation(h *handles) expectation {
	return expectation{
		subject: statuslog.HandleSubject(h.at(s.handle)), authority: s.by.code, operator: true,
		ref: statuslog.EventRef{Position: s.position},
	}
}

// sample returns events of the authorities, each with the same chance.
func (l *ledger) sample(h *handles) []expectation {
	ends := make([]uint64, len(l.pushes))
	total := uint64(0)
	for i, p := range l.pushes {
		total += uint64(p.events)
		ends[i] = total
	}
	out := make([]expectation, lookupSample)
	for i := range out {
		n := rand.Uint64N(total)
		at, _ := slices.BinarySearch(ends, n+1)
		p := l.pushes[at]
		out[i] = p.expectation(h, n-(ends[at]-uint64(p.events)))
	}
	return out
}
