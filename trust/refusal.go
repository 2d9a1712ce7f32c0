package trust

import (
	"errors"
	"fmt"
)

// A RefusalCode says in one of a closed set of words why something from outside was not taken. It is fit for a
// metric's label.
type RefusalCode string

// The reasons for which a document, a batch or an update is refused.
const (
	TooLarge         RefusalCode = "too-large"         // over the size limit, before any parsing
	Malformed        RefusalCode = "malformed"         // the strict parser, or a rule about one document alone
	BadSignature     RefusalCode = "bad-signature"     // a signature does not verify
	UnknownKey       RefusalCode = "unknown-key"       // signed by no listed key
	ThresholdMissed  RefusalCode = "threshold-missed"  // too few distinct listed keys signed
	UnknownProvince  RefusalCode = "unknown-province"  // not in the national list
	ForeignProvince  RefusalCode = "foreign-province"  // another province's, where only the own one may speak
	UnknownAuthority RefusalCode = "unknown-authority" // no anchor of the list has this authority
	Rollback         RefusalCode = "rollback"          // a number, size or time below the floor
	FastForward      RefusalCode = "fast-forward"      // a number further ahead than time allows
	WrongSession     RefusalCode = "wrong-session"     // not the session that the national list names
	WrongNumber      RefusalCode = "wrong-number"      // a batch's number is not the one expected
	WrongSuccession  RefusalCode = "wrong-succession"  // the previous document is another one
	Equivocation     RefusalCode = "equivocation"      // contradicts a document signed before
	FromFuture       RefusalCode = "from-future"       // a signed time further ahead than the skew
	DigestMismatch   RefusalCode = "digest-mismatch"   // not the document that the head pins
	RootMismatch     RefusalCode = "root-mismatch"     // the leaves do not give the pinned root
	Incomplete       RefusalCode = "incomplete"        // something that the update rests on is missing
	OverClaim        RefusalCode = "over-claim"        // asks for more than the national list grants
	NotChained       RefusalCode = "not-chained"       // no certificate path to a national root
	NotPinned        RefusalCode = "not-pinned"        // not the document whose digest the configuration names
	NotReady         RefusalCode = "not-ready"         // the state lacks what is needed first, such as a national list
	Contradiction    RefusalCode = "contradiction"     // members of one document contradict each other
	BadToken         RefusalCode = "bad-token"         // a join token that is unknown, expired or used
	MemberExists     RefusalCode = "member-exists"     // the id, peer or address of another node of the cluster, or of one that was
	UnknownMember    RefusalCode = "unknown-member"    // no node of the cluster has this id
	NoQuorum         RefusalCode = "no-quorum"         // the change would leave the cluster without a majority that answers
	Behind           RefusalCode = "behind"            // the node has not caught up with the leader
)

// A Refusal is a check that failed: a result, not a fault. Nothing was changed.
type Refusal struct {
	Code   RefusalCode
	Detail string // names the field, the limit or the step; no personal data
}

// Error returns the code and the detail.
func (r *Refusal) Error() string { return string(r.Code) + ": " + r.Detail }

// Refuse returns a *Refusal.
func Refuse(code RefusalCode, format string, args ...any) error {
	return &Refusal{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// AsRefusal returns the refusal in err's chain, if there is one.
func AsRefusal(err error) (*Refusal, bool) {
	var r *Refusal
	ok := errors.As(err, &r)
	return r, ok
}
