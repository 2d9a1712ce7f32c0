package list

import (
	"errors"
	"fmt"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/sm2sig"
)

// ErrOutsideSpan is returned with an UnknownKey refusal when the key is listed, but not for the position asked about.
var ErrOutsideSpan = errors.New("log position outside the key's span")

// StatusKeyFor returns the key that may sign a status batch of authority at this log position: one of the authority's
// own, or, with operator, one of the operator's, if an anchor of the authority lets the operator sign. Keys of
// withdrawn and refused anchors stay good for the positions that they have.
//
// Refusals: UnknownAuthority, UnknownKey (with ErrOutsideSpan in the chain where that is why). It searches the whole
// list; statuslog.Counter is for many leaves.
func (l *List) StatusKeyFor(id trust.KeyID, authority string, operator bool, position uint64) (*sm2sig.PublicKey, error) {
	var own []StatusKey
	known, operated := false, false
	for i := range l.Anchors {
		if a := &l.Anchors[i]; a.Authority == authority {
			known = true
			operated = operated || a.StatusSigner == SignerOperator
			own = append(own, a.StatusKeys...)
		}
	}
	switch {
	case !known:
		return nil, trust.Refuse(trust.UnknownAuthority, "no anchor of %s has the authority %.40q", l.Province, authority)
	case operator && !operated:
		return nil, trust.Refuse(trust.UnknownKey, "no anchor of the authority %.40q lets the operator of %s sign", authority, l.Province)
	case operator:
		own = l.OperatorStatusKeys
	}
	for _, k := range own {
		if k.Key.ID() != id {
			continue
		}
		if !k.Holds(position) {
			return nil, fmt.Errorf("%w: %w", ErrOutsideSpan, trust.Refuse(trust.UnknownKey, "key %s at position %d", id.Short(), position))
		}
		return k.Key, nil
	}
	return nil, trust.Refuse(trust.UnknownKey, "key %s is no status key of the authority %.40q", id.Short(), authority)
}

// Holds reports whether the key's span holds the position.
func (k StatusKey) Holds(position uint64) bool {
	return k.From <= position && (k.Until == nil || position < *k.Until)
}
