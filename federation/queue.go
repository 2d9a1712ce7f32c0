package federation

import (
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/hutong-project/hutong/trust"
)

// errSuperseded is the result of a candidate that a newer head of its province took the place of.
var errSuperseded = errors.New("a newer head took its place")

// errResting is the result of a candidate that came while its province pauses.
var errResting = errors.New("no source had what the last heads pin; pausing")

// A provinceBook keeps, for each province, the one pull in flight, the head that waits for it to end, and what the
// status shows. Provinces come only from the national list, so it stays small. The zero value is ready.
type provinceBook struct {
	mu    sync.Mutex
	pages map[trust.Province]*provincePage
}

type provincePage struct {
	current, next *candidate // in flight; waiting

	failures int       // pulls in a row for which no source had what the head pins
	resting  time.Time // until then no pull is begun

	seenSession, seenSequence uint64  // of the highest head that was validly signed
	source                    peer.ID // who brought the last adopted head
	lastError                 string
	lastErrorAt               trust.Time
	refused                   map[trust.RefusalCode]uint64
}

// page returns code's page; the caller holds mu.
func (b *provinceBook) page(code trust.Province) *provincePage {
	p := b.pages[code]
	if p == nil {
		if b.pages == nil {
			b.pages = make(map[trust.Province]*provincePage)
		}
		p = &provincePage{refused: make(map[trust.RefusalCode]uint64)}
		b.pages[code] = p
	}
	return p
}

// offer queues c, whose done is made. One pull a province is in flight; of the heads that wait for it to end the newest
// stays, and the others are finished with retry. A head that is in flight or waits already is not queued twice: its
// candidate is returned, and its result is the answer for both. start runs the province's pulls, pull does one.
func (b *provinceBook) offer(c *candidate, start func(func()) bool, pull func(*candidate) result) *candidate {
	b.mu.Lock()
	defer b.mu.Unlock()
	page := b.page(c.doc.Province)
	for _, known := range []*candidate{page.current, page.next} {
		if known != nil && known.doc.Digest == c.doc.Digest {
			return known
		}
	}
	if time.Now().Before(page.resting) {
		c.finish(result{answerRetry, errResting})
		return c
	}
	if page.current == nil {
		page.current = c
		if !start(func() { b.run(page, pull) }) {
			page.current = nil
			c.finish(result{answerRetry, ErrClosed})
		}
		return c
	}
	if page.next != nil {
		if older(c.doc, page.next.doc) {
			c.finish(result{answerRetry, errSuperseded})
			return c
		}
		page.next.finish(result{answerRetry, errSuperseded})
	}
	page.next = c
	return c
}

// run pulls until nothing waits.
func (b *provinceBook) run(page *provincePage, pull func(*candidate) result) {
	b.mu.Lock()
	c := page.current
	b.mu.Unlock()
	for c != nil {
		r := pull(c)
		b.mu.Lock()
		if r.answer == answerAccepted {
			page.source = c.source
		}
		if page.current, page.next = page.next, nil; page.current != nil && time.Now().Before(page.resting) {
			page.current.finish(result{answerRetry, errResting})
			page.current = nil
		}
		next := page.current
		b.mu.Unlock()
		c.finish(r)
		c = next
	}
}

const (
	firstRest = 250 * time.Millisecond
	longRest  = 15 * time.Second
)

// rest makes a province pause after a pull for which no source had what the head pins, longer each time: its next heads
// would have every source asked again for the same. Any other end of a pull lets it go on.
func (b *provinceBook) rest(code trust.Province, err error, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.page(code)
	if fetch := new(errFetch); !errors.As(err, &fetch) {
		p.failures, p.resting = 0, time.Time{}
		return
	}
	p.resting = now.Add(min(firstRest<<min(p.failures, 10), longRest))
	p.failures++
}

// saw notes a validly signed head, adopted or not.
func (b *provinceBook) saw(code trust.Province, session, sequence uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.page(code)
	if session > p.seenSession || session == p.seenSession && sequence > p.seenSequence {
		p.seenSession, p.seenSequence = session, sequence
	}
}

// maxError bounds the text of an error that is kept for the status.
const maxError = 300

func (b *provinceBook) failed(code trust.Province, err error, now trust.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.page(code)
	p.lastError, p.lastErrorAt = clip(err.Error(), maxError), now
	if refusal, refused := trust.AsRefusal(err); refused {
		p.refused[refusal.Code]++
	}
}

// show returns a copy of what the status needs of code's page.
func (b *provinceBook) show(code trust.Province) (page provincePage, pulling bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.pages[code]
	if p == nil {
		return provincePage{}, false
	}
	page = *p
	page.refused = maps.Clone(p.refused)
	return page, p.current != nil
}
