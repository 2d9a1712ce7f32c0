package federation

import (
	"context"
	"errors"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/head"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/registry"
)

// A candidate is a head that passed the cheap checks and waits for what it pins. What came along with it is a guess of
// the sender's and checked like everything else.
type candidate struct {
	doc    *head.Document
	source peer.ID
	gift   pushMessage
	// evidence: the head is handed over bare, as half of a proof that its province contradicted itself, or that this
	// cluster lost a head of its own. Nothing is fetched for it.
	evidence bool

	done chan struct{} // closed once result is set
	result
}

// A result says what became of a candidate. With answerRefused err is a *trust.Refusal.
type result struct {
	answer answer
	err    error
}

func (c *candidate) finish(r result) {
	c.result = r
	close(c.done)
}

// resultOf sorts an error of a check or of the registry.
func resultOf(err error) result {
	if err == nil {
		return result{answer: answerAccepted}
	}
	if _, refused := trust.AsRefusal(err); refused {
		return result{answerRefused, err}
	}
	return result{answerRetry, err}
}

func (n *Node) serveHead(ctx context.Context, from caller, s network.Stream) error {
	var m pushMessage
	if err := readFrame(s, s.Scope(), &m); err != nil {
		return err
	}
	r := n.receivePush(ctx, from, m)
	reply := &pushAnswer{Answer: r.answer}
	if refusal, refused := trust.AsRefusal(r.err); refused {
		reply.Code, reply.Detail = string(refusal.Code), clip(refusal.Detail, maxDetail)
	} else if r.err != nil {
		reply.Detail = clip(r.err.Error(), maxDetail)
	}
	return writeFrame(s, reply)
}

// receivePush takes a pushed head as far as adoption, or answers retry when that takes longer than pushPatience; the
// work then goes on without the pusher.
func (n *Node) receivePush(ctx context.Context, from caller, m pushMessage) result {
	ctx, cancel := context.WithTimeout(ctx, pushPatience)
	defer cancel()
	doc, err := head.Read(m.Head)
	if err != nil {
		n.noteRefusal(from.home, err)
		return resultOf(err)
	}
	// Only a province's own cluster, or its host's, pushes: who else has the head hands it on by exchange. So nobody
	// can hold up a province by pushing its heads and stalling on what they pin.
	code := doc.Province
	if entry, _ := n.entry(code); entry != nil && !n.gate.current.Load().speaksFor(from.id, entry.Signer()) {
		err := trust.Refuse(trust.ForeignProvince, "head of %s pushed by a peer of %s", code, from.home)
		n.noteRefusal(from.home, err)
		return resultOf(err)
	}
	c, err := n.consider(ctx, &candidate{doc: doc, source: from.id, gift: m})
	if err != nil {
		return resultOf(err)
	}
	if c == nil {
		return result{answer: answerHave}
	}
	select {
	case <-c.done:
		return c.result
	case <-ctx.Done():
		return result{answerRetry, errors.New("still fetching what the head pins")}
	}
}

// consider puts c through the cheap checks, fetching the national list first when the head names a newer one, and
// queues it. It returns the candidate to wait for, which may be another one with the same head, or nil when the head
// is no news. What fails is booked on the head's province.
func (n *Node) consider(ctx context.Context, c *candidate) (*candidate, error) {
	code := c.doc.Province
	err := n.reachNational(ctx, c)
	if err != nil { // the head may still be good under the list that is held, which then counts as stale
		n.log.Debug("walking the national chain", "named_by", code, "error", err)
	}
	news, err := n.check(c)
	if err != nil {
		n.noteRefusal(code, err)
		n.metrics.heads.WithLabelValues(n.label(code), "refused").Inc()
		return nil, err
	}
	if !news {
		n.metrics.heads.WithLabelValues(n.label(code), "have").Inc()
		return nil, nil
	}
	c.done = make(chan struct{})
	queued := n.provinces.offer(c, func(work func()) bool { return n.start(work) }, n.pull)
	return queued, nil
}

// entry returns code's entry in the national list in force, and what is held of it; both may be nil.
func (n *Node) entry(code trust.Province) (*national.Province, *registry.Province) {
	view := n.view()
	if view.National == nil {
		return nil, nil
	}
	entry, ok := view.National.Province(code)
	if !ok {
		return nil, nil
	}
	return entry, view.Provinces[code]
}

// check does what needs no fetching: the signature under the national list in force, session, sequence and times
// against what is held. It reports whether the head is news.
func (n *Node) check(c *candidate) (news bool, err error) {
	code := c.doc.Province
	entry, held := n.entry(code)
	if entry == nil {
		return false, trust.Refuse(trust.UnknownProvince, "%s does not stand in the national list", code)
	}
	var prev *head.Document
	if held != nil {
		prev = held.Head
	}
	if prev != nil && prev.Digest == c.doc.Digest {
		return false, nil
	}
	if err := c.doc.CheckSigned(entry); err != nil {
		return false, err
	}
	n.provinces.saw(code, c.doc.Session, c.doc.Sequence)
	if held != nil && held.Local {
		return n.checkLocal(c, prev)
	}
	if prev != nil && prev.Session == c.doc.Session && c.doc.Session == entry.Session {
		if why, yes := head.Contradicts(prev, c.doc); yes {
			return n.checkContradiction(c, held, why)
		}
		if c.doc.Sequence < prev.Sequence {
			return false, nil
		}
	}
	policy := n.view().National.List.Policy
	return true, c.doc.CheckFollows(prev, entry, n.now(), policy)
}

// checkContradiction lets the second half of a proof through to the registry, once.
func (n *Node) checkContradiction(c *candidate, held *registry.Province, why string) (news bool, err error) {
	if held.Equivocation != nil {
		return false, trust.Refuse(trust.Equivocation, "%s", why)
	}
	c.evidence = true
	return true, nil
}

// checkLocal looks at a head that this cluster itself should have signed. One that it does not hold means that the
// cluster lost state, or that its head key is in other hands: the leader's registry has to know.
func (n *Node) checkLocal(c *candidate, prev *head.Document) (news bool, err error) {
	if !n.cfg.Registry.Leading() {
		return false, nil // a follower's view may only be behind
	}
	if prev != nil {
		if _, contradicts := head.Contradicts(prev, c.doc); !contradicts && older(c.doc, prev) {
			return false, nil
		}
	}
	if view := n.view(); view.Unsettled != nil {
		if entry, _ := n.entry(c.doc.Province); entry != nil { // it is taken back like a foreign one
			return true, c.doc.CheckFollows(prev, entry, n.now(), view.National.List.Policy)
		}
	}
	n.log.Warn("a peer holds a head of this cluster's that this cluster lacks", "province", c.doc.Province,
		"session", c.doc.Session, "sequence", c.doc.Sequence, "peer", c.source)
	c.evidence = true
	return true, nil
}

// older reports whether a's number is below b's. A new session is above every number of an old one.
func older(a, b *head.Document) bool {
	if a.Session != b.Session {
		return a.Session < b.Session
	}
	return a.Sequence < b.Sequence
}

// noteRefusal books an error on a province: as a counted refusal, or as something that could not be decided.
func (n *Node) noteRefusal(code trust.Province, err error) {
	label := n.label(code)
	if refusal, refused := trust.AsRefusal(err); refused {
		n.metrics.refuse(trust.Province(label), refusal.Code)
	}
	if label != unknownLabel {
		n.provinces.failed(code, err, n.now())
	}
}

// unknownLabel stands for every code that is not in the national list: peers must not grow the set of labels.
const unknownLabel = "other"

func (n *Node) label(code trust.Province) string {
	if entry, _ := n.entry(code); entry == nil && code != n.cfg.Own {
		return unknownLabel
	}
	return string(code)
}
