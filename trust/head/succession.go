package head

import (
	"fmt"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/national"
)

// RisePerSecond is how many heads a province may sign a second: one every 100 ms.
const RisePerSecond = 10

// CheckFollows says whether d may be adopted after prev, the head held (nil: none), at now. It returns nil too when d
// is prev itself: no news. prev may be older than any age: a head that ran out is still the floor. The signature is
// CheckSigned's matter; it must have been asked first.
//
// The sequence may rise by RisePerSecond for each started second of issued since prev. Without a prev of this session
// it counts from when the province joined the federation.
//
// Refusals: ForeignProvince, WrongSession (not the entry's), FromFuture, Rollback (a number or time below prev's, or a
// log below the session's start), Equivocation (see Contradicts), FastForward, RootMismatch (the log that the session
// started with has another root), WrongSuccession and DigestMismatch (a withdrawn province's heads end with lastHead).
func (d *Document) CheckFollows(prev *Document, entry *national.Province, now trust.Time, policy national.Policy) error {
	switch {
	case d.Province != entry.Code:
		return trust.Refuse(trust.ForeignProvince, "head of %s, want of %s", d.Province, entry.Code)
	case d.Session != entry.Session:
		return trust.Refuse(trust.WrongSession, "head of %s in session %d, want %d", d.Province, d.Session, entry.Session)
	case d.Issued > now+trust.Time(policy.Skew):
		return trust.Refuse(trust.FromFuture, "head %d of %s issued %s, more than %d s after %s", d.Sequence, d.Province, d.Issued, policy.Skew, now)
	}
	if err := d.checkLastHead(entry); err != nil {
		return err
	}
	if prev != nil && prev.Province != d.Province {
		return trust.Refuse(trust.ForeignProvince, "head of %s, want of %s", d.Province, prev.Province)
	}
	if prev != nil && prev.Session > d.Session {
		return trust.Refuse(trust.Rollback, "head of %s in session %d, below %d", d.Province, d.Session, prev.Session)
	}
	if prev != nil && prev.Session == d.Session {
		return d.checkAbove(prev)
	}
	if err := d.checkLogState(entry.LogState); err != nil {
		return err
	}
	return d.checkRise(0, entry.Joined())
}

// checkAbove compares with a head of the same session.
func (d *Document) checkAbove(prev *Document) error {
	if d.Digest == prev.Digest {
		return nil
	}
	if why, yes := Contradicts(prev, d); yes {
		return trust.Refuse(trust.Equivocation, "%s: %s", d.Province, why)
	}
	switch {
	case d.Sequence < prev.Sequence:
		return trust.Refuse(trust.Rollback, "head %d of %s, below %d", d.Sequence, d.Province, prev.Sequence)
	case d.Issued < prev.Issued:
		return trust.Refuse(trust.Rollback, "head %d of %s issued %s, before head %d (%s)", d.Sequence, d.Province, d.Issued, prev.Sequence, prev.Issued)
	case d.NationalList.Sequence < prev.NationalList.Sequence:
		return trust.Refuse(trust.Rollback, "head %d of %s names national list %d, below %d", d.Sequence, d.Province, d.NationalList.Sequence, prev.NationalList.Sequence)
	}
	return d.checkRise(prev.Sequence, prev.Issued)
}

// checkRise: times have whole seconds, so a second that was begun counts as whole; docs/decisions/0002 has the reason.
func (d *Document) checkRise(floor uint64, since trust.Time) error {
	seconds := uint64(max(0, d.Issued-since)) + 1
	if rise := d.Sequence - floor; rise > RisePerSecond*seconds {
		return trust.Refuse(trust.FastForward, "head %d of %s is %d above %d, want at most %d in %d s", d.Sequence, d.Province, rise, floor, RisePerSecond*seconds, seconds)
	}
	return nil
}

// checkLogState: a session's log continues the state that the national list names.
func (d *Document) checkLogState(start *national.LogState) error {
	switch {
	case start == nil:
		return nil
	case d.Log.Generation < start.Generation || d.Log.Generation == start.Generation && d.Log.Size < start.Size:
		return trust.Refuse(trust.Rollback, "log of %s: %s, below %s, with which session %d started", d.Province, show(d.Log), show(*start), d.Session)
	case d.Log.Generation == start.Generation && d.Log.Size == start.Size && d.Log.Root != start.Root:
		return trust.Refuse(trust.RootMismatch, "log of %s: root %s at the start of session %d, want %s", d.Province, d.Log.Root.Short(), d.Session, start.Root.Short())
	}
	return nil
}

func (d *Document) checkLastHead(entry *national.Province) error {
	last := entry.LastHead
	switch {
	case last == nil || d.Sequence < last.Sequence:
		return nil
	case d.Sequence > last.Sequence:
		return trust.Refuse(trust.WrongSuccession, "head %d of %s, which is withdrawn: its last is %d", d.Sequence, d.Province, last.Sequence)
	case d.Digest != last.Digest:
		return trust.Refuse(trust.DigestMismatch, "last head %d of %s has digest %s, want %s", d.Sequence, d.Province, d.Digest, last.Digest)
	}
	return nil
}

// Contradicts reports whether two heads of one province and session cannot both stand, and why: another payload under
// one sequence; or, from the lower sequence to the higher, a version, generation or size that falls, or another list
// or root under an unchanged one. The order of a and b does not matter. That both are signed by listed keys is for the
// caller to check. Heads of different provinces or sessions never contradict each other.
func Contradicts(a, b *Document) (why string, yes bool) {
	if a.Province != b.Province || a.Session != b.Session || a.Digest == b.Digest {
		return "", false
	}
	if a.Sequence > b.Sequence {
		a, b = b, a
	}
	switch {
	case a.Sequence == b.Sequence:
		return fmt.Sprintf("two heads %d: %s and %s", a.Sequence, a.Digest, b.Digest), true
	case b.TrustList.Number < a.TrustList.Number:
		return fmt.Sprintf("head %d pins trust list %d, head %d the lower %d", a.Sequence, a.TrustList.Number, b.Sequence, b.TrustList.Number), true
	case b.TrustList.Number == a.TrustList.Number && b.TrustList.Digest != a.TrustList.Digest:
		return fmt.Sprintf("heads %d and %d pin two trust lists %d: %s and %s", a.Sequence, b.Sequence, a.TrustList.Number, a.TrustList.Digest, b.TrustList.Digest), true
	case b.Log.Generation < a.Log.Generation:
		return fmt.Sprintf("head %d pins log %s, head %d the lower %s", a.Sequence, show(a.Log), b.Sequence, show(b.Log)), true
	case b.Log.Generation > a.Log.Generation:
		return "", false
	case b.Log.Size < a.Log.Size:
		return fmt.Sprintf("head %d pins log %s, head %d the smaller %s", a.Sequence, show(a.Log), b.Sequence, show(b.Log)), true
	case b.Log.Size == a.Log.Size && b.Log.Root != a.Log.Root:
		return fmt.Sprintf("heads %d and %d pin two roots of log %s: %s and %s", a.Sequence, b.Sequence, show(a.Log), a.Log.Root, b.Log.Root), true
	}
	return "", false
}

func show(s national.LogState) string {
	return fmt.Sprintf("generation %d size %d", s.Generation, s.Size)
}
