package federation

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/head"
	"github.com/hutong-project/hutong/trust/registry"
)

// pushers hold one pusher for each province that gets our heads; a slow one delays only itself. The zero value is
// ready.
type pushers struct {
	mu        sync.Mutex
	byTarget  map[trust.Province]*pusher
	confirmed map[trust.Province]*head.Document // the highest own or hosted head that another province holds
	news      chan struct{}                     // closed when confirmed changes; nil: nobody waits
}

// A pusher brings the newest own and hosted heads to one province. All of it is guarded by pushers.mu.
type pusher struct {
	waiting map[trust.Province]*head.Document // by whose head it is; the newest only
	offered map[trust.Province]trust.Digest   // the last head put into waiting
	belief  map[trust.Province]belief         // what the target holds of us, as far as we know
	running bool

	lastAnswer string
	lastError  string
}

// A belief is what a province probably holds of one of our logs and lists.
type belief struct {
	generation, size uint64
	list             trust.Digest
}

// target returns the pusher for code; the caller holds mu.
func (p *pushers) target(code trust.Province) *pusher {
	t := p.byTarget[code]
	if t == nil {
		if p.byTarget == nil {
			p.byTarget = make(map[trust.Province]*pusher)
		}
		t = &pusher{
			waiting: make(map[trust.Province]*head.Document),
			offered: make(map[trust.Province]trust.Digest),
			belief:  make(map[trust.Province]belief),
		}
		p.byTarget[code] = t
	}
	return t
}

// pushNews hands every own or hosted head that is new to every target's pusher.
func (n *Node) pushNews(view *registry.View, a *admission) {
	for _, held := range view.Provinces {
		if !held.Local || held.Head == nil {
			continue
		}
		for _, code := range a.targets {
			n.offerPush(code, held.Head)
		}
	}
}

func (n *Node) offerPush(code trust.Province, doc *head.Document) {
	p := &n.pushers
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.target(code)
	if t.offered[doc.Province] == doc.Digest {
		return
	}
	t.offered[doc.Province] = doc.Digest
	t.waiting[doc.Province] = doc
	if !t.running {
		t.running = n.start(func() { n.runPusher(code, t) })
	}
}

// Between two attempts to push one head; after the last one the exchange has to bring it.
var pushPauses = []time.Duration{time.Second, 2 * time.Second, 4 * time.Second}

// runPusher pushes until nothing waits. A head that a newer one replaced is not tried again.
func (n *Node) runPusher(code trust.Province, t *pusher) {
	attempt := 0
	for {
		doc := n.pushers.next(t)
		if doc == nil {
			return
		}
		if !n.cfg.Registry.Leading() {
			attempt = 0
			continue
		}
		again := n.push(code, t, doc)
		if !again || attempt == len(pushPauses) || !n.pushers.putBack(t, doc) {
			attempt = 0
			continue
		}
		if pause(n.ctx, pushPauses[attempt]) != nil {
			attempt = len(pushPauses) // closing: the next talk ends at once
			continue
		}
		attempt++
	}
}

// next takes one waiting head, or ends the pusher's run.
func (p *pushers) next(t *pusher) *head.Document {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, code := range slices.Sorted(maps.Keys(t.waiting)) {
		doc := t.waiting[code]
		delete(t.waiting, code)
		return doc
	}
	t.running = false
	return nil
}

// putBack lets doc wait again, unless a newer one does.
func (p *pushers) putBack(t *pusher, doc *head.Document) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t.waiting[doc.Province] != nil {
		return false
	}
	t.waiting[doc.Province] = doc
	return true
}

// hedge is how long a pushed peer may stay silent before the next one of its province is tried beside it. A peer that is
// gone without a word would otherwise hold up its province for as long as a stream lasts.
const hedge = 3 * time.Second

// An attempt is how one push to one peer ended.
type attempt struct {
	id    peer.ID
	reply *pushAnswer
	err   error
}

// push tries the peers of a province in turn until one has taken doc, and reports whether trying again may help.
func (n *Node) push(code trust.Province, t *pusher, doc *head.Document) (again bool) {
	ctx, cancel := context.WithCancel(n.ctx)
	defer cancel()
	ids := n.peersOf(code)
	ended := make(chan attempt, len(ids))
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	for tried, pending := 0, 0; tried < len(ids) || pending > 0; {
		var waiting <-chan time.Time
		if tried < len(ids) {
			id := ids[tried]
			group.Go(func() {
				reply, err := n.pushTo(ctx, id, t, doc)
				ended <- attempt{id, reply, err}
			})
			tried, pending = tried+1, pending+1
			timer := time.NewTimer(hedge)
			defer timer.Stop()
			waiting = timer.C
		}
		select {
		case a := <-ended:
			pending--
			if done := n.notePush(code, t, doc, a); done {
				return false
			}
			again = true
		case <-waiting:
		}
	}
	return again
}

// notePush books how a push ended, and reports whether the province is done with this head.
func (n *Node) notePush(code trust.Province, t *pusher, doc *head.Document, a attempt) (done bool) {
	n.pushers.note(t, a.reply, a.err)
	if a.err != nil {
		n.metrics.pushes.WithLabelValues(string(code), "unanswered").Inc()
		n.log.Debug("pushing a head", "province", code, "peer", a.id, "error", a.err)
		return false
	}
	n.metrics.pushes.WithLabelValues(string(code), pushLabel(a.reply.Answer)).Inc()
	switch a.reply.Answer {
	case answerAccepted, answerHave:
		n.pushers.confirm(t, doc)
		return true
	case answerRefused:
		n.log.Warn("a province refused a head", "province", code, "peer", a.id, "head_of", doc.Province,
			"sequence", doc.Sequence, "code", a.reply.Code, "detail", a.reply.Detail)
		return true
	}
	return false
}

func pushLabel(a answer) string {
	switch a {
	case answerAccepted:
		return "accepted"
	case answerHave:
		return "have"
	case answerRefused:
		return "refused"
	}
	return "retry"
}

func (n *Node) pushTo(ctx context.Context, id peer.ID, t *pusher, doc *head.Document) (*pushAnswer, error) {
	m := &pushMessage{Head: doc.Raw}
	n.addGift(m, n.pushers.believed(t, doc.Province), doc)
	reply := new(pushAnswer)
	if err := n.ask(ctx, id, headConversation, m, reply); err != nil {
		return nil, err
	}
	return reply, nil
}

// addGift adds the list and the leaves that the receiver probably lacks, when both fit. Not knowing what it lacks, or
// not having it at hand, costs a round trip and nothing else.
func (n *Node) addGift(m *pushMessage, b belief, doc *head.Document) {
	left := pushExtras
	if b.list != doc.TrustList.Digest {
		raw, err := n.cfg.Registry.ListRaw(doc.Province, doc.TrustList.Digest)
		if err != nil || len(raw) > left {
			return
		}
		m.List, left = raw, left-len(raw)
	}
	missing := doc.Log.Size - min(b.size, doc.Log.Size)
	if b.generation != doc.Log.Generation || missing == 0 || missing > maxElements {
		return
	}
	leaves, err := n.cfg.Registry.Leaves(doc.Province, doc.Log.Generation, b.size, doc.Log.Size, left)
	size := 0
	for _, leaf := range leaves {
		size += len(leaf)
	}
	if err != nil || uint64(len(leaves)) != missing || size > left {
		return
	}
	m.Generation, m.From, m.Leaves = doc.Log.Generation, b.size, leaves
}

func (p *pushers) believed(t *pusher, code trust.Province) belief {
	p.mu.Lock()
	defer p.mu.Unlock()
	return t.belief[code]
}

// believe notes what a summary of target says about one of our heads.
func (p *pushers) believe(target trust.Province, ours *head.Document, theirs provinceSummary) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.target(target)
	b := belief{generation: theirs.Generation, size: theirs.Size, list: t.belief[ours.Province].list}
	if theirs.Digest == ours.Digest {
		b.list = ours.TrustList.Digest
	}
	t.belief[ours.Province] = b
}

func (p *pushers) note(t *pusher, reply *pushAnswer, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		t.lastAnswer, t.lastError = "unanswered", clip(err.Error(), maxError)
		return
	}
	t.lastAnswer, t.lastError = pushLabel(reply.Answer), reply.Detail
	if reply.Code != "" {
		t.lastError = reply.Code + ": " + reply.Detail
	}
}

// confirm notes that the target holds doc, or a later head.
func (p *pushers) confirm(t *pusher, doc *head.Document) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t.belief[doc.Province] = belief{doc.Log.Generation, doc.Log.Size, doc.TrustList.Digest}
	p.raise(doc)
}

// raise notes that some other province holds doc; the caller holds mu.
func (p *pushers) raise(doc *head.Document) {
	if known := p.confirmed[doc.Province]; known != nil && !older(known, doc) {
		return
	}
	if p.confirmed == nil {
		p.confirmed = make(map[trust.Province]*head.Document)
	}
	p.confirmed[doc.Province] = doc
	if p.news != nil {
		close(p.news)
		p.news = nil
	}
}

// AwaitPublished returns once a peer of another province has confirmed that it holds a head of code, an own or hosted
// province, that pins at least size leaves of the log's generation: from then on the leaves survive the loss of this
// cluster. Only the leader's node learns of confirmations. Errors: ctx's, and ErrClosed.
func (n *Node) AwaitPublished(ctx context.Context, code trust.Province, generation, size uint64) error {
	for {
		n.pushers.mu.Lock()
		doc := n.pushers.confirmed[code]
		if n.pushers.news == nil {
			n.pushers.news = make(chan struct{})
		}
		news := n.pushers.news
		n.pushers.mu.Unlock()
		if doc != nil && (doc.Log.Generation > generation || doc.Log.Generation == generation && doc.Log.Size >= size) {
			return nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return fmt.Errorf("waiting until another province holds %d leaves of %s: %w", size, code, ctx.Err())
		case <-n.ctx.Done():
			return ErrClosed
		}
	}
}
