package sm2sig

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm2"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/sm3"
)

func TestParsePublicKeyRefuses(t *testing.T) {
	prefix := hex.EncodeToString([]byte(spkiPrefix))
	good := prefix + "04" + sampleX + sampleY
	const p = "fffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffff"
	for _, c := range []struct{ name, spki, want string }{
		{"empty", "", "0 bytes"},
		{"cut", good[:180], "90 bytes"},
		{"byte after the end", good + "00", "92 bytes"},
		{"bare point", "04" + sampleX + sampleY, "65 bytes"},
		{"compressed", prefix + "03" + sampleX, "59 bytes"},
		{"hybrid point", prefix + "07" + sampleX + sampleY, "point form 0x07"},
		{"infinity, padded", prefix + "00" + zero + zero, "point form 0x00"},
		{"P-256", strings.Replace(good, "06082a811ccf5501822d", "06082a8648ce3d030107", 1), "sm2p256v1"},
		{"SM2 as the algorithm", strings.Replace(good, "06072a8648ce3d0201", "06082a811ccf550182", 1), "sm2p256v1"},
		{"unused bits", strings.Replace(good, "03420004", "03420104", 1), "sm2p256v1"},
		{"long form of the length", "308159" + good[4:], "92 bytes"},
		{"not on the curve", prefix + "04" + sampleX + sampleX, "not on"},
		{"0, 0", prefix + "04" + zero + zero, ""},
		{"x = p", prefix + "04" + p + sampleY, ""},
	} {
		_, err := ParsePublicKey(unhex(t, c.spki))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("ParsePublicKey(%s) = %v, want an error with %q", c.name, err, c.want)
		}
	}
}

func TestPublicKeyForms(t *testing.T) {
	k := generate(t).Public()
	spki := k.Bytes()
	again, err := ParsePublicKey(spki)
	if err != nil || !again.Equal(k) || again.ID() != k.ID() {
		t.Fatalf("ParsePublicKey(Bytes) = %v, %v, want %v", again, err, k)
	}
	if want := trust.KeyID(sm3.Sum(spki)); k.ID() != want || k.String() != want.String() {
		t.Errorf("ID = %s, String = %s, want %s", k.ID(), k, want)
	}
	spki[90] ^= 1
	if bytes.Equal(spki, k.Bytes()) {
		t.Error("a change to what Bytes returned changed the key")
	}
	if k.Equal(generate(t).Public()) || k.Equal(nil) {
		t.Error("Equal(another key) = true, want false")
	}
	text, err := k.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	var read PublicKey
	if err := read.UnmarshalText(text); err != nil || !read.Equal(k) {
		t.Errorf("UnmarshalText(MarshalText) = %v, %v, want %v", &read, err, k)
	}
	if err := read.UnmarshalText(text); err == nil {
		t.Error("UnmarshalText into a key that is set = no error, want one")
	}
	if text, err := new(PublicKey).MarshalText(); err == nil {
		t.Errorf("MarshalText of no key = %s, want an error", text)
	}
}

func TestUnmarshalTextRefuses(t *testing.T) {
	good := base64.StdEncoding.EncodeToString(generate(t).Public().Bytes())
	for _, c := range []struct{ name, text string }{
		{"empty", ""},
		{"no padding", strings.TrimRight(good, "=")},
		{"line break", good[:60] + "\n" + good[60:]},
		{"line break in place of a character", good[:60] + "\n" + good[61:]},
		{"four line breaks", good[:60] + "\n\n\n\n" + good[64:]},
		{"space before", " " + good},
		{"unused bits set", good[:len(good)-3] + string(good[len(good)-3]+1) + "=="},
		{"URL alphabet", "_" + good[1:]},
		{"hexadecimal", hex.EncodeToString(generate(t).Public().Bytes())},
	} {
		var k PublicKey
		if err := k.UnmarshalText([]byte(c.text)); err == nil {
			t.Errorf("UnmarshalText(%s) = no error, want one", c.name)
		}
		if k.point != nil {
			t.Errorf("UnmarshalText(%s) set the key", c.name)
		}
	}
}

func TestFromECDSA(t *testing.T) {
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k, err := FromECDSA(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	if !k.point.Equal(&key.PublicKey) {
		t.Errorf("FromECDSA = %v, want the same point", k)
	}
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	one := big.NewInt(1)
	wide := new(big.Int).Lsh(one, 256)
	for _, c := range []struct {
		name string
		key  *ecdsa.PublicKey
	}{
		{"nil", nil},
		{"empty", new(ecdsa.PublicKey)},
		{"no coordinates", &ecdsa.PublicKey{Curve: sm2.P256()}},
		{"P-256", &p256.PublicKey},
		{"off the curve", pointAt(one, one)},
		{"infinity", pointAt(new(big.Int), new(big.Int))},
		{"negative", pointAt(big.NewInt(-1), one)},
		{"too wide", pointAt(wide, one)},
	} {
		if k, err := FromECDSA(c.key); err == nil {
			t.Errorf("FromECDSA(%s) = %v, want an error", c.name, k)
		}
	}
}

// pointAt makes keys that no parser would.
func pointAt(x, y *big.Int) *ecdsa.PublicKey {
	//lint:ignore SA1019 broken keys can be made in no other way
	return &ecdsa.PublicKey{Curve: sm2.P256(), X: x, Y: y}
}

func FuzzParsePublicKey(f *testing.F) {
	f.Add(fixedKey(f, sampleD).Public().Bytes())
	f.Add([]byte(spkiPrefix))
	f.Fuzz(func(t *testing.T, spki []byte) {
		k, err := ParsePublicKey(spki)
		if err == nil && !bytes.Equal(k.Bytes(), spki) {
			t.Errorf("ParsePublicKey(%x).Bytes() = %x, want the input", spki, k.Bytes())
		}
	})
}

func FuzzUnmarshalText(f *testing.F) {
	text, err := fixedKey(f, sampleD).Public().MarshalText()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, text []byte) {
		var k PublicKey
		if k.UnmarshalText(text) != nil {
			return
		}
		if again, err := k.MarshalText(); err != nil || !bytes.Equal(again, text) {
			t.Errorf("MarshalText after UnmarshalText(%q) = %q, %v, want the input", text, again, err)
		}
	})
}
