package statement

import (
	"errors"
	"fmt"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/sm2sig"
)

// ErrPayloadType is returned when an envelope holds another kind of statement than the caller expects.
var ErrPayloadType = errors.New("payload type does not match")

// A ThresholdError is returned when too few of the listed keys signed.
type ThresholdError struct {
	// Got is how many distinct listed keys signed, Want the threshold.
	Got, Want int
	// Signers are the keys that signed, in the order of the caller's list.
	Signers []trust.KeyID
}

// Error says how many signatures counted and how many were wanted.
func (e *ThresholdError) Error() string {
	return fmt.Sprintf("%d valid signatures of distinct listed keys, want %d", e.Got, e.Want)
}

// Verify returns the listed keys that signed the envelope, in the order of keys, when they are at least threshold.
//
// A key counts once by its own SM3, however often it stands in keys or signed. A signature is tried under the listed
// key that its keyid names; one under another keyid is passed over, and one that does not verify takes nothing
// from the others. Errors: ErrPayloadType, *ThresholdError, and a plain one when keys and threshold contradict
// each other (a threshold below 1 or above the number of distinct keys). On an error no signers are returned.
func (e *Envelope) Verify(payloadType string, keys []*sm2sig.PublicKey, threshold int) (signers []trust.KeyID, err error) {
	if e.PayloadType != payloadType {
		return nil, fmt.Errorf("verifying an envelope: %w: got %.100q, want %q", ErrPayloadType, e.PayloadType, payloadType)
	}
	if len(e.Signatures) > MaxSignatures {
		return nil, fmt.Errorf("verifying an envelope: %d signatures, want at most %d", len(e.Signatures), MaxSignatures)
	}
	listed := make(map[string]*sm2sig.PublicKey, len(keys))
	for i, key := range keys {
		if key == nil || key.ID().IsZero() {
			return nil, fmt.Errorf("verifying an envelope: listed key %d is not set", i)
		}
		listed[key.ID().String()] = key
	}
	if threshold < 1 || threshold > len(listed) {
		return nil, fmt.Errorf("verifying an envelope: threshold %d with %d distinct keys, want 1 to %d", threshold, len(listed), len(listed))
	}

	signed := make(map[trust.KeyID]bool, len(listed))
	pae := PAE(e.PayloadType, e.Payload)
	for _, s := range e.Signatures {
		key, ok := listed[s.KeyID]
		if ok && !signed[key.ID()] && key.Verify(pae, s.Sig) {
			signed[key.ID()] = true
		}
	}
	for _, key := range keys {
		if signed[key.ID()] {
			signers = append(signers, key.ID())
			delete(signed, key.ID()) // named once, also when listed twice
		}
	}
	if len(signers) < threshold {
		return nil, fmt.Errorf("verifying an envelope: %w", &ThresholdError{Got: len(signers), Want: threshold, Signers: signers})
	}
	return signers, nil
}
