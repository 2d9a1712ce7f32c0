package qrcode

import (
	"bytes"
	"errors"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/hutong-project/hutong/trust/credential"
	"github.com/hutong-project/hutong/trust/credential/qrcode/qrcodetest"
)

// FuzzDecode feeds COSE messages of both formats. What is read keeps the promises that callers rely on, and an HT1
// message is the one encoding that the library's deterministic encoder gives.
func FuzzDecode(f *testing.F) {
	key := newKey(f)
	for _, c := range []Claims{licence(), presentation()} {
		for _, chain := range [][][]byte{nil, {{0x30}}, {{0x30}, {0x31}}} {
			cose, err := qrcodetest.Unpack(encode(f, c, key, chain...))
			if err != nil {
				f.Fatal(err)
			}
			f.Add(true, cose)
		}
	}
	f.Add(true, sign1Of(f, goodHeader(), header{}, goodClaims()))
	f.Add(false, hc1Of(f, hc1Header(), header{}, hc1Claims()))
	f.Add(false, hc1Of(f, header{}, header{1: -37, 4: []byte("k")}, hc1Claims())[1:])
	f.Fuzz(func(t *testing.T, ht1 bool, cose []byte) {
		format := FormatHC1
		if ht1 {
			format = FormatHT1
		}
		if len(cose) > MaxInflated {
			return
		}
		c, err := Decode(format + ":" + string(appendBase45(nil, appendStored(nil, cose))))
		if err != nil {
			var refusal *Error
			if !errors.As(err, &refusal) {
				t.Fatalf("Decode returned %T, want an *Error", err)
			}
			return
		}
		if c.Format != format || c.Type == "" || c.Issued.IsZero() || len(c.Message) == 0 || c.Digest.IsZero() {
			t.Errorf("Decode = %+v", c)
		}
		if !ht1 {
			if c.Expires.IsZero() || c.Province != "" && !c.Province.Partner() {
				t.Errorf("Decode = %+v", c)
			}
			return
		}
		checkHT1(t, c, cose)
	})
}

func checkHT1(t *testing.T, c *credential.Credential, cose []byte) {
	t.Helper()
	var any4 cbor.Tag
	for name, data := range map[string][]byte{"COSE": cose, "Sig_structure": c.Message} {
		var item any
		if err := claimsCBOR.Unmarshal(data, &item); err != nil {
			t.Fatalf("%s is read here but not by the library: %v", name, err)
		}
		again, err := deterministic.Marshal(item)
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("%s is not deterministic: %x, want %x, %v", name, data, again, err)
		}
	}
	if err := claimsCBOR.Unmarshal(cose, &any4); err != nil || any4.Number != tagSign1 {
		t.Errorf("tag %d, %v, want %d", any4.Number, err, tagSign1)
	}
	payload := any4.Content.([]any)[2].([]byte)
	claims := Claims{
		Presentation: c.Presentation, Province: c.Province, Anchor: c.Anchor, Type: c.Type, Authority: c.Authority,
		Handle: [HandleSize]byte(c.Handle), Issued: c.Issued, NotBefore: c.NotBefore, Expires: c.Expires, Face: c.Face,
	}
	again, err := deterministic.Marshal(claims.payload())
	if err != nil || !bytes.Equal(again, payload) {
		t.Errorf("writing what was read gives other claims: %x, want %x, %v", again, payload, err)
	}
	if len(c.Signature) != signatureSize || !bytes.HasSuffix(cose, c.Signature) || len(c.KID) != KIDSize || len(c.Chain) > MaxChain {
		t.Errorf("Decode = %+v", c)
	}
}

// FuzzText feeds whole texts.
func FuzzText(f *testing.F) {
	key := newKey(f)
	f.Add(encode(f, licence(), key))
	f.Add(encode(f, presentation(), key))
	f.Add(qrcodetest.Pack("HC1", hc1Of(f, hc1Header(), header{}, hc1Claims())))
	f.Add("HT1:")
	f.Add("HC1:BB8")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Decode(text)
		if (c == nil) == (err == nil) {
			t.Errorf("Decode(%q) = %v, %v, want one of them", text, c, err)
		}
	})
}
