package certs

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"errors"
	"fmt"

	_ "crypto/sha256" // the hashes of the schemes below
	_ "crypto/sha512"
	stdasn1 "encoding/asn1"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// A signatureScheme is how a certificate was signed. The zero value is one that is not admitted.
type signatureScheme struct {
	kind keyKind
	hash crypto.Hash // 0 for SM2, whose hash is always SM3
	pss  bool
}

type keyKind int

const (
	noKey keyKind = iota
	sm2Key
	ecKey
	rsaKey
)

// SHA-1 and MD5 are left out on purpose.
var schemes = map[string]signatureScheme{
	"1.2.156.10197.1.501":   {kind: sm2Key},
	"1.2.840.10045.4.3.2":   {kind: ecKey, hash: crypto.SHA256},
	"1.2.840.10045.4.3.3":   {kind: ecKey, hash: crypto.SHA384},
	"1.2.840.10045.4.3.4":   {kind: ecKey, hash: crypto.SHA512},
	"1.2.840.113549.1.1.11": {kind: rsaKey, hash: crypto.SHA256},
	"1.2.840.113549.1.1.12": {kind: rsaKey, hash: crypto.SHA384},
	"1.2.840.113549.1.1.13": {kind: rsaKey, hash: crypto.SHA512},
}

const oidRSAPSS = "1.2.840.113549.1.1.10"

// parseScheme reads the content of an AlgorithmIdentifier. What is not admitted gives the zero scheme, under which
// nothing verifies.
func parseScheme(alg cryptobyte.String) signatureScheme {
	var oid stdasn1.ObjectIdentifier
	if !alg.ReadASN1ObjectIdentifier(&oid) {
		return signatureScheme{}
	}
	if oid.String() == oidRSAPSS {
		return parsePSS(alg)
	}
	if !alg.Empty() && !bytes.Equal(alg, stdasn1.NullBytes) {
		return signatureScheme{}
	}
	return schemes[oid.String()]
}

// pssHashes maps the DER of RSASSA-PSS-params with one hash throughout and a salt as long as the hash, in the two
// spellings of the hash's parameters (NULL and absent), to the hash.
var pssHashes = func() map[string]crypto.Hash {
	known := make(map[string]crypto.Hash)
	for last, hash := range map[int]crypto.Hash{1: crypto.SHA256, 2: crypto.SHA384, 3: crypto.SHA512} {
		for _, null := range []bool{true, false} {
			identifier := func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(stdasn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, last})
				if null {
					b.AddASN1NULL()
				}
			}
			var b cryptobyte.Builder
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(asn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
					b.AddASN1(asn1.SEQUENCE, identifier)
				})
				b.AddASN1(asn1.Tag(1).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
					b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1ObjectIdentifier(stdasn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 8})
						b.AddASN1(asn1.SEQUENCE, identifier)
					})
				})
				b.AddASN1(asn1.Tag(2).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
					b.AddASN1Int64(int64(hash.Size()))
				})
			})
			known[string(b.BytesOrPanic())] = hash
		}
	}
	return known
}()

func parsePSS(params cryptobyte.String) signatureScheme {
	hash, ok := pssHashes[string(params)]
	if !ok {
		return signatureScheme{}
	}
	return signatureScheme{kind: rsaKey, hash: hash, pss: true}
}

// verify checks a certificate's signature by key. The kind of the key and of the scheme must be the same: an ECDSA
// signature never verifies under an SM2 key, nor the other way round.
func (s signatureScheme) verify(key publicKey, signed, signature []byte) bool {
	switch {
	case s.kind == sm2Key && key.sm2 != nil:
		return key.sm2.Verify(signed, signature)
	case s.kind == ecKey && key.ec != nil:
		return ecdsa.VerifyASN1(key.ec, s.sum(signed), signature)
	case s.kind == rsaKey && key.rsa != nil && s.pss:
		options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: s.hash}
		return rsa.VerifyPSS(key.rsa, s.hash, s.sum(signed), signature, options) == nil
	case s.kind == rsaKey && key.rsa != nil:
		return rsa.VerifyPKCS1v15(key.rsa, s.hash, s.sum(signed), signature) == nil
	}
	return false
}

func (s signatureScheme) sum(message []byte) []byte {
	h := s.hash.New()
	h.Write(message)
	return h.Sum(nil)
}

// Errors of CheckSignatureFrom.
var (
	// ErrNotCA is returned when the supposed issuer may not sign certificates: basicConstraints without cA, or a
	// keyUsage extension without keyCertSign.
	ErrNotCA = errors.New("issuer may not sign certificates")
	// ErrSignature is returned when the signature does not verify under the issuer's key, or was made with an
	// algorithm that is not admitted or does not fit the key.
	ErrSignature = errors.New("signature does not verify under the issuer's key")
	// ErrIssuerName is returned when the certificate names another issuer.
	ErrIssuerName = errors.New("issuer's name is another one")
)

// CheckSignatureFrom returns nil if parent issued c: parent's subject is the issuer that c names (compared byte by
// byte), parent is a CA that may sign certificates, and c's signature verifies under its key. Validity, the length
// of the path and revocation are not looked at.
func (c *Certificate) CheckSignatureFrom(parent *Certificate) error {
	if err := c.checkIssuer(parent); err != nil {
		return err
	}
	if !c.VerifiesUnder(parent) {
		return ErrSignature
	}
	return nil
}

// VerifiesUnder reports whether c's signature verifies under parent's key, and nothing else: not whether parent may
// sign certificates, nor whether it is the issuer that c names. It is for telling a forgery from a CA certificate with
// the wrong extensions; no path is built with it.
func (c *Certificate) VerifiesUnder(parent *Certificate) bool {
	return c.signatureAlg.verify(parent.key, c.rawTBS, c.signature)
}

// checkIssuer is everything of CheckSignatureFrom that costs no signature.
func (c *Certificate) checkIssuer(parent *Certificate) error {
	if !bytes.Equal(c.RawIssuer, parent.RawSubject) || bytes.Equal(c.RawIssuer, emptyName) {
		return ErrIssuerName
	}
	if !parent.CA {
		return fmt.Errorf("%w: it is not marked as a CA", ErrNotCA)
	}
	if parent.KeyUsagePresent && parent.KeyUsage&KeyCertSign == 0 {
		return fmt.Errorf("%w: its key usage lacks keyCertSign", ErrNotCA)
	}
	return parent.checkCritical()
}

var emptyName = []byte{0x30, 0}
