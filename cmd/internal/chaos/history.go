package chaos

import (
	"sync"
	"time"

	"github.com/hutong-project/hutong/trust"
)

// An outcome is what a client knows about a write when its call has returned.
type outcome uint8

const (
	unknown     outcome = iota // it may have taken effect, or still take effect
	done                       // there is a receipt
	nothing                    // the node says that nothing happened, or could not be reached at all
	wrongNumber                // refused: the log expects another number
)

func (o outcome) String() string {
	return [...]string{"unknown", "done", "nothing", "wrong-number"}[o]
}

// A handle names a credential. Each write speaks of one that no other write speaks of, so it names the write too.
type handle [16]byte

// A write is one POST of a status batch. A batch that is sent again is another write of the same handle.
type write struct {
	client    int
	node      int
	call      time.Duration // since the run began
	ret       time.Duration
	authority string
	handle    handle
	number    uint64 // that the authority gave it; 0: signed by the cluster for the authority
	life      life   // of the node when the call began

	outcome  outcome
	why      string // what came instead of a receipt
	expected uint64 // with wrongNumber
	receipt  receipt
}

type receipt struct {
	number   uint64
	position uint64
	recorded trust.Time
	index    uint64 // of the Raft log
	digest   trust.Digest
}

// A life counts the starts of a node's process. What was begun and ended in the same life was answered by one process.
type life int

// A read is a look at one handle at one node: GET /v1/node, then GET /v1/credentials/status.
type read struct {
	client  int
	node    int
	call    time.Duration
	ret     time.Duration
	life    life
	handle  handle
	applied uint64 // that the node named first

	size     uint64 // of the log in the second answer
	root     trust.Digest
	present  bool
	position uint64
	times    int // how many events the node shows of it
}

// A history is what all clients saw. It may be written to by all of them.
type history struct {
	mu     sync.Mutex
	begun  time.Time
	writes []write
	reads  []read
	missed int            // reads that got no answer
	others map[string]int // answers that no node should give, by text
}

func newHistory() *history { return &history{begun: time.Now(), others: map[string]int{}} }

// now is the time since the run began, on the monotonic clock.
func (h *history) now() time.Duration { return time.Since(h.begun) }

func (h *history) wrote(w write) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writes = append(h.writes, w)
}

func (h *history) saw(r read) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reads = append(h.reads, r)
}

func (h *history) miss() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.missed++
}

func (h *history) strange(text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.others[text]++
}

// acknowledged counts the writes with a receipt that was there before a moment.
func (h *history) acknowledged(before time.Duration) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, w := range h.writes {
		if w.outcome == done && w.ret < before {
			n++
		}
	}
	return n
}
