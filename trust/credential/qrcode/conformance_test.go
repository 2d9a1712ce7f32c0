package qrcode

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/credential"
	"github.com/hutong-project/hutong/trust/credential/qrcode/qrcodetest"
	"github.com/hutong-project/hutong/trust/trusttest"
)

// A dccCase is one file of the EU DCC test data: an encoded certificate at each layer, and what should come of it.
type dccCase struct {
	Prefix     string `json:"PREFIX"`
	Compressed string `json:"COMPRESSED"`
	COSE       string `json:"COSE"`
	Context    struct {
		Certificate string `json:"CERTIFICATE"`
		Clock       string `json:"VALIDATIONCLOCK"`
	} `json:"TESTCTX"`
	Expected map[string]bool `json:"EXPECTEDRESULTS"`
}

func readJSON(t *testing.T, path string, v any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF")), v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// TestConformanceDCC takes every case through the steps that this package does, and through the signature. A case
// may deviate only where the data's own expected-verify.json says that it is at fault.
func TestConformanceDCC(t *testing.T) {
	root := filepath.Join(trusttest.Conformance(t), "dcc")
	files, err := filepath.Glob(filepath.Join(root, "*", "*.json"))
	if err != nil || len(files) == 0 {
		t.Skipf("no EU DCC cases in %s", root)
	}
	var observed map[string]struct {
		Reproduced *bool  `json:"reproduced"`
		Note       string `json:"note"`
	}
	readJSON(t, filepath.Join(root, "expected-verify.json"), &observed)

	checked := map[string]int{}
	for _, file := range files {
		name, err := filepath.Rel(root, file)
		if err != nil {
			t.Fatal(err)
		}
		name = filepath.ToSlash(name)
		if name == "png/index.json" { // no case: what the images hold
			continue
		}
		var c dccCase
		readJSON(t, file, &c)
		got, why := c.observe(t)
		for flag, want := range c.Expected {
			result, done := got[flag]
			if !done {
				continue // a step that other packages do
			}
			checked[flag]++
			if result == want {
				continue
			}
			fault := observed[name]
			if flag == "EXPECTEDVERIFY" && fault.Reproduced != nil && !*fault.Reproduced {
				t.Logf("%s: %s is %v, want %v: the data is at fault: %s", name, flag, result, want, fault.Note)
				continue
			}
			t.Errorf("%s: %s is %v, want %v (%s)", name, flag, result, want, why)
		}
	}
	if len(checked) == 0 {
		t.Error("no case has a flag that this package answers")
	}
	t.Logf("flags checked: %v", checked)
}

// observe answers the flags of the steps that a code reached.
func (c *dccCase) observe(t *testing.T) (flags map[string]bool, why string) {
	decoded, err := Decode(c.Prefix)
	stage := Stage("")
	if err != nil {
		var refusal *Error
		if !errors.As(err, &refusal) {
			t.Fatalf("Decode returned %T, want an *Error", err)
		}
		stage, why = refusal.Stage, refusal.Detail
	}
	flags = map[string]bool{}
	flags["EXPECTEDUNPREFIX"] = stage != StagePayload && stage != StagePrefix
	if !flags["EXPECTEDUNPREFIX"] {
		return flags, why
	}
	packed, err := appendBase45Decoded(nil, c.Prefix[4:])
	flags["EXPECTEDB45DECODE"] = err == nil && (c.Compressed == "" || strings.EqualFold(hex.EncodeToString(packed), c.Compressed))
	cose, err := (&room{packed: packed}).inflate()
	flags["EXPECTEDCOMPRESSION"] = err == nil && (c.COSE == "" || strings.EqualFold(hex.EncodeToString(cose), c.COSE))
	flags["EXPECTEDDECODE"] = decoded != nil
	if decoded == nil {
		flags["EXPECTEDVERIFY"] = false
		return flags, why
	}
	certificate, err := parseCertificate(c.Context.Certificate)
	if err != nil {
		return flags, err.Error()
	}
	flags["EXPECTEDVERIFY"] = verifies(decoded, certificate) && bytes.Equal(decoded.KID, qrcodetest.CertificateKID(certificate.Raw))
	if clock, ok := parseClock(c.Context.Clock); ok {
		flags["EXPECTEDEXPIRATIONCHECK"] = decoded.Issued <= clock && clock <= decoded.Expires
	}
	return flags, why
}

func parseCertificate(text string) (*x509.Certificate, error) {
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// verifies decides by the certificate's key, not by what the token claims, and holds the curve to P-256.
func verifies(c *credential.Credential, certificate *x509.Certificate) bool {
	sum := sha256.Sum256(c.Message)
	switch key := certificate.PublicKey.(type) {
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() || c.Algorithm != "ES256" || len(c.Signature) != 64 {
			return false
		}
		r, s := new(big.Int).SetBytes(c.Signature[:32]), new(big.Int).SetBytes(c.Signature[32:])
		return ecdsa.Verify(key, sum[:], r, s)
	case *rsa.PublicKey:
		options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthAuto}
		return c.Algorithm == "PS256" && rsa.VerifyPSS(key, crypto.SHA256, sum[:], c.Signature, options) == nil
	}
	return false
}

// parseClock reads the many ways in which the cases write their clock. No zone means UTC.
func parseClock(text string) (trust.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999"} {
		if clock, err := time.Parse(layout, text); err == nil {
			return trust.TimeOf(clock), true
		}
	}
	return 0, false
}
