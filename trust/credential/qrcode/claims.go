package qrcode

import (
	"fmt"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/credential"
)

// Limits of HT1's claims, in bytes unless said otherwise.
const (
	HandleSize = 16 // of the random status handle
	KIDSize    = 8  // of the key hint: the first bytes of the key id

	MaxAnchor    = 64  // of [a-z0-9.-], as trust lists have it
	MaxType      = 64  // of visible ASCII
	MaxAuthority = 64  // of visible ASCII
	MaxFace      = 16  // face claims
	MaxFaceName  = 64  // of UTF-8
	MaxFaceValue = 256 // of UTF-8

	MaxChain       = 3       // certificates carried
	MaxCertificate = 2 << 10 // of one certificate's DER
)

// MaxPresentation is the longest that a presentation code may live, from its issue to its expiry. It is what the
// format allows; who makes presentation codes chooses minutes.
const MaxPresentation = 24 * time.Hour

// maxTime is 9999-12-31T23:59:59Z, the last second that a trust.Time is written in.
const maxTime = 253402300799

// Claims is what an HT1 code says, and what Encode signs.
type Claims struct {
	Presentation bool           // a short-lived presentation code
	Province     trust.Province // whose trust list holds the anchor
	Anchor       string         // the id, in that list, of the anchor under which the code is issued
	Type         string         // 证照类型代码
	Authority    string         // 颁发机构代码
	Handle       [HandleSize]byte

	Issued    trust.Time // required
	NotBefore trust.Time // zero: valid from Issued on
	Expires   trust.Time // the last second of validity; zero: 长期, for credentials only

	Face []credential.Claim // what the code shows, in order; as few as the use needs
}

// fault returns what breaks HT1's rules, or "". Encode and Decode both ask it, so neither takes what the other refuses.
// It repeats no value: values are personal data.
func (c *Claims) fault() string {
	switch {
	case !c.Province.Valid():
		return "iss is no province code"
	case !isAnchorID(c.Anchor):
		return fmt.Sprintf("the anchor id is not 1 to %d of [a-z0-9.-]", MaxAnchor)
	case !isVisible(c.Type, MaxType):
		return fmt.Sprintf("the credential type is not 1 to %d visible ASCII characters", MaxType)
	case !isVisible(c.Authority, MaxAuthority):
		return fmt.Sprintf("the authority is not 1 to %d visible ASCII characters", MaxAuthority)
	case c.Handle == [HandleSize]byte{}:
		return "the handle is all zero, not random"
	case len(c.Face) > MaxFace:
		return fmt.Sprintf("%d face claims, at most %d", len(c.Face), MaxFace)
	}
	if fault := c.timeFault(); fault != "" {
		return fault
	}
	for i, claim := range c.Face {
		if !isFaceText(claim.Name, MaxFaceName) {
			return fmt.Sprintf("the name of face claim %d is not 1 to %d bytes of plain text", i, MaxFaceName)
		}
		if !isFaceText(claim.Value, MaxFaceValue) {
			return fmt.Sprintf("the value of face claim %d is not 1 to %d bytes of plain text", i, MaxFaceValue)
		}
		for _, before := range c.Face[:i] {
			if before.Name == claim.Name {
				return fmt.Sprintf("face claim %d has the name of an earlier one", i)
			}
		}
	}
	return ""
}

func (c *Claims) timeFault() string {
	for _, t := range [...]trust.Time{c.Issued, c.NotBefore, c.Expires} {
		if t < 0 || t > maxTime {
			return "a time is before 1970 or after 9999"
		}
	}
	switch {
	case c.Issued.IsZero():
		return "iat is missing"
	case !c.Expires.IsZero() && c.Expires <= c.Issued:
		return "exp is not after iat"
	case !c.Expires.IsZero() && c.Expires <= c.NotBefore:
		return "exp is not after nbf"
	case c.Presentation && c.Expires.IsZero():
		return "a presentation code has no exp"
	case c.Presentation && c.Expires.Sub(c.Issued) > MaxPresentation:
		return fmt.Sprintf("a presentation code lives longer than %v", MaxPresentation)
	}
	return ""
}

func isAnchorID(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '-' {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= MaxAnchor
}

func isVisible(s string, most int) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= most
}

// isFaceText reports whether a person sees what stands there: UTF-8 without control characters, line and
// paragraph separators, and the marks that turn the reading direction around.
func isFaceText(s string, most int) bool {
	for _, c := range s {
		if c < 0x80 {
			if c < ' ' || c == 0x7F {
				return false
			}
			continue
		}
		if unicode.IsControl(c) || turnsText(c) {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= most && utf8.ValidString(s)
}

func turnsText(c rune) bool {
	switch {
	case c == 0x2028 || c == 0x2029: // line, paragraph separator
		return true
	case c >= 0x202A && c <= 0x202E: // embeddings and overrides
		return true
	case c >= 0x2066 && c <= 0x2069: // isolates
		return true
	}
	return false
}
