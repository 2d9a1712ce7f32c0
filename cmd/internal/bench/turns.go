package bench

import (
	"context"
	"slices"
	"sync"
	"time"
)

// A contender is one thing to measure: workers that do their work one piece after another.
type contender struct {
	name    string
	workers []*worker
}

// A worker does one piece of work a call; an error ends the measurement. It is used by one goroutine at a time.
type worker struct {
	work func() error
	took []time.Duration // of each piece in the turns that count
}

// newContender returns a contender of n workers.
func newContender(name string, n int, work func(worker int) (func() error, error)) (*contender, error) {
	c := &contender{name: name}
	for i := range n {
		f, err := work(i)
		if err != nil {
			return nil, err
		}
		c.workers = append(c.workers, &worker{work: f})
	}
	return c, nil
}

// turn lets all workers work for d and returns the pieces done a second.
func (c *contender) turn(d time.Duration) (perSecond float64, err error) {
	var group sync.WaitGroup
	counts := make([]int, len(c.workers))
	errs := make([]error, len(c.workers))
	start := time.Now()
	for i, w := range c.workers {
		group.Go(func() { counts[i], errs[i] = w.until(start, d) })
	}
	group.Wait()
	elapsed := time.Since(start)
	total := 0
	for i := range counts {
		if errs[i] != nil {
			return 0, errs[i]
		}
		total += counts[i]
	}
	return float64(total) / elapsed.Seconds(), nil
}

// until works until d has passed since start. A piece that was begun is finished and counted.
func (w *worker) until(start time.Time, d time.Duration) (n int, err error) {
	last := time.Since(start)
	for last < d {
		if err := w.work(); err != nil {
			return n, err
		}
		now := time.Since(start)
		w.took = append(w.took, now-last)
		last = now
		n++
	}
	return n, nil
}

// forget drops what was measured, as after a warm-up.
func (c *contender) forget() {
	for _, w := range c.workers {
		w.took = w.took[:0]
	}
}

// rates holds, for each contender, one rate a turn.
type rates [][]float64

// alternate warms all contenders up and then gives each a turn of d, turns times, beginning with another one each
// time.
func alternate(ctx context.Context, contenders []*contender, turns int, d time.Duration) (rates, error) {
	for _, c := range contenders {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if _, err := c.turn(d); err != nil {
			return nil, err
		}
		c.forget()
	}
	measured := make(rates, len(contenders))
	for t := range turns {
		for i := range contenders {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			at := (t + i) % len(contenders)
			rate, err := contenders[at].turn(d)
			if err != nil {
				return nil, err
			}
			measured[at] = append(measured[at], rate)
		}
	}
	return measured, nil
}

// ratio is the median of what a did in each turn in relation to b in the same round of turns.
func (r rates) ratio(a, b int) float64 {
	ratios := make([]float64, len(r[a]))
	for t := range ratios {
		ratios[t] = r[a][t] / r[b][t]
	}
	return median(ratios)
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// percentiles returns how long the median piece of work took, and the one that 99 of 100 did not exceed.
func (c *contender) percentiles() (p50, p99 time.Duration) {
	var all []time.Duration
	for _, w := range c.workers {
		all = append(all, w.took...)
	}
	if len(all) == 0 {
		return 0, 0
	}
	slices.Sort(all)
	return all[(len(all)-1)/2], all[(len(all)-1)*99/100]
}
