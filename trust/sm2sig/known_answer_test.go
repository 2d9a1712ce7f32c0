package sm2sig

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm2"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/sm3"
	"github.com/hutong-project/hutong/trust/trusttest"
)

// The sample of GB/T 32918.5-2017 on sm2p256v1, with the default user id.
const (
	sampleD       = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8"
	sampleX       = "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
	sampleY       = "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
	sampleZA      = "b2e14c5c79c6df5b85f4fe7ed8db7a262b9da7e07ccb0ea9f4747b8ccda8a4f3"
	sampleE       = "f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640"
	sampleR       = "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
	sampleS       = "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
	sampleMessage = "message digest"

	order = "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123"
	zero  = "0000000000000000000000000000000000000000000000000000000000000000"
)

func TestSampleOfTheStandard(t *testing.T) {
	k := fixedKey(t, sampleD)
	public, err := ParsePublicKey(unhex(t, hex.EncodeToString([]byte(spkiPrefix))+"04"+sampleX+sampleY))
	if err != nil {
		t.Fatal(err)
	}
	if !k.Public().Equal(public) {
		t.Errorf("public key of d = %x, want %x", k.Public().Bytes(), public.Bytes())
	}
	if got := public.za.String(); got != sampleZA {
		t.Errorf("ZA = %s, want %s", got, sampleZA)
	}
	if got := sm3.Sum(public.za[:], []byte(sampleMessage)).String(); got != sampleE {
		t.Errorf("e = %s, want %s", got, sampleE)
	}
	if !public.VerifyRaw([]byte(sampleMessage), unhex(t, sampleR+sampleS)) {
		t.Error("VerifyRaw(sample) = false, want true")
	}
	if !public.Verify([]byte(sampleMessage), unhex(t, "3046022100"+sampleR+"022100"+sampleS)) {
		t.Error("Verify(sample) = false, want true")
	}
}

// TestZA computes ZA by the formula, for keys whose coordinates begin with zero bits among others.
func TestZA(t *testing.T) {
	for range 8 {
		k := generate(t).Public()
		if got, want := k.za, userHash(k, "1234567812345678"); got != want {
			t.Errorf("za of %s = %s, want %s", k, got, want)
		}
	}
}

// userHash is ZA = SM3(ENTL ‖ ID ‖ a ‖ b ‖ xG ‖ yG ‖ xA ‖ yA), written from GB/T 32918.2 alone.
func userHash(k *PublicKey, id string) trust.Digest {
	const abG = "fffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffc" +
		"28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93" +
		"32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7" +
		"bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0"
	curve, err := hex.DecodeString(abG)
	if err != nil {
		panic(err)
	}
	return sm3.Sum(binary.BigEndian.AppendUint16(nil, uint16(8*len(id))), []byte(id), curve, k.spki[len(spkiPrefix)+1:])
}

func TestConformanceSM2(t *testing.T) {
	type vector struct {
		Name, Expected, Key, MessageHex, DigestHex, DigestAlgorithm, SignatureDerHex string
		UserID                                                                       *string
		Line                                                                         int
	}
	type file struct {
		Keys           map[string]struct{ PrivateKeyHex, PublicKeyHex, PublicKeyPem string }
		DigestVectors  []vector
		MessageVectors struct {
			Key   string
			Cases []vector
		}
	}
	paths, err := filepath.Glob(filepath.Join(trusttest.Conformance(t), "sm2", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var f file
		if err := json.Unmarshal(data, &f); err != nil { // their file, not our format
			t.Fatalf("%s: %v", path, err)
		}
		keys := map[string]*PublicKey{}
		for name, k := range f.Keys {
			block, _ := pem.Decode([]byte(k.PublicKeyPem))
			if block == nil {
				t.Fatalf("%s: key %s has no PEM", path, name)
			}
			if keys[name], err = ParsePublicKey(block.Bytes); err != nil {
				t.Fatalf("%s: key %s: %v", path, name, err)
			}
			if got := hex.EncodeToString(keys[name].spki[len(spkiPrefix):]); got != k.PublicKeyHex {
				t.Errorf("%s: point of %s = %s, want %s", path, name, got, k.PublicKeyHex)
			}
			if private := fixedKey(t, k.PrivateKeyHex); !private.Public().Equal(keys[name]) {
				t.Errorf("%s: the private key of %s is not the public one's", path, name)
			}
		}
		for _, v := range f.MessageVectors.Cases {
			k, message, der := keys[f.MessageVectors.Key], unhex(t, v.MessageHex), unhex(t, v.SignatureDerHex)
			id := defaultUserID
			if v.UserID != nil {
				id = *v.UserID
			}
			got := k.verifyHash(sm3.Sum(hashBytes(userHash(k, id)), message), der)
			if id == defaultUserID {
				if full := k.Verify(message, der); full != got {
					t.Errorf("%s %s: Verify = %v, want %v as by the formula", path, v.Name, full, got)
				}
			}
			if want := v.Expected == "valid"; got != want {
				t.Errorf("%s %s: verified = %v, want %v", path, v.Name, got, want)
			}
			ran++
		}
		for _, v := range f.DigestVectors {
			e := unhex(t, v.DigestHex)
			// Here a hash is an SM3, by its type: no other algorithm's digest can be handed in.
			got := v.DigestAlgorithm == "SM3" && len(e) == trust.HashSize &&
				keys[v.Key].verifyHash(trust.Digest(e), unhex(t, v.SignatureDerHex))
			if want := v.Expected == "valid"; got != want {
				t.Errorf("%s line %d: verified = %v, want %v", path, v.Line, got, want)
			}
			ran++
		}
	}
	if ran == 0 {
		t.Skip("the conformance data has no SM2 vectors")
	}
}

const defaultUserID = "1234567812345678"

func hashBytes(d trust.Digest) []byte { return d[:] }

// fixedKey returns the key with the scalar d, whose leading zeros may be left out.
func fixedKey(t testing.TB, d string) *PrivateKey {
	t.Helper()
	key, err := sm2.NewPrivateKey(unhex(t, strings.Repeat("0", 64-len(d))+d))
	if err != nil {
		t.Fatal(err)
	}
	k, err := newPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func generate(t testing.TB) *PrivateKey {
	t.Helper()
	k, err := Generate(nil)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
