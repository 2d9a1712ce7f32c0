package federation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/head"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/registry"
)

// pull fetches what a head pins and this cluster lacks, and hands it to the registry: the list first, then the leaves.
func (n *Node) pull(c *candidate) result {
	code := c.doc.Province
	r := n.pullChecked(n.ctx, c)
	n.provinces.rest(code, r.err, time.Now())
	n.metrics.heads.WithLabelValues(n.label(code), outcomeLabel(r.answer)).Inc()
	if r.err != nil && r.answer != answerHave {
		n.noteRefusal(code, r.err)
		n.log.Info("head not adopted", "province", code, "session", c.doc.Session, "sequence", c.doc.Sequence,
			"peer", c.source, "error", r.err)
	}
	return r
}

func outcomeLabel(a answer) string {
	switch a {
	case answerAccepted:
		return "adopted"
	case answerHave:
		return "have"
	case answerRefused:
		return "refused"
	}
	return "retry"
}

func (n *Node) pullChecked(ctx context.Context, c *candidate) result {
	// What is held may have changed since the head was queued.
	news, err := n.check(c)
	if err != nil {
		return resultOf(err)
	}
	if !news {
		return result{answer: answerHave}
	}
	if c.evidence {
		return resultOf(n.adopt(ctx, registry.Update{Province: c.doc.Province, Head: c.doc.Raw}))
	}
	entry, held := n.entry(c.doc.Province)
	if entry == nil {
		return resultOf(trust.Refuse(trust.UnknownProvince, "%s left the national list", c.doc.Province))
	}
	update := registry.Update{Province: entry.Code, Head: c.doc.Raw, Generation: c.doc.Log.Generation}
	if held == nil || held.List == nil || held.List.Digest != c.doc.TrustList.Digest {
		if update.List, err = n.fetchList(ctx, c, entry); err != nil {
			return resultOf(err)
		}
	}
	err = n.bring(ctx, c, update, firstMissing(c.doc, entry, held))
	if err != nil && n.holds(c.doc) { // another node of the cluster was faster
		return result{answer: answerHave}
	}
	return resultOf(err)
}

// holds reports whether the view has the head or a later one.
func (n *Node) holds(doc *head.Document) bool {
	_, held := n.entry(doc.Province)
	return held != nil && held.Head != nil && (held.Head.Digest == doc.Digest || older(doc, held.Head))
}

// adopt hands an update to the registry. After a success the view of a follower may still be a moment behind.
func (n *Node) adopt(ctx context.Context, update registry.Update) error {
	if err := n.cfg.Registry.AdoptUpdate(ctx, update); err != nil {
		return fmt.Errorf("adopting a head of %s: %w", update.Province, err)
	}
	return nil
}

// firstMissing returns the log index from which on leaves are needed for doc. What is held stands as long as
// generation and session stay; a new session starts from the log state that the national list names.
func firstMissing(doc *head.Document, entry *national.Province, held *registry.Province) uint64 {
	if held == nil || held.Log.Generation != doc.Log.Generation {
		return 0
	}
	from := held.Log.Size
	if held.Head != nil && held.Head.Session != doc.Session && entry.LogState != nil {
		from = min(from, entry.LogState.Size)
	}
	return min(from, doc.Log.Size)
}

// fetchList returns the envelope of the trust list that c pins: the one that came along, or the first good one that a
// source has. It is read and its signatures are checked here, too, so that a source that lies is known at once.
func (n *Node) fetchList(ctx context.Context, c *candidate, entry *national.Province) ([]byte, error) {
	want := c.doc.TrustList.Digest
	if len(c.gift.List) > 0 {
		err := checkList(c.gift.List, want, entry)
		if err == nil {
			return c.gift.List, nil
		}
		n.blame(c.source, entry.Code, err)
	}
	var failures []error
	for _, source := range n.sources(entry, c.source) {
		var reply listAnswer
		err := n.ask(ctx, source, listConversation, &listRequest{Province: entry.Code, Digest: want}, &reply)
		switch {
		case err != nil:
		case len(reply.List) == 0:
			err = fmt.Errorf("asking %s for a trust list: %w", source, ErrNotHeld)
		default:
			n.metrics.fetched.WithLabelValues("list").Add(float64(len(reply.List)))
			if err = checkList(reply.List, want, entry); err == nil {
				return reply.List, nil
			}
		}
		n.blame(source, entry.Code, err)
		failures = append(failures, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, fetchFailed("trust list", entry.Code, failures)
}

func checkList(raw []byte, want trust.Digest, entry *national.Province) error {
	doc, err := list.Read(raw)
	if err != nil {
		return err
	}
	if doc.Digest != want {
		return trust.Refuse(trust.DigestMismatch, "trust list %s of %s, want %s", doc.Digest.Short(), entry.Code, want.Short())
	}
	return doc.CheckSigned(entry)
}

// errFetch says that no source had what a head pins. It hides what each source did wrong, which is that source's fault
// and no refusal of the head: the head may be adopted when another source turns up.
type errFetch struct {
	what     string
	province trust.Province
	last     error
	tried    int
}

func (e *errFetch) Error() string {
	if e.last == nil {
		return fmt.Sprintf("fetching the %s of %s: no peer to ask", e.what, e.province)
	}
	return fmt.Sprintf("fetching the %s of %s: %d sources tried, the last: %v", e.what, e.province, e.tried, e.last)
}

func fetchFailed(what string, code trust.Province, failures []error) error {
	e := &errFetch{what: what, province: code, tried: len(failures)}
	if len(failures) > 0 {
		e.last = failures[len(failures)-1]
	}
	return e
}

// bring adds the leaves from index from on to the update and has it adopted. Sources are tried in turn; a run of leaves
// that the registry refuses is thrown away as a whole, because nobody can tell which of its leaves is the wrong one.
func (n *Node) bring(ctx context.Context, c *candidate, update registry.Update, from uint64) error {
	size := c.doc.Log.Size
	update.From = from
	if from == size {
		return n.adopt(ctx, update)
	}
	if gift := giftedLeaves(c, from); gift != nil {
		update.Leaves = gift
		err := n.adopt(ctx, update)
		if err == nil || !leavesAtFault(err) {
			return err
		}
		n.blame(c.source, update.Province, err)
	}
	entry, _ := n.entry(update.Province)
	if entry == nil {
		return trust.Refuse(trust.UnknownProvince, "%s left the national list", update.Province)
	}
	var failures []error
	run := leafRun{at: from}
	for _, source := range n.sources(entry, c.source) {
		err := n.fetchLeaves(ctx, source, &update, &run, size)
		if staging := new(stagingError); errors.As(err, &staging) && !leavesAtFault(err) {
			return err // no other source could help
		}
		if err == nil {
			if err = n.adopt(ctx, update); err == nil || !leavesAtFault(err) {
				return err
			}
			run = leafRun{at: from}
		}
		n.blame(source, update.Province, err)
		failures = append(failures, err)
		if ctx.Err() != nil {
			break
		}
	}
	return fetchFailed("status log", update.Province, failures)
}

// giftedLeaves returns what of the leaves that came along is missing, if they reach from from to the head's size.
func giftedLeaves(c *candidate, from uint64) [][]byte {
	g := c.gift
	if len(g.Leaves) == 0 || g.Generation != c.doc.Log.Generation || g.From > from ||
		g.From+uint64(len(g.Leaves)) != c.doc.Log.Size {
		return nil
	}
	return g.Leaves[from-g.From:]
}

// leavesAtFault reports whether other leaves could make the registry take the update: the head itself passed all checks
// before.
func leavesAtFault(err error) bool {
	refusal, refused := trust.AsRefusal(err)
	return refused && slices.Contains([]trust.RefusalCode{
		trust.RootMismatch, trust.Malformed, trust.BadSignature, trust.UnknownKey, trust.TooLarge, trust.Incomplete,
		trust.ForeignProvince, trust.DigestMismatch, trust.Contradiction, trust.WrongNumber, trust.FromFuture,
	}, refusal.Code)
}

// A leafRun is how far the leaves for one update have come: those below at were staged.
type leafRun struct{ at uint64 }

// leastFill is what an answer that does not reach the end of the range must carry: a source must not dole out single
// leaves. It leaves room for how a holder counts bytes.
const leastFill = leavesBytes / 4

// fetchLeaves asks source for the leaves from run.at up to size. All but the last answer are staged with the registry,
// the last goes into the update. After an error the run can go on with another source.
func (n *Node) fetchLeaves(ctx context.Context, source peer.ID, update *registry.Update, run *leafRun, size uint64) error {
	for {
		request := &logRequest{Province: update.Province, Generation: update.Generation, From: run.at, To: size}
		var reply logAnswer
		if err := n.ask(ctx, source, logConversation, request, &reply); err != nil {
			return err
		}
		bytes := 0
		for _, leaf := range reply.Leaves {
			bytes += len(leaf)
		}
		n.metrics.fetched.WithLabelValues("log").Add(float64(bytes))
		end := run.at + uint64(len(reply.Leaves))
		switch {
		case len(reply.Leaves) == 0:
			return fmt.Errorf("asking %s for leaf %d: %w", source, run.at, ErrNotHeld)
		case end > size:
			return trust.Refuse(trust.Malformed, "%d leaves from %d on, want at most %d", len(reply.Leaves), run.at, size-run.at)
		case end == size:
			update.From, update.Leaves = run.at, reply.Leaves
			return nil
		case bytes < leastFill:
			return fmt.Errorf("asking %s for leaves from %d on: %d bytes that end before %d: %w", source, run.at, bytes, size, ErrNotHeld)
		}
		update.From, update.Leaves = run.at, reply.Leaves
		if err := n.cfg.Registry.StageLeaves(ctx, *update); err != nil {
			return &stagingError{update.Province, err}
		}
		run.at = end
	}
}

// A stagingError is the registry's answer to leaves that are not the last ones.
type stagingError struct {
	province trust.Province
	err      error
}

func (e *stagingError) Error() string {
	return fmt.Sprintf("staging leaves of %s: %v", e.province, e.err)
}
func (e *stagingError) Unwrap() error { return e.err }

// blame books what a source did wrong on the source, and a lie also on the province whose data it was.
func (n *Node) blame(source peer.ID, code trust.Province, err error) {
	n.peers.blame(source, err)
	if refusal, refused := trust.AsRefusal(err); refused {
		n.metrics.refuse(trust.Province(n.label(code)), refusal.Code)
		n.log.Warn("a peer gave what does not fit", "peer", source, "province", code, "code", refusal.Code)
		n.provinces.failed(code, err, n.now())
	} else if !errors.Is(err, context.Canceled) {
		n.log.Debug("a source did not help", "peer", source, "province", code, "error", err)
	}
}
