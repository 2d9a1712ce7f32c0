package trust

import (
	"encoding/hex"
	"fmt"
)

// HashSize is the length in bytes of an SM3 value (GB/T 32905).
const HashSize = 32

// A Digest is the SM3 of a payload's bytes as carried. Its text form is 64 lower-case hexadecimal digits.
// The zero Digest stands for "none" where a format allows that.
type Digest [HashSize]byte

// A KeyID is the SM3 of a key's SubjectPublicKeyInfo DER. Its text form is 64 lower-case hexadecimal digits.
type KeyID [HashSize]byte

// A Subject names what a status event speaks of without telling who it is: see statuslog for the derivations.
// Its text form is 64 lower-case hexadecimal digits.
type Subject [HashSize]byte

// IsZero reports whether d is the absent digest.
func (d Digest) IsZero() bool { return d == Digest{} }

// String returns the text form of d.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// Short returns the first 12 digits, for tables and logs.
func (d Digest) Short() string { return d.String()[:12] }

// MarshalText returns the text form of d.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads exactly the text form; upper case is refused.
func (d *Digest) UnmarshalText(text []byte) error { return unhex((*[HashSize]byte)(d), text, "digest") }

// ParseDigest reads the text form.
func ParseDigest(s string) (d Digest, err error) {
	err = d.UnmarshalText([]byte(s))
	return d, err
}

// IsZero reports whether k is the absent key id.
func (k KeyID) IsZero() bool { return k == KeyID{} }

// String returns the text form of k.
func (k KeyID) String() string { return hex.EncodeToString(k[:]) }

// Short returns the first 12 digits, for tables and logs.
func (k KeyID) Short() string { return k.String()[:12] }

// MarshalText returns the text form of k.
func (k KeyID) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads exactly the text form; upper case is refused.
func (k *KeyID) UnmarshalText(text []byte) error { return unhex((*[HashSize]byte)(k), text, "key id") }

// IsZero reports whether s is the absent subject.
func (s Subject) IsZero() bool { return s == Subject{} }

// String returns the text form of s.
func (s Subject) String() string { return hex.EncodeToString(s[:]) }

// MarshalText returns the text form of s.
func (s Subject) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads exactly the text form; upper case is refused.
func (s *Subject) UnmarshalText(text []byte) error {
	return unhex((*[HashSize]byte)(s), text, "subject")
}

func unhex(dst *[HashSize]byte, text []byte, what string) error {
	if len(text) != 2*HashSize {
		return fmt.Errorf("reading a %s: %d characters, want %d", what, len(text), 2*HashSize)
	}
	for _, c := range text {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return fmt.Errorf("reading a %s: %q is not a lower-case hexadecimal digit", what, c)
		}
	}
	_, err := hex.Decode(dst[:], text)
	return err
}
