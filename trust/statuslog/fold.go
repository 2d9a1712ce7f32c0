package statuslog

import (
	"cmp"
	"slices"

	"github.com/hutong-project/hutong/trust"
)

// A State is where one subject stands at one time, by what one authority has said about it.
type State struct {
	Status  Status     // zero: nothing is said that is effective by then
	Since   trust.Time // effective time of the event that decided
	Final   bool       // only a correction takes it back
	Expires trust.Time // as stated by the event of the latest effective time that states one; zero: 长期 or not known
	Entry   *Entry     // the event that decided, in the slice given to Fold; nil when Status is zero

	// Successor is what the last 转出 or re-issue named, until the subject is valid again. With Status transferred
	// the transfer is pending until the other province names this subject: the old credential has neither ended
	// nor is it certain to stand.
	Successor *Link
	// Predecessor is what the subject came from, by the event of the latest effective time that names it.
	Predecessor *Link
}

// Fold reads entries in log order and returns the state at time at. All entries count (see Counter) and are of one
// authority, kind and subject; the result depends on them and on at alone.
//
// An event speaks from its effective time on; when it was recorded plays no part. A final event stands whatever
// comes after it, unless a later event of the same authority and subject corrects it. Among the others the later
// word replaces the earlier one, except that a word with an earlier effective time than the one in force changes
// something only when it turns a valid subject into one that is not: so 有效 sent late lifts no 暂扣 of a later day,
// and a 暂扣 that was dated back still holds. docs/formats/status-log.md has the rule in full.
func Fold(entries []Entry, at trust.Time) State {
	var standing, final, expiring, descending *Entry
	var successor *Link
	withdrawn := takenBack(entries, at)
	for i := range entries {
		e := &entries[i]
		if e.Effective > at || withdrawn[i] {
			continue
		}
		if !e.Expires.IsZero() && (expiring == nil || e.Effective >= expiring.Effective) {
			expiring = e
		}
		if e.Predecessor != nil && (descending == nil || e.Effective >= descending.Effective) {
			descending = e
		}
		switch {
		case e.Status.Final():
			if final == nil || e.Effective < final.Effective {
				final = e
			}
		case standing == nil || e.Effective >= standing.Effective || standing.Status == StatusValid && e.Status != StatusValid:
			standing = e
			if e.Status == StatusValid && final == nil {
				successor = nil
			}
		default:
			continue
		}
		if e.Successor != nil {
			successor = e.Successor
		}
	}
	state := State{Successor: successor}
	if expiring != nil {
		state.Expires = expiring.Expires
	}
	if descending != nil {
		state.Predecessor = descending.Predecessor
	}
	decided := standing
	if final != nil {
		decided, state.Final = final, true
	}
	if decided != nil {
		state.Status, state.Since, state.Entry = decided.Status, decided.Effective, decided
	}
	return state
}

// takenBack marks the entries that a correction effective by at names. A correction must stand later in the log and
// be of the same authority, kind and subject; one that names anything else takes nothing back and is read like any
// other event. What was taken back stays so, also when the correction is itself corrected: a new event is needed
// to say it again.
func takenBack(entries []Entry, at trust.Time) map[int]bool {
	var marked map[int]bool
	for i := range entries {
		c := &entries[i]
		if c.Corrects == nil || c.Effective > at {
			continue
		}
		j, found := slices.BinarySearchFunc(entries[:i], *c.Corrects, func(e Entry, ref EventRef) int {
			return cmp.Or(cmp.Compare(e.Ref.Position, ref.Position), cmp.Compare(e.Ref.Index, ref.Index))
		})
		if !found {
			continue
		}
		if e := &entries[j]; e.Authority == c.Authority && e.Kind == c.Kind && e.Subject == c.Subject {
			if marked == nil {
				marked = map[int]bool{}
			}
			marked[j] = true
		}
	}
	return marked
}
