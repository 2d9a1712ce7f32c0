package list

import (
	"bytes"
	"slices"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/national"
)

// CheckSigned says whether the threshold of the province's list keys signed d, in the session that the national list
// names. Refusals: ForeignProvince, WrongSession, ThresholdMissed.
func (d *Document) CheckSigned(entry *national.Province) error {
	if d.Province != entry.Code {
		return trust.Refuse(trust.ForeignProvince, "trust list of %s, want of %s", d.Province, entry.Code)
	}
	if d.Session != entry.Session {
		return trust.Refuse(trust.WrongSession, "trust list of %s in session %d, want %d", d.Province, d.Session, entry.Session)
	}
	return national.CheckThreshold(d.envelope, PayloadType, entry.ListKeys, entry.ListThreshold, "the list keys of "+string(entry.Code))
}

// CheckFollows says whether d may stand after prev, the list held (nil: none). It returns nil too when d is prev
// itself: no news. A list of a higher session follows any of a lower one, and resets all numbers. prev may have passed
// its nextUpdate: an expired list is still the floor.
//
// Refusals: ForeignProvince, Rollback (session, version or time below prev's), Equivocation (another list under prev's
// version), WrongSuccession (the next version names another previous list).
func (d *Document) CheckFollows(prev *Document) error {
	switch {
	case prev == nil:
		return nil
	case d.Province != prev.Province:
		return trust.Refuse(trust.ForeignProvince, "trust list of %s, want of %s", d.Province, prev.Province)
	case d.Session < prev.Session:
		return trust.Refuse(trust.Rollback, "trust list of %s in session %d, below %d", d.Province, d.Session, prev.Session)
	case d.Session > prev.Session:
		return nil
	case d.Number < prev.Number:
		return trust.Refuse(trust.Rollback, "trust list %d of %s, below %d", d.Number, d.Province, prev.Number)
	case d.Number == prev.Number && d.Digest == prev.Digest:
		return nil
	case d.Number == prev.Number:
		return trust.Refuse(trust.Equivocation, "two trust lists %d of %s: %s and %s", d.Number, d.Province, prev.Digest, d.Digest)
	case d.Number == prev.Number+1 && d.Previous != prev.Digest:
		return trust.Refuse(trust.WrongSuccession, "previous of trust list %d of %s is %s, want %s", d.Number, d.Province, d.Previous, prev.Digest)
	case d.Issued < prev.Issued:
		return trust.Refuse(trust.Rollback, "trust list %d of %s issued %s, before list %d (%s)", d.Number, d.Province, d.Issued, prev.Number, prev.Issued)
	}
	return nil
}

// CheckTime refuses, with FromFuture, a list that was issued more than skew seconds after now. That a list is past
// its nextUpdate is no refusal: it makes the list stale.
func (d *Document) CheckTime(now trust.Time, skew int) error {
	if d.Issued > now+trust.Time(skew) {
		return trust.Refuse(trust.FromFuture, "trust list %d of %s issued %s, more than %d s after %s", d.Number, d.Province, d.Issued, skew, now)
	}
	return nil
}

// CheckKeeps is for the province that publishes d after prev: nothing that once counted is forgotten by mistake. No
// anchor vanishes or changes its certificate or authority, or loses its past; no status key vanishes; and what the
// operator signed in an authority's name goes on counting. Receivers do not ask this: they pin what the province says.
// It refuses with WrongSuccession.
func (d *Document) CheckKeeps(prev *Document) error {
	if err := keepsKeys("operatorStatusKeys", prev.OperatorStatusKeys, d.OperatorStatusKeys); err != nil {
		return err
	}
	anchors := make(map[string]*Anchor, len(d.Anchors))
	operated := make(map[string]bool)
	for i := range d.Anchors {
		a := &d.Anchors[i]
		anchors[a.ID] = a
		operated[a.Authority] = operated[a.Authority] || a.StatusSigner == SignerOperator
	}
	for i := range prev.Anchors {
		old := &prev.Anchors[i]
		a, ok := anchors[old.ID]
		if !ok {
			return trust.Refuse(trust.WrongSuccession, "%s vanished; an anchor that ends is withdrawn", old.at())
		}
		if err := a.keeps(old); err != nil {
			return err
		}
		if old.StatusSigner == SignerOperator && !operated[old.Authority] {
			return trust.Refuse(trust.WrongSuccession,
				"%s: no anchor of its authority has statusSigner operator any more; what the operator signed for it would be forgotten", old.at())
		}
	}
	return nil
}

// keeps: the begin and the reason of the present status may be corrected; ended statuses stay as they are.
func (a *Anchor) keeps(old *Anchor) error {
	was, now := old.periods(), a.periods()
	last := len(was) - 1
	switch {
	case !bytes.Equal(a.Certificate, old.Certificate):
		return trust.Refuse(trust.WrongSuccession, "%s: another certificate; a renewed one is a new anchor", a.at())
	case a.Authority != old.Authority:
		return trust.Refuse(trust.WrongSuccession, "%s: another authority", a.at())
	case len(now) < len(was) || !slices.Equal(now[:last], was[:last]) || now[last].Status != was[last].Status:
		return trust.Refuse(trust.WrongSuccession, "%s: history does not continue %s since %s", a.at(), old.Status, old.Since)
	case !old.CompromisedSince.IsZero() && a.CompromisedSince.IsZero():
		return trust.Refuse(trust.WrongSuccession, "%s: compromisedSince vanished", a.at())
	}
	return keepsKeys(a.at()+".statusKeys", old.StatusKeys, a.StatusKeys)
}

func keepsKeys(at string, old, now []StatusKey) error {
	for _, k := range old {
		if !slices.ContainsFunc(now, func(n StatusKey) bool { return n.Key.Equal(k.Key) }) {
			return trust.Refuse(trust.WrongSuccession, "%s: key %s vanished; a key that ends gets an until", at, k.Key.ID().Short())
		}
	}
	return nil
}
