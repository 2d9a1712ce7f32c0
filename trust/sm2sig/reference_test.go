package sm2sig

import (
	"bytes"
	"testing"
)

// TestReferenceVerify: the library's own way and ours agree, on good signatures and on broken ones.
func TestReferenceVerify(t *testing.T) {
	k, other := generate(t), generate(t).Public()
	message := []byte("of some three hundred bytes")
	rs, err := k.SignRaw(message)
	if err != nil {
		t.Fatal(err)
	}
	der := DER(rs)
	broken := bytes.Clone(der)
	broken[len(broken)-1] ^= 1
	for _, c := range []struct {
		name         string
		key          *PublicKey
		message, der []byte
		want         bool
	}{
		{"its own", k.Public(), message, der, true},
		{"another key", other, message, der, false},
		{"another message", k.Public(), message[1:], der, false},
		{"a flipped bit", k.Public(), message, broken, false},
		{"raw", k.Public(), message, rs, false},
		{"no key", nil, message, der, false},
		{"the zero key", &PublicKey{}, message, der, false},
	} {
		if got := ReferenceVerify(c.key, c.message, c.der); got != c.want {
			t.Errorf("ReferenceVerify(%s) = %v, want %v", c.name, got, c.want)
		}
		if got := c.key.Verify(c.message, c.der); got != c.want {
			t.Errorf("Verify(%s) = %v, want %v", c.name, got, c.want)
		}
	}
	if got := DER(rs[1:]); got != nil {
		t.Errorf("DER(63 bytes) = %x, want nil", got)
	}
}
