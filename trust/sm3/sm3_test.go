package sm3_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hutong-project/hutong/trust/sm3"
	"github.com/hutong-project/hutong/trust/trusttest"
)

func TestSumKnownAnswers(t *testing.T) {
	for _, c := range []struct{ input, want string }{
		{"", "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b"},
		{"abc", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"},
		{strings.Repeat("abcd", 16), "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"},
	} {
		if got := sm3.Sum([]byte(c.input)).String(); got != c.want {
			t.Errorf("Sum(%q) = %s, want %s", c.input, got, c.want)
		}
	}
}

func TestSumJoinsParts(t *testing.T) {
	whole := sm3.Sum([]byte("abc"))
	if got := sm3.Sum([]byte("a"), nil, []byte("bc")); got != whole {
		t.Errorf("Sum(a, nil, bc) = %s, want %s", got, whole)
	}
	if got, want := sm3.Sum(), sm3.Sum(nil); got != want {
		t.Errorf("Sum() = %s, want %s", got, want)
	}
	h := sm3.New()
	h.Write([]byte("ab"))
	h.Write([]byte("c"))
	if got := h.Sum(nil); hex.EncodeToString(got) != whole.String() {
		t.Errorf("New().Sum = %x, want %s", got, whole)
	}
}

func TestHMACJoinsParts(t *testing.T) {
	key := []byte("key")
	if got, want := sm3.HMAC(key, []byte("a"), []byte("bc")), sm3.HMAC(key, []byte("abc")); got != want {
		t.Errorf("HMAC(a, bc) = %x, want %x", got, want)
	}
	if sm3.HMAC(key, []byte("abc")) == sm3.HMAC([]byte("kez"), []byte("abc")) {
		t.Error("HMAC under two keys is the same")
	}
}

// vector has the members of both files: one of sm3Hex and hmacHex is set.
type vector struct {
	KeyHex, InputHex, SM3Hex, HMACHex string
	Line                              int
}

func TestConformanceSM3(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(trusttest.Conformance(t), "sm2", "*sm3*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skip("the conformance data has no sm2/*sm3*.json")
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var vectors struct{ Vectors []vector }
		if err := json.Unmarshal(data, &vectors); err != nil { // their file, not our format
			t.Fatalf("%s: %v", file, err)
		}
		for _, v := range vectors.Vectors {
			input := unhex(t, v.InputHex)
			switch {
			case v.SM3Hex != "":
				if got := sm3.Sum(input).String(); got != v.SM3Hex {
					t.Errorf("%s line %d: Sum = %s, want %s", filepath.Base(file), v.Line, got, v.SM3Hex)
				}
			case v.HMACHex != "":
				if got := sm3.HMAC(unhex(t, v.KeyHex), input); hex.EncodeToString(got[:]) != v.HMACHex {
					t.Errorf("%s line %d: HMAC = %x, want %s", filepath.Base(file), v.Line, got, v.HMACHex)
				}
			default:
				t.Errorf("%s line %d: neither sm3Hex nor hmacHex", filepath.Base(file), v.Line)
			}
		}
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
