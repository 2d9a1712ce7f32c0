package certs_test

import (
	"bytes"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/certs"
)

// Whatever byte of a certificate is changed, it is no longer this certificate: it does not parse, or its signature
// does not verify.
func TestEveryByteIsSignedOrRead(t *testing.T) {
	root := newRoot(t, caTemplate("Root", -1))
	leaf := root.issue(t, leafTemplate("Leaf"))
	for i := range leaf.Raw {
		for _, mask := range []byte{0x01, 0x20, 0x80, 0xff} {
			changed := bytes.Clone(leaf.Raw)
			changed[i] ^= mask
			if c, err := certs.Parse(changed); err == nil && c.CheckSignatureFrom(root.Certificate) == nil {
				t.Errorf("byte %d of %d changed by %#02x: still signed by the root", i, len(changed), mask)
			}
		}
	}
	for cut := range leaf.Raw {
		if _, err := certs.Parse(leaf.Raw[:cut]); err == nil {
			t.Errorf("the first %d of %d bytes parse", cut, len(leaf.Raw))
		}
	}
}

func TestParseKeepsItsOwnBytes(t *testing.T) {
	der := bytes.Clone(newRoot(t, caTemplate("Root", -1)).Raw)
	c := parse(t, der)
	clear(der)
	if err := c.CheckSignatureFrom(c); err != nil {
		t.Errorf("a certificate changes with the buffer it was parsed from: %v", err)
	}
}

func TestParseRefuses(t *testing.T) {
	root := newRoot(t, caTemplate("Root", -1))
	key := newKey(t)
	for name, change := range map[string]func(*crafted){
		"v4":                                 func(c *crafted) { c.version = 3 },
		"extensions in v1":                   func(c *crafted) { c.version, c.extensions = -1, []extension{basicConstraintsCA} },
		"empty serial":                       func(c *crafted) { c.serial = nil },
		"serial of 65 bytes":                 func(c *crafted) { c.serial = bytes.Repeat([]byte{1}, 65) },
		"other algorithm outside":            func(c *crafted) { c.outer = sequence(oid(1, 2, 840, 10045, 4, 3, 2)) },
		"other parameters outside":           func(c *crafted) { c.outer = sequence(oid(1, 2, 156, 10197, 1, 501), []byte{5, 0}) },
		"bytes at the end of what is signed": func(c *crafted) { c.afterTBS = []byte{5, 0} },
		"bytes after the signature":          func(c *crafted) { c.afterOutside = []byte{5, 0} },
		"date that does not exist":           func(c *crafted) { c.validity = sequence(utcTime("260230000000Z"), utcTime("270101000000Z")) },
		"time as text": func(c *crafted) {
			c.validity = sequence(element(12, []byte("260101000000Z")), utcTime("270101000000Z"))
		},
		"three times": func(c *crafted) {
			c.validity = sequence(utcTime("260101000000Z"), utcTime("270101000000Z"), utcTime("270101000000Z"))
		},
		"basicConstraints twice":    func(c *crafted) { c.extensions = []extension{basicConstraintsCA, basicConstraintsCA} },
		"keyUsage twice":            func(c *crafted) { c.extensions = []extension{keyUsage(1), keyUsage(certs.KeyCertSign)} },
		"cA neither true nor false": func(c *crafted) { c.extensions = []extension{{"2.5.29.19", true, sequence([]byte{1, 1, 1})}} },
		"negative path length": func(c *crafted) {
			c.extensions = []extension{{"2.5.29.19", true, sequence([]byte{1, 1, 0xff}, []byte{2, 1, 0xff})}}
		},
		"keyUsage that is no BIT STRING": func(c *crafted) { c.extensions = []extension{{"2.5.29.15", true, []byte{4, 2, 7, 0x80}}} },
		"bytes after keyUsage":           func(c *crafted) { c.extensions = []extension{{"2.5.29.15", true, []byte{3, 2, 7, 0x80, 5, 0}}} },
		"too many extensions": func(c *crafted) {
			for i := range 65 {
				c.extensions = append(c.extensions, extension{"1.2.3." + strings.Repeat("1", i/9+1) + string(rune('1'+i%9)), false, nil})
			}
		},
	} {
		c := craftedFrom(root, key)
		change(&c)
		if parsed, err := certs.Parse(c.sign(t, root.key)); err == nil {
			t.Errorf("%s: parsed with defects %q, want an error", name, parsed.Defects)
		}
	}
	for name, der := range map[string][]byte{
		"nothing":         nil,
		"trailing byte":   append(bytes.Clone(root.Raw), 0),
		"two in a row":    append(bytes.Clone(root.Raw), root.Raw...),
		"too large":       make([]byte, certs.MaxSize+1),
		"another tag":     append([]byte{0x31}, root.Raw[1:]...),
		"no fixed length": append([]byte{0x30, 0x80}, root.Raw[4:]...),
	} {
		if _, err := certs.Parse(der); err == nil {
			t.Errorf("Parse of %s succeeded, want an error", name)
		}
	}
}

// Certificates that strict parsers refuse, or that depart from the standards, are read and say so; what was signed
// still verifies.
func TestParseTolerates(t *testing.T) {
	root := newRoot(t, caTemplate("Root", -1))
	key := newKey(t)
	badIA5 := sequence(element(0x31, sequence(oid(1, 2, 840, 113549, 1, 9, 1), element(22, []byte("\xce\xd2@x.cn")))))
	for name, c := range map[string]struct {
		change  func(*crafted)
		defect  string // "" for none
		signing error
		check   func(*certs.Certificate) bool
	}{
		"bad IA5String in the subject": {func(c *crafted) { c.subject = badIA5 }, "non-conforming certificate", nil,
			func(c *certs.Certificate) bool {
				return strings.HasSuffix(c.SubjectText, "@x.cn") && bytes.Equal(c.RawSubject, badIA5)
			}},
		"unreadable subject": {func(c *crafted) { c.subject = sequence([]byte{4, 1, 0}) }, "unreadable subject name", nil, nil},
		"empty relative name": {func(c *crafted) { c.subject = sequence(element(0x31, nil), commonName("X")[2:]) }, "", nil,
			func(c *certs.Certificate) bool { return c.SubjectText == "CN=X" }},
		"bad alternative name": {func(c *crafted) { c.extensions = []extension{{"2.5.29.17", false, []byte{1, 2, 3}}} }, "non-conforming certificate", nil, nil},
		"long serial with zeros": {func(c *crafted) { c.serial = []byte{0, 0, 0x85} }, "not in its shortest form", nil,
			func(c *certs.Certificate) bool {
				return c.SerialText == "85" && string(c.SerialDER) == "\x02\x02\x00\x85"
			}},
		"negative serial": {func(c *crafted) { c.serial = []byte{0xff, 0x85} }, "negative", nil,
			func(c *certs.Certificate) bool { return string(c.SerialDER) == "\x02\x01\x85" }},
		"GeneralizedTime": {func(c *crafted) {
			c.validity = sequence(element(24, []byte("20260101000000Z")), element(24, []byte("20990101000000Z")))
		}, "", nil, func(c *certs.Certificate) bool { return c.NotAfter.String() == "2099-01-01T00:00:00Z" }},
		"v1":               {func(c *crafted) { c.version = -1 }, "", nil, func(c *certs.Certificate) bool { return !c.CA && !c.KeyUsagePresent }},
		"no key usage":     {func(c *crafted) { c.extensions = []extension{{"2.5.29.14", false, element(4, []byte("id"))}} }, "", nil, nil},
		"empty key usage":  {func(c *crafted) { c.extensions = []extension{keyUsage(0)} }, "", certs.ErrKeyUsage, nil},
		"nonRepudiation":   {func(c *crafted) { c.extensions = []extension{keyUsage(certs.NonRepudiation)} }, "", nil, nil},
		"encryption only":  {func(c *crafted) { c.extensions = []extension{keyUsage(certs.KeyEncipherment | certs.DecipherOnly)} }, "", certs.ErrKeyUsage, nil},
		"all key usages":   {func(c *crafted) { c.extensions = []extension{keyUsage(0x1ff)} }, "mixed key usage", nil, nil},
		"critical unknown": {func(c *crafted) { c.extensions = []extension{{"1.2.3.4", true, nil}} }, "1.2.3.4", certs.ErrCriticalExtension, nil},
		"critical name constraints": {func(c *crafted) { c.extensions = []extension{{"2.5.29.30", true, sequence()}} }, "2.5.29.30",
			certs.ErrCriticalExtension, nil},
		"critical extended key usage": {func(c *crafted) {
			c.extensions = []extension{{"2.5.29.37", true, sequence(oid(1, 3, 6, 1, 5, 5, 7, 3, 2))}}
		}, "", nil, func(c *certs.Certificate) bool {
			return slices.Equal(c.ExtendedKeyUsage, []string{"1.3.6.1.5.5.7.3.2"})
		}},
		"malformed extended key usage": {func(c *crafted) { c.extensions = []extension{{"2.5.29.37", false, []byte{1}}} }, "malformed extended", nil, nil},
		"key under the SM2 algorithm identifier": {func(c *crafted) {
			c.spki = bytes.Replace(c.spki, oid(1, 2, 840, 10045, 2, 1), oid(1, 2, 156, 10197, 1, 301), 1)
			c.spki[1]++
			c.spki[3]++
		}, "non-canonical", nil, nil},
		"key on no curve": {func(c *crafted) { c.spki = append(bytes.Clone(c.spki[:len(c.spki)-1]), c.spki[len(c.spki)-1]^1) },
			"unusable public key", certs.ErrKeyAlgorithm, nil},
		"unknown kind of key": {func(c *crafted) { c.spki = sequence(sequence(oid(1, 3, 101, 113)), element(3, []byte{0, 1, 2})) },
			"unusable public key", certs.ErrKeyAlgorithm, nil},
	} {
		made := craftedFrom(root, key)
		c.change(&made)
		got, err := certs.Parse(made.sign(t, root.key))
		if err != nil {
			t.Errorf("%s: %v, want it read", name, err)
			continue
		}
		if has := strings.Contains(strings.Join(got.Defects, "; "), c.defect); !has || c.defect == "" && len(got.Defects) > 0 {
			t.Errorf("%s: Defects = %q, want %q", name, got.Defects, c.defect)
		}
		if err := got.CanSignCredentials(); !errors.Is(err, c.signing) {
			t.Errorf("%s: CanSignCredentials() = %v, want %v", name, err, c.signing)
		}
		if err := got.CheckSignatureFrom(root.Certificate); err != nil {
			t.Errorf("%s: CheckSignatureFrom(root) = %v", name, err)
		}
		path, err := certs.Path(got, nil, list(root))
		if wantPath := !errors.Is(c.signing, certs.ErrCriticalExtension); wantPath != (err == nil) {
			t.Errorf("%s: Path = %d certificates, %v", name, len(path), err)
		}
		if c.check != nil && !c.check(got) {
			t.Errorf("%s: reads as %+v", name, got)
		}
	}
}

func TestOrganizationCode(t *testing.T) {
	root := newRoot(t, caTemplate("Root", -1))
	const code = "11310000MAFAKE0193"
	for name, c := range map[string]struct {
		value []byte
		want  string
	}{
		"PrintableString":   {element(19, []byte(code)), code},
		"UTF8String":        {element(12, []byte(code)), code},
		"IA5String":         {element(22, []byte(code)), code},
		"bare":              {[]byte(code), code},
		"with hyphen":       {element(19, []byte("MAFAKE01-9")), "MAFAKE01-9"},
		"empty":             {nil, ""},
		"empty string":      {element(19, nil), ""},
		"bytes after it":    {append(element(19, []byte(code)), 'X'), ""},
		"other characters":  {element(12, []byte("机关")), ""},
		"too long":          {bytes.Repeat([]byte("1"), 65), ""},
		"in a wrong length": {append([]byte{19, 200}, code...), ""},
	} {
		made := craftedFrom(root, root.key)
		made.extensions = []extension{{"1.2.156.10260.4.1.4", false, c.value}}
		got := parse(t, made.sign(t, root.key))
		if got.OrganizationCode() != c.want || (c.want == "") != (len(got.Defects) > 0) {
			t.Errorf("%s: OrganizationCode() = %q with defects %q, want %q", name, got.OrganizationCode(), got.Defects, c.want)
		}
	}
}

func TestCheckSignatureFromAsksForACA(t *testing.T) {
	root := newRoot(t, caTemplate("Root", -1))
	for name, c := range map[string]struct {
		extensions []extension
		want       error
	}{
		"cA, keyCertSign":         {[]extension{basicConstraintsCA, keyUsage(certs.KeyCertSign)}, nil},
		"cA, no keyUsage":         {[]extension{basicConstraintsCA}, nil},
		"cA, not critical":        {[]extension{{"2.5.29.19", false, basicConstraintsCA.value}}, nil},
		"no extensions":           {nil, certs.ErrNotCA},
		"cA absent":               {[]extension{{"2.5.29.19", true, sequence()}}, certs.ErrNotCA},
		"cA, only signs":          {[]extension{basicConstraintsCA, keyUsage(certs.DigitalSignature)}, certs.ErrNotCA},
		"cA, empty keyUsage":      {[]extension{basicConstraintsCA, keyUsage(0)}, certs.ErrNotCA},
		"keyCertSign, no cA":      {[]extension{keyUsage(certs.KeyCertSign)}, certs.ErrNotCA},
		"cA and unknown critical": {[]extension{basicConstraintsCA, {"2.5.29.30", true, sequence()}}, certs.ErrCriticalExtension},
	} {
		key := newKey(t)
		made := craftedFrom(root, key)
		made.extensions = c.extensions
		issuer := authority{parse(t, made.sign(t, root.key)), key}
		below := issuer.issueAnyway(t, "Below")
		if err := below.CheckSignatureFrom(issuer.Certificate); !errors.Is(err, c.want) {
			t.Errorf("%s: CheckSignatureFrom = %v, want %v", name, err, c.want)
		}
		if !below.VerifiesUnder(issuer.Certificate) {
			t.Errorf("%s: VerifiesUnder = false, want true", name)
		}
	}
}

func TestEmptyNamesDoNotChain(t *testing.T) {
	key := newKey(t)
	made := craftedFrom(newRoot(t, caTemplate("Root", -1)), key)
	made.issuer, made.subject, made.extensions = sequence(), sequence(), []extension{basicConstraintsCA}
	c := parse(t, made.sign(t, key))
	if err := c.CheckSignatureFrom(c); !errors.Is(err, certs.ErrIssuerName) {
		t.Errorf("CheckSignatureFrom without names = %v, want ErrIssuerName", err)
	}
}

func TestNameIsBounded(t *testing.T) {
	root := newRoot(t, caTemplate("Root", -1))
	var parts [][]byte
	for range 50 {
		parts = append(parts, element(0x31, sequence(oid(2, 5, 4, 11), element(12, []byte(strings.Repeat("字\n", 300))))))
	}
	made := craftedFrom(root, root.key)
	made.subject = sequence(parts...)
	c := parse(t, made.sign(t, root.key))
	if len(c.SubjectText) > 512 || strings.Contains(c.SubjectText, "\n") {
		t.Errorf("SubjectText has %d bytes: %.60q…, want at most 512 without line breaks", len(c.SubjectText), c.SubjectText)
	}
	made.subject = sequence(element(0x31, sequence(oid(2, 5, 4, 10), element(30, []byte{0x6d, 0x4b, 0x8b, 0xd5, 0, ','}))))
	if c := parse(t, made.sign(t, root.key)); c.SubjectText != `O=测试\,` {
		t.Errorf(`SubjectText of a BMPString = %q, want "O=测试\\,"`, c.SubjectText)
	}
}

func TestParsePEM(t *testing.T) {
	a, b := newRoot(t, caTemplate("A", -1)), newRoot(t, caTemplate("B", -1))
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	one, two := block("CERTIFICATE", a.Raw), block("CERTIFICATE", b.Raw)
	for name, file := range map[string]string{"one": one, "with text": "subject=A\n" + one + "\nissuer=B\n", "CRLF": strings.ReplaceAll(one, "\n", "\r\n")} {
		if all, err := certs.ParsePEM([]byte(file)); err != nil || len(all) != 1 || all[0].Digest() != a.Digest() {
			t.Errorf("ParsePEM(%s) = %d certificates, %v", name, len(all), err)
		}
	}
	if all, err := certs.ParsePEM([]byte(one + "text\n" + two)); err != nil || len(all) != 2 || all[1].Digest() != b.Digest() {
		t.Errorf("ParsePEM of two = %d certificates, %v", len(all), err)
	}
	for name, file := range map[string]string{
		"nothing":                "",
		"text":                   "no certificate here",
		"key beside it":          one + block("PRIVATE KEY", []byte{1, 2, 3}),
		"damaged second":         one + strings.Replace(two, "MII", "M!I", 1) + strings.Replace(two, "-----END", "----END", 1),
		"cut off":                one + two[:len(two)/2],
		"damaged between":        strings.Replace(one, "\n", "\n!", 2) + two,
		"content that is no DER": one + block("CERTIFICATE", []byte("hello")),
		"too large":              one + strings.Repeat(" ", certs.MaxPEMSize),
	} {
		if all, err := certs.ParsePEM([]byte(file)); err == nil {
			t.Errorf("ParsePEM of a file with %s = %d certificates, want an error", name, len(all))
		}
	}
}

func FuzzParse(f *testing.F) {
	root := newRoot(f, caTemplate("Root", 1))
	f.Add(root.Raw)
	f.Add(root.issue(f, leafTemplate("测试")).Raw)
	f.Fuzz(func(t *testing.T, der []byte) {
		c, err := certs.Parse(der)
		if err != nil {
			return
		}
		if !bytes.Equal(c.Raw, der) || c.PathLen < -1 || len(c.SerialDER) < 3 || len(c.SubjectText) > 512 {
			t.Fatalf("Parse gives %+v", c)
		}
		again, err := certs.Parse(c.Raw)
		if err != nil || again.Digest() != c.Digest() || again.KeyID() != c.KeyID() {
			t.Fatalf("parsing again gives %v, %v", again, err)
		}
		_, _ = certs.Path(c, []*certs.Certificate{c}, []*certs.Certificate{root.Certificate})
		certs.WindowsContain([]*certs.Certificate{c}, trust.Time(0))
		_ = c.CanSignCredentials()
		c.Verify(certs.SM2, der, make([]byte, 64))
	})
}

func FuzzParsePEM(f *testing.F) {
	root := newRoot(f, caTemplate("Root", -1))
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw}))
	f.Fuzz(func(t *testing.T, data []byte) {
		if all, err := certs.ParsePEM(data); (err == nil) != (len(all) > 0) {
			t.Fatalf("ParsePEM = %d certificates, %v", len(all), err)
		}
	})
}
