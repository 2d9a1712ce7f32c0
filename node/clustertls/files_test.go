package clustertls

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hutong-project/hutong/node/keyfile"
	"github.com/hutong-project/hutong/trust"
)

const (
	province = trust.Province("310000")
	id       = "310000-1"
)

var passphrase = []byte("a passphrase of the tests")

// files is a node's credentials in a folder.
type files struct {
	t   *testing.T
	cfg Config
	ca  *Authority
	log bytes.Buffer
}

func newFiles(t *testing.T) *files {
	t.Helper()
	dir := t.TempDir()
	ca, err := NewAuthority(province, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	f := &files{t: t, ca: ca}
	f.cfg = Config{
		Province: province, Node: id, Certificate: filepath.Join(dir, "cluster.pem"), Key: filepath.Join(dir, "cluster-key.pem"), CA: filepath.Join(dir, "cluster-ca.pem"),
		Passphrase: passphrase, Logger: slog.New(slog.NewTextHandler(&f.log, nil)),
	}
	f.write(f.cfg.CA, ca.PEM())
	f.certify(id, time.Now().Add(time.Hour))
	return f
}

// certify replaces the key and the certificate.
func (f *files) certify(id string, until time.Time) {
	f.t.Helper()
	key, err := NewKey()
	if err != nil {
		f.t.Fatal(err)
	}
	_ = os.Remove(f.cfg.Key)
	if err := keyfile.SaveECDSA(f.cfg.Key, key, passphrase); err != nil {
		f.t.Fatal(err)
	}
	text, err := f.ca.Issue(province, id, &key.PublicKey, time.Now(), until)
	if err != nil {
		f.t.Fatal(err)
	}
	f.write(f.cfg.Certificate, text)
}

func (f *files) write(path string, text []byte) {
	f.t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		f.t.Fatal(err)
	}
	// Two writes within one tick of the file system's clock are told apart all the same.
	stamp := time.Now().Add(time.Duration(len(text)) * time.Second)
	if err := os.Chtimes(path, stamp, stamp); err != nil {
		f.t.Fatal(err)
	}
}

func (f *files) open() *Files {
	f.t.Helper()
	opened, err := Open(f.cfg)
	if err != nil {
		f.t.Fatal(err)
	}
	return opened
}

func serialOf(t *testing.T, f *Files) string {
	t.Helper()
	c, roots, err := f.Current()
	if err != nil || roots == nil {
		t.Fatalf("Current() = %v, %v", roots, err)
	}
	return c.Leaf.SerialNumber.String()
}

func TestOpenRefuses(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func(f *files)
		says  string
	}{
		{"no key", func(f *files) { os.Remove(f.cfg.Key) }, "cluster-key.pem"},
		{"a key that others can read", func(f *files) { os.Chmod(f.cfg.Key, 0o644) }, "chmod 600"},
		{"a wrong passphrase", func(f *files) { f.cfg.Passphrase = []byte("no") }, "passphrase"},
		{"another node's certificate", func(f *files) { f.certify("310000-2", time.Now().Add(time.Hour)) }, "310000-2"},
		{"an expired certificate", func(f *files) { f.certify(id, time.Now().Add(-time.Minute)) }, "hutong province renew"},
		{"a certificate for another key", func(f *files) {
			text, _ := os.ReadFile(f.cfg.Certificate)
			f.certify(id, time.Now().Add(time.Hour))
			f.write(f.cfg.Certificate, text)
		}, "another key"},
		{"another cluster's CA", func(f *files) {
			ca, err := NewAuthority(province, time.Now())
			if err != nil {
				f.t.Fatal(err)
			}
			f.write(f.cfg.CA, ca.PEM())
		}, "does not stand under the CA"},
		{"no certificate in the file", func(f *files) { f.write(f.cfg.CA, []byte("-----BEGIN NONSENSE-----")) }, "cluster-ca.pem"},
	} {
		f := newFiles(t)
		test.spoil(f)
		if _, err := Open(f.cfg); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("Open(%s) = %v, want an error with %q", test.name, err, test.says)
		}
	}
}

// A certificate that was renewed is used without a restart; files that do not fit together change nothing.
func TestRenewedFilesAreTakenUp(t *testing.T) {
	f := newFiles(t)
	opened := f.open()
	first := serialOf(t, opened)
	if again := serialOf(t, opened); again != first {
		t.Errorf("serial of unchanged files = %s, want %s", again, first)
	}
	until := time.Now().Add(48 * time.Hour).Truncate(time.Second)
	f.certify(id, until)
	second := serialOf(t, opened)
	if second == first {
		t.Error("the renewed certificate is not used")
	}
	if got := opened.Expires(); !got.Equal(until) {
		t.Errorf("Expires() = %s, want %s", got, until)
	}
	good, err := os.ReadFile(f.cfg.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"nonsense": []byte("nonsense"), "half a file": good[:len(good)/2]} {
		f.log.Reset()
		f.write(f.cfg.Certificate, text)
		for range 3 {
			if got := serialOf(t, opened); got != second {
				t.Errorf("serial after %s = %s, want the last good one, %s", name, got, second)
			}
		}
		if n := strings.Count(f.log.String(), "the old one stays in use"); n != 1 {
			t.Errorf("the log complains %d times of %s, want once: %s", n, name, f.log.String())
		}
	}
	os.Remove(f.cfg.Certificate)
	if got := serialOf(t, opened); got != second {
		t.Errorf("serial without a file = %s, want %s", got, second)
	}
	f.certify(id, until)
	if got := serialOf(t, opened); got == second {
		t.Error("the certificate that mends the fault is not used")
	}
}

// The file of the CA may hold two while the one takes the other's place.
func TestTwoAuthorities(t *testing.T) {
	f := newFiles(t)
	opened := f.open()
	old := f.ca
	next, err := NewAuthority(province, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	f.write(f.cfg.CA, append(old.PEM(), next.PEM()...))
	first := serialOf(t, opened)
	f.ca = next
	f.certify(id, time.Now().Add(time.Hour))
	if got := serialOf(t, opened); got == first {
		t.Error("the certificate under the new CA is not used")
	}
}

func TestKeyFileWithoutPassphrase(t *testing.T) {
	key, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	if err := keyfile.SaveECDSA(filepath.Join(t.TempDir(), "key.pem"), key, nil); !errors.Is(err, keyfile.ErrNoPassphrase) {
		t.Errorf("SaveECDSA(no passphrase) = %v, want ErrNoPassphrase", err)
	}
}

func FuzzParse(f *testing.F) {
	ca, err := NewAuthority(province, time.Now())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(ca.PEM())
	f.Add(append(ca.PEM(), ca.PEM()...))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if all, err := Parse(text); (len(all) == 0) == (err == nil) {
			t.Errorf("Parse(%q) = %d certificates, %v, want some or an error", text, len(all), err)
		}
	})
}
