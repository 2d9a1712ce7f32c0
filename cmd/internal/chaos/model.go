package chaos

import (
	"fmt"
	"math"
	"time"

	"github.com/anishathalye/porcupine"
)

// A log is the state of the model: the batches in the order of their positions, as a list that shares its tail. The nil
// log is empty.
type log struct {
	before    *log
	size      uint64
	handle    handle
	authority string
	number    uint64
	counts    map[string]uint64 // batches of each authority so far; never changed
	sum       uint64            // a hash of all handles and their order
}

func (l *log) length() uint64 {
	if l == nil {
		return 0
	}
	return l.size
}

func (l *log) count(authority string) uint64 {
	if l == nil {
		return 0
	}
	return l.counts[authority]
}

func (l *log) append(authority string, h handle) *log {
	next := &log{before: l, size: l.length() + 1, handle: h, authority: authority, number: l.count(authority) + 1, counts: map[string]uint64{}}
	if l != nil {
		next.sum = l.sum
		for a, n := range l.counts {
			next.counts[a] = n
		}
	}
	next.counts[authority] = next.number
	for _, b := range h {
		next.sum = (next.sum ^ uint64(b)) * 1099511628211
	}
	return next
}

// at returns the entry at a position, nil where there is none.
func (l *log) at(position uint64) *log {
	for l != nil && l.size > position+1 {
		l = l.before
	}
	if l == nil || l.size != position+1 {
		return nil
	}
	return l
}

// model says what a province's log may answer to writes that come one after the other: a batch of the expected number
// gets the next position, the same batch gets its position again, another number is refused with the expected one, and
// the cluster numbers what it signs. The input is a write without its outcome, the output a write.
func model() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return (*log)(nil) },
		Step: func(state, _, output any) (bool, any) {
			l, w := state.(*log), output.(write)
			switch w.outcome {
			case done, unknown: // an unknown one has the receipt that the log has in the end
				return step(l, w)
			case wrongNumber:
				want := l.count(w.authority) + 1
				return w.number != want && w.expected == want, l
			}
			return true, l
		},
		Equal: func(a, b any) bool {
			x, y := a.(*log), b.(*log)
			return x == y || x != nil && y != nil && x.size == y.size && x.sum == y.sum
		},
		DescribeOperation: func(_, output any) string {
			w := output.(write)
			return fmt.Sprintf("%x number %d of %s: %s, position %d", w.handle[:4], w.number, w.authority, w.outcome, w.receipt.position)
		},
	}
}

func step(l *log, w write) (bool, *log) {
	r := w.receipt
	if held := l.at(r.position); held != nil {
		again := held.handle == w.handle && held.authority == w.authority && held.number == r.number
		return again && w.number != 0, l // what the cluster signs it signs anew each time
	}
	next := l.append(w.authority, w.handle)
	if next.size != r.position+1 || next.number != r.number || w.number != 0 && w.number != r.number {
		return false, l
	}
	return true, next
}

// operations makes of the writes what the checker reads. positions is the log in the end, by handle: a write of unknown
// outcome that is not in it never took effect; one that is in it did so at any time after its call.
func operations(writes []write, positions map[handle]receipt) []porcupine.Operation {
	var all []porcupine.Operation
	for _, w := range writes {
		ret := w.ret
		switch w.outcome {
		case nothing:
			continue // checked by checkEnd: nothing happened
		case unknown:
			final, there := positions[w.handle]
			if !there {
				continue
			}
			w.receipt, ret = final, math.MaxInt64
		}
		all = append(all, porcupine.Operation{ClientId: w.client, Call: int64(w.call), Output: w, Return: int64(ret)})
	}
	return all
}

// linearizable checks the writes, at most for a while.
func linearizable(writes []write, positions map[handle]receipt, within time.Duration) error {
	switch porcupine.CheckOperationsTimeout(model(), operations(writes, positions), within) {
	case porcupine.Ok:
		return nil
	case porcupine.Unknown:
		return fmt.Errorf("checking the writes: no answer within %s: %w", within, ErrVoid)
	}
	return fmt.Errorf("checking the writes: no order of them explains the answers")
}
