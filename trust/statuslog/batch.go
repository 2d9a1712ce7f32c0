package statuslog

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/sm2sig"
	"github.com/hutong-project/hutong/trust/sm3"
)

// sign1Tag is the CBOR tag of COSE_Sign1 (RFC 9052, section 2).
const sign1Tag = 18

// sign1 is a COSE_Sign1. The unprotected map is empty: nothing that no signature covers is taken.
type sign1 struct {
	_           struct{} `cbor:",toarray"`
	Protected   []byte
	Unprotected struct{}
	Payload     []byte
	Signature   []byte
}

// protectedMap are the protected headers; all three are required.
type protectedMap struct {
	Algorithm int64  `cbor:"1,keyasint"`
	KeyID     []byte `cbor:"4,keyasint"`
	Type      string `cbor:"16,keyasint"`
}

// sigStructure is what is signed (RFC 9052, section 4.4).
type sigStructure struct {
	_           struct{} `cbor:",toarray"`
	Context     string
	Protected   []byte
	ExternalAAD []byte
	Payload     []byte
}

func toBeSigned(protected, payload []byte) []byte {
	return encode(&sigStructure{
		Context: "Signature1", Protected: protected, ExternalAAD: []byte(PayloadType), Payload: payload,
	})
}

// Sign returns the signed form of b after checking b by the rules that ReadBatch applies; a breach is a refusal.
// Two calls give two different signatures: keep the bytes that were sent, a repetition must send the same ones.
func (b *Batch) Sign(key *sm2sig.PrivateKey) ([]byte, error) {
	if key == nil {
		return nil, errors.New("signing a status batch: no key was set")
	}
	if err := b.check(); err != nil {
		return nil, fmt.Errorf("signing a status batch: %w", err)
	}
	id := key.Public().ID()
	protected := encode(&protectedMap{Algorithm: Algorithm, KeyID: id[:], Type: PayloadType})
	payload := encodeBatch(b)
	signature, err := key.SignRaw(toBeSigned(protected, payload))
	if err != nil {
		return nil, fmt.Errorf("signing a status batch: %w", err)
	}
	signed := encode(&sign1{Protected: protected, Payload: payload, Signature: signature})
	if len(signed) > MaxBatchBytes {
		return nil, fmt.Errorf("signing a status batch: %w", trust.Refuse(trust.TooLarge,
			"%d bytes, want at most %d: put fewer events or shorter reasons into one batch", len(signed), MaxBatchBytes))
	}
	return signed, nil
}

// A SignedBatch is a batch as carried: parsed, structurally valid, and not yet believed. KeyID says which key it
// claims; Verify says whether that is true.
type SignedBatch struct {
	Batch
	KeyID  trust.KeyID
	Digest trust.Digest // SM3 of Raw
	Raw    []byte       // the COSE_Sign1 as carried

	message   []byte // what was signed
	signature []byte
}

// ReadBatch reads a signed batch: size limit, strict parse, the rules about one batch alone. It does not verify the
// signature. Every error is a refusal. Raw is a copy, so the caller may use signed again.
func ReadBatch(signed []byte) (*SignedBatch, error) {
	if len(signed) > MaxBatchBytes {
		return nil, trust.Refuse(trust.TooLarge, "status batch of %d bytes, want at most %d", len(signed), MaxBatchBytes)
	}
	var s sign1
	if err := decode(signed, &s, "a status batch"); err != nil {
		return nil, err
	}
	var p protectedMap
	if err := decode(s.Protected, &p, "the protected headers of a status batch"); err != nil {
		return nil, err
	}
	switch {
	case p.Algorithm != Algorithm:
		return nil, trust.Refuse(trust.Malformed, "algorithm %d of a status batch, want %d", p.Algorithm, Algorithm)
	case p.Type != PayloadType:
		return nil, trust.Refuse(trust.Malformed, "type %.60q of a status batch, want %q", p.Type, PayloadType)
	case len(p.KeyID) != trust.HashSize:
		return nil, trust.Refuse(trust.Malformed, "key id of a status batch has %d bytes, want %d", len(p.KeyID), trust.HashSize)
	case len(s.Signature) != sm2sig.RawSize:
		return nil, trust.Refuse(trust.Malformed, "signature of a status batch has %d bytes, want %d", len(s.Signature), sm2sig.RawSize)
	}
	batch, err := decodeBatch(s.Payload)
	if err != nil {
		return nil, err
	}
	return &SignedBatch{
		Batch: batch, KeyID: trust.KeyID(p.KeyID), Digest: sm3.Sum(signed), Raw: bytes.Clone(signed),
		message: toBeSigned(s.Protected, s.Payload), signature: s.Signature,
	}, nil
}

// Verify reports whether key is the one that the batch names and its signature verifies under it. It does not say
// that key may speak for the authority: that is the Counter's work. Safe for concurrent use.
func (s *SignedBatch) Verify(key *sm2sig.PublicKey) bool {
	return key != nil && s.KeyID == key.ID() && key.VerifyRaw(s.message, s.signature)
}

// Entries returns the batch's events as they stand in a log whose leaf at position holds the batch.
func (s *SignedBatch) Entries(position uint64, recorded trust.Time) []Entry {
	entries := make([]Entry, len(s.Events))
	for i, e := range s.Events {
		entries[i] = Entry{
			Ref: EventRef{Position: position, Index: uint32(i)}, Authority: s.Authority, Recorded: recorded,
			Number: s.Number, Operator: s.Operator, Event: e,
		}
	}
	return entries
}
