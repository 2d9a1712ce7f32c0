package national

import (
	"bytes"
	"fmt"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/certs"
	"github.com/hutong-project/hutong/trust/sm2sig"
	"github.com/hutong-project/hutong/trust/statement"
	"github.com/hutong-project/hutong/trust/strictjson"
)

// A Document is a list as it was read: structurally valid, not yet believed. It must not be changed and is then safe
// for concurrent use.
type Document struct {
	List
	Digest trust.Digest         // SM3 of the payload as carried
	Raw    []byte               // the envelope as carried
	Roots  []*certs.Certificate // List.Roots, parsed, in the same order

	envelope  *statement.Envelope
	provinces map[trust.Province]*Province
}

// Read reads an enveloped list and checks every rule about the list alone, the proofs of its keys included. It copies
// raw. The envelope's signatures are not verified: a list on its way from signer to signer is read too.
// Refusals: TooLarge, Malformed, Contradiction, BadSignature (a key's proof).
func Read(raw []byte) (*Document, error) {
	if len(raw) > MaxBytes {
		return nil, trust.Refuse(trust.TooLarge, "national list: %d bytes, want at most %d", len(raw), MaxBytes)
	}
	envelope, err := statement.Parse(raw, MaxBytes)
	if err != nil {
		return nil, trust.Refuse(trust.Malformed, "national list: %v", err)
	}
	if envelope.PayloadType != PayloadType {
		return nil, trust.Refuse(trust.Malformed, "national list: payloadType %.100q, want %q", envelope.PayloadType, PayloadType)
	}
	d, err := readPayload(envelope.Payload)
	if err != nil {
		return nil, err
	}
	d.Raw, d.Digest, d.envelope = bytes.Clone(raw), envelope.Digest(), envelope
	return d, nil
}

func readPayload(payload []byte) (*Document, error) {
	d := new(Document)
	if err := strictjson.Unmarshal(payload, &d.List); err != nil {
		return nil, trust.Refuse(trust.Malformed, "national list: %v", err)
	}
	roots, err := d.List.check()
	if err != nil {
		return nil, fmt.Errorf("checking national list %d: %w", d.Sequence, err)
	}
	d.Roots = roots
	d.provinces = make(map[trust.Province]*Province, len(d.Provinces))
	for i := range d.Provinces {
		d.provinces[d.Provinces[i].Code] = &d.Provinces[i]
	}
	return d, nil
}

// Payload returns the JSON to be signed; the same list always gives the same bytes. What Read would refuse is refused
// here with the same code.
func (l *List) Payload() ([]byte, error) {
	payload, err := strictjson.Marshal(l)
	if err != nil {
		return nil, trust.Refuse(trust.Malformed, "national list: %v", err)
	}
	if _, err := readPayload(payload); err != nil {
		return nil, err
	}
	return payload, nil
}

// Sign returns the list in an envelope with a signature by each key. Whether these keys are enough is not checked: a
// ceremony may collect them one after the other.
func (l *List) Sign(keys ...*sm2sig.PrivateKey) ([]byte, error) {
	payload, err := l.Payload()
	if err != nil {
		return nil, err
	}
	envelope := statement.New(PayloadType, payload)
	for _, key := range keys {
		if err := envelope.Sign(key); err != nil {
			return nil, fmt.Errorf("signing national list %d: %w", l.Sequence, err)
		}
	}
	return envelope.Marshal()
}

// Province returns the entry of code. It takes constant time.
func (d *Document) Province(code trust.Province) (*Province, bool) {
	p, ok := d.provinces[code]
	return p, ok
}
