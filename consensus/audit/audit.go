// Package audit verifies again, in the background, every signature that a node's state rests on: the chain of national
// lists from the pin on, all trust lists, the heads, and the batches of the status logs, with what the database derived
// from them. Signatures are verified once by who proposes them and then believed by every node; the audit is what notices
// a proposer that lied, and a disk that changed what it holds.
//
// It reads the node's own database only, a piece at a time, and no faster than it is told. How far it came is kept in a
// file, so that a restart goes on from there; what did not verify is looked at first after a restart. It changes nothing.
package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/time/rate"

	"github.com/hutong-project/hutong/consensus/store"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/national"
)

// A Fault says which entry of the state does not verify.
type Fault struct {
	Entry string
	Err   error
}

// Error names the entry first.
func (f *Fault) Error() string { return f.Entry + ": " + f.Err.Error() }

// Unwrap returns why.
func (f *Fault) Unwrap() error { return f.Err }

func faulty(err error, entry string, args ...any) error {
	return &Fault{Entry: fmt.Sprintf(entry, args...), Err: err}
}

// Config says what is audited. All fields are needed.
type Config struct {
	View   func() (*store.View, error) // the state as it is now; the audit closes it
	Pin    trust.Digest                // of the first national list
	FS     vfs.FS
	Dir    string        // where the file of the progress lies
	Rate   int           // signatures a second
	Every  time.Duration // pause after a pass over everything
	Logger *slog.Logger
}

// An Auditor audits one state. Run is called once; the counts may be read by any goroutine.
type Auditor struct {
	cfg   Config
	limit *rate.Limiter

	at    progress
	saved time.Time

	signatures, passes atomic.Uint64
}

// New returns an auditor that has not begun.
func New(cfg Config) *Auditor {
	return &Auditor{cfg: cfg, limit: rate.NewLimiter(rate.Limit(cfg.Rate), max(cfg.Rate/10, 64))}
}

// Signatures returns how many signatures were verified since the start.
func (a *Auditor) Signatures() uint64 { return a.signatures.Load() }

// Passes returns how many passes over everything were completed since the start.
func (a *Auditor) Passes() uint64 { return a.passes.Load() }

// Run audits until ctx ends (nil), or returns a *Fault. The first pass begins after a minute, or a shorter Every.
func (a *Auditor) Run(ctx context.Context) error {
	a.at = a.load()
	defer a.save()
	pause := time.NewTimer(min(a.cfg.Every, time.Minute))
	defer pause.Stop()
	for {
		select {
		case <-pause.C:
		case <-ctx.Done():
			return nil
		}
		err := a.pass(ctx)
		if ctx.Err() != nil || errors.Is(err, store.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		a.passes.Add(1)
		a.cfg.Logger.Info("the state was audited", "signatures", a.Signatures())
		a.at = progress{}
		a.save()
		pause.Reset(a.cfg.Every)
	}
}

// pass goes over the documents and then, from where the last one stopped, over the logs.
func (a *Auditor) pass(ctx context.Context) error {
	codes, err := a.documents(ctx)
	if err != nil {
		return err
	}
	for _, code := range codes {
		if code < a.at.Province {
			continue
		}
		if code != a.at.Province {
			a.at = progress{Province: code}
		}
		if err := a.log(ctx, code); err != nil {
			return err
		}
	}
	return nil
}

// verified waits for n signatures' worth of time and counts them.
func (a *Auditor) verified(ctx context.Context, n int) error {
	a.signatures.Add(uint64(n))
	return a.wait(ctx, n)
}

func (a *Auditor) wait(ctx context.Context, n int) error {
	for n > 0 {
		step := min(n, a.limit.Burst())
		if err := a.limit.WaitN(ctx, step); err != nil {
			return err
		}
		n -= step
	}
	return nil
}

// documents verifies all that is no log, and returns the provinces that have one.
func (a *Auditor) documents(ctx context.Context) ([]trust.Province, error) {
	v, err := a.cfg.View()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	entries, err := a.nationalChain(ctx, v)
	if err != nil {
		return nil, err
	}
	var codes []trust.Province
	lower, upper := store.AllProvinces()
	err = v.Scan(lower, upper, func(key, _ []byte) error {
		codes = append(codes, store.ProvinceOf(key))
		return nil
	})
	if err != nil {
		return nil, faulty(err, "the records of the provinces")
	}
	for _, code := range codes {
		if err := a.lists(ctx, v, code, entries[code]); err != nil {
			return nil, err
		}
		if err := a.heads(ctx, v, code, entries[code]); err != nil {
			return nil, err
		}
	}
	return codes, nil
}

// nationalChain verifies the chain from the pin on and returns the entries that each province has had, the newest
// first, those with the same session and keys once: an older list or head was signed under an older entry.
func (a *Auditor) nationalChain(ctx context.Context, v *store.View) (map[trust.Province][]*national.Province, error) {
	entries := map[trust.Province][]*national.Province{}
	var last *national.Document
	err := v.Scan(store.NationalKey(0), store.NationalEnd(), func(key, raw []byte) error {
		d, err := national.Read(raw)
		if err != nil {
			return faulty(err, "the national list after number %d", numberOf(last))
		}
		if last == nil {
			err = d.CheckPinned(a.cfg.Pin)
		} else {
			err = d.CheckFollows(last)
		}
		if err == nil && string(key) != string(store.NationalKey(d.Sequence)) {
			err = errors.New("it is stored under another number")
		}
		if err != nil {
			return faulty(err, "national list %d", d.Sequence)
		}
		last = d
		for i := range d.Provinces {
			p := &d.Provinces[i]
			if held := entries[p.Code]; len(held) == 0 || !sameKeys(held[len(held)-1], p) {
				entries[p.Code] = append(held, p)
			}
		}
		return a.verified(ctx, 2*d.Threshold)
	})
	var fault *Fault
	if err != nil && !errors.As(err, &fault) && ctx.Err() == nil {
		err = faulty(err, "the national lists")
	}
	for _, held := range entries {
		slices.Reverse(held)
	}
	return entries, err
}

func numberOf(d *national.Document) uint64 {
	if d == nil {
		return 0
	}
	return d.Sequence
}

func sameKeys(a, b *national.Province) bool {
	same := func(x, y national.Key) bool { return x.Key.Equal(y.Key) }
	return a.Session == b.Session && a.ListThreshold == b.ListThreshold && a.Host == b.Host &&
		slices.EqualFunc(a.ListKeys, b.ListKeys, same) && slices.EqualFunc(a.HeadKeys, b.HeadKeys, same)
}
