package qrcode

import (
	"bytes"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/hutong-project/hutong/trust/credential"
	"github.com/hutong-project/hutong/trust/credential/qrcode/qrcodetest"
)

// The parts of an acceptable HT1 code, to be spoiled one at a time. No signature is needed: Decode verifies none.
type (
	header = map[any]any
	own    = []any
)

func goodHeader() header {
	return header{1: AlgorithmSM2, 4: []byte("12345678"), 16: TypeHT1}
}

func goodOwn() own {
	handle := bytes.Repeat([]byte{7}, HandleSize)
	return own{1, 0, "a-1", "T1", "A1", handle, []any{[]any{"n", "v"}}}
}

func goodClaims() header {
	return header{1: "310000", 4: 2000, 5: 900, 6: 1000, -70001: goodOwn()}
}

// with returns m with a key set; a nil value takes the key out.
func with(m header, key int, value any) header {
	m = maps.Clone(m)
	if value == nil {
		delete(m, key)
	} else {
		m[key] = value
	}
	return m
}

// withOwn returns good claims with element i of HT1's own claims replaced.
func withOwn(i int, value any) header {
	o := goodOwn()
	o[i] = value
	return with(goodClaims(), -70001, o)
}

func sign1Of(t testing.TB, protected, unprotected, payload any) []byte {
	t.Helper()
	cose, err := qrcodetest.Sign1(protected, unprotected, payload, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return cose
}

func ht1Of(t testing.TB, protected, unprotected, payload any) string {
	t.Helper()
	return qrcodetest.Pack("HT1", sign1Of(t, protected, unprotected, payload))
}

func TestHT1GoodPartsPass(t *testing.T) {
	for name, text := range map[string]string{
		"all":           ht1Of(t, goodHeader(), header{}, goodClaims()),
		"no exp":        ht1Of(t, goodHeader(), header{}, with(goodClaims(), 4, nil)),
		"no nbf":        ht1Of(t, goodHeader(), header{}, with(goodClaims(), 5, nil)),
		"neither":       ht1Of(t, goodHeader(), header{}, with(with(goodClaims(), 4, nil), 5, nil)),
		"nbf later":     ht1Of(t, goodHeader(), header{}, with(goodClaims(), 5, 1500)),
		"presentation":  ht1Of(t, goodHeader(), header{}, withOwn(1, 1)),
		"one x5chain":   ht1Of(t, with(goodHeader(), 33, []byte{1}), header{}, goodClaims()),
		"three x5chain": ht1Of(t, with(goodHeader(), 33, [][]byte{{1}, {2}, {3}}), header{}, goodClaims()),
	} {
		if _, err := Decode(text); err != nil {
			t.Errorf("Decode(%s) = %v, want no error", name, err)
		}
	}
}

func TestHT1HeaderRefused(t *testing.T) {
	good := goodHeader()
	for name, protected := range map[string]any{
		"empty":                header{},
		"no alg":               with(good, 1, nil),
		"ES256":                with(good, 1, -7),
		"alg as text":          with(good, 1, "SM2"),
		"no kid":               with(good, 4, nil),
		"kid of 7 bytes":       with(good, 4, []byte("1234567")),
		"kid of 9 bytes":       with(good, 4, []byte("123456789")),
		"kid as text":          with(good, 4, "12345678"),
		"no typ":               with(good, 16, nil),
		"typ of status batch":  with(good, 16, "application/vnd.hutong.status-batch+cbor"),
		"typ in other case":    with(good, 16, strings.ToUpper(TypeHT1)),
		"typ as number":        with(good, 16, 61),
		"crit":                 with(good, 2, []any{16}),
		"content type":         with(good, 3, 61),
		"unknown label":        with(good, 99, 1),
		"unknown text label":   header{1: AlgorithmSM2, 4: []byte("12345678"), 16: TypeHT1, "x": 1},
		"x5chain empty":        with(good, 33, []byte{}),
		"x5chain none":         with(good, 33, [][]byte{}),
		"x5chain array of one": with(good, 33, [][]byte{{1}}),
		"x5chain of four":      with(good, 33, [][]byte{{1}, {2}, {3}, {4}}),
		"x5chain large":        with(good, 33, make([]byte, MaxCertificate+1)),
		"x5chain text":         with(good, 33, "x"),
		"x5chain of text":      with(good, 33, []string{"x", "y"}),
		"array":                []any{1, AlgorithmSM2},
		"null":                 nil,
	} {
		_, err := Decode(ht1Of(t, protected, header{}, goodClaims()))
		wantStage(t, name, err, StageCOSE)
	}
	for name, unprotected := range map[string]any{
		"kid":  header{4: []byte("12345678")},
		"alg":  header{1: AlgorithmSM2},
		"text": header{"x": "y"},
		"list": []any{},
		"null": nil,
	} {
		_, err := Decode(ht1Of(t, good, unprotected, goodClaims()))
		wantStage(t, "unprotected "+name, err, StageCOSE)
	}
}

func TestHT1ClaimsRefused(t *testing.T) {
	good := goodClaims()
	wrongOwn := goodOwn()
	pair := func(name, value any) []any { return []any{[]any{name, value}} }
	many := make([]any, MaxFace+1)
	for i := range many {
		many[i] = []any{strings.Repeat("n", i+1), "v"}
	}
	for name, claims := range map[string]any{
		"empty":             header{},
		"array":             []any{},
		"no iss":            with(good, 1, nil),
		"iss of no form":    with(good, 1, "310101"),
		"iss lower case":    with(good, 1, "at"),
		"iss as number":     with(good, 1, 310000),
		"no iat":            with(good, 6, nil),
		"iat zero":          with(good, 6, 0),
		"iat negative":      with(good, 6, -1),
		"iat as float":      with(good, 6, 1000.5),
		"iat as text":       with(good, 6, "1000"),
		"iat after 9999":    with(good, 6, maxTime+1),
		"iat at 2^63":       with(good, 6, uint64(1)<<63),
		"exp zero":          with(good, 4, 0),
		"exp at iat":        with(good, 4, 1000),
		"exp before iat":    with(good, 4, 950),
		"exp at nbf":        with(good, 5, 2000),
		"nbf zero":          with(good, 5, 0),
		"sub":               with(good, 2, "x"),
		"aud":               with(good, 3, "x"),
		"cti":               with(good, 7, []byte("x")),
		"cti for exp":       with(with(good, 4, nil), 7, []byte("x")),
		"hcert":             with(good, -260, 1),
		"text key":          header{1: "310000", 6: 1000, "x": 1, -70001: wrongOwn},
		"no own":            with(good, -70001, nil),
		"own a map":         with(good, -70001, header{0: 1}),
		"own short":         with(good, -70001, wrongOwn[:6]),
		"own long":          with(good, -70001, append(goodOwn(), 1)),
		"version 0":         withOwn(0, 0),
		"version 2":         withOwn(0, 2),
		"version as text":   withOwn(0, "1"),
		"kind 2":            withOwn(1, 2),
		"kind as bool":      withOwn(1, true),
		"no anchor":         withOwn(2, ""),
		"anchor upper case": withOwn(2, "A-1"),
		"anchor long":       withOwn(2, strings.Repeat("a", MaxAnchor+1)),
		"no type":           withOwn(3, ""),
		"type with space":   withOwn(3, "T 1"),
		"type long":         withOwn(3, strings.Repeat("T", MaxType+1)),
		"type Chinese":      withOwn(3, "营业执照"),
		"no authority":      withOwn(4, ""),
		"authority null":    withOwn(4, nil),
		"authority long":    withOwn(4, strings.Repeat("A", MaxAuthority+1)),
		"handle short":      withOwn(5, make([]byte, 15)),
		"handle long":       withOwn(5, make([]byte, 17)),
		"handle zero":       withOwn(5, make([]byte, 16)),
		"handle as text":    withOwn(5, strings.Repeat("h", 16)),
		"face null":         withOwn(6, nil),
		"face a map":        withOwn(6, header{"n": "v"}),
		"face of 17":        withOwn(6, many),
		"face of one part":  withOwn(6, []any{[]any{"n"}}),
		"face of three":     withOwn(6, []any{[]any{"n", "v", "w"}}),
		"face number":       withOwn(6, pair("n", 1)),
		"face no name":      withOwn(6, pair("", "v")),
		"face no value":     withOwn(6, pair("n", "")),
		"face name long":    withOwn(6, pair(strings.Repeat("n", MaxFaceName+1), "v")),
		"face value long":   withOwn(6, pair("n", strings.Repeat("v", MaxFaceValue+1))),
		"face twice":        withOwn(6, []any{[]any{"n", "v"}, []any{"n", "w"}}),
		"face new line":     withOwn(6, pair("n", "v\nw")),
		"face NUL":          withOwn(6, pair("n", "v\x00")),
		"face DEL":          withOwn(6, pair("n", "v\x7F")),
		"face C1 control":   withOwn(6, pair("n", "v\u0085")),
		"face override":     withOwn(6, pair("n", "v\u202Ew")),
		"face isolate":      withOwn(6, pair("n", "v\u2066w")),
		"face line":         withOwn(6, pair("n\u2028", "v")),
		"presentation without exp": with(with(goodClaims(), 4, nil), -70001, func() own {
			o := goodOwn()
			o[1] = 1
			return o
		}()),
		"presentation of a day and a second": with(with(goodClaims(), 4, 1000+86401), -70001, func() own {
			o := goodOwn()
			o[1] = 1
			return o
		}()),
	} {
		_, err := Decode(ht1Of(t, goodHeader(), header{}, claims))
		wantStage(t, name, err, StageClaims)
	}
}

// TestHT1OtherEncodingsRefused says the same things in bytes that are not the one encoding.
func TestHT1OtherEncodingsRefused(t *testing.T) {
	good := sign1Of(t, goodHeader(), header{}, goodClaims())
	// inner replaces within the payload, whose length head follows the change.
	payload, err := deterministic.Marshal(goodClaims())
	if err != nil {
		t.Fatal(err)
	}
	protected, err := deterministic.Marshal(goodHeader())
	if err != nil {
		t.Fatal(err)
	}
	assemble := func(protected, payload string) []byte {
		cose, err := deterministic.Marshal(cbor.Tag{Number: 18, Content: []any{[]byte(protected), header{}, []byte(payload), make([]byte, 64)}})
		if err != nil {
			t.Fatal(err)
		}
		return cose
	}
	inner := func(old, new string) []byte {
		t.Helper()
		if strings.Count(string(payload), old) != 1 {
			t.Fatalf("%x stands %d times in the payload, want once", old, strings.Count(string(payload), old))
		}
		return assemble(string(protected), strings.Replace(string(payload), old, new, 1))
	}
	outer := func(old, new string) []byte {
		t.Helper()
		return assemble(strings.Replace(string(protected), old, new, 1), string(payload))
	}
	if _, err := Decode(qrcodetest.Pack("HT1", assemble(string(protected), string(payload)))); err != nil {
		t.Fatalf("the unchanged parts are refused: %v", err)
	}
	for _, test := range []struct {
		name  string
		cose  []byte
		stage Stage
	}{
		{"empty", nil, StageCOSE},
		{"no tag", good[1:], StageCOSE},
		{"tag 61 before", append([]byte{0xD8, 0x3D}, good...), StageCOSE},
		{"tag 17", append([]byte{0xD1}, good[1:]...), StageCOSE},
		{"tag 98", append([]byte{0xD8, 0x62}, good[1:]...), StageCOSE},
		{"tag 18 in two bytes", append([]byte{0xD8, 0x12}, good[1:]...), StageCOSE},
		{"array of 4 in two bytes", append([]byte{0xD2, 0x98, 0x04}, good[2:]...), StageCOSE},
		{"array of 5", append(append([]byte{0xD2, 0x85}, good[2:]...), 0), StageCOSE},
		{"indefinite array", append(append([]byte{0xD2, 0x9F}, good[2:]...), 0xFF), StageCOSE},
		{"byte after", append(bytes.Clone(good), 0), StageCOSE},
		{"cut off", good[:len(good)-1], StageCOSE},
		{"signature of 63", append(bytes.Clone(good[:len(good)-65]), good[len(good)-64:]...), StageCOSE},
		{"signature of 65", append(bytes.Replace(good, []byte("\x58\x40\x00"), []byte("\x58\x41\x00"), 1), 0), StageCOSE},
		{"signature length in three bytes", bytes.Replace(good, []byte("\x58\x40\x00"), []byte("\x59\x00\x40\x00"), 1), StageCOSE},
		{"detached payload", func() []byte {
			cose, _ := deterministic.Marshal(cbor.Tag{Number: 18, Content: []any{protected, header{}, nil, make([]byte, 64)}})
			return cose
		}(), StageCOSE},
		{"length of 2^64−1", []byte("\xD2\x84\x5B\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), StageCOSE},
		{"length of 2^31", []byte("\xD2\x84\x5A\x80\x00\x00\x00"), StageCOSE},
		{"deep", []byte("\xD2" + strings.Repeat("\x81", 10000)), StageCOSE},
		{"alg in nine bytes", outer("\x3A\x00\x01\x11\x70", "\x3B\x00\x00\x00\x00\x00\x01\x11\x70"), StageCOSE},
		{"label 4 in two bytes", outer("\x04\x48", "\x18\x04\x48"), StageCOSE},
		{"kid twice", outer("\x04\x4812345678", "\x04\x4812345678\x04\x4812345678"), StageCOSE},
		{"labels out of order", outer("\x01\x3A\x00\x01\x11\x70\x04\x4812345678", "\x04\x4812345678\x01\x3A\x00\x01\x11\x70"), StageCOSE},
		{"header map in two bytes", outer("\xA3\x01", "\xB8\x03\x01"), StageCOSE},
		{"indefinite header map", assemble("\xBF"+string(protected[1:])+"\xFF", string(payload)), StageCOSE},
		{"byte after the header", assemble(string(protected)+"\x00", string(payload)), StageCOSE},
		{"tag in the header", assemble("\xC1"+string(protected), string(payload)), StageCOSE},
		{"unprotected in two bytes", bytes.Replace(good, []byte("+cwt\xA0"), []byte("+cwt\xB8\x00"), 1), StageCOSE},
		{"iat in five bytes", inner("\x06\x19\x03\xE8", "\x06\x1A\x00\x00\x03\xE8"), StageClaims},
		{"iat as bignum", inner("\x06\x19\x03\xE8", "\x06\xC2\x42\x03\xE8"), StageClaims},
		{"iat tagged 1", inner("\x06\x19\x03\xE8", "\x06\xC1\x19\x03\xE8"), StageClaims},
		{"iat as half float", inner("\x06\x19\x03\xE8", "\x06\xF9\x63\xD0"), StageClaims},
		{"iat twice for nbf", inner("\x05\x19\x03\x84", "\x06\x19\x03\xE8"), StageClaims},
		{"iss twice", inner("\x05\x19\x03\x84", "\x01\x66310000"), StageClaims},
		{"exp twice", inner("\x05\x19\x03\x84", "\x04\x19\x07\xD0"), StageClaims},
		{"exp and nbf out of order", inner("\x04\x19\x07\xD0\x05\x19\x03\x84", "\x05\x19\x03\x84\x04\x19\x07\xD0"), StageClaims},
		{"indefinite text", inner("\x66310000", "\x7F\x66310000\xFF"), StageClaims},
		{"iss as bytes", inner("\x66310000", "\x46310000"), StageClaims},
		{"not UTF-8", inner("\x61v", "\x62\xC3\x28"), StageClaims},
		{"surrogate", inner("\x61v", "\x63\xED\xA0\x80"), StageClaims},
		{"reserved information 28", inner("\x61v", "\x7Cv"), StageClaims},
		{"byte after the claims", assemble(string(protected), string(payload)+"\x00"), StageClaims},
		{"claims cut off", assemble(string(protected), string(payload[:len(payload)-1])), StageClaims},
		{"no claims", assemble(string(protected), "\xA0"), StageClaims},
		{"no payload", assemble(string(protected), ""), StageCOSE},
		{"deep claims", assemble(string(protected), "\xA3\x01"+strings.Repeat("\x81", 5000)), StageClaims},
		{"version in two bytes", inner("\x87\x01\x00", "\x87\x18\x01\x00"), StageClaims},
	} {
		if bytes.Equal(test.cose, good) {
			t.Errorf("%s: nothing was changed", test.name)
		}
		_, err := Decode(qrcodetest.Pack("HT1", test.cose))
		wantStage(t, test.name, err, test.stage)
	}
}

func TestEncodeRefused(t *testing.T) {
	key := newKey(t)
	certificate := make([]byte, MaxCertificate)
	for name, test := range map[string]struct {
		spoil func(c *Claims)
		chain [][]byte
	}{
		"no province":           {spoil: func(c *Claims) { c.Province = "" }},
		"county":                {spoil: func(c *Claims) { c.Province = "310101" }},
		"no anchor":             {spoil: func(c *Claims) { c.Anchor = "" }},
		"no type":               {spoil: func(c *Claims) { c.Type = "" }},
		"no authority":          {spoil: func(c *Claims) { c.Authority = "" }},
		"no handle":             {spoil: func(c *Claims) { c.Handle = [HandleSize]byte{} }},
		"no iat":                {spoil: func(c *Claims) { c.Issued = 0 }},
		"negative nbf":          {spoil: func(c *Claims) { c.NotBefore = -1 }},
		"exp before iat":        {spoil: func(c *Claims) { c.Expires = c.Issued - 1 }},
		"too many face claims":  {spoil: func(c *Claims) { c.Face = make([]credential.Claim, MaxFace+1) }},
		"face not UTF-8":        {spoil: func(c *Claims) { c.Face[0].Value = "\xFF" }},
		"presentation for ever": {spoil: func(c *Claims) { c.Presentation, c.Expires = true, 0 }},
		"presentation too long": {spoil: func(c *Claims) { c.Presentation, c.Expires = true, c.Issued.Add(25*time.Hour) }},
		"four certificates":     {chain: [][]byte{{1}, {2}, {3}, {4}}},
		"empty certificate":     {chain: [][]byte{{}}},
		"large certificate":     {chain: [][]byte{make([]byte, MaxCertificate+1)}},
		"too much for a code":   {chain: [][]byte{certificate, certificate}},
	} {
		c := licence()
		if test.spoil != nil {
			test.spoil(&c)
		}
		if text, err := Encode(c, key, test.chain); err == nil {
			t.Errorf("Encode(%s) = %d characters, want an error", name, len(text))
		}
	}
	if _, err := Encode(licence(), nil, nil); err == nil {
		t.Error("Encode with no key succeeds, want an error")
	}
}
