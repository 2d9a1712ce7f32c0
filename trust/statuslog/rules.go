package statuslog

import (
	"time"
	"unicode/utf8"

	"github.com/hutong-project/hutong/trust"
)

// Years 1 to 9999, the only ones that the text form of a time can hold.
const (
	minTime trust.Time = -62135596800
	maxTime trust.Time = 253402300799
)

// check applies the rules about one batch alone. Sign and ReadBatch both apply them.
func (b *Batch) check() error {
	if !b.Province.Valid() {
		return trust.Refuse(trust.Malformed, "province %.20q of a status batch is no province code", string(b.Province))
	}
	if err := checkAuthority(b.Authority); err != nil {
		return err
	}
	if b.Number < 1 || b.Number > MaxNumber {
		return trust.Refuse(trust.Malformed, "number %d of a status batch, want 1 to %d", b.Number, uint64(MaxNumber))
	}
	if b.Time <= 0 || b.Time > maxTime {
		return trust.Refuse(trust.Malformed, "time %d of a status batch lies outside 1970 to 9999", int64(b.Time))
	}
	if len(b.Events) < 1 || len(b.Events) > MaxEvents {
		return trust.Refuse(trust.Malformed, "%d events in a status batch, want 1 to %d", len(b.Events), MaxEvents)
	}
	for i := range b.Events {
		if err := b.Events[i].check(b.Province, i); err != nil {
			return err
		}
	}
	return b.checkContradictions()
}

// checkContradictions refuses two events about one subject with one effective time: nothing would say which of the
// two the authority means to stand. Events about one subject with different times are its history and welcome.
func (b *Batch) checkContradictions() error {
	type moment struct {
		kind      Kind
		subject   trust.Subject
		effective trust.Time
	}
	seen := make(map[moment]int, len(b.Events))
	for i := range b.Events {
		e := &b.Events[i]
		m := moment{e.Kind, e.Subject, e.Effective}
		if first, twice := seen[m]; twice {
			return trust.Refuse(trust.Contradiction, "events %d and %d speak of one subject with one effective time", first, i)
		}
		seen[m] = i
	}
	return nil
}

// check applies the rules about one event; i is its index, for messages.
func (e *Event) check(home trust.Province, i int) error {
	switch {
	case !e.Kind.Known():
		return trust.Refuse(trust.Malformed, "kind %d of event %d is unknown", e.Kind, i)
	case !e.Status.Known():
		return trust.Refuse(trust.Malformed, "status %d of event %d is unknown", e.Status, i)
	case e.Subject.IsZero():
		return trust.Refuse(trust.Malformed, "subject of event %d is all zeros", i)
	case e.Effective.IsZero() || e.Effective < minTime || e.Effective > maxTime:
		return trust.Refuse(trust.Malformed, "effective %d of event %d, want a time in the years 1 to 9999 other than zero", int64(e.Effective), i)
	case e.Expires < minTime || e.Expires > maxTime:
		return trust.Refuse(trust.Malformed, "expires %d of event %d lies outside the years 1 to 9999", int64(e.Expires), i)
	case !plainText(e.Reason, MaxReasonBytes):
		return trust.Refuse(trust.Malformed, "reason of event %d, want UTF-8 without control or direction characters, at most %d bytes", i, MaxReasonBytes)
	case !plainText(e.SourceCode, MaxSourceCodeBytes):
		return trust.Refuse(trust.Malformed, "source code of event %d, want UTF-8 without control or direction characters, at most %d bytes", i, MaxSourceCodeBytes)
	}
	if e.Kind == KindCRL {
		return e.checkCRL(i)
	}
	return e.checkLinks(home, i)
}

// checkLinks refuses links where they mean nothing: a predecessor of what is not newly valid, a successor of what
// was neither handed over nor replaced, and a subject that names itself.
func (e *Event) checkLinks(home trust.Province, i int) error {
	if e.Predecessor != nil && e.Status != StatusValid {
		return trust.Refuse(trust.Malformed, "event %d has a predecessor and status %s, want status valid", i, e.Status)
	}
	if e.Successor != nil && e.Status != StatusTransferred && e.Status != StatusSuperseded {
		return trust.Refuse(trust.Malformed, "event %d has a successor and status %s, want transferred or superseded", i, e.Status)
	}
	for _, link := range []*Link{e.Predecessor, e.Successor} {
		switch {
		case link == nil:
		case !link.Province.Valid():
			return trust.Refuse(trust.Malformed, "link of event %d: %.20q is no province code", i, string(link.Province))
		case link.Subject.IsZero():
			return trust.Refuse(trust.Malformed, "link of event %d: the subject is all zeros", i)
		case link.Province == home && link.Subject == e.Subject:
			return trust.Refuse(trust.Malformed, "link of event %d leads back to its own subject", i)
		}
	}
	if c := e.Corrects; c != nil && (c.Position > MaxNumber || c.Index >= MaxEvents) {
		return trust.Refuse(trust.Malformed, "event %d corrects position %d index %d, which no log can have", i, c.Position, c.Index)
	}
	return nil
}

// checkCRL: an event of kind crl says that a CRL was taken in, and nothing else.
func (e *Event) checkCRL(i int) error {
	switch {
	case e.Status != StatusValid:
		return trust.Refuse(trust.Malformed, "event %d of kind crl has status %s, want valid", i, e.Status)
	case e.Expires.IsZero():
		return trust.Refuse(trust.Malformed, "event %d of kind crl has no expires, want the CRL's next update", i)
	case e.Predecessor != nil || e.Successor != nil || e.Corrects != nil:
		return trust.Refuse(trust.Malformed, "event %d of kind crl has a link or a correction", i)
	}
	for _, c := range e.SourceCode {
		if c < '0' || c > '9' {
			return trust.Refuse(trust.Malformed, "source code of event %d of kind crl, want the CRL's number in decimal digits", i)
		}
	}
	return nil
}

// CheckTime refuses, with code from-future, a batch whose own time or one of whose effective times lies more than
// skew ahead of now. It is the check of whoever takes the batch in, not of whoever reads it later.
func (b *Batch) CheckTime(now trust.Time, skew time.Duration) error {
	limit := now.Add(skew)
	if b.Time > limit {
		return trust.Refuse(trust.FromFuture, "time %s of the status batch is later than %s, want at most %s ahead", b.Time, now, skew)
	}
	for i := range b.Events {
		if t := b.Events[i].Effective; t > limit {
			return trust.Refuse(trust.FromFuture, "effective %s of event %d is later than %s, want at most %s ahead", t, i, now, skew)
		}
	}
	return nil
}

// CheckPosition refuses a batch that is about to stand at position and corrects an event that does not stand
// before it.
func (b *Batch) CheckPosition(position uint64) error {
	for i := range b.Events {
		if c := b.Events[i].Corrects; c != nil && c.Position >= position {
			return trust.Refuse(trust.Malformed, "event %d corrects position %d, want one below %d", i, c.Position, position)
		}
	}
	return nil
}

// checkAuthority: a 统一社会信用代码, or a partner's own code. It takes whatever a trust list may name and more, so
// that which authority is known is a question to the list alone.
func checkAuthority(s string) error {
	if s == "" || !plainText(s, MaxAuthorityBytes) {
		return trust.Refuse(trust.Malformed, "authority of %d bytes, want 1 to %d bytes of UTF-8 without control or direction characters", len(s), MaxAuthorityBytes)
	}
	return nil
}

// plainText reports whether s is UTF-8 of at most limit bytes without characters that could forge what is shown:
// control characters, line separators, marks that turn the direction. The ranges are fixed here because all nodes,
// of whatever release, must read alike, and the classes of the Unicode tables grow with their version.
func plainText(s string, limit int) bool {
	if len(s) > limit || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		switch {
		case r < 0x20, 0x7f <= r && r <= 0x9f,
			r == 0x200e, r == 0x200f, 0x2028 <= r && r <= 0x202e, 0x2066 <= r && r <= 0x2069, r == 0xfeff:
			return false
		}
	}
	return true
}
