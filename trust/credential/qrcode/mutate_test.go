package qrcode

import (
	"bytes"
	"testing"

	"github.com/hutong-project/hutong/trust/credential/qrcode/qrcodetest"
	"github.com/hutong-project/hutong/trust/sm2sig"
)

// passes reports whether a code is read and its signature verifies.
func passes(text string, key *sm2sig.PublicKey) bool {
	c, err := Decode(text)
	return err == nil && key.VerifyRaw(c.Message, c.Signature)
}

// TestHT1EveryBitCounts flips each bit of the COSE message, and each bit of the zlib stream around it.
func TestHT1EveryBitCounts(t *testing.T) {
	key := newKey(t)
	public := key.Public()
	text := encode(t, licence(), key, bytes.Repeat([]byte{0x30}, 40))
	if !passes(text, public) {
		t.Fatal("the unchanged code does not pass")
	}
	cose, err := qrcodetest.Unpack(text)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := qrcodetest.FromBase45(text[4:])
	if err != nil {
		t.Fatal(err)
	}
	for name, layer := range map[string]struct {
		data []byte
		text func([]byte) string
	}{
		"COSE":             {cose, func(b []byte) string { return qrcodetest.Pack("HT1", b) }},
		"COSE, not packed": {cose, func(b []byte) string { return "HT1:" + qrcodetest.Base45(appendStored(nil, b)) }},
		"zlib":             {packed, func(b []byte) string { return "HT1:" + qrcodetest.Base45(b) }},
	} {
		if !passes(layer.text(layer.data), public) {
			t.Fatalf("%s: the unchanged code does not pass", name)
		}
		for bit := range 8 * len(layer.data) {
			layer.data[bit/8] ^= 1 << (bit % 8)
			if passes(layer.text(layer.data), public) {
				t.Errorf("%s: the code passes with bit %d of byte %d flipped", name, bit%8, bit/8)
			}
			layer.data[bit/8] ^= 1 << (bit % 8)
		}
	}
}

// TestHT1EveryCharacterCounts puts each other character of the alphabet in each place, and takes each one out.
func TestHT1EveryCharacterCounts(t *testing.T) {
	key := newKey(t)
	public := key.Public()
	text := encode(t, presentation(), key)
	for i := range text {
		if passes(text[:i]+text[i+1:], public) {
			t.Errorf("the code passes without character %d", i)
		}
		for _, c := range []byte(base45Alphabet) {
			if c != text[i] && passes(text[:i]+string(c)+text[i+1:], public) {
				t.Errorf("the code passes with %q for character %d", c, i)
			}
		}
	}
	for _, c := range []byte(base45Alphabet) {
		if passes(text+string(c), public) {
			t.Errorf("the code passes with %q after it", c)
		}
	}
}

// TestHT1OtherContextFails signs the right bytes under another external_aad, as a status batch would.
func TestHT1OtherContextFails(t *testing.T) {
	key := newKey(t)
	c, err := Decode(encode(t, licence(), key))
	if err != nil {
		t.Fatal(err)
	}
	claims := licence()
	payload, err := deterministic.Marshal(claims.payload())
	if err != nil {
		t.Fatal(err)
	}
	for aad, want := range map[string]bool{TypeHT1: true, "": false, "application/vnd.hutong.status-batch+cbor": false} {
		message, _, _ := appendSigStructure(nil, protectedOf(t, key), aad, payload)
		if got := key.Public().VerifyRaw(message, c.Signature); got != want {
			t.Errorf("the signature verifies under external_aad %q = %v, want %v", aad, got, want)
		}
	}
}

func protectedOf(t *testing.T, key *sm2sig.PrivateKey) []byte {
	t.Helper()
	protected, err := protectedHeader(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	return protected
}

func TestPrefix(t *testing.T) {
	good := encode(t, presentation(), newKey(t))
	for _, test := range []struct {
		text string
		want Stage
	}{
		{"", StagePayload},
		{"HT1", StagePayload},
		{"HT1;" + good[4:], StagePayload},
		{good[4:], StagePayload},
		{"https://example.org/", StagePayload},
		{" " + good, StagePayload},
		{"渝A1:", StagePayload},
		{"HT2:" + good[4:], StagePrefix},
		{"HT0:" + good[4:], StagePrefix},
		{"ht1:" + good[4:], StagePrefix},
		{"Ht1:" + good[4:], StagePrefix},
		{"HC2:" + good[4:], StagePrefix},
		{"HT1:", StageCompression},
		{"HT1:" + good[4:] + "\n\n\n", StageBase45},
		{"HC1:" + good[4:], StageCOSE},
	} {
		_, err := Decode(test.text)
		wantStage(t, "Decode("+test.text[:min(len(test.text), 20)]+")", err, test.want)
	}
}
