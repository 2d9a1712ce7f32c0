package statuslog

import (
	"maps"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/sm2sig"
)

// Why says in one of a closed set of words why a leaf does not count.
type Why string

// The reasons. A leaf that counts has none.
const (
	Counts           Why = ""                     // it counts
	WrongProvince    Why = "wrong-province"       // the batch names another province than the list
	UnknownAuthority Why = "unknown-authority"    // no anchor of the list has the batch's authority
	NoKey            Why = "no-key"               // the authority has no status key with this id
	NotOperated      Why = "operator-not-allowed" // no anchor of the authority lets the operator sign
	NoOperatorKey    Why = "no-operator-key"      // no operator status key has this id
	OutsideSpan      Why = "outside-span"         // the key is listed, and its spans do not hold the position
	NumberNotAbove   Why = "number-not-above"     // at or below the number of the last leaf that counted
)

// LeafMeta is what counting needs to know of a leaf: its position and the head of its batch.
type LeafMeta struct {
	Position  uint64
	Province  trust.Province
	Authority string
	Number    uint64
	KeyID     trust.KeyID
	Operator  bool
}

// Meta returns what a Counter needs to know of the leaf at position that holds s.
func (s *SignedBatch) Meta(position uint64) LeafMeta {
	return LeafMeta{
		Position: position, Province: s.Province, Authority: s.Authority, Number: s.Number,
		KeyID: s.KeyID, Operator: s.Operator,
	}
}

// A Gap is an alarm: the leaf at Position counts, but the numbers from Expected to Got − 1 of its authority do not
// stand in the log. Either somebody withholds batches, or they do not count.
type Gap struct {
	Authority string
	Position  uint64
	Expected  uint64
	Got       uint64
}

// A Counter says of the leaves of one log, given in log order, which count under one trust list. It depends on the
// list and the leaves alone. It is not safe for concurrent use.
type Counter struct {
	province trust.Province
	keys     map[signer]listedKey
	operated map[string]bool // authorities; true: the operator may sign for it
	last     map[string]uint64
	gaps     []Gap
}

// signer is who may sign: an authority under a key of its own, or the operator (no authority).
type signer struct {
	authority string
	key       trust.KeyID
}

type listedKey struct {
	key   *sm2sig.PublicKey
	spans []span
}

type span struct {
	from  uint64
	until *uint64
}

// NewCounter returns a counter that stands before the first leaf. It keeps nothing of l that may change, except
// the keys, which do not.
func NewCounter(l *list.List) *Counter { return ResumeCounter(l, nil) }

// ResumeCounter returns a counter that goes on where the one stood from whose Last the map comes. That is right
// only under the same list: under another one, count from the first leaf on.
func ResumeCounter(l *list.List, last map[string]uint64) *Counter {
	c := &Counter{
		province: l.Province,
		keys:     map[signer]listedKey{},
		operated: map[string]bool{},
		last:     map[string]uint64{},
	}
	maps.Copy(c.last, last)
	for i := range l.Anchors {
		a := &l.Anchors[i]
		c.operated[a.Authority] = c.operated[a.Authority] || a.StatusSigner == list.SignerOperator
		for _, k := range a.StatusKeys {
			c.add(a.Authority, k)
		}
	}
	for _, k := range l.OperatorStatusKeys {
		c.add("", k)
	}
	return c
}

func (c *Counter) add(authority string, k list.StatusKey) {
	if k.Key == nil {
		return
	}
	s := span{from: k.From}
	if k.Until != nil {
		until := *k.Until
		s.until = &until
	}
	who := signer{authority, k.Key.ID()}
	held := c.keys[who]
	c.keys[who] = listedKey{key: k.Key, spans: append(held.spans, s)}
}

// Key returns the key under which the leaf's signature must verify for the leaf to count, or nil and the reason
// why no key will do. It looks at the list alone, not at numbers, and changes nothing.
func (c *Counter) Key(m LeafMeta) (*sm2sig.PublicKey, Why) {
	if m.Province != c.province {
		return nil, WrongProvince
	}
	operated, known := c.operated[m.Authority]
	if !known {
		return nil, UnknownAuthority
	}
	who, missing := signer{m.Authority, m.KeyID}, NoKey
	if m.Operator {
		if !operated {
			return nil, NotOperated
		}
		who, missing = signer{"", m.KeyID}, NoOperatorKey
	}
	listed, ok := c.keys[who]
	if !ok {
		return nil, missing
	}
	for _, s := range listed.spans {
		if s.from <= m.Position && (s.until == nil || m.Position < *s.until) {
			return listed.key, Counts
		}
	}
	return nil, OutsideSpan
}

// Next reports whether the next leaf of the log counts, and if not, why. Leaves come in log order, each once. The
// caller has verified the leaf's signature under the key that Key returns: a leaf whose signature is bad, or was
// never checked because its key was not listed when it came, must not be given to Next.
func (c *Counter) Next(m LeafMeta) (counts bool, why Why) {
	if _, why := c.Key(m); why != Counts {
		return false, why
	}
	last := c.last[m.Authority]
	if m.Number <= last {
		return false, NumberNotAbove
	}
	if m.Number != last+1 {
		c.gaps = append(c.gaps, Gap{Authority: m.Authority, Position: m.Position, Expected: last + 1, Got: m.Number})
	}
	c.last[m.Authority] = m.Number
	return true, Counts
}

// Last returns, for each authority that has one, the number of its last leaf that counted. With the list it is the
// whole state of a counter.
func (c *Counter) Last() map[string]uint64 { return maps.Clone(c.last) }

// Expected returns the number that the authority's next batch should have.
func (c *Counter) Expected(authority string) uint64 { return c.last[authority] + 1 }

// Gaps returns the gaps that this counter has met since it was made, in log order.
func (c *Counter) Gaps() []Gap { return append([]Gap(nil), c.gaps...) }
