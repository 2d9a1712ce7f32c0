package list

import (
	"bytes"
	"fmt"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/sm2sig"
	"github.com/hutong-project/hutong/trust/statement"
	"github.com/hutong-project/hutong/trust/strictjson"
)

// A Document is a list as it was read: structurally valid, not yet believed. It must not be changed and is then safe
// for concurrent use.
type Document struct {
	List
	Digest trust.Digest // SM3 of the payload as carried
	Raw    []byte       // the envelope as carried

	envelope *statement.Envelope
}

// Read reads an enveloped list and checks every rule about the list alone. It copies raw. Signatures are not verified,
// and certificates are not parsed: one that cannot be read makes its anchor not count (see Evaluate), not the list.
// Refusals: TooLarge, Malformed, Contradiction.
func Read(raw []byte) (*Document, error) {
	if len(raw) > MaxBytes {
		return nil, trust.Refuse(trust.TooLarge, "trust list: %d bytes, want at most %d", len(raw), MaxBytes)
	}
	envelope, err := statement.Parse(raw, MaxBytes)
	if err != nil {
		return nil, trust.Refuse(trust.Malformed, "trust list: %v", err)
	}
	if envelope.PayloadType != PayloadType {
		return nil, trust.Refuse(trust.Malformed, "trust list: payloadType %.100q, want %q", envelope.PayloadType, PayloadType)
	}
	l, err := readPayload(envelope.Payload)
	if err != nil {
		return nil, err
	}
	return &Document{List: *l, Digest: envelope.Digest(), Raw: bytes.Clone(raw), envelope: envelope}, nil
}

func readPayload(payload []byte) (*List, error) {
	l := new(List)
	if err := strictjson.Unmarshal(payload, l); err != nil {
		return nil, trust.Refuse(trust.Malformed, "trust list: %v", err)
	}
	if err := l.check(); err != nil {
		return nil, fmt.Errorf("checking trust list %d of %s: %w", l.Number, l.Province, err)
	}
	return l, nil
}

// Payload returns the JSON to be signed; the same list always gives the same bytes. What Read would refuse is refused
// here with the same code.
func (l *List) Payload() ([]byte, error) {
	payload, err := strictjson.Marshal(l)
	if err != nil {
		return nil, trust.Refuse(trust.Malformed, "trust list: %v", err)
	}
	if _, err := readPayload(payload); err != nil {
		return nil, err
	}
	return payload, nil
}

// Sign returns the list in an envelope with a signature by each key. Whether these keys are enough is not checked.
func (l *List) Sign(keys ...*sm2sig.PrivateKey) ([]byte, error) {
	payload, err := l.Payload()
	if err != nil {
		return nil, err
	}
	envelope := statement.New(PayloadType, payload)
	for _, key := range keys {
		if err := envelope.Sign(key); err != nil {
			return nil, fmt.Errorf("signing trust list %d of %s: %w", l.Number, l.Province, err)
		}
	}
	return envelope.Marshal()
}
