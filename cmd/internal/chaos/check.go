package chaos

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hutong-project/hutong/trust"
)

// An end is the log as all nodes hold it after healing.
type end struct {
	size      uint64
	root      trust.Digest
	positions map[handle]receipt // of every handle that is in it; digest, index and recorded are not known
}

// check returns everything in the history that one log, ending as e, cannot explain. It is empty when all is well.
func (h *history) check(e end) []error {
	var wrong []error
	wrong = append(wrong, h.checkReceipts()...)
	wrong = append(wrong, h.checkEnd(e)...)
	wrong = append(wrong, h.checkReads(e)...)
	wrong = append(wrong, h.checkOrderOfReads()...)
	wrong = append(wrong, h.checkOwnWrites()...)
	for text, n := range h.others {
		wrong = append(wrong, fmt.Errorf("an answer that no node should give, %d times: %s", n, text))
	}
	if len(wrong) == 0 {
		if err := linearizable(h.writes, e.positions, checkWithin); err != nil {
			wrong = append(wrong, err)
		}
	}
	return wrong
}

// patience is how long a node waits for its own copy of a write: four election timeouts.
const patience = 4 * heartbeat

// checkWithin bounds the search for an order of the writes.
const checkWithin = 2 * time.Minute

// checkReceipts: one batch has one receipt however often it is sent (but for the index), and one position, one number of
// an authority and one digest belong to one batch.
func (h *history) checkReceipts() (wrong []error) {
	type place struct {
		authority string
		number    uint64
	}
	byHandle, byPosition := map[handle]receipt{}, map[uint64]handle{}
	byPlace, byDigest := map[place]handle{}, map[trust.Digest]handle{}
	for _, w := range h.writes {
		if w.outcome != done {
			continue
		}
		r := w.receipt
		r.index = 0
		if was, seen := byHandle[w.handle]; seen && was != r {
			wrong = append(wrong, fmt.Errorf("batch %x has two receipts: %+v and %+v", w.handle[:4], was, r))
		}
		byHandle[w.handle] = r
		wrong = append(wrong, oneOwner("position", byPosition, r.position, w.handle)...)
		wrong = append(wrong, oneOwner("number", byPlace, place{w.authority, r.number}, w.handle)...)
		wrong = append(wrong, oneOwner("digest", byDigest, r.digest, w.handle)...)
	}
	return wrong
}

func oneOwner[K comparable](what string, owners map[K]handle, key K, h handle) []error {
	was, seen := owners[key]
	owners[key] = h
	if seen && was != h {
		return []error{fmt.Errorf("%s %v was given to batch %x and to batch %x", what, key, was[:4], h[:4])}
	}
	return nil
}

// checkEnd: what was acknowledged stands where the receipt says; what did not happen does not stand in the log; and the
// log holds nothing else, so nothing counted twice.
func (h *history) checkEnd(e end) (wrong []error) {
	happened := map[handle]bool{}
	for _, w := range h.writes {
		if w.outcome == done || w.outcome == unknown {
			happened[w.handle] = true
		}
	}
	for _, w := range h.writes {
		final, there := e.positions[w.handle]
		switch {
		case w.outcome == done && !there:
			wrong = append(wrong, fmt.Errorf("batch %x was acknowledged at position %d and is lost", w.handle[:4], w.receipt.position))
		case w.outcome == done && final.position != w.receipt.position:
			wrong = append(wrong, fmt.Errorf("batch %x was acknowledged at position %d and stands at %d", w.handle[:4], w.receipt.position, final.position))
		case !happened[w.handle] && there:
			wrong = append(wrong, fmt.Errorf("batch %x stands at position %d although the answer was %s (%s)", w.handle[:4], final.position, w.outcome, w.why))
		}
	}
	if n := uint64(len(e.positions)); n != e.size {
		wrong = append(wrong, fmt.Errorf("the log has %d batches, %d handles stand in it: something counted twice, or is of nobody", e.size, n))
	}
	return wrong
}

// checkReads: a log of one size has one root, everywhere and always; a node shows what its log holds and nothing else;
// and one that has applied an acknowledged write's index shows that write.
func (h *history) checkReads(e end) (wrong []error) {
	roots := map[uint64]trust.Digest{e.size: e.root}
	highest := acknowledgedBy(h.writes)
	for _, r := range h.reads {
		if root, seen := roots[r.size]; seen && root != r.root {
			wrong = append(wrong, fmt.Errorf("node %d: root %s of %d batches, elsewhere %s", r.node+1, r.root, r.size, root))
		}
		roots[r.size] = r.root
		final, there := e.positions[r.handle]
		want := there && final.position < r.size
		if r.present != want || want && (r.position != final.position || r.times != 1) {
			wrong = append(wrong, fmt.Errorf("node %d with %d batches: batch %x present %v, position %d, %d times; in the end present %v, position %d",
				r.node+1, r.size, r.handle[:4], r.present, r.position, r.times, there, final.position))
		}
		if least := highest(r.applied); r.size < least {
			wrong = append(wrong, fmt.Errorf("node %d has applied %d and shows %d batches, want %d", r.node+1, r.applied, r.size, least))
		}
	}
	return wrong
}

// acknowledgedBy returns a function that says how many batches a node that has applied an index must at least have.
func acknowledgedBy(writes []write) func(index uint64) uint64 {
	least := map[uint64]uint64{}
	for _, w := range writes {
		if w.outcome == done {
			least[w.receipt.index] = max(least[w.receipt.index], w.receipt.position+1)
		}
	}
	indexes := slices.Sorted(maps.Keys(least))
	for i := 1; i < len(indexes); i++ {
		least[indexes[i]] = max(least[indexes[i]], least[indexes[i-1]])
	}
	return func(index uint64) uint64 {
		i, found := slices.BinarySearch(indexes, index)
		if !found {
			i--
		}
		if i < 0 {
			return 0
		}
		return least[indexes[i]]
	}
}

// checkOrderOfReads: a process never shows less than it has shown before.
func (h *history) checkOrderOfReads() (wrong []error) {
	type process struct {
		node int
		life life
	}
	byProcess := map[process][]read{}
	for _, r := range h.reads {
		byProcess[process{r.node, r.life}] = append(byProcess[process{r.node, r.life}], r)
	}
	for p, calls := range byProcess {
		returns := slices.Clone(calls)
		slices.SortFunc(calls, func(a, b read) int { return cmp.Compare(a.call, b.call) })
		slices.SortFunc(returns, func(a, b read) int { return cmp.Compare(a.ret, b.ret) })
		shown, next := uint64(0), 0
		for _, r := range calls {
			for next < len(returns) && returns[next].ret < r.call {
				shown = max(shown, returns[next].size)
				next++
			}
			if r.size < shown {
				wrong = append(wrong, fmt.Errorf("node %d showed %d batches, then %d in the same life", p.node+1, shown, r.size))
			}
		}
	}
	return wrong
}

// checkOwnWrites: a node that has acknowledged a write shows it from then on, as long as it lives. The node waits for
// that before it answers, but not for ever: an answer that took longer than its patience proves nothing here.
func (h *history) checkOwnWrites() (wrong []error) {
	type process struct {
		node int
		life life
	}
	acknowledged := map[process][]write{}
	for _, w := range h.writes {
		if w.outcome == done && w.ret-w.call < patience {
			acknowledged[process{w.node, w.life}] = append(acknowledged[process{w.node, w.life}], w)
		}
	}
	for p, ws := range acknowledged {
		slices.SortFunc(ws, func(a, b write) int { return cmp.Compare(a.ret, b.ret) })
		for i := 1; i < len(ws); i++ { // each carries the highest position so far
			ws[i].receipt.position = max(ws[i].receipt.position, ws[i-1].receipt.position)
		}
		for _, r := range h.reads {
			if r.node != p.node || r.life != p.life {
				continue
			}
			i, _ := slices.BinarySearchFunc(ws, r.call, func(w write, at time.Duration) int { return cmp.Compare(w.ret, at) })
			if i > 0 && r.size <= ws[i-1].receipt.position {
				wrong = append(wrong, fmt.Errorf("node %d acknowledged position %d, then showed %d batches", p.node+1, ws[i-1].receipt.position, r.size))
			}
		}
	}
	return wrong
}
