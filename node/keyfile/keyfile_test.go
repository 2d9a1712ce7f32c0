package keyfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/hutong-project/hutong/trust/sm2sig"
)

func TestSM2RoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.pem")
	key, err := sm2sig.Generate(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := SaveSM2(path, key, []byte("secret")); err != nil {
		t.Fatal(err)
	}
	if err := SaveSM2(path, key, []byte("secret")); !errors.Is(err, os.ErrExist) {
		t.Errorf("SaveSM2 over a file = %v, want os.ErrExist", err)
	}
	again, err := LoadSM2(path, []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	if again.Public().ID() != key.Public().ID() {
		t.Errorf("LoadSM2 = key %s, want %s", again.Public().ID(), key.Public().ID())
	}
	if _, err := LoadSM2(path, []byte("other")); !errors.Is(err, sm2sig.ErrPassphrase) {
		t.Errorf("LoadSM2 with a wrong passphrase = %v, want ErrPassphrase", err)
	}
}

func TestRefusesExposedFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "key.pem")
	key, err := sm2sig.Generate(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := SaveSM2(path, key, []byte("secret")); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o660, 0o644, 0o620} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := LoadSM2(path, []byte("secret"))
		if !errors.Is(err, ErrExposed) || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("LoadSM2 of a file of mode %04o = %v, want ErrExposed with the remedy", mode, err)
		}
	}
	if _, err := Read(dir); err == nil {
		t.Error("Read of a folder = nil, want an error")
	}
}

func TestIdentityRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peer.pem")
	id, err := NewIdentity(path, []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := LoadIdentity(path, []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := peer.IDFromPrivateKey(key); err != nil || got != id {
		t.Errorf("LoadIdentity = peer %v, %v, want %v", got, err, id)
	}
	if _, err := LoadIdentity(path, []byte("other")); err == nil {
		t.Error("LoadIdentity with a wrong passphrase = nil, want an error")
	}
	sm2 := filepath.Join(t.TempDir(), "sm2.pem")
	k, err := sm2sig.Generate(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := SaveSM2(sm2, k, []byte("secret")); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadIdentity(sm2, []byte("secret")); err == nil {
		t.Error("LoadIdentity of an SM2 key = nil, want an error")
	}
}

func TestPassphrase(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pass")
	if err := os.WriteFile(file, []byte("from a file\r\nsecond line"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := Passphrase(file); err != nil || string(got) != "from a file" {
		t.Errorf("Passphrase(file) = %q, %v, want \"from a file\"", got, err)
	}
	t.Setenv(PassphraseVariable, "from the environment")
	if got, err := Passphrase(""); err != nil || string(got) != "from the environment" {
		t.Errorf("Passphrase(\"\") = %q, %v", got, err)
	}
	t.Setenv(PassphraseVariable, "")
	if _, err := Passphrase(""); !errors.Is(err, ErrNoPassphrase) {
		t.Errorf("Passphrase with none given = %v, want ErrNoPassphrase", err)
	}
}
