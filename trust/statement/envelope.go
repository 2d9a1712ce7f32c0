// Package statement is the signed envelope around national lists, trust lists and heads: DSSE v1.0.2 in strict JSON,
// with SM2 signatures. docs/formats/envelope.md specifies it to the byte.
//
// It promises that a payload counts as signed only when a threshold of distinct listed keys signed exactly these
// bytes under exactly this payload type. It does not read the payload, nor know which keys stand in which list.
package statement

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/sm2sig"
	"github.com/hutong-project/hutong/trust/sm3"
	"github.com/hutong-project/hutong/trust/strictjson"
)

// MaxSignatures is how many signatures an envelope may carry: it bounds the work of verifying one.
const MaxSignatures = 64

// maxPayloadType is the length in bytes of the longest payload type.
const maxPayloadType = 255

// A Signature is one key's signature of the pre-authentication encoding.
type Signature struct {
	// KeyID names the key as trust.KeyID's text does. It is a hint that says which key to try and is not signed.
	KeyID string `json:"keyid"`
	// Sig is DER SEQUENCE{r, s}.
	Sig []byte `json:"sig"`
}

// An Envelope is a payload, what it is, and who signed it. Sign changes it; otherwise it is safe for concurrent use.
type Envelope struct {
	// PayloadType is a media type, such as application/vnd.hutong.head+json. It is signed together with the payload.
	PayloadType string `json:"payloadType"`
	// Payload is the signed bytes, as carried: they are never written anew.
	Payload []byte `json:"payload"`
	// Signatures may be empty while an envelope is on its way from signer to signer.
	Signatures []Signature `json:"signatures"`
}

// New returns an envelope without signatures. The payload is copied.
func New(payloadType string, payload []byte) *Envelope {
	return &Envelope{PayloadType: payloadType, Payload: bytes.Clone(payload)}
}

// Parse reads an envelope of at most max bytes. No signature is verified.
func Parse(data []byte, max int) (*Envelope, error) {
	if len(data) > max {
		return nil, fmt.Errorf("reading an envelope: %d bytes, want at most %d", len(data), max)
	}
	e := new(Envelope)
	if err := strictjson.Unmarshal(data, e); err != nil {
		return nil, fmt.Errorf("reading an envelope: %w", err)
	}
	if err := e.check(); err != nil {
		return nil, fmt.Errorf("reading an envelope: %w", err)
	}
	return e, nil
}

// Marshal returns the JSON form. What Parse would refuse is refused here.
func (e *Envelope) Marshal() ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, fmt.Errorf("writing an envelope: %w", err)
	}
	return strictjson.Marshal(e)
}

func (e *Envelope) check() error {
	switch {
	case e.PayloadType == "" || len(e.PayloadType) > maxPayloadType:
		return fmt.Errorf("payloadType: %d bytes, want 1 to %d", len(e.PayloadType), maxPayloadType)
	case len(e.Payload) == 0:
		return fmt.Errorf("payload: is empty")
	case len(e.Signatures) > MaxSignatures:
		return fmt.Errorf("signatures: %d, want at most %d", len(e.Signatures), MaxSignatures)
	}
	return nil
}

// Digest returns the SM3 of the payload's bytes, by which others refer to the statement.
func (e *Envelope) Digest() trust.Digest { return sm3.Sum(e.Payload) }

// PAE returns the DSSE v1 pre-authentication encoding, which is what is signed:
// "DSSEv1" SP LEN(type) SP type SP LEN(payload) SP payload, with lengths in bytes as decimal digits.
func PAE(payloadType string, payload []byte) []byte {
	const prefix = "DSSEv1 "
	pae := make([]byte, 0, len(prefix)+len(payloadType)+len(payload)+2*20+3)
	pae = append(pae, prefix...)
	pae = strconv.AppendInt(pae, int64(len(payloadType)), 10)
	pae = append(pae, ' ')
	pae = append(pae, payloadType...)
	pae = append(pae, ' ')
	pae = strconv.AppendInt(pae, int64(len(payload)), 10)
	pae = append(pae, ' ')
	return append(pae, payload...)
}

// Sign adds k's signature in place of any that stand under k's id. The envelope is as it was when it fails.
func (e *Envelope) Sign(k *sm2sig.PrivateKey) error {
	sig, err := k.Sign(PAE(e.PayloadType, e.Payload))
	if err != nil {
		return fmt.Errorf("signing an envelope: %w", err)
	}
	id := k.Public().ID().String()
	kept := make([]Signature, 0, len(e.Signatures)+1)
	for _, s := range e.Signatures {
		if s.KeyID != id {
			kept = append(kept, s)
		}
	}
	if len(kept) >= MaxSignatures {
		return fmt.Errorf("signing an envelope: it has %d signatures of other keys, want fewer than %d", len(kept), MaxSignatures)
	}
	e.Signatures = append(kept, Signature{KeyID: id, Sig: sig})
	return nil
}
