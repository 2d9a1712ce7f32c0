package sm2sig

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm2"
)

// TestPrivateKeyIsNeverShown prints a key in every way that a log line or an error could.
func TestPrivateKeyIsNeverShown(t *testing.T) {
	k := fixedKey(t, sampleD)
	type holder struct {
		Key   *PrivateKey
		Value PrivateKey
	}
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	logger.Info("m", "key", k, "value", *k, "holder", holder{k, *k}, "signer", k.CryptoSigner())
	logger = slog.New(slog.NewJSONHandler(&log, nil))
	logger.Info("m", "key", k, "value", *k, "signer", k.CryptoSigner())
	shown := []string{log.String(), k.String(), k.GoString(), k.LogValue().String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b"} {
		for _, v := range []any{k, *k, k.CryptoSigner()} {
			if got := fmt.Sprintf(verb, v); got != k.String() {
				t.Errorf("Sprintf(%q, %T) = %q, want %q", verb, v, got, k.String())
			}
		}
		for _, v := range []any{holder{k, *k}, &holder{k, *k}, []*PrivateKey{k}, map[string]any{"k": *k}} {
			shown = append(shown, fmt.Sprintf(verb, v))
		}
	}
	if data, err := json.Marshal(k); err == nil {
		t.Errorf("json.Marshal(private key) = %s, want an error", data)
	}
	if text, err := k.MarshalText(); err == nil {
		t.Errorf("MarshalText = %s, want an error", text)
	}
	secrets := []string{sampleD, k.key.D.String(), k.key.D.Text(8), k.key.D.Text(2)}
	for _, word := range k.key.D.Bits() { // how %v walks into a big integer
		secrets = append(secrets, fmt.Sprint(uint(word)), fmt.Sprintf("%x", uint(word)))
	}
	for _, text := range shown {
		for _, secret := range secrets {
			if strings.Contains(strings.ToLower(text), secret) || strings.Contains(hexText(text), secret) {
				t.Errorf("%q shows the key", text)
			}
		}
	}
	if got, want := k.String(), "SM2 private key of "+k.Public().ID().String(); got != want {
		t.Errorf("String = %q, want %q", got, want)
	}
	if got := (PrivateKey{}).String(); got != "SM2 private key (none)" {
		t.Errorf("String of no key = %q", got)
	}
}

// hexText undoes what %x does to a string.
func hexText(s string) string {
	b, err := hex.DecodeString(strings.ToLower(s))
	if err != nil {
		return ""
	}
	return string(b)
}

func TestZeroPrivateKey(t *testing.T) {
	var none *PrivateKey
	for _, k := range []*PrivateKey{none, {}} {
		if _, err := k.Sign([]byte("m")); err == nil {
			t.Error("Sign with no key = no error, want one")
		}
		if _, err := k.SignRaw([]byte("m")); err == nil {
			t.Error("SignRaw with no key = no error, want one")
		}
		if _, err := k.EncryptPEM([]byte("p")); err == nil {
			t.Error("EncryptPEM of no key = no error, want one")
		}
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("no randomness") }

func TestGenerate(t *testing.T) {
	if _, err := Generate(brokenReader{}); err == nil {
		t.Error("Generate without randomness = no error, want one")
	}
	if a, b := generate(t), generate(t); a.Public().Equal(b.Public()) {
		t.Error("two generated keys are equal")
	}
}

func TestCryptoSigner(t *testing.T) {
	k := generate(t)
	signer := k.CryptoSigner()
	if !k.public.point.Equal(signer.Public()) {
		t.Errorf("CryptoSigner().Public() = %v, want the key's point", signer.Public())
	}
	message := bytes.Repeat([]byte("to be signed "), 10)
	for _, opts := range []crypto.SignerOpts{nil, sm2.NewSM2SignerOption(true, nil), sm2.NewSM2SignerOption(false, nil), crypto.Hash(0)} {
		der, err := signer.Sign(rand.Reader, message, opts)
		if err != nil || !k.Public().Verify(message, der) {
			t.Errorf("Sign(message, %T): %v, want a signature of the message", opts, err)
		}
	}
	if _, err := signer.Sign(rand.Reader, make([]byte, 32), crypto.SHA256); err == nil {
		t.Error("Sign(digest, SHA-256) = no error, want one")
	}
}
