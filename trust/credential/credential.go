// Package credential holds what every credential format is read into: one struct that the steps of a verdict can
// work on without knowing the format.
//
// The packages below it parse one format each. They promise that a Credential's fields were read from bytes that
// the signature covers, except where a field's comment says otherwise, and that nothing in it has been believed
// yet: the signature is not verified, no date is compared, no issuer is looked up. That is package verdict's work.
package credential

import "github.com/hutong-project/hutong/trust"

// A KIDRule says how a format derives the key hint that a token carries. A hint only narrows the search for the
// anchor; what decides is the signature.
type KIDRule int

const (
	// KIDNone: the format has no key hint, or this token carries none.
	KIDNone KIDRule = iota
	// KIDKey: the hint is a prefix, of at least 8 bytes, of the SM3 of the signer's SubjectPublicKeyInfo.
	KIDKey
	// KIDCertificateSHA256: the hint is the first 8 bytes of the SHA-256 of the signer's certificate (EU DCC).
	KIDCertificateSHA256
)

// String returns a short name of the rule for messages.
func (r KIDRule) String() string {
	switch r {
	case KIDNone:
		return "none"
	case KIDKey:
		return "key"
	case KIDCertificateSHA256:
		return "certificate-sha256"
	}
	return "unknown"
}

// A Claim is one line of what a credential shows on its face, in the order in which the issuer wrote it.
// It is personal data: it never goes into logs, metrics or errors.
type Claim struct{ Name, Value string }

// A Defect is a departure from the format that does not make the credential wrong. It is reported, and fails nothing.
type Defect struct {
	Code   string // a short lower-case name from the format's bounded set
	Detail string // one English sentence without personal data
}

// A Credential is one parsed credential or presentation code, in whatever format it came.
type Credential struct {
	Format       string         // "HT1", "HC1": what an anchor's formats[] names
	Presentation bool           // a short-lived presentation code, not the credential itself
	Province     trust.Province // the signed issuing province or jurisdiction; "" when the format leaves it out
	Anchor       string         // signed anchor id; "" when the format has none
	Type         string         // credential type code (证照类型代码, or the format's own, e.g. "vaccination")
	Authority    string         // 颁发机构代码 that the credential names; "" when none
	Handle       []byte         // 16-byte random status handle; nil when none

	// Issued, NotBefore and Expires are zero where the credential has none. No Expires means 长期, for ever.
	Issued, NotBefore, Expires trust.Time

	// KID is the key hint as carried (it may come from bytes that no signature covers) and KIDRule says what
	// it should equal.
	KID     []byte
	KIDRule KIDRule

	Algorithm string   // "SM2", "ES256", "PS256" as the token claims it; the verifier decides by the anchor's key
	Chain     [][]byte // certificates carried, DER, leaf first; at most 3; not covered by the signature unless the format says so

	// Message is the exact bytes signed (for COSE the Sig_structure) and Signature the signature over them: raw r‖s
	// for SM2 and ES256, RSASSA-PSS for PS256. HT1 promises 64 bytes; under HC1 a Signature of any length arrives
	// here as it was carried, so whoever verifies checks its length.
	Message, Signature []byte

	Face    []Claim  // what the credential shows, in order
	Defects []Defect // departures from the format that were tolerated

	// Digest identifies this token in caches and records: for COSE the SM3 of the COSE_Sign1 bytes.
	Digest trust.Digest
}
