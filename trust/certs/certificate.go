package certs

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/sm3"
)

// KeyUsage is the set of purposes in the keyUsage extension (RFC 5280, 4.2.1.3), first bit lowest.
type KeyUsage uint16

// The purposes that a key can have.
const (
	DigitalSignature KeyUsage = 1 << iota
	NonRepudiation            // also called contentCommitment
	KeyEncipherment
	DataEncipherment
	KeyAgreement
	KeyCertSign
	CRLSign
	EncipherOnly
	DecipherOnly
)

const (
	signingUsages    = DigitalSignature | NonRepudiation
	encryptingUsages = KeyEncipherment | DataEncipherment | KeyAgreement | EncipherOnly | DecipherOnly
)

// A Certificate is one parsed certificate. Its fields are for reading only.
type Certificate struct {
	Raw        []byte // the whole DER
	RawIssuer  []byte // DER of the issuer's name
	RawSubject []byte // DER of the subject's name
	RawSPKI    []byte // DER of the SubjectPublicKeyInfo, as carried

	// SerialDER is the serial number as a DER INTEGER with tag and length. A serial that the issuer did not encode
	// in the shortest form is brought to it here, so that a CRL and a certificate that differ in that still meet.
	SerialDER  []byte
	SerialText string // the serial's bytes in lower-case hexadecimal

	// SubjectText and IssuerText are for people: RFC 4514 order, at most a few hundred characters, nothing
	// unprintable. A personal certificate's subject names a person, so they do not belong in logs.
	SubjectText string
	IssuerText  string

	NotBefore trust.Time // the first second of the validity
	NotAfter  trust.Time // the last second of the validity

	CA      bool // basicConstraints has cA
	PathLen int  // how many CAs may stand between this CA and an end entity; −1: no limit stated

	KeyUsage         KeyUsage // the purposes, 0 where the extension is absent
	KeyUsagePresent  bool     // whether the extension is there at all
	ExtendedKeyUsage []string // object identifiers, dotted; not judged here
	SubjectKeyID     []byte   // nil where absent
	AuthorityKeyID   []byte   // nil where absent

	// Defects are departures from the standards that do not change what was signed, in words for an operator.
	Defects []string

	rawTBS       []byte
	signatureAlg signatureScheme
	signature    []byte
	key          publicKey
	orgCode      string
	critical     []string // critical extensions that this package does not understand
	digest       trust.Digest
	sha256       [sha256.Size]byte
	keyID        trust.KeyID
	subject      trust.Digest
}

// Digest returns the SM3 of the certificate's DER.
func (c *Certificate) Digest() trust.Digest { return c.digest }

// SHA256 returns the SHA-256 of the certificate's DER, which names it in the COSE formats of partners.
func (c *Certificate) SHA256() [32]byte { return c.sha256 }

// KeyID returns the SM3 of the SubjectPublicKeyInfo as carried.
func (c *Certificate) KeyID() trust.KeyID { return c.keyID }

// SubjectDigest returns the SM3 of the subject name's DER, by which a trust list can name an end entity.
func (c *Certificate) SubjectDigest() trust.Digest { return c.subject }

// OrganizationCode returns the code in extension 1.2.156.10260.4.1.4 (组织机构代码 or 统一社会信用代码), or "".
func (c *Certificate) OrganizationCode() string { return c.orgCode }

// Algorithm returns the one algorithm that this certificate's key may verify credentials with, and whether there is
// one.
func (c *Certificate) Algorithm() (Algorithm, bool) { return c.key.algorithm() }

// Verify reports whether signature is one over message under alg by this certificate's key. SM2 (default user id)
// and ES256 signatures are r ‖ s in 64 bytes, PS256 is RSASSA-PSS with SHA-256 and a salt of 32 bytes. An algorithm
// that is not the key's own gives false.
func (c *Certificate) Verify(alg Algorithm, message, signature []byte) bool {
	return c.key.verify(alg, message, signature)
}

// VerifyDER is Verify for SM2 and ES256 signatures in their DER form, SEQUENCE{r, s}.
func (c *Certificate) VerifyDER(alg Algorithm, message, signature []byte) bool {
	return c.key.verifyDER(alg, message, signature)
}

// Errors of CanSignCredentials.
var (
	// ErrKeyUsage is returned when the keyUsage extension does not allow the key to sign documents.
	ErrKeyUsage = errors.New("key usage has neither digitalSignature nor nonRepudiation")
	// ErrKeyAlgorithm is returned when the key fits none of the admitted algorithms.
	ErrKeyAlgorithm = errors.New("public key fits none of SM2, ES256 (P-256) and PS256 (RSA of 2048 bits or more)")
	// ErrCriticalExtension is returned when a critical extension is not understood.
	ErrCriticalExtension = errors.New("critical extension is not understood")
)

// CanSignCredentials returns nil if the key may sign credentials as far as the certificate says: an admitted
// algorithm, digitalSignature or nonRepudiation if there is a keyUsage extension (real tax certificates set all bits
// at once, so nothing asks for "signing only"), and no critical extension beyond understanding.
func (c *Certificate) CanSignCredentials() error {
	if _, ok := c.Algorithm(); !ok {
		return ErrKeyAlgorithm
	}
	if c.KeyUsagePresent && c.KeyUsage&signingUsages == 0 {
		return ErrKeyUsage
	}
	return c.checkCritical()
}

func (c *Certificate) checkCritical() error {
	if len(c.critical) > 0 {
		return fmt.Errorf("%w: %s", ErrCriticalExtension, strings.Join(c.critical, ", "))
	}
	return nil
}

// InForce reports whether t lies in the validity, its first and last second included.
func (c *Certificate) InForce(t trust.Time) bool { return c.NotBefore <= t && t <= c.NotAfter }

func (c *Certificate) computeDigests() {
	c.digest = sm3.Sum(c.Raw)
	c.sha256 = sha256.Sum256(c.Raw)
	c.keyID = trust.KeyID(sm3.Sum(c.RawSPKI))
	c.subject = sm3.Sum(c.RawSubject)
}
