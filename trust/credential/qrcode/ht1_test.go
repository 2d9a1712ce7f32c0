package qrcode

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hutong-project/hutong/trust/credential"
	"github.com/hutong-project/hutong/trust/credential/qrcode/qrcodetest"
	"github.com/hutong-project/hutong/trust/sm2sig"
	"github.com/hutong-project/hutong/trust/sm3"
)

func newKey(t testing.TB) *sm2sig.PrivateKey {
	t.Helper()
	key, err := sm2sig.Generate(nil)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// licence is a typical credential: a code of about 400 characters.
func licence() Claims {
	return Claims{
		Province:  "310000",
		Anchor:    "sh-scjg-2026",
		Type:      "1100010110050001",
		Authority: "11310000MB00000196",
		Handle:    [HandleSize]byte{0x5A, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
		Issued:    1795334400, // 2026-11-22T08:00:00Z
		NotBefore: 1795334400,
		Expires:   1953043199, // 2031-11-21T15:59:59Z, the end of that day in China
		Face: []credential.Claim{
			{Name: "持证主体", Value: "上海示例餐饮有限公司"},
			{Name: "证照编号", Value: "JY23101010000001"},
		},
	}
}

func presentation() Claims {
	c := licence()
	c.Presentation = true
	c.NotBefore = 0
	c.Expires = c.Issued.Add(5 * time.Minute)
	c.Face = nil
	return c
}

func encode(t testing.TB, c Claims, key *sm2sig.PrivateKey, chain ...[]byte) string {
	t.Helper()
	text, err := Encode(c, key, chain)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestHT1RoundTrip(t *testing.T) {
	key := newKey(t)
	id := key.Public().ID()
	forever := licence()
	forever.Expires, forever.NotBefore, forever.Face = 0, 0, nil
	full := licence()
	full.Face = nil
	for i := range MaxFace {
		full.Face = append(full.Face, credential.Claim{Name: strings.Repeat("n", i+1), Value: strings.Repeat("值", 30)})
	}
	certificate := bytes.Repeat([]byte{0x30}, 700)
	for _, test := range []struct {
		name   string
		claims Claims
		chain  [][]byte
	}{
		{"credential", licence(), nil},
		{"for ever, no face", forever, nil},
		{"presentation", presentation(), nil},
		{"partner", func() Claims { c := licence(); c.Province = "AT"; return c }(), nil},
		{"all face claims", full, nil},
		{"one certificate", licence(), [][]byte{certificate}},
		{"three certificates", licence(), [][]byte{certificate, certificate[:1], certificate[:24]}},
		{"longest presentation", func() Claims { c := presentation(); c.Expires = c.Issued.Add(24 * time.Hour); return c }(), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := encode(t, test.claims, key, test.chain...)
			got, err := Decode(text)
			if err != nil {
				t.Fatal(err)
			}
			if !key.Public().VerifyRaw(got.Message, got.Signature) {
				t.Error("the signature of an encoded code does not verify")
			}
			cose, err := qrcodetest.Unpack(text)
			if err != nil {
				t.Fatal(err)
			}
			want := &credential.Credential{
				Format: "HT1", Presentation: test.claims.Presentation, Province: test.claims.Province,
				Anchor: test.claims.Anchor, Type: test.claims.Type, Authority: test.claims.Authority,
				Handle: test.claims.Handle[:], Issued: test.claims.Issued, NotBefore: test.claims.NotBefore,
				Expires: test.claims.Expires, KID: id[:8], KIDRule: credential.KIDKey, Algorithm: "SM2",
				Chain: test.chain, Message: got.Message, Signature: cose[len(cose)-64:],
				Face: test.claims.Face, Digest: sm3.Sum(cose),
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("Decode(Encode(c)) = %+v, want %+v", got, want)
			}
			// Any other zlib writer's stream reads the same.
			if other, err := Decode(qrcodetest.Pack("HT1", cose)); err != nil || !reflect.DeepEqual(other, want) {
				t.Errorf("Decode(recompressed) = %+v, %v, want the same credential", other, err)
			}
		})
	}
}

func BenchmarkDecodeHT1(b *testing.B) {
	text := encode(b, licence(), newKey(b))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(text); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(text)), "chars")
}

func BenchmarkDecodeHT1Deflated(b *testing.B) {
	cose, err := qrcodetest.Unpack(encode(b, licence(), newKey(b)))
	if err != nil {
		b.Fatal(err)
	}
	text := qrcodetest.Pack("HT1", cose)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(text); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(text)), "chars")
}

func BenchmarkVerifyRaw(b *testing.B) {
	key := newKey(b)
	c, err := Decode(encode(b, licence(), key))
	if err != nil {
		b.Fatal(err)
	}
	public := key.Public()
	for b.Loop() {
		if !public.VerifyRaw(c.Message, c.Signature) {
			b.Fatal("no")
		}
	}
}
