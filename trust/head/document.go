package head

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/sm2sig"
	"github.com/hutong-project/hutong/trust/statement"
	"github.com/hutong-project/hutong/trust/strictjson"
)

// A Document is a head as it was read: structurally valid, not yet believed. It must not be changed and is then safe
// for concurrent use.
type Document struct {
	Head
	Digest trust.Digest // SM3 of the payload as carried
	Raw    []byte       // the envelope as carried

	envelope *statement.Envelope
}

// Read reads an enveloped head and checks every rule about the head alone. It copies raw. Signatures are not verified.
// Refusals: TooLarge, Malformed, Contradiction.
func Read(raw []byte) (*Document, error) {
	if len(raw) > MaxBytes {
		return nil, trust.Refuse(trust.TooLarge, "head: %d bytes, want at most %d", len(raw), MaxBytes)
	}
	envelope, err := statement.Parse(raw, MaxBytes)
	if err != nil {
		return nil, trust.Refuse(trust.Malformed, "head: %v", err)
	}
	if envelope.PayloadType != PayloadType {
		return nil, trust.Refuse(trust.Malformed, "head: payloadType %.100q, want %q", envelope.PayloadType, PayloadType)
	}
	h, err := ReadPayload(envelope.Payload)
	if err != nil {
		return nil, err
	}
	return &Document{Head: *h, Digest: envelope.Digest(), Raw: bytes.Clone(raw), envelope: envelope}, nil
}

// ReadPayload reads what an envelope holds, or will hold: a cluster agrees on a head's payload before it signs it.
// Refusals are those of Read.
func ReadPayload(payload []byte) (*Head, error) {
	if len(payload) > MaxBytes {
		return nil, trust.Refuse(trust.TooLarge, "head: %d bytes, want at most %d", len(payload), MaxBytes)
	}
	h := new(Head)
	if err := strictjson.Unmarshal(payload, h); err != nil {
		return nil, trust.Refuse(trust.Malformed, "head: %v", err)
	}
	if err := h.check(); err != nil {
		return nil, fmt.Errorf("checking head %d of %s: %w", h.Sequence, h.Province, err)
	}
	return h, nil
}

// Payload returns the JSON to be signed; the same head always gives the same bytes. What Read would refuse is refused
// here with the same code.
func (h *Head) Payload() ([]byte, error) {
	payload, err := strictjson.Marshal(h)
	if err != nil {
		return nil, trust.Refuse(trust.Malformed, "head: %v", err)
	}
	if _, err := ReadPayload(payload); err != nil {
		return nil, err
	}
	return payload, nil
}

// Sign returns the head in an envelope signed by key.
func (h *Head) Sign(key *sm2sig.PrivateKey) ([]byte, error) {
	payload, err := h.Payload()
	if err != nil {
		return nil, err
	}
	return SignPayload(payload, key)
}

// SignPayload returns an agreed payload, byte for byte, in an envelope signed by key. It does not read the payload.
func SignPayload(payload []byte, key *sm2sig.PrivateKey) ([]byte, error) {
	envelope := statement.New(PayloadType, payload)
	if err := envelope.Sign(key); err != nil {
		return nil, fmt.Errorf("signing a head: %w", err)
	}
	return envelope.Marshal()
}

func (h *Head) check() error {
	switch {
	case h.Version != FormatVersion:
		return malformed("formatVersion", "%d, want %d", h.Version, FormatVersion)
	case !h.Province.Valid():
		return malformed("province", "%.20q has no known form", h.Province)
	case h.Session < 1:
		return malformed("session", "0, want at least 1")
	case h.Sequence < 1:
		return malformed("sequence", "0, want at least 1")
	case h.Issued <= 0:
		return malformed("issued", "%s, want a time after 1970", h.Issued)
	case h.TrustList.Number < 1 || h.TrustList.Digest.IsZero():
		return malformed("trustList", "version %d with digest %s names no list", h.TrustList.Number, h.TrustList.Digest.Short())
	case h.NationalList.Sequence < 1 || h.NationalList.Digest.IsZero():
		return malformed("nationalList", "sequence %d with digest %s names no list", h.NationalList.Sequence, h.NationalList.Digest.Short())
	}
	return h.Log.Check("log")
}

func malformed(at, format string, args ...any) error {
	return trust.Refuse(trust.Malformed, "%s: %s", at, fmt.Sprintf(format, args...))
}

// CheckSigned says whether one of the province's listed head keys signed d. The session is not looked at, so that
// heads kept as proof can be checked too. Refusals: ForeignProvince, UnknownKey (no signature names a listed key),
// BadSignature (one does and does not verify), Contradiction (a hosted jurisdiction's log that is not empty).
func (d *Document) CheckSigned(entry *national.Province) error {
	if d.Province != entry.Code {
		return trust.Refuse(trust.ForeignProvince, "head of %s, want of %s", d.Province, entry.Code)
	}
	_, err := d.envelope.Verify(PayloadType, national.PublicKeys(entry.HeadKeys), 1)
	var missed *statement.ThresholdError
	switch {
	case errors.As(err, &missed):
		return d.whyUnsigned(entry)
	case err != nil:
		return fmt.Errorf("verifying head %d of %s: %w", d.Sequence, d.Province, err)
	case entry.Host != "" && d.Log.Size > 0:
		return trust.Refuse(trust.Contradiction, "log of %s has size %d, want 0: the jurisdiction is hosted", d.Province, d.Log.Size)
	}
	return nil
}

func (d *Document) whyUnsigned(entry *national.Province) error {
	for _, s := range d.envelope.Signatures {
		for _, k := range entry.HeadKeys {
			if s.KeyID == k.Key.ID().String() {
				return trust.Refuse(trust.BadSignature, "head %d of %s: the signature of key %s does not verify", d.Sequence, d.Province, k.Key.ID().Short())
			}
		}
	}
	return trust.Refuse(trust.UnknownKey, "head %d of %s has no signature by a listed head key", d.Sequence, d.Province)
}

// Age returns how long before now the head was issued, not below zero.
func (h *Head) Age(now trust.Time) time.Duration { return max(0, now.Sub(h.Issued)) }
