package statuslog

import (
	"testing"

	"github.com/hutong-project/hutong/trust"
)

// The values were computed with OpenSSL 3.0: printf of the input into `openssl dgst -sm3`, with -hmac for the
// identifier.
func TestSubjectKnownAnswers(t *testing.T) {
	handle := []byte("0123456789abcdef")
	tests := []struct {
		name string
		got  trust.Subject
		want string
	}{
		{"HandleSubject", HandleSubject(handle), "dd47ef4b1f30f43014fdea85a411b5f33c5bad1c01eefda1ef887c211965b2e0"},
		{"IdentifierSubject", IdentifierSubject([]byte("subject key"), "1.2.156.3005.2.11100000000013338W001.X"), "3c74ad2c12e9629f9d1befbc658eb397a6ec9625a47ccde60571acb6b0c74e77"},
		{"CertificateSubject", CertificateSubject([]byte("0\x02xx"), []byte("\x02\x01\x05")), "7c31978eb4786f4907a18f3e04d5d44b03e4e1c33f2c093848efb54b2d98fe87"},
		{"CRLSubject", CRLSubject([]byte("0\x02xx")), "a28017748a4f83f5fb195123b7c63990ed1fba031d01982ac827c6652898ddc9"},
	}
	for _, tt := range tests {
		if tt.got.String() != tt.want {
			t.Errorf("%s = %s, want %s", tt.name, tt.got, tt.want)
		}
	}
}

func TestIdentifierSubjectTakesEitherCase(t *testing.T) {
	key := []byte("subject key")
	upper := IdentifierSubject(key, "1.2.156.ABC.X")
	for _, same := range []string{"1.2.156.abc.x", "1.2.156.aBc.X"} {
		if got := IdentifierSubject(key, same); got != upper {
			t.Errorf("IdentifierSubject(%q) = %s, want %s", same, got, upper)
		}
	}
	for _, other := range []string{"1.2.156.ABC.Y", " 1.2.156.ABC.X", "1.2.156.ABC.X\x00", ""} {
		if IdentifierSubject(key, other) == upper {
			t.Errorf("IdentifierSubject(%q) is that of 1.2.156.ABC.X, want another", other)
		}
	}
	if IdentifierSubject([]byte("another key"), "1.2.156.ABC.X") == upper {
		t.Error("IdentifierSubject under another key is the same, want another")
	}
}
