package sm2sig

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/pkcs"
	"github.com/emmansun/gmsm/pkcs8"
)

var passphrase = []byte("correct horse 口令")

func TestPEMRoundTrip(t *testing.T) {
	k := generate(t)
	text, err := k.EncryptPEM(passphrase)
	if err != nil {
		t.Fatal(err)
	}
	if block, rest := pem.Decode(text); block == nil || block.Type != encryptedType || len(rest) != 0 {
		t.Fatalf("EncryptPEM = %s, want one block of %s", text, encryptedType)
	}
	got, err := DecryptPEM(text, passphrase)
	if err != nil {
		t.Fatal(err)
	}
	if !got.key.Equal(k.key) || !got.Public().Equal(k.Public()) {
		t.Errorf("DecryptPEM(EncryptPEM) = %v, want %v", got, k)
	}
	if again, err := k.EncryptPEM(passphrase); err != nil || bytes.Equal(again, text) {
		t.Errorf("EncryptPEM twice gives the same bytes (%v): no fresh salt", err)
	}
	if _, err := k.EncryptPEM(nil); err == nil {
		t.Error("EncryptPEM(no passphrase) = no error, want one")
	}
}

func TestDecryptPEMRefuses(t *testing.T) {
	k := generate(t)
	good, err := k.EncryptPEM(passphrase)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(good)
	clear, err := pkcs8.MarshalPrivateKey(k.key, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	encrypted := func(key any, opts pkcs.KDFOpts) []byte {
		der, err := pkcs8.MarshalPrivateKey(key, passphrase, pkcs.NewPBESEncrypter(pkcs.SM4CBC, opts))
		if err != nil {
			t.Fatal(err)
		}
		return pemOf(encryptedType, der)
	}
	fast := pkcs.NewPBKDF2Opts(pkcs.SHA256, 16, 1)
	for _, c := range []struct {
		name       string
		data, pass []byte
		want       error  // is in the chain
		text       string // or in the text
	}{
		{"wrong passphrase", good, []byte("correct horse"), ErrPassphrase, ""},
		{"no passphrase", good, nil, ErrPassphrase, ""},
		{"cut", pemOf(encryptedType, block.Bytes[:len(block.Bytes)-1]), passphrase, ErrPassphrase, ""},
		{"byte after the end", pemOf(encryptedType, append(bytes.Clone(block.Bytes), 0)), passphrase, ErrPassphrase, ""},
		{"last byte changed", pemOf(encryptedType, append(bytes.Clone(block.Bytes[:len(block.Bytes)-1]), ^block.Bytes[len(block.Bytes)-1])), passphrase, ErrPassphrase, ""},
		{"in the clear", pemOf("PRIVATE KEY", clear), passphrase, ErrNotEncrypted, ""},
		{"in the clear, without passphrase", pemOf("PRIVATE KEY", clear), nil, ErrNotEncrypted, ""},
		{"SEC 1", pemOf("EC PRIVATE KEY", clear), passphrase, ErrNotEncrypted, ""},
		{"in the clear under the encrypted type", pemOf(encryptedType, clear), nil, ErrPassphrase, ""},
		{"in the clear under the encrypted type, with passphrase", pemOf(encryptedType, clear), passphrase, ErrPassphrase, ""},
		{"public key", pemOf("PUBLIC KEY", k.Public().Bytes()), passphrase, nil, `type "PUBLIC KEY"`},
		{"P-256 inside", encrypted(p256, fast), passphrase, nil, "not an SM2 key"},
		{"too many rounds", encrypted(k.key, pkcs.NewPBKDF2Opts(pkcs.SHA256, 16, maxRounds+1)), passphrase, nil, "2000001 rounds"},
		{"scrypt", encrypted(k.key, pkcs.NewScryptOpts(16, 2, 1, 1)), passphrase, nil, "want PBKDF2"},
		{"two blocks", append(bytes.Clone(good), good...), passphrase, nil, "nothing after it"},
		{"text after", append(bytes.Clone(good), "more"...), passphrase, nil, "nothing after it"},
		{"no PEM", block.Bytes, passphrase, nil, "no PEM block"},
		{"empty", nil, passphrase, nil, "no PEM block"},
		{"too long", append(bytes.Clone(good), bytes.Repeat([]byte("\n"), maxPEMSize)...), passphrase, nil, "want at most"},
	} {
		k, err := DecryptPEM(c.data, c.pass)
		if err == nil || k != nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("DecryptPEM(%s) = %v, %v, want an error %v %q", c.name, k, err, c.want, c.text)
		}
	}
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// TestOpenSSL has OpenSSL read our key file, verify our signature, and make a key and a signature for us.
func TestOpenSSL(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("no openssl on PATH")
	}
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	run := func(args ...string) ([]byte, error) {
		cmd := exec.Command("openssl", args...)
		cmd.Stdin = strings.NewReader("")
		return cmd.CombinedOutput()
	}
	if out, err := run("genpkey", "-algorithm", "SM2", "-out", file("theirs.pem")); err != nil {
		t.Skipf("this openssl makes no SM2 keys: %s", out)
	}
	must := func(args ...string) {
		t.Helper()
		if out, err := run(args...); err != nil {
			t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	write := func(name string, data []byte, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file(name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	read := func(name string) []byte {
		t.Helper()
		data, err := os.ReadFile(file(name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	const pass = "pass:secret"
	message := []byte("message for OpenSSL")
	write("message", message, nil)
	digest := []string{"-rawin", "-digest", "sm3", "-pkeyopt", "distid:1234567812345678", "-in", file("message")}

	ours := generate(t)
	text, err := ours.EncryptPEM([]byte("secret"))
	write("ours.pem", text, err)
	must("pkey", "-in", file("ours.pem"), "-passin", pass, "-pubout", "-outform", "DER", "-out", file("ours.pub"))
	if got := read("ours.pub"); !bytes.Equal(got, ours.Public().Bytes()) {
		t.Errorf("openssl reads our key as %x, want %x", got, ours.Public().Bytes())
	}
	sig, err := ours.Sign(message)
	write("ours.sig", sig, err)
	must(append([]string{"pkeyutl", "-verify", "-inkey", file("ours.pem"), "-passin", pass, "-sigfile", file("ours.sig")}, digest...)...)

	must("pkcs8", "-topk8", "-in", file("theirs.pem"), "-out", file("theirs.enc"), "-passout", pass, "-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA256")
	theirs, err := DecryptPEM(read("theirs.enc"), []byte("secret"))
	if err != nil {
		t.Fatalf("DecryptPEM(OpenSSL's key) = %v", err)
	}
	if _, err := DecryptPEM(read("theirs.pem"), []byte("secret")); !errors.Is(err, ErrNotEncrypted) {
		t.Errorf("DecryptPEM(OpenSSL's key in the clear) = %v, want %v", err, ErrNotEncrypted)
	}
	must(append([]string{"pkeyutl", "-sign", "-inkey", file("theirs.pem"), "-out", file("theirs.sig")}, digest...)...)
	if !theirs.Public().Verify(message, read("theirs.sig")) {
		t.Error("Verify(OpenSSL's signature) = false, want true")
	}
}

func FuzzDecryptPEM(f *testing.F) {
	k := fixedKey(f, sampleD)
	der, err := pkcs8.MarshalPrivateKey(k.key, passphrase, pkcs.NewPBESEncrypter(pkcs.SM4CBC, pkcs.NewPBKDF2Opts(pkcs.SHA256, 16, 1)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(der, passphrase)
	f.Add(k.Public().Bytes(), passphrase)
	f.Fuzz(func(t *testing.T, der, passphrase []byte) {
		if key, err := DecryptPEM(pemOf(encryptedType, der), passphrase); (err == nil) == (key == nil) {
			t.Errorf("DecryptPEM = %v, %v, want one of the two", key, err)
		}
	})
}
