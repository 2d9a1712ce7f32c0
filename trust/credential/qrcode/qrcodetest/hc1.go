package qrcodetest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"fmt"
	"math/big"

	"github.com/fxamacker/cbor/v2"

	"github.com/hutong-project/hutong/trust"
)

// An HC1 is an EU certificate to be made. Any part may be wrong on purpose.
type HC1 struct {
	Issuer          string     // iss; "" leaves it out
	Issued, Expires trust.Time // iat, exp
	Health          any        // what stands under hcert's key 1
	KID             []byte     // nil leaves it out
	Unprotected     map[int64]any
}

// Health returns a certificate of a made-up person with one entry in group v, t or r.
func Health(group string) map[string]any {
	return map[string]any{
		"ver": "1.3.0",
		"dob": "1990-01-01",
		"nam": map[string]string{"fn": "Muster", "fnt": "MUSTER", "gn": "Erika", "gnt": "ERIKA"},
		group: []any{map[string]string{"tg": "840539006", "co": "AT", "is": "Test", "ci": "URN:UVCI:01:AT:TEST#1"}},
	}
}

// CertificateKID returns the key hint of a certificate, as the EU DCC derives it.
func CertificateKID(der []byte) []byte {
	sum := sha256.Sum256(der)
	return sum[:8]
}

// Sign returns c's text, signed with ES256 (a key on P-256) or PS256 (an RSA key).
func (c HC1) Sign(key crypto.Signer) (string, error) {
	cose, err := c.COSE(key)
	if err != nil {
		return "", err
	}
	return Pack("HC1", cose), nil
}

// COSE returns c as a tagged COSE_Sign1.
func (c HC1) COSE(key crypto.Signer) ([]byte, error) {
	header := map[int64]any{1: int64(-7)}
	if _, ok := key.Public().(*rsa.PublicKey); ok {
		header[1] = int64(-37)
	}
	if c.KID != nil {
		header[4] = c.KID
	}
	claims := map[int64]any{4: int64(c.Expires), 6: int64(c.Issued), -260: map[int64]any{1: c.Health}}
	if c.Issuer != "" {
		claims[1] = c.Issuer
	}
	unprotected := c.Unprotected
	if unprotected == nil {
		unprotected = map[int64]any{}
	}
	return Sign1(header, unprotected, claims, nil, key)
}

// Sign1 returns a tagged COSE_Sign1 of any protected header, unprotected header and payload, all encoded
// deterministically. A nil key leaves 64 zero bytes for the signature.
func Sign1(protected, unprotected, payload any, aad []byte, key crypto.Signer) ([]byte, error) {
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		return nil, err
	}
	header, err := mode.Marshal(protected)
	if err != nil {
		return nil, err
	}
	body, err := mode.Marshal(payload)
	if err != nil {
		return nil, err
	}
	message, err := mode.Marshal([]any{"Signature1", header, append([]byte{}, aad...), body})
	if err != nil {
		return nil, err
	}
	signature := make([]byte, 64)
	if key != nil {
		if signature, err = sign(key, message); err != nil {
			return nil, err
		}
	}
	return mode.Marshal(cbor.Tag{Number: 18, Content: []any{header, unprotected, body, signature}})
}

// sign signs with ES256 (r ‖ s) or PS256.
func sign(key crypto.Signer, message []byte) ([]byte, error) {
	sum := sha256.Sum256(message)
	switch key.Public().(type) {
	case *rsa.PublicKey:
		return key.Sign(rand.Reader, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256})
	case *ecdsa.PublicKey:
		der, err := key.Sign(rand.Reader, sum[:], crypto.SHA256)
		if err != nil {
			return nil, err
		}
		var rs struct{ R, S *big.Int }
		if _, err := asn1.Unmarshal(der, &rs); err != nil {
			return nil, err
		}
		signature := make([]byte, 64)
		rs.R.FillBytes(signature[:32])
		rs.S.FillBytes(signature[32:])
		return signature, nil
	}
	return nil, fmt.Errorf("signing a test certificate: a key of type %T", key.Public())
}
