package certs_test

import (
	"crypto/rand"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/certs"
	"github.com/hutong-project/hutong/trust/sm2sig"
)

const day = 24 * time.Hour

var begin = trust.TimeOf(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))

func newKey(t testing.TB) *sm2sig.PrivateKey {
	t.Helper()
	key, err := sm2sig.Generate(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func parse(t testing.TB, der []byte) *certs.Certificate {
	t.Helper()
	c, err := certs.Parse(der)
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return c
}

func caTemplate(name string, pathLen int) certs.Template {
	return certs.Template{CommonName: name, Organization: "Test Authority", NotBefore: begin, NotAfter: begin.Add(3650 * day),
		CA: true, PathLen: pathLen}
}

func leafTemplate(name string) certs.Template {
	return certs.Template{CommonName: name, Organization: "Test Authority", OrganizationCode: "11310000MAFAKE0193",
		NotBefore: begin, NotAfter: begin.Add(365 * day)}
}

// An authority is a CA certificate and its key.
type authority struct {
	*certs.Certificate
	key *sm2sig.PrivateKey
}

func newRoot(t testing.TB, template certs.Template) authority {
	t.Helper()
	return rootWithKey(t, template, newKey(t))
}

func rootWithKey(t testing.TB, template certs.Template, key *sm2sig.PrivateKey) authority {
	t.Helper()
	der, err := certs.SelfSigned(rand.Reader, template, key)
	if err != nil {
		t.Fatal(err)
	}
	return authority{parse(t, der), key}
}

func (a authority) issue(t testing.TB, template certs.Template) authority {
	t.Helper()
	return a.issueFor(t, template, newKey(t))
}

func (a authority) issueFor(t testing.TB, template certs.Template, key *sm2sig.PrivateKey) authority {
	t.Helper()
	der, err := certs.Issue(rand.Reader, template, key.Public(), a.Certificate, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return authority{parse(t, der), key}
}

func TestMadeCertificates(t *testing.T) {
	root := newRoot(t, caTemplate("Test Root", -1))
	sub := root.issue(t, caTemplate("Test CA", 0))
	leaf := sub.issue(t, leafTemplate("测试机关"))

	for _, c := range []*certs.Certificate{root.Certificate, sub.Certificate, leaf.Certificate} {
		if len(c.Defects) > 0 {
			t.Errorf("%s: Defects = %q, want none", c.SubjectText, c.Defects)
		}
		if alg, ok := c.Algorithm(); !ok || alg != certs.SM2 {
			t.Errorf("%s: Algorithm() = %s, %v, want SM2", c.SubjectText, alg, ok)
		}
		if len(c.SerialText) != 32 || len(c.SerialDER) != 18 || c.SerialDER[0] != 2 {
			t.Errorf("%s: serial %s as % x, want 16 bytes", c.SubjectText, c.SerialText, c.SerialDER)
		}
	}
	if root.KeyID() != root.key.Public().ID() || leaf.KeyID() != leaf.key.Public().ID() {
		t.Error("KeyID() is not the key's own id")
	}
	if !root.CA || root.PathLen != -1 || !sub.CA || sub.PathLen != 0 || leaf.CA || leaf.PathLen != -1 {
		t.Errorf("cA and path length: root %v %d, sub %v %d, leaf %v %d", root.CA, root.PathLen, sub.CA, sub.PathLen, leaf.CA, leaf.PathLen)
	}
	if root.KeyUsage != certs.KeyCertSign|certs.CRLSign || leaf.KeyUsage != certs.DigitalSignature|certs.NonRepudiation {
		t.Errorf("key usage: root %b, leaf %b", root.KeyUsage, leaf.KeyUsage)
	}
	if leaf.SubjectText != "CN=测试机关,O=Test Authority,C=CN" || leaf.IssuerText != sub.SubjectText {
		t.Errorf("leaf is %s by %s", leaf.SubjectText, leaf.IssuerText)
	}
	if leaf.OrganizationCode() != "11310000MAFAKE0193" || root.OrganizationCode() != "" {
		t.Errorf("OrganizationCode() = %q for the leaf, %q for the root", leaf.OrganizationCode(), root.OrganizationCode())
	}
	if leaf.NotBefore != begin || leaf.NotAfter != begin.Add(365*day) {
		t.Errorf("leaf is valid %v to %v", leaf.NotBefore, leaf.NotAfter)
	}
	if !slices.Equal(leaf.AuthorityKeyID, sub.SubjectKeyID) || !slices.Equal(root.AuthorityKeyID, root.SubjectKeyID) || len(sub.SubjectKeyID) == 0 {
		t.Error("key identifiers do not match")
	}
	if err := leaf.CanSignCredentials(); err != nil {
		t.Errorf("CanSignCredentials() of the leaf = %v", err)
	}
	if err := root.CanSignCredentials(); !errors.Is(err, certs.ErrKeyUsage) {
		t.Errorf("CanSignCredentials() of the root = %v, want ErrKeyUsage", err)
	}
	for _, step := range [][2]authority{{root, root}, {sub, root}, {leaf, sub}} {
		if err := step[0].CheckSignatureFrom(step[1].Certificate); err != nil {
			t.Errorf("%s under %s: %v", step[0].SubjectText, step[1].SubjectText, err)
		}
	}
	for _, step := range [][2]authority{{root, sub}, {sub, sub}, {leaf, root}, {leaf, leaf}} {
		if err := step[0].CheckSignatureFrom(step[1].Certificate); err == nil {
			t.Errorf("%s under %s was taken", step[0].SubjectText, step[1].SubjectText)
		}
	}
}

func TestMakingRefuses(t *testing.T) {
	root := newRoot(t, caTemplate("Test Root", 0))
	leaf := root.issue(t, leafTemplate("Leaf"))
	key := newKey(t)
	with := func(change func(*certs.Template)) certs.Template {
		template := leafTemplate("Leaf")
		change(&template)
		return template
	}
	for name, c := range map[string]struct {
		template certs.Template
		issuer   authority
	}{
		"no name":               {with(func(t *certs.Template) { t.CommonName = "" }), root},
		"ends before it begins": {with(func(t *certs.Template) { t.NotAfter = t.NotBefore }), root},
		"serial zero":           {with(func(t *certs.Template) { t.Serial = []byte{0} }), root},
		"serial too long":       {with(func(t *certs.Template) { t.Serial = make([]byte, 21) }), root},
		"code with a space":     {with(func(t *certs.Template) { t.OrganizationCode = "1131 0000" }), root},
		"issuer is a leaf":      {leafTemplate("Leaf"), leaf},
		"other key":             {leafTemplate("Leaf"), authority{root.Certificate, key}},
		"CA below path length":  {caTemplate("Sub", 0), root},
	} {
		if _, err := certs.Issue(rand.Reader, c.template, key.Public(), c.issuer.Certificate, c.issuer.key); err == nil {
			t.Errorf("Issue with %s succeeded, want an error", name)
		}
	}
	if c := parse(t, mustIssue(t, root, with(func(t *certs.Template) { t.Serial = []byte{0x80, 1} }))); c.SerialText != "8001" ||
		string(c.SerialDER) != "\x02\x03\x00\x80\x01" {
		t.Errorf("serial 8001 reads as %s, % x", c.SerialText, c.SerialDER)
	}
}

func mustIssue(t *testing.T, issuer authority, template certs.Template) []byte {
	t.Helper()
	der, err := certs.Issue(rand.Reader, template, newKey(t).Public(), issuer.Certificate, issuer.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestVerifySM2(t *testing.T) {
	c := newRoot(t, leafTemplate("Signer"))
	message := []byte("message")
	raw, err := c.key.SignRaw(message)
	if err != nil {
		t.Fatal(err)
	}
	der, err := c.key.Sign(message)
	if err != nil {
		t.Fatal(err)
	}
	if !c.Verify(certs.SM2, message, raw) || !c.VerifyDER(certs.SM2, message, der) {
		t.Error("a good signature does not verify")
	}
	if c.Verify(certs.SM2, message, der) || c.VerifyDER(certs.SM2, message, raw) {
		t.Error("one form of the signature passes for the other")
	}
	if c.Verify(certs.ES256, message, raw) || c.Verify(certs.PS256, message, raw) || c.Verify("", message, raw) ||
		c.VerifyDER(certs.ES256, message, der) || c.VerifyDER("RS256", message, der) {
		t.Error("a signature verifies under another algorithm than the key's")
	}
	if c.Verify(certs.SM2, []byte("other"), raw) || c.Verify(certs.SM2, message, nil) {
		t.Error("a bad signature verifies")
	}
}

// OpenSSL, which shares no code with us, takes our chain.
func TestOpenSSLTakesTheChain(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("no openssl on PATH; this test compares with it")
	}
	root := newRoot(t, caTemplate("Test Root", -1))
	sub := root.issue(t, caTemplate("Test CA", 0))
	leaf := sub.issue(t, leafTemplate("Leaf"))
	dir := t.TempDir()
	write := func(name string, c authority) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	// The user id reaches the certificate named last only, so each link is checked by itself.
	verify := func(issuer, subject string) (string, error) {
		out, err := exec.Command(openssl, "verify", "-x509_strict", "-partial_chain", "-vfyopt", "distid:1234567812345678",
			"-attime", strconv.FormatInt(int64(begin.Add(day)), 10), "-CAfile", issuer, subject).CombinedOutput()
		return strings.TrimSpace(string(out)), err
	}
	rootFile, subFile, leafFile := write("root", root), write("sub", sub), write("leaf", leaf)
	for _, link := range [][2]string{{rootFile, subFile}, {subFile, leafFile}, {rootFile, rootFile}} {
		if out, err := verify(link[0], link[1]); err != nil {
			t.Errorf("openssl verify of %s under %s: %v: %s", link[1], link[0], err, out)
		}
	}
	other := newRoot(t, caTemplate("Test Root", -1))
	if out, err := verify(write("other", other), subFile); err == nil {
		t.Errorf("openssl verify under another root = %s, want an error", out)
	}
}
