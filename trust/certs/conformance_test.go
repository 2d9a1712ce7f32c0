package certs_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/certs"
	"github.com/hutong-project/hutong/trust/trusttest"
)

// readCertificate parses a PEM file; name may ask for the n-th certificate with #n.
func readCertificate(t *testing.T, dir, name string) *certs.Certificate {
	t.Helper()
	file, number, numbered := strings.Cut(name, "#")
	data, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	all, err := certs.ParsePEM(data)
	if err != nil {
		t.Fatalf("ParsePEM(%s): %v", file, err)
	}
	n := 1
	if numbered {
		if n, err = strconv.Atoi(number); err != nil {
			t.Fatal(err)
		}
	}
	if n > len(all) {
		t.Fatalf("ParsePEM(%s) = %d certificates, want at least %d", file, len(all), n)
	}
	return all[n-1]
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

var usageNames = map[string]certs.KeyUsage{"digitalSignature": certs.DigitalSignature, "nonRepudiation": certs.NonRepudiation,
	"contentCommitment": certs.NonRepudiation, "keyEncipherment": certs.KeyEncipherment,
	"dataEncipherment": certs.DataEncipherment, "keyAgreement": certs.KeyAgreement, "keyCertSign": certs.KeyCertSign,
	"cRLSign": certs.CRLSign, "encipherOnly": certs.EncipherOnly, "decipherOnly": certs.DecipherOnly}

type expectation struct {
	File, Subject, SerialHex, SM3Der, SHA256Der, SubjectKeyID, AuthorityKeyID, ChainsTo, VerifiedAt, Result string
	NotBefore, NotAfter                                                                                     trust.Time
	KeyUsage                                                                                                []string
	// The test chain's file only.
	Expected             string
	IssuerSignatureValid *bool
	At                   map[string]string
}

func checkFields(t *testing.T, c *certs.Certificate, want expectation) {
	t.Helper()
	if got := c.Digest().String(); got != want.SM3Der {
		t.Errorf("%s: Digest() = %s, want %s", want.File, got, want.SM3Der)
	}
	if c.SubjectText != want.Subject {
		t.Errorf("%s: SubjectText = %s, want %s", want.File, c.SubjectText, want.Subject)
	}
	if c.SerialText != want.SerialHex {
		t.Errorf("%s: SerialText = %s, want %s", want.File, c.SerialText, want.SerialHex)
	}
	if c.NotBefore != want.NotBefore || c.NotAfter != want.NotAfter {
		t.Errorf("%s: validity = %v to %v, want %v to %v", want.File, c.NotBefore, c.NotAfter, want.NotBefore, want.NotAfter)
	}
	var usage certs.KeyUsage
	for _, name := range want.KeyUsage {
		bit, ok := usageNames[name]
		if !ok {
			t.Fatalf("%s: unknown key usage %q in the expectation", want.File, name)
		}
		usage |= bit
	}
	if c.KeyUsage != usage {
		t.Errorf("%s: KeyUsage = %b, want %b", want.File, c.KeyUsage, usage)
	}
	if alg, ok := c.Algorithm(); alg != certs.SM2 || !ok {
		t.Errorf("%s: Algorithm() = %s, %v, want SM2, true", want.File, alg, ok)
	}
	if len(c.Defects) > 0 {
		t.Errorf("%s: Defects = %q, want none", want.File, c.Defects)
	}
}

func TestConformanceProvincialChains(t *testing.T) {
	dir := filepath.Join(trusttest.Conformance(t), "certs")
	var file struct{ Certs []expectation }
	readJSON(t, filepath.Join(dir, "expected.json"), &file)
	roots := make(map[string]*certs.Certificate)
	all := make([]*certs.Certificate, len(file.Certs))
	for i, want := range file.Certs {
		all[i] = readCertificate(t, dir, want.File)
		if want.ChainsTo == want.File {
			roots[want.File] = all[i]
		}
	}
	if len(roots) == 0 {
		t.Fatal("the expectations name no root")
	}
	for i, want := range file.Certs {
		c := all[i]
		checkFields(t, c, want)
		at, err := trust.ParseTime(want.VerifiedAt)
		if err != nil {
			t.Fatal(err)
		}
		path, err := certs.Path(c, nil, []*certs.Certificate{roots[want.ChainsTo]})
		if err != nil {
			t.Errorf("Path(%s) under %s: %v, want a path", want.File, want.ChainsTo, err)
			continue
		}
		if path[len(path)-1] != roots[want.ChainsTo] && path[0] != c {
			t.Errorf("Path(%s) does not go from the certificate to the root", want.File)
		}
		if _, ok := certs.WindowsContain(path, at); ok != (want.Result == "valid") {
			t.Errorf("WindowsContain(%s, %s) = %v, want %s", want.File, want.VerifiedAt, ok, want.Result)
		}
		for j, other := range all {
			if roots[file.Certs[j].File] != nil || i == j {
				continue
			}
			if _, err := certs.Path(c, all, []*certs.Certificate{other}); !errors.Is(err, certs.ErrNoPath) {
				t.Errorf("Path(%s) under %s = %v, want ErrNoPath", want.File, file.Certs[j].File, err)
			}
		}
	}
}

func TestConformanceTestChain(t *testing.T) {
	dir := filepath.Join(trusttest.Conformance(t), "certs", "tongsuo")
	var file struct{ Certs []expectation }
	readJSON(t, filepath.Join(dir, "expected.json"), &file)
	var roots, intermediates []*certs.Certificate
	for _, want := range file.Certs {
		c := readCertificate(t, dir, want.File)
		switch {
		case c.CA && c.CheckSignatureFrom(c) == nil:
			roots = append(roots, c)
		case c.CA:
			intermediates = append(intermediates, c)
		}
	}
	if len(roots) != 1 || len(intermediates) == 0 {
		t.Fatalf("found %d roots and %d intermediates, want 1 and some", len(roots), len(intermediates))
	}
	today, _ := trust.ParseTime("2026-11-22T00:00:00Z")
	for _, want := range file.Certs {
		c := readCertificate(t, dir, want.File)
		checkFields(t, c, want)
		got := "unknown-authority"
		path, err := certs.Path(c, intermediates, roots)
		if err == nil {
			got = "valid"
			if _, ok := certs.WindowsContain(path, today); !ok {
				got = "expired"
			}
		}
		if got != want.Expected {
			t.Errorf("%s is %s (%v), want %s", want.File, got, err, want.Expected)
		}
		if want.IssuerSignatureValid != nil && *want.IssuerSignatureValid != (err == nil) {
			t.Errorf("Path(%s): %v, want a good signature: %v", want.File, err, *want.IssuerSignatureValid)
		}
		for moment, expected := range want.At {
			at, err := trust.ParseTime(moment)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := certs.WindowsContain(path, at); len(path) > 0 && ok != (expected == "valid") {
				t.Errorf("WindowsContain(%s, %s) = %v, want %s", want.File, moment, ok, expected)
			}
		}
	}
}

// The certificates of partners: every one is read, or says why not, and each names an algorithm or says why not.
func TestConformancePartnerCertificates(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(trusttest.Conformance(t), "dcc", "*", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for _, path := range files {
		var file struct {
			TestCtx struct{ Certificate string } `json:"TESTCTX"`
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if json.Unmarshal(data, &file) != nil || file.TestCtx.Certificate == "" {
			continue
		}
		der, err := base64.StdEncoding.DecodeString(strings.TrimSpace(file.TestCtx.Certificate))
		if err != nil {
			t.Logf("%s: certificate is not base64: %v", path, err)
			continue
		}
		name := filepath.Join(filepath.Base(filepath.Dir(path)), filepath.Base(path))
		c, err := certs.Parse(der)
		if err != nil {
			t.Errorf("Parse(%s): %v", name, err)
			continue
		}
		read++
		if _, ok := c.Algorithm(); !ok && !errors.Is(c.CanSignCredentials(), certs.ErrKeyAlgorithm) {
			t.Errorf("%s: no algorithm, but CanSignCredentials() = %v", name, c.CanSignCredentials())
		}
		if err := c.CanSignCredentials(); err != nil {
			t.Logf("%s may not sign credentials: %v", name, err)
		}
	}
	if read == 0 {
		t.Error("no partner certificate was read")
	}
	t.Logf("%d certificates read", read)
}

// The demonstration root of the OFD files has cA but lacks keyCertSign: its key verifies the children, and no path is
// built through it.
func TestConformanceRootWithoutCertSign(t *testing.T) {
	dir := filepath.Join(trusttest.Conformance(t), "ofd")
	var file struct {
		Certs []struct {
			File                         string
			SignatureByRootKeyValid      *bool
			SMX509CheckSignatureFromRoot string
			Cert                         expectation
		}
	}
	readJSON(t, filepath.Join(dir, "expected.json"), &file)
	var root *certs.Certificate
	for _, want := range file.Certs {
		c := readCertificate(t, dir, want.File)
		want.Cert.File = want.File
		if got := c.Digest().String(); got != want.Cert.SM3Der {
			t.Errorf("%s: Digest() = %s, want %s", want.File, got, want.Cert.SM3Der)
		}
		if err := c.CanSignCredentials(); err != nil {
			t.Errorf("%s: CanSignCredentials() = %v, want nil", want.File, err)
		}
		if root == nil && c.CA {
			root = c
		}
		if want.SignatureByRootKeyValid == nil {
			continue
		}
		if root == nil {
			t.Fatal("no root stands before the first certificate that it signed")
		}
		if got := c.VerifiesUnder(root); got != *want.SignatureByRootKeyValid {
			t.Errorf("%s: VerifiesUnder(root) = %v, want %v", want.File, got, *want.SignatureByRootKeyValid)
		}
		if err := c.CheckSignatureFrom(root); (err != nil) != (want.SMX509CheckSignatureFromRoot != "") {
			t.Errorf("%s: CheckSignatureFrom(root) = %v, want an error: %q", want.File, err, want.SMX509CheckSignatureFromRoot)
		}
	}
}
