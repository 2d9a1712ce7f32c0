package trust

import (
	"fmt"
	"strings"
)

// A Province is the code of a jurisdiction that can join the federation: a province-level GB/T 2260 code of six
// digits (310000; 100000 stands for the central bodies), or, for a partner, its two-letter ISO 3166-1 code (AT).
type Province string

// ParseProvince reads a code and refuses every other form. It does not say whether anyone has that code:
// the national list does.
func ParseProvince(s string) (Province, error) {
	p := Province(s)
	if !p.Valid() {
		return "", fmt.Errorf("reading a province code: %.20q is neither six digits ending in 0000 nor two capital letters", s)
	}
	return p, nil
}

// Valid reports whether p has the form of a code.
func (p Province) Valid() bool {
	switch len(p) {
	case 6:
		return p[0] >= '1' && p[0] <= '9' && p[1] >= '0' && p[1] <= '9' && strings.HasSuffix(string(p), "0000")
	case 2:
		return p[0] >= 'A' && p[0] <= 'Z' && p[1] >= 'A' && p[1] <= 'Z'
	}
	return false
}

// Partner reports whether p is a jurisdiction outside GB/T 2260.
func (p Province) Partner() bool { return len(p) == 2 }

// UnmarshalText reads a code as ParseProvince does.
func (p *Province) UnmarshalText(text []byte) error {
	q, err := ParseProvince(string(text))
	*p = q
	return err
}

// MarshalText returns the code.
func (p Province) MarshalText() ([]byte, error) { return []byte(p), nil }
