package chaos

import (
	"context"
	crand "crypto/rand"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/hutong-project/hutong/node/client"
	"github.com/hutong-project/hutong/node/httpapi"
	"github.com/hutong-project/hutong/trust/statuslog"
)

const (
	callWithin = 2 * time.Second // patience of a client for one answer
	repeats    = 4               // how often a batch is sent again whose outcome is unknown
)

// recent are the handles that were written of last, and the batches that were acknowledged last, for readers to look
// at and for writers to send again.
type recent struct {
	mu      sync.Mutex
	handles []handle
	batches []sent
}

// A sent is a batch that an authority signed.
type sent struct {
	handle handle
	number uint64
	signed []byte
}

const remembered = 256

func (r *recent) spoken(h handle) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.handles = append(r.handles, h)
	if len(r.handles) > remembered {
		r.handles = r.handles[1:]
	}
}

func (r *recent) taken(s sent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.batches = append(r.batches, s)
	if len(r.batches) > remembered {
		r.batches = r.batches[1:]
	}
}

func (r *recent) handle(rng *rand.Rand) (h handle, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.handles) == 0 {
		return h, false
	}
	return r.handles[rng.IntN(len(r.handles))], true
}

func (r *recent) batch(rng *rand.Rand) (s sent, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.batches) == 0 {
		return s, false
	}
	return r.batches[rng.IntN(len(r.batches))], true
}

// A caller is one client of the cluster. It does one thing at a time.
type caller struct {
	*cluster
	*history
	*recent
	number int
	rng    *rand.Rand
	guess  uint64 // the number that the log is believed to expect next
}

func newHandle() (h handle) {
	_, _ = crand.Read(h[:]) // never fails: crypto/rand stops the program instead
	return h
}

func (c *caller) anyNode() *node { return c.nodes[c.rng.IntN(len(c.nodes))] }

func revocation(h handle) statuslog.Event {
	return statuslog.Event{Kind: statuslog.KindCredential, Subject: statuslog.HandleSubject(h[:]), Status: statuslog.StatusRevoked, Effective: now()}
}

// sign pushes batches that the authority has signed. What has an unknown outcome is sent again, to any node; now and
// then so is a batch that was acknowledged long ago. Several callers compete for the authority's numbers.
func (c *caller) sign(ctx context.Context) error {
	if c.rng.IntN(10) == 0 {
		if old, ok := c.batch(c.rng); ok {
			c.push(ctx, old)
			return nil
		}
	}
	s := sent{handle: newHandle(), number: max(c.guess, 1)}
	signed, err := c.signs.Batch([]statuslog.Event{revocation(s.handle)}, s.number, now())
	if err != nil {
		return err
	}
	s.signed = signed
	c.spoken(s.handle)
	for range repeats {
		switch w := c.push(ctx, s); w.outcome {
		case done:
			c.guess = s.number + 1
			c.taken(s)
			return nil
		case wrongNumber:
			c.guess = w.expected
			return nil
		}
		if ctx.Err() != nil {
			return nil
		}
		c.pause(ctx)
	}
	return nil
}

func (c *caller) push(ctx context.Context, s sent) write {
	n := c.anyNode()
	w := write{client: c.number, node: n.number, authority: c.signs.Request.Authority, handle: s.handle, number: s.number}
	return c.call(ctx, n, w, func(ctx context.Context) (httpapi.Receipt, error) {
		return n.client.PushBatch(ctx, c.signs.token, s.signed)
	})
}

// ask lets the cluster sign and append an event. It is never sent again: that would be another batch.
func (c *caller) ask(ctx context.Context) error {
	n := c.anyNode()
	h := newHandle()
	c.spoken(h)
	w := write{client: c.number, node: n.number, authority: c.signed.Request.Authority, handle: h}
	w = c.call(ctx, n, w, func(ctx context.Context) (httpapi.Receipt, error) {
		return n.client.PushEvents(ctx, c.signed.token, httpapi.Events{
			Authority: c.signed.Request.Authority, Events: []httpapi.Event{{Handle: hex.EncodeToString(h[:]), Status: "revoked"}},
		})
	})
	if w.outcome != done {
		c.pause(ctx)
	}
	return nil
}

// call makes one call and records it.
func (c *caller) call(ctx context.Context, n *node, w write, post func(context.Context) (httpapi.Receipt, error)) write {
	ctx, cancel := context.WithTimeout(ctx, callWithin)
	defer cancel()
	w.life, w.call = n.now(), c.now()
	r, err := post(ctx)
	w.ret = c.now()
	w.outcome, w.why = done, ""
	if err != nil {
		w.outcome, w.expected, w.why = outcomeOf(err), expectedBy(err), err.Error()
		if text, strange := noAnswer(err); strange {
			c.strange(text)
		}
	} else {
		w.receipt = receipt{number: r.Number, position: r.Position, recorded: r.Recorded, index: r.Index, digest: r.Digest}
		if w.life == n.now() {
			n.showed(r.Position + 1)
		}
	}
	c.wrote(w)
	return w
}

// outcomeOf says what a client may conclude from an error, as docs/http-api.md has it.
func outcomeOf(err error) outcome {
	var p *client.ProblemError
	if errors.As(err, &p) {
		switch p.Code {
		case "no-leader", "busy", "not-ready", "too-many-requests":
			return nothing
		case "wrong-number":
			return wrongNumber
		}
		return unknown
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return nothing
	}
	return unknown
}

func expectedBy(err error) uint64 {
	var p *client.ProblemError
	if errors.As(err, &p) {
		return p.Expected
	}
	return 0
}

// noAnswer reports answers that a good request never deserves, whatever is done to the nodes.
func noAnswer(err error) (string, bool) {
	var p *client.ProblemError
	if errors.Is(err, client.ErrAnswer) || errors.As(err, &p) && p.Status != 503 && p.Code != "wrong-number" {
		return err.Error(), true
	}
	return "", false
}

// look reads one handle at one node.
func (c *caller) look(ctx context.Context) error {
	h, ok := c.handle(c.rng)
	if !ok {
		c.pause(ctx)
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, callWithin)
	defer cancel()
	n := c.anyNode()
	r := read{client: c.number, node: n.number, handle: h, life: n.now(), call: c.now()}
	state, log, err := n.log(ctx)
	if err == nil {
		r.applied = state.Applied
		err = n.status(ctx, &r)
	}
	r.ret = c.now()
	if err != nil || r.life != n.now() { // begun in one life and ended in another: it proves nothing
		c.miss()
		if text, strange := noAnswer(err); strange {
			c.strange(text)
		}
		c.pause(ctx)
		return nil
	}
	n.showed(max(r.size, log.Size))
	c.saw(r)
	return nil
}

// status asks for one handle and notes the answer in r.
func (n *node) status(ctx context.Context, r *read) error {
	s, err := n.client.Status(ctx, code, hex.EncodeToString(r.handle[:]))
	if err != nil {
		return err
	}
	r.size, r.root, r.times = s.Log.Size, s.Log.Root, len(s.Statuses)
	if r.times > 0 {
		r.present, r.position = true, s.Statuses[0].Position.Position
	}
	return nil
}

// pause waits a little, so that a cluster that cannot answer is not asked a thousand times a second.
func (c *caller) pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(5+c.rng.IntN(40)) * time.Millisecond):
	}
}
