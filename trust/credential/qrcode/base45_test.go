package qrcode

import (
	"bytes"
	"errors"
	"testing"

	"github.com/hutong-project/hutong/trust/credential/qrcode/qrcodetest"
)

// The examples of RFC 9285 sections 4.3 and 4.4.
func TestBase45KnownAnswers(t *testing.T) {
	for _, test := range []struct{ data, text string }{
		{"", ""},
		{"AB", "BB8"},
		{"Hello!!", "%69 VD92EX0"},
		{"base-45", "UJCLQE7W581"},
		{"ietf!", "QED8WEX0"},
		{"\xFF\xFF", "FGW"},
		{"\xFF", "U5"},
		{"\x00", "00"},
		{"\x00\x00", "000"},
	} {
		got, err := appendBase45Decoded(nil, test.text)
		if err != nil || string(got) != test.data {
			t.Errorf("decoding %q = %q, %v, want %q", test.text, got, err, test.data)
		}
		if got := appendBase45(nil, []byte(test.data)); string(got) != test.text {
			t.Errorf("encoding %q = %q, want %q", test.data, got, test.text)
		}
		if got := qrcodetest.Base45([]byte(test.data)); got != test.text {
			t.Errorf("qrcodetest.Base45(%q) = %q, want %q", test.data, got, test.text)
		}
	}
}

func TestBase45Refused(t *testing.T) {
	for _, test := range []struct{ name, text string }{
		{"one character", "A"},
		{"one left over", "BB8B"},
		{"lower case", "bb8"},
		{"character outside", "BB="},
		{"character outside in the short group", "BB8=0"},
		{"second character outside", "B\n8"},
		{"not ASCII", "B\xC3\xA98"},
		{"65536", "GGW"},
		{"largest group", ":::"},
		{"256", "V5"},
		{"largest short group", "::"},
	} {
		_, err := appendBase45Decoded(nil, test.text)
		var refusal *Error
		if !errors.As(err, &refusal) || refusal.Stage != StageBase45 {
			t.Errorf("%s: decoding %q = %v, want %s", test.name, test.text, err, StageBase45)
		}
	}
}

func FuzzBase45(f *testing.F) {
	f.Add("BB8")
	f.Add("%69 VD92EX0")
	f.Add(":::")
	f.Fuzz(func(t *testing.T, text string) {
		data, err := appendBase45Decoded(nil, text)
		if err != nil {
			return
		}
		// One byte string has one text.
		if got := appendBase45(nil, data); string(got) != text {
			t.Errorf("encoding(decoding(%q)) = %q, want the same", text, got)
		}
		if other, err := qrcodetest.FromBase45(text); err != nil || !bytes.Equal(other, data) {
			t.Errorf("two decoders disagree about %q: %x and %x, %v", text, data, other, err)
		}
	})
}
