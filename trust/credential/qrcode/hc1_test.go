package qrcode

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/hutong-project/hutong/trust/credential"
	"github.com/hutong-project/hutong/trust/credential/qrcode/qrcodetest"
	"github.com/hutong-project/hutong/trust/sm3"
)

func defects(c *credential.Credential) []string {
	var codes []string
	for _, d := range c.Defects {
		codes = append(codes, d.Code)
	}
	return codes
}

func TestHC1RoundTrip(t *testing.T) {
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	kid := qrcodetest.CertificateKID([]byte("certificate"))
	for _, test := range []struct {
		key       crypto.Signer
		algorithm string
		group     string
		want      string
	}{
		{p256, "ES256", "v", "vaccination"},
		{p256, "ES256", "t", "test"},
		{rsaKey, "PS256", "r", "recovery"},
	} {
		cose, err := qrcodetest.HC1{
			Issuer: "AT", Issued: 1000, Expires: 2000, Health: qrcodetest.Health(test.group), KID: kid,
		}.COSE(test.key)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(qrcodetest.Pack("HC1", cose))
		if err != nil {
			t.Fatal(err)
		}
		if got.Format != "HC1" || got.Province != "AT" || got.Type != test.want || got.Algorithm != test.algorithm ||
			got.Issued != 1000 || got.Expires != 2000 || !got.NotBefore.IsZero() || !bytes.Equal(got.KID, kid) ||
			got.KIDRule != credential.KIDCertificateSHA256 || got.Digest != sm3.Sum(cose) || got.Face != nil ||
			got.Handle != nil || got.Anchor != "" || got.Authority != "" || got.Presentation || len(got.Defects) > 0 {
			t.Errorf("Decode(%s) = %+v", test.want, got)
		}
		if !verifies(got, &x509.Certificate{PublicKey: test.key.Public()}) {
			t.Errorf("the signature of the %s certificate does not verify", test.algorithm)
		}
		got.Message[len(got.Message)-1] ^= 1
		if verifies(got, &x509.Certificate{PublicKey: test.key.Public()}) {
			t.Errorf("the signature of a changed %s certificate verifies", test.algorithm)
		}
	}
}

func hc1Header() header { return header{1: -7, 4: []byte("12345678")} }

func hc1Claims() header {
	return header{1: "AT", 4: 2000, 6: 1000, -260: header{1: qrcodetest.Health("v")}}
}

// health returns good claims with hcert's certificate replaced.
func health(certificate any) header { return with(hc1Claims(), -260, header{1: certificate}) }

func hc1Of(t testing.TB, protected, unprotected, claims any) []byte {
	return sign1Of(t, protected, unprotected, claims)
}

// TestHC1Tolerated lists the departures that real systems have, with the defect that each is reported as.
func TestHC1Tolerated(t *testing.T) {
	good := hc1Of(t, hc1Header(), header{}, hc1Claims())
	entry := header{"tg": "x"}
	for _, test := range []struct {
		name string
		cose []byte
		want []string
		also func(c *credential.Credential) bool
	}{
		{"nothing", good, nil, func(c *credential.Credential) bool { return c.Issued == 1000 }},
		{"no tag", good[1:], []string{DefectUntagged}, nil},
		{"under tag 61", append([]byte{0xD8, 0x3D}, good...), []string{DefectCWTTag}, nil},
		{"content type", hc1Of(t, with(hc1Header(), 3, 61), header{}, hc1Claims()), nil, nil},
		{"alg unprotected", hc1Of(t, with(hc1Header(), 1, nil), header{1: -7}, hc1Claims()), []string{DefectAlgorithmUnsigned},
			func(c *credential.Credential) bool { return c.Algorithm == "ES256" }},
		{"empty protected map", hc1Of(t, header{}, header{1: -7, 4: []byte("k")}, hc1Claims()), []string{DefectAlgorithmUnsigned},
			func(c *credential.Credential) bool {
				return bytes.HasPrefix(c.Message, []byte("\x84\x6ASignature1\x40\x40"))
			}},
		{"kid unprotected", hc1Of(t, with(hc1Header(), 4, nil), header{4: []byte("87654321")}, hc1Claims()), nil,
			func(c *credential.Credential) bool { return string(c.KID) == "87654321" }},
		{"kid in both", hc1Of(t, hc1Header(), header{4: []byte("87654321")}, hc1Claims()), []string{DefectKIDTwice},
			func(c *credential.Credential) bool { return string(c.KID) == "12345678" }},
		{"no kid", hc1Of(t, with(hc1Header(), 4, nil), header{}, hc1Claims()), []string{DefectKIDMissing},
			func(c *credential.Credential) bool { return c.KID == nil && c.KIDRule == credential.KIDNone }},
		{"no iss", hc1Of(t, hc1Header(), header{}, with(hc1Claims(), 1, nil)), []string{DefectIssuerMissing},
			func(c *credential.Credential) bool { return c.Province == "" }},
		{"iss of three letters", hc1Of(t, hc1Header(), header{}, with(hc1Claims(), 1, "AUT")), []string{DefectIssuerNotCountry}, nil},
		{"iss a province", hc1Of(t, hc1Header(), header{}, with(hc1Claims(), 1, "310000")), []string{DefectIssuerNotCountry},
			func(c *credential.Credential) bool { return c.Province == "" }},
		{"iss a number", hc1Of(t, hc1Header(), header{}, with(hc1Claims(), 1, 7)), []string{DefectIssuerNotCountry}, nil},
		{"nbf", hc1Of(t, hc1Header(), header{}, with(hc1Claims(), 5, 1200)), nil,
			func(c *credential.Credential) bool { return c.NotBefore == 1200 }},
		{"whole float", hc1Of(t, hc1Header(), header{}, with(hc1Claims(), 6, 1000.0)), nil,
			func(c *credential.Credential) bool { return c.Issued == 1000 }},
		{"fraction", hc1Of(t, hc1Header(), header{}, with(hc1Claims(), 4, 2000.75)), []string{DefectTimeFraction},
			func(c *credential.Credential) bool { return c.Expires == 2000 }},
		{"other groups null", hc1Of(t, hc1Header(), header{}, health(header{"v": []any{entry}, "t": nil, "r": nil})), nil,
			func(c *credential.Credential) bool { return c.Type == "vaccination" }},
		{"other groups empty", hc1Of(t, hc1Header(), header{}, health(header{"r": []any{entry}, "t": []any{}})), nil,
			func(c *credential.Credential) bool { return c.Type == "recovery" }},
		{"two entries", hc1Of(t, hc1Header(), header{}, health(header{"v": []any{entry, entry}})), []string{DefectSeveralEntries}, nil},
		{"unknown claim", hc1Of(t, hc1Header(), header{}, with(hc1Claims(), 99, "x")), nil, nil},
		{"odd ES256 signature", append(bytes.Clone(good[:len(good)-66]), 0x43, 1, 2, 3), []string{DefectSignatureOddLength}, nil},
		{"odd PS256 signature", hc1Of(t, with(hc1Header(), 1, -37), header{}, hc1Claims()), []string{DefectSignatureOddPS256}, nil},
	} {
		c, err := Decode(qrcodetest.Pack("HC1", test.cose))
		if err != nil {
			t.Errorf("%s: Decode = %v, want no error", test.name, err)
			continue
		}
		if got := defects(c); !slices.Equal(got, test.want) {
			t.Errorf("%s: defects %q, want %q", test.name, got, test.want)
		}
		if test.also != nil && !test.also(c) {
			t.Errorf("%s: Decode = %+v", test.name, c)
		}
	}
}

func TestHC1Refused(t *testing.T) {
	good := hc1Of(t, hc1Header(), header{}, hc1Claims())
	entry := header{"tg": "x"}
	deep := any("x")
	for range 20 {
		deep = []any{deep}
	}
	wide := header{}
	for i := range 65 {
		wide[i] = i
	}
	long := make([]int, 65)
	// raw returns good claims with bytes after the last claim: one more entry, unless they are something else.
	payload, err := deterministic.Marshal(hc1Claims())
	if err != nil {
		t.Fatal(err)
	}
	raw := func(extra string) []byte {
		cose, err := claimsBytes([]byte("\xA5" + string(payload[1:]) + extra))
		if err != nil {
			t.Fatal(err)
		}
		return cose
	}
	if _, err := Decode(qrcodetest.Pack("HC1", raw("\x18\x63\x01"))); err != nil {
		t.Fatalf("claims with one more entry are refused: %v", err)
	}
	for _, test := range []struct {
		name  string
		cose  []byte
		stage Stage
	}{
		{"nothing", nil, StageCOSE},
		{"an integer", []byte{1}, StageCOSE},
		{"byte after", append(bytes.Clone(good), 0), StageCOSE},
		{"tag 61 alone", append([]byte{0xD8, 0x3D}, good[1:]...), StageCOSE},
		{"tag 18 twice", append([]byte{0xD2}, good...), StageCOSE},
		{"tag 98", append([]byte{0xD8, 0x62}, good[1:]...), StageCOSE},
		{"three elements", append([]byte{0xD2, 0x83}, good[2:len(good)-66]...), StageCOSE},
		{"indefinite array", append(append([]byte{0xD2, 0x9F}, good[2:]...), 0xFF), StageCOSE},
		{"protected a map", []byte("\xD2\x84\xA0\xA0\x40\x40"), StageCOSE},
		{"protected an array of numbers", []byte("\xD2\x84\x81\x01\xA0\x40\x40"), StageCOSE},
		{"payload detached", []byte("\xD2\x84\x40\xA1\x01\x26\xF6\x40"), StageCOSE},
		{"deep", []byte("\xD2" + strings.Repeat("\x81", 10000)), StageCOSE},
		{"array of 2^32", []byte("\xD2\x9A\xFF\xFF\xFF\xFF"), StageCOSE},
		{"header not a map", hc1Of(t, []any{1}, header{}, hc1Claims()), StageCOSE},
		{"no alg", hc1Of(t, with(hc1Header(), 1, nil), header{}, hc1Claims()), StageCOSE},
		{"alg ES384", hc1Of(t, with(hc1Header(), 1, -35), header{}, hc1Claims()), StageCOSE},
		{"alg SM2", hc1Of(t, with(hc1Header(), 1, AlgorithmSM2), header{}, hc1Claims()), StageCOSE},
		{"alg text", hc1Of(t, with(hc1Header(), 1, "ES256"), header{}, hc1Claims()), StageCOSE},
		{"alg map", hc1Of(t, with(hc1Header(), 1, header{}), header{}, hc1Claims()), StageCOSE},
		{"wrong alg protected, right one not", hc1Of(t, with(hc1Header(), 1, -35), header{1: -7}, hc1Claims()), StageCOSE},
		{"crit", hc1Of(t, with(hc1Header(), 2, []any{99}), header{}, hc1Claims()), StageCOSE},
		{"crit unprotected", hc1Of(t, hc1Header(), header{2: []any{99}}, hc1Claims()), StageCOSE},
		{"kid text", hc1Of(t, with(hc1Header(), 4, "12345678"), header{}, hc1Claims()), StageCOSE},
		{"kid empty", hc1Of(t, with(hc1Header(), 4, []byte{}), header{}, hc1Claims()), StageCOSE},
		{"kid long", hc1Of(t, with(hc1Header(), 4, make([]byte, 65)), header{}, hc1Claims()), StageCOSE},
		{"kid null", hc1Of(t, header{1: -7, 4: nil}, header{}, hc1Claims()), StageCOSE},
		{"claims an array", hc1Of(t, hc1Header(), header{}, []any{1}), StageClaims},
		{"claims tagged", hc1Of(t, hc1Header(), header{}, taggedClaims{}), StageClaims},
		{"no exp", hc1Of(t, hc1Header(), header{}, with(hc1Claims(), 4, nil)), StageClaims},
		{"exp zero", hc1Of(t, hc1Header(), header{}, with(hc1Claims(), 4, 0)), StageClaims},
		{"exp null", hc1Of(t, hc1Header(), header{}, header{4: nil, 6: 1000, -260: header{1: qrcodetest.Health("v")}}), StageClaims},
		{"exp tiny", hc1Of(t, hc1Header(), header{}, with(hc1Claims(), 4, 0.5)), StageClaims},
		{"exp after 9999", hc1Of(t, hc1Header(), header{}, with(hc1Claims(), 4, uint64(1)<<62)), StageClaims},
		{"exp 1e300", hc1Of(t, hc1Header(), header{}, with(hc1Claims(), 4, 1e300)), StageClaims},
		{"exp text", hc1Of(t, hc1Header(), header{}, with(hc1Claims(), 4, "2000")), StageClaims},
		{"no iat", hc1Of(t, hc1Header(), header{}, with(hc1Claims(), 6, nil)), StageClaims},
		{"iat negative", hc1Of(t, hc1Header(), header{}, with(hc1Claims(), 6, -5)), StageClaims},
		{"nbf text", hc1Of(t, hc1Header(), header{}, with(hc1Claims(), 5, "x")), StageClaims},
		{"no hcert", hc1Of(t, hc1Header(), header{}, with(hc1Claims(), -260, nil)), StageClaims},
		{"hcert text", hc1Of(t, hc1Header(), header{}, with(hc1Claims(), -260, "x")), StageClaims},
		{"hcert of version 2", hc1Of(t, hc1Header(), header{}, with(hc1Claims(), -260, header{2: qrcodetest.Health("v")})), StageClaims},
		{"hcert as bytes", hc1Of(t, hc1Header(), header{}, health([]byte("x"))), StageClaims},
		{"no group", hc1Of(t, hc1Header(), header{}, health(header{"ver": "1"})), StageClaims},
		{"all groups empty", hc1Of(t, hc1Header(), header{}, health(header{"v": []any{}, "t": nil})), StageClaims},
		{"two groups", hc1Of(t, hc1Header(), header{}, health(header{"v": []any{entry}, "t": []any{entry}})), StageClaims},
		{"group a map", hc1Of(t, hc1Header(), header{}, health(header{"v": header{}})), StageClaims},
		{"entry a text", hc1Of(t, hc1Header(), header{}, health(header{"v": []any{"x"}})), StageClaims},
		{"deep claims", hc1Of(t, hc1Header(), header{}, with(hc1Claims(), 99, deep)), StageClaims},
		{"wide claims", hc1Of(t, hc1Header(), header{}, with(hc1Claims(), 99, wide)), StageClaims},
		{"long array", hc1Of(t, hc1Header(), header{}, with(hc1Claims(), 99, long)), StageClaims},
		{"NaN", raw("\x18\x63\xF9\x7E\x00"), StageClaims},
		{"infinity", raw("\x18\x63\xF9\x7C\x00"), StageClaims},
		{"key twice", raw("\x06\x19\x03\xE8"), StageClaims},
		{"key twice, in other lengths", raw("\x18\x06\x19\x03\xE8"), StageClaims},
		{"key twice, deep", raw("\x18\x63\xA2\x61x\x01\x61x\x01"), StageClaims},
		{"indefinite map", raw("\x18\x63\xBF\xFF"), StageClaims},
		{"indefinite text", raw("\x18\x63\x7F\x61x\xFF"), StageClaims},
		{"not UTF-8", raw("\x18\x63\x62\xC3\x28"), StageClaims},
		{"big number", raw("\x18\x63\xC2\x41\x01"), StageClaims},
		{"big negative number as key", raw("\x3B\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"), StageClaims},
		{"map as key", raw("\xA0\x01"), StageClaims},
		{"array as key", raw("\x80\x01"), StageClaims},
		{"tagged array as key", raw("\xD9\x03\xE7\x80\x01"), StageClaims},
		{"byte after the claims", raw("\x18\x63\x01\x00"), StageClaims},
		{"entry cut off", raw("\x18\x63"), StageClaims},
	} {
		_, err := Decode(qrcodetest.Pack("HC1", test.cose))
		wantStage(t, test.name, err, test.stage)
		if err != nil && strings.Contains(err.Error(), "ERIKA") {
			t.Errorf("%s: the error names the holder: %v", test.name, err)
		}
	}
}

// taggedClaims are good claims under a tag of no meaning here.
type taggedClaims struct{}

func (taggedClaims) MarshalCBOR() ([]byte, error) {
	body, err := deterministic.Marshal(maps.Clone(hc1Claims()))
	return append([]byte{0xD9, 0x03, 0xE7}, body...), err
}

// claimsBytes returns a tagged COSE_Sign1 with a good header around any payload.
func claimsBytes(payload []byte) ([]byte, error) {
	protected, err := deterministic.Marshal(hc1Header())
	if err != nil {
		return nil, err
	}
	body, err := deterministic.Marshal([]any{protected, header{}, payload, make([]byte, 64)})
	return append([]byte{0xD2}, body...), err
}

// TestHC1DigestCoversSignature documents that ES256 has a second signature for each one: HC1 codes are told apart by
// their digest, never by their signature.
func TestHC1DigestCoversSignature(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cose, err := qrcodetest.HC1{Issuer: "AT", Issued: 1000, Expires: 2000, Health: qrcodetest.Health("v")}.COSE(key)
	if err != nil {
		t.Fatal(err)
	}
	first, err := Decode(qrcodetest.Pack("HC1", cose))
	if err != nil {
		t.Fatal(err)
	}
	s := cose[len(cose)-32:]
	new(big.Int).Sub(elliptic.P256().Params().N, new(big.Int).SetBytes(s)).FillBytes(s)
	second, err := Decode(qrcodetest.Pack("HC1", cose))
	if err != nil {
		t.Fatal(err)
	}
	if !verifies(second, &x509.Certificate{PublicKey: key.Public()}) {
		t.Error("the other signature does not verify")
	}
	if first.Digest == second.Digest {
		t.Error("two tokens have one digest")
	}
}
