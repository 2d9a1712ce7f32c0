package national

import (
	"errors"
	"slices"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/statement"
)

// CheckPinned says whether d may be a node's first list: its digest is the one that the configuration names, and the
// threshold of its own keys signed it. Refusals: NotPinned, ThresholdMissed.
func (d *Document) CheckPinned(pin trust.Digest) error {
	if d.Digest != pin {
		return trust.Refuse(trust.NotPinned, "national list %d has digest %s, want %s", d.Sequence, d.Digest, pin)
	}
	return CheckThreshold(d.envelope, PayloadType, d.Keys, d.Threshold, "the list's own keys")
}

// CheckFollows says whether d is the next list after prev, by the rule of TUF for root metadata: number + 1, previous
// is prev's digest, signed by the threshold of prev's keys and by that of its own. Further: no time, session or past
// of a province falls or changes, and none vanishes. prev may have passed its nextUpdate: an expired list is still
// the floor.
//
// Refusals: Rollback (a number that is prev's or below, a time or session that falls), Incomplete (a list between is
// missing), WrongSuccession, ThresholdMissed, and Equivocation for another list under prev's number that prev's keys
// and its own signed. A second list under an older number, or one that changed the keys, is found by asking whether
// it follows the list below that number.
func (d *Document) CheckFollows(prev *Document) error {
	switch {
	case d.Digest == prev.Digest:
		return trust.Refuse(trust.Rollback, "national list %d is the one held", d.Sequence)
	case d.Sequence < prev.Sequence:
		return trust.Refuse(trust.Rollback, "national list %d, below %d", d.Sequence, prev.Sequence)
	case d.Sequence > prev.Sequence+1:
		return trust.Refuse(trust.Incomplete, "national list %d does not follow %d: the lists between are needed", d.Sequence, prev.Sequence)
	}
	if err := CheckThreshold(d.envelope, PayloadType, prev.Keys, prev.Threshold, "the previous list's keys"); err != nil {
		return err
	}
	if err := CheckThreshold(d.envelope, PayloadType, d.Keys, d.Threshold, "the list's own keys"); err != nil {
		return err
	}
	switch {
	case d.Sequence == prev.Sequence:
		return trust.Refuse(trust.Equivocation, "two national lists %d: %s and %s", d.Sequence, prev.Digest, d.Digest)
	case d.Previous != prev.Digest:
		return trust.Refuse(trust.WrongSuccession, "previous of national list %d is %s, want %s", d.Sequence, d.Previous, prev.Digest)
	case d.Issued < prev.Issued:
		return trust.Refuse(trust.Rollback, "national list %d issued %s, before list %d (%s)", d.Sequence, d.Issued, prev.Sequence, prev.Issued)
	}
	for i := range prev.Provinces {
		old := &prev.Provinces[i]
		entry, ok := d.Province(old.Code)
		if !ok {
			return trust.Refuse(trust.WrongSuccession, "%s vanished from national list %d; a province that leaves is withdrawn", old.Code, d.Sequence)
		}
		if err := entry.checkFollows(old); err != nil {
			return err
		}
	}
	return nil
}

// checkFollows: the past of an entry stays as it was said.
func (p *Province) checkFollows(old *Province) error {
	was, now := old.periods(), p.periods()
	switch {
	case old.Status == Withdrawn && p.Status != Withdrawn:
		return trust.Refuse(trust.WrongSuccession, "%s was withdrawn and is %s; a withdrawal is for ever", p.at(), p.Status)
	case len(now) < len(was) || !slices.Equal(now[:len(was)], was):
		return trust.Refuse(trust.WrongSuccession, "%s: history does not continue %s since %s", p.at(), old.Status, old.Since)
	case p.Session < old.Session:
		return trust.Refuse(trust.Rollback, "%s: session %d, below %d", p.at(), p.Session, old.Session)
	case p.Session == old.Session && !equal(p.LogState, old.LogState):
		return trust.Refuse(trust.WrongSuccession, "%s: logState changed within session %d", p.at(), p.Session)
	case old.LastHead != nil && !equal(p.LastHead, old.LastHead):
		return trust.Refuse(trust.WrongSuccession, "%s: lastHead changed after the withdrawal", p.at())
	}
	return nil
}

func equal[T comparable](a, b *T) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// CheckTime refuses, with FromFuture, a list that was issued more than skew seconds after now. That a list is past
// its nextUpdate is no refusal: it makes the list stale.
func (d *Document) CheckTime(now trust.Time, skew int) error {
	if d.Issued > now+trust.Time(skew) {
		return trust.Refuse(trust.FromFuture, "national list %d issued %s, more than %d s after %s", d.Sequence, d.Issued, skew, now)
	}
	return nil
}

// Signers returns which of the list's own keys have signed it, in the order of Keys, be they enough or not.
func (d *Document) Signers() ([]trust.KeyID, error) {
	signers, err := d.envelope.Verify(PayloadType, PublicKeys(d.Keys), d.Threshold)
	var missed *statement.ThresholdError
	if errors.As(err, &missed) {
		return missed.Signers, nil
	}
	return signers, err
}
