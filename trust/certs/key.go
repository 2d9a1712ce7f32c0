package certs

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"math/big"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"github.com/hutong-project/hutong/trust/sm2sig"
)

// An Algorithm names how a credential is signed.
type Algorithm string

// The admitted algorithms. ES256 and PS256 are for partners.
const (
	SM2   Algorithm = "SM2"   // SM2-with-SM3, default user id
	ES256 Algorithm = "ES256" // ECDSA with SHA-256 on P-256, and on no other curve
	PS256 Algorithm = "PS256" // RSASSA-PSS with SHA-256, salt of 32 bytes
)

// RSA moduli outside these sizes are not used: below is too weak, above costs too much to check.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// A publicKey holds at most one of its fields; with none it verifies nothing.
type publicKey struct {
	sm2 *sm2sig.PublicKey
	ec  *ecdsa.PublicKey // a NIST curve
	rsa *rsa.PublicKey
}

// parseKey reads a SubjectPublicKeyInfo. What it cannot use is told as a defect, not an error: the certificate
// around it can still be shown and named.
func parseKey(spki []byte) (key publicKey, defects []string) {
	parsed, err := smx509.ParsePKIXPublicKey(spki)
	if err != nil {
		return key, []string{fmt.Sprintf("unusable public key: %v", err)}
	}
	switch k := parsed.(type) {
	case *ecdsa.PublicKey:
		switch {
		case sm2.IsSM2PublicKey(k):
			if key.sm2, err = sm2sig.FromECDSA(k); err != nil {
				return publicKey{}, []string{fmt.Sprintf("unusable public key: %v", err)}
			}
		case k.Curve == elliptic.P256(), k.Curve == elliptic.P384(), k.Curve == elliptic.P521():
			key.ec = k
		default:
			return key, []string{"unusable public key: curve " + k.Curve.Params().Name}
		}
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return key, []string{fmt.Sprintf("unusable public key: RSA of %d bits, want %d to %d", bits, minRSABits, maxRSABits)}
		}
		key.rsa = k
	default:
		return key, []string{fmt.Sprintf("unusable public key: type %T", parsed)}
	}
	if again, err := smx509.MarshalPKIXPublicKey(parsed); err != nil || !bytes.Equal(again, spki) {
		defects = append(defects, "non-canonical encoding of the public key")
	}
	return key, defects
}

func (k publicKey) algorithm() (Algorithm, bool) {
	switch {
	case k.sm2 != nil:
		return SM2, true
	case k.ec != nil && k.ec.Curve == elliptic.P256():
		return ES256, true
	case k.rsa != nil:
		return PS256, true
	}
	return "", false
}

func (k publicKey) verify(alg Algorithm, message, signature []byte) bool {
	if own, ok := k.algorithm(); !ok || own != alg {
		return false
	}
	switch alg {
	case SM2:
		return k.sm2.VerifyRaw(message, signature)
	case ES256:
		if len(signature) != 64 {
			return false
		}
		r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
		hash := sha256.Sum256(message)
		return ecdsa.Verify(k.ec, hash[:], r, s)
	case PS256:
		hash := sha256.Sum256(message)
		options := &rsa.PSSOptions{SaltLength: sha256.Size, Hash: crypto.SHA256}
		return rsa.VerifyPSS(k.rsa, crypto.SHA256, hash[:], signature, options) == nil
	}
	return false
}

func (k publicKey) verifyDER(alg Algorithm, message, signature []byte) bool {
	if own, ok := k.algorithm(); !ok || own != alg {
		return false
	}
	switch alg {
	case SM2:
		return k.sm2.Verify(message, signature)
	case ES256:
		hash := sha256.Sum256(message)
		return ecdsa.VerifyASN1(k.ec, hash[:], signature)
	}
	return false
}
