package chaos

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hutong-project/hutong/trust"
)

const (
	self     = "authority that signs"
	operated = "authority that is signed for"
)

// sample is a history in which all is well: batch 1 twice, batch 2 signed by the cluster, batch 3 with an unknown outcome
// that took effect, batch 4 with one that did not, batch 5 refused for its number, batch 6 that did not happen.
func sample() (*history, end) {
	h := newHistory()
	root := func(n byte) trust.Digest { return trust.Digest{n} }
	r := func(number, position, index uint64) receipt {
		return receipt{number: number, position: position, index: index, digest: trust.Digest{1, byte(position)}}
	}
	h.writes = []write{
		{client: 0, node: 0, life: 1, call: 1, ret: 2, authority: self, handle: handle{1}, number: 1, outcome: done, receipt: r(1, 0, 10)},
		{client: 1, node: 1, life: 1, call: 3, ret: 4, authority: operated, handle: handle{2}, outcome: done, receipt: r(1, 1, 11)},
		{client: 0, node: 0, life: 1, call: 5, ret: 6, authority: self, handle: handle{3}, number: 2},
		{client: 1, node: 0, life: 1, call: 7, ret: 8, authority: operated, handle: handle{4}},
		{client: 2, node: 0, life: 1, call: 9, ret: 10, authority: self, handle: handle{5}, number: 1, outcome: wrongNumber, expected: 3},
		{client: 2, node: 0, life: 1, call: 11, ret: 12, authority: self, handle: handle{6}, number: 3, outcome: nothing},
		{client: 0, node: 2, life: 1, call: 13, ret: 14, authority: self, handle: handle{1}, number: 1, outcome: done, receipt: r(1, 0, 13)},
	}
	h.reads = []read{
		{node: 0, life: 1, call: 3, ret: 4, handle: handle{1}, applied: 10, size: 1, root: root(1), present: true, times: 1},
		{node: 1, life: 1, call: 5, ret: 6, handle: handle{2}, applied: 11, size: 2, root: root(2), present: true, position: 1, times: 1},
		{node: 2, life: 1, call: 5, ret: 6, handle: handle{2}, applied: 10, size: 1, root: root(1)},
		{node: 2, life: 1, call: 15, ret: 16, handle: handle{4}, applied: 13, size: 3, root: root(3)},
	}
	e := end{size: 3, root: root(3), positions: map[handle]receipt{
		{1}: {number: 1, position: 0}, {2}: {number: 1, position: 1}, {3}: {number: 2, position: 2},
	}}
	return h, e
}

func TestCheckPasses(t *testing.T) {
	h, e := sample()
	if wrong := h.check(e); len(wrong) > 0 {
		t.Errorf("check(a good history) = %v, want nothing", wrong)
	}
}

// TestCheckFinds: each thing that a cluster must not do is found in a history of which it is the only fault.
func TestCheckFinds(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(h *history, e *end)
		want  string
	}{
		{"an acknowledged batch is lost", func(h *history, e *end) { delete(e.positions, handle{1}); e.size-- }, "is lost"},
		{"an acknowledged batch stands elsewhere", func(h *history, e *end) {
			e.positions[handle{1}], e.positions[handle{2}] = receipt{1, 1, 0, 0, trust.Digest{}}, receipt{1, 0, 0, 0, trust.Digest{}}
		}, "stands at"},
		{"what did not happen happened", func(h *history, e *end) { e.positions[handle{6}] = receipt{number: 3, position: 3}; e.size++ }, "although the answer was nothing"},
		{"what was refused happened", func(h *history, e *end) { e.positions[handle{5}] = receipt{number: 3, position: 3}; e.size++ }, "although the answer was wrong-number"},
		{"something counted twice", func(h *history, e *end) { e.size++ }, "counted twice"},
		{"a repetition gets another receipt", func(h *history, e *end) { h.writes[6].receipt.recorded++ }, "two receipts"},
		{"a position is given twice", func(h *history, e *end) { h.writes[1].receipt.position = 0 }, "position 0 was given"},
		{"a number is given twice", func(h *history, e *end) {
			w := h.writes[0]
			w.handle, w.receipt.position, w.receipt.digest = handle{3}, 2, trust.Digest{9}
			h.writes = append(h.writes, w)
		}, "number {authority that signs 1} was given"},
		{"the wrong expected number", func(h *history, e *end) {
			h.writes[4].expected = 2
			h.writes[4].call, h.writes[4].ret = 15, 16
			h.writes[2].outcome = done
			h.writes[2].receipt = receipt{number: 2, position: 2, index: 12, digest: trust.Digest{7}}
		}, "no order of them"},
		{"a later write stands before an earlier one", func(h *history, e *end) { h.writes[0].call, h.writes[0].ret = 20, 21; h.writes = h.writes[:6] }, "no order of them"},
		{"two logs of one size", func(h *history, e *end) { h.reads[2].root = trust.Digest{9} }, "elsewhere"},
		{"a node hides what its log holds", func(h *history, e *end) { h.reads[0].present = false }, "present false"},
		{"a node shows what its log does not hold", func(h *history, e *end) { h.reads[3].present, h.reads[3].times = true, 1 }, "present true"},
		{"a node shows an event twice", func(h *history, e *end) { h.reads[0].times = 2 }, "2 times"},
		{"a node has applied an index and lacks its write", func(h *history, e *end) { h.reads[2].applied = 11 }, "has applied 11"},
		{"a node goes back", func(h *history, e *end) {
			h.reads = append(h.reads, read{node: 1, life: 1, call: 7, ret: 8, handle: handle{4}, applied: 10, size: 1, root: trust.Digest{1}})
			h.writes[1].node = 0
		}, "in the same life"},
		{"a node forgets what it acknowledged", func(h *history, e *end) {
			h.reads = append(h.reads, read{node: 0, life: 1, call: 3, ret: 5, handle: handle{4}})
		}, "acknowledged position 0"},
		{"an answer of no node", func(h *history, e *end) { h.strange("500") }, "no node should give"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, e := sample()
			c.spoil(h, &e)
			if got := fmt.Sprint(h.check(e)); !strings.Contains(got, c.want) {
				t.Errorf("check = %s, want a finding with %q", got, c.want)
			}
		})
	}
}

// TestAGoingBackInAnotherLife: a process that was killed may show less when it lives again.
func TestAGoingBackInAnotherLife(t *testing.T) {
	h, e := sample()
	h.reads = append(h.reads, read{node: 1, life: 2, call: 7, ret: 8, handle: handle{4}, applied: 10, size: 1, root: trust.Digest{1}})
	if wrong := h.check(e); len(wrong) > 0 {
		t.Errorf("check = %v, want nothing", wrong)
	}
}

// TestAnUnknownOutcomeMayComeLate: a write of unknown outcome may take effect after its call has ended, not before it began.
func TestAnUnknownOutcomeMayComeLate(t *testing.T) {
	h, e := sample()
	h.writes[1].call, h.writes[1].ret = 30, 31
	h.writes[2].ret = 6
	h.writes[6].outcome = nothing
	h.reads = nil
	h.writes[4].call, h.writes[4].ret = 40, 41
	if wrong := h.check(e); len(wrong) > 0 {
		t.Errorf("check(effect after the call) = %v, want nothing", wrong)
	}
	h.writes[2].call, h.writes[2].ret = 50, 51
	if wrong := h.check(e); len(wrong) == 0 {
		t.Error("check(effect before the call) = nothing, want a finding: a refusal had counted it")
	}
}

func TestProves(t *testing.T) {
	good := Report{Faults: map[string]int{"kill": 8}, OnLeader: 1, Reads: least}
	for _, c := range []struct {
		name          string
		change        func(r *Report)
		before, after int
		want          bool
	}{
		{"all there", func(*Report) {}, least, least, true},
		{"no load before the faults", func(*Report) {}, least - 1, least, false},
		{"no load under the faults", func(*Report) {}, least, least - 1, false},
		{"too few faults", func(r *Report) { r.Faults = map[string]int{"kill": 7} }, least, least, false},
		{"no fault on the leader", func(r *Report) { r.OnLeader = 0 }, least, least, false},
		{"no reads", func(r *Report) { r.Reads = 0 }, least, least, false},
	} {
		r := good
		c.change(&r)
		if err := r.proves(Options{Faults: 8, For: time.Second}, c.before, c.after); (err == nil) != c.want {
			t.Errorf("%s: proves = %v, want void %v", c.name, err, !c.want)
		}
	}
}
