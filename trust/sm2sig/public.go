// Package sm2sig makes and checks SM2 signatures (GB/T 32918.2, with SM3 and the default user id
// 1234567812345678) and keeps SM2 keys.
//
// It promises that one key has one encoding, one signature form is taken at a time, and a private key is never
// shown. Which key may sign what is not its business: statement, statuslog and the credential formats say that.
//
// No other package signs or verifies with the SM2 library (trust/certs uses it for chains): the library's Sign
// without options takes the message for a digest and cuts it to 32 bytes, so that one signature fits many messages.
package sm2sig

import (
	"bytes"
	"crypto/ecdsa"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/emmansun/gmsm/sm2"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/sm3"
)

// SPKISize is the length in bytes of the SubjectPublicKeyInfo DER of every SM2 key.
const SPKISize = len(spkiPrefix) + pointSize

const pointSize = 65 // 0x04, x, y

// spkiPrefix is all of a canonical SubjectPublicKeyInfo up to the point: id-ecPublicKey 1.2.840.10045.2.1 with
// curve sm2p256v1 1.2.156.10197.1.301, then a BIT STRING of 66 bytes with no unused bits.
const spkiPrefix = "\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x81\x1c\xcf\x55\x01\x82\x2d\x03\x42\x00"

// A PublicKey is a point on sm2p256v1. It does not change once read and is safe for concurrent use.
// The zero PublicKey verifies nothing.
type PublicKey struct {
	point *ecdsa.PublicKey
	spki  [SPKISize]byte
	id    trust.KeyID
	za    trust.Digest // SM3 of user id, curve and point: the start of every hash under this key
}

// ParsePublicKey reads a SubjectPublicKeyInfo in DER. There is one encoding of a key: a compressed point, another
// curve or algorithm, a longer length form, bytes after the end, and a point that is not on the curve are refused.
func ParsePublicKey(spki []byte) (*PublicKey, error) {
	k := new(PublicKey)
	if err := k.parse(spki); err != nil {
		return nil, err
	}
	return k, nil
}

func (k *PublicKey) parse(spki []byte) error {
	if len(spki) != SPKISize {
		return fmt.Errorf("reading an SM2 public key: %d bytes, want the %d of a SubjectPublicKeyInfo with an uncompressed point", len(spki), SPKISize)
	}
	if !bytes.HasPrefix(spki, []byte(spkiPrefix)) {
		return errors.New("reading an SM2 public key: not a DER SubjectPublicKeyInfo of id-ecPublicKey on sm2p256v1")
	}
	if form := spki[len(spkiPrefix)]; form != 4 {
		return fmt.Errorf("reading an SM2 public key: point form %#02x, want 0x04 (uncompressed)", form)
	}
	point, err := sm2.NewPublicKey(spki[len(spkiPrefix):])
	if err != nil {
		return fmt.Errorf("reading an SM2 public key: %w", err)
	}
	za, err := sm2.CalculateZA(point, nil)
	if err != nil {
		return fmt.Errorf("reading an SM2 public key: %w", err)
	}
	k.point = point
	copy(k.spki[:], spki)
	copy(k.za[:], za)
	k.id = trust.KeyID(sm3.Sum(spki))
	return nil
}

// FromECDSA takes a key as certificates carry it. A key on another curve, or no point of the curve, is refused.
func FromECDSA(key *ecdsa.PublicKey) (*PublicKey, error) {
	//lint:ignore SA1019 only whether coordinates are there at all; the library's check would panic without them
	if key == nil || key.X == nil || key.Y == nil || !sm2.IsSM2PublicKey(key) {
		return nil, errors.New("taking an SM2 public key: not a key on sm2p256v1")
	}
	point, err := sm2.PublicKeyToECDH(key)
	if err != nil {
		return nil, fmt.Errorf("taking an SM2 public key: %w", err)
	}
	return ParsePublicKey(append([]byte(spkiPrefix), point.Bytes()...))
}

// ID returns the SM3 of the SubjectPublicKeyInfo DER, by which lists and signatures name the key.
func (k *PublicKey) ID() trust.KeyID { return k.id }

// Bytes returns the SubjectPublicKeyInfo DER; the caller may change it.
func (k *PublicKey) Bytes() []byte { return bytes.Clone(k.spki[:]) }

// Equal reports whether both are the same point.
func (k *PublicKey) Equal(other *PublicKey) bool {
	return k != nil && other != nil && k.point != nil && k.spki == other.spki
}

// String returns the key id; a log that names a key needs no more.
func (k *PublicKey) String() string { return k.id.String() }

// MarshalText returns the SubjectPublicKeyInfo DER in standard base64 with padding.
func (k *PublicKey) MarshalText() ([]byte, error) {
	if k == nil || k.point == nil {
		return nil, errors.New("writing an SM2 public key: no key was set")
	}
	return base64.StdEncoding.AppendEncode(nil, k.spki[:]), nil
}

// UnmarshalText reads exactly the form that MarshalText writes into a zero PublicKey. A key that is set already
// does not change.
func (k *PublicKey) UnmarshalText(text []byte) error {
	if k.point != nil {
		return errors.New("reading an SM2 public key: the receiver holds a key, and a key does not change")
	}
	if want := base64.StdEncoding.EncodedLen(SPKISize); len(text) != want {
		return fmt.Errorf("reading an SM2 public key: %d characters, want %d of standard base64", len(text), want)
	}
	if bytes.ContainsAny(text, "\r\n") { // which the decoder would skip
		return errors.New("reading an SM2 public key: line break inside base64")
	}
	spki, err := base64.StdEncoding.Strict().AppendDecode(nil, text)
	if err != nil {
		return fmt.Errorf("reading an SM2 public key: %w", err)
	}
	return k.parse(spki)
}
