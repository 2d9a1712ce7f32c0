package qrcode

import (
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"github.com/hutong-project/hutong/trust/sm2sig"
)

// The forms that Encode writes. The keys' order is the encoder's (RFC 8949 section 4.2.1), not the fields'.
type (
	protectedHT1 struct {
		Algorithm int64  `cbor:"1,keyasint"`
		KID       []byte `cbor:"4,keyasint"`
		Type      string `cbor:"16,keyasint"`
		X5Chain   any    `cbor:"33,keyasint,omitempty"` // []byte or [][]byte
	}
	payloadHT1 struct {
		Issuer    string    `cbor:"1,keyasint"`
		Expires   int64     `cbor:"4,keyasint,omitempty"`
		NotBefore int64     `cbor:"5,keyasint,omitempty"`
		Issued    int64     `cbor:"6,keyasint"`
		Own       claimsHT1 `cbor:"-70001,keyasint"`
	}
	claimsHT1 struct {
		_         struct{} `cbor:",toarray"`
		Version   uint
		Kind      uint
		Anchor    string
		Type      string
		Authority string
		Handle    []byte
		Face      [][2]string
	}
	unprotectedHT1 struct{}
	sign1          struct {
		_           struct{} `cbor:",toarray"`
		Protected   []byte
		Unprotected unprotectedHT1
		Payload     []byte
		Signature   []byte
	}
)

var deterministic = func() cbor.EncMode {
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		panic(err) // the library's own options
	}
	return mode
}()

// Encode signs c with key and returns the code's text, at most MaxPrintable characters. chain is empty where the
// anchor holds key's own certificate, else the certificates from key's up to, not including, the anchor's.
// It refuses what Decode would refuse.
func Encode(c Claims, key *sm2sig.PrivateKey, chain [][]byte) (string, error) {
	if fault := c.fault(); fault != "" {
		return "", fmt.Errorf("encoding an HT1 code: %s", fault)
	}
	protected, err := protectedHeader(key, chain)
	if err != nil {
		return "", fmt.Errorf("encoding an HT1 code: %w", err)
	}
	payload, err := deterministic.Marshal(c.payload())
	if err != nil {
		return "", fmt.Errorf("encoding an HT1 code: %w", err)
	}
	message, _, _ := appendSigStructure(nil, protected, TypeHT1, payload)
	signature, err := key.SignRaw(message)
	if err != nil {
		return "", fmt.Errorf("signing an HT1 code: %w", err)
	}
	cose, err := deterministic.Marshal(cbor.Tag{Number: tagSign1, Content: sign1{
		Protected: protected, Payload: payload, Signature: signature,
	}})
	if err != nil {
		return "", fmt.Errorf("encoding an HT1 code: %w", err)
	}
	text, err := pack(FormatHT1, cose)
	if err != nil {
		return "", fmt.Errorf("encoding an HT1 code: %w", err)
	}
	// Reader and writer are written apart; a code that would not be read never leaves.
	if _, err := Decode(text); err != nil {
		return "", fmt.Errorf("encoding an HT1 code: %w", err)
	}
	return text, nil
}

// pack returns the text of a COSE message.
func pack(format string, cose []byte) (string, error) {
	packed := appendStored(nil, cose)
	text := appendBase45([]byte(format+":"), packed)
	if len(text) > MaxPrintable {
		return "", fmt.Errorf("%d characters, a QR code holds at most %d", len(text), MaxPrintable)
	}
	return string(text), nil
}

func protectedHeader(key *sm2sig.PrivateKey, chain [][]byte) ([]byte, error) {
	if len(chain) > MaxChain {
		return nil, fmt.Errorf("%d certificates, at most %d", len(chain), MaxChain)
	}
	for i, der := range chain {
		if len(der) == 0 || len(der) > MaxCertificate {
			return nil, fmt.Errorf("certificate %d has %d bytes, want 1 to %d", i, len(der), MaxCertificate)
		}
	}
	if key == nil {
		return nil, errors.New("no key")
	}
	id := key.Public().ID()
	header := protectedHT1{Algorithm: AlgorithmSM2, KID: id[:KIDSize], Type: TypeHT1}
	switch len(chain) {
	case 0:
	case 1:
		header.X5Chain = chain[0]
	default:
		header.X5Chain = chain
	}
	return deterministic.Marshal(header)
}

func (c *Claims) payload() payloadHT1 {
	own := claimsHT1{
		Version: HT1Version, Kind: kindCredential,
		Anchor: c.Anchor, Type: c.Type, Authority: c.Authority, Handle: c.Handle[:],
		Face: make([][2]string, 0, len(c.Face)),
	}
	if c.Presentation {
		own.Kind = kindPresentation
	}
	for _, claim := range c.Face {
		own.Face = append(own.Face, [2]string{claim.Name, claim.Value})
	}
	return payloadHT1{
		Issuer: string(c.Province), Own: own,
		Expires: int64(c.Expires), NotBefore: int64(c.NotBefore), Issued: int64(c.Issued),
	}
}
