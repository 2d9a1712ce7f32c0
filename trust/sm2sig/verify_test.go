package sm2sig

import (
	"bytes"
	"crypto/rand"
	"sync"
	"testing"

	"github.com/emmansun/gmsm/sm2"
)

func TestVerifyRefusesRaw(t *testing.T) {
	k := fixedKey(t, sampleD).Public()
	minusOne := order[:62] + "22"
	for _, c := range []struct{ name, rs string }{
		{"r = 0", zero + sampleS},
		{"s = 0", sampleR + zero},
		{"both 0", zero + zero},
		{"r = n", order + sampleS},
		{"s = n", sampleR + order},
		{"r = n-1, not the signature", minusOne + sampleS},
		{"swapped", sampleS + sampleR},
		{"one byte short", sampleR + sampleS[2:]},
		{"one byte long", sampleR + sampleS + "00"},
		{"empty", ""},
		{"DER", "3046022100" + sampleR + "022100" + sampleS},
	} {
		if k.VerifyRaw([]byte(sampleMessage), unhex(t, c.rs)) {
			t.Errorf("VerifyRaw(%s) = true, want false", c.name)
		}
	}
}

func TestVerifyRefusesDER(t *testing.T) {
	k := fixedKey(t, sampleD).Public()
	for _, c := range []struct{ name, der string }{
		{"raw", sampleR + sampleS},
		{"empty", ""},
		{"long form of the length", "308146022100" + sampleR + "022100" + sampleS},
		{"indefinite length", "3080022100" + sampleR + "022100" + sampleS + "0000"},
		{"superfluous zero", "304702220000" + sampleR + "022100" + sampleS},
		{"negative r", "30450220" + sampleR + "022100" + sampleS},
		{"third integer", "3049022100" + sampleR + "022100" + sampleS + "020100"},
		{"byte after the end", "3046022100" + sampleR + "022100" + sampleS + "00"},
		{"SET", "3146022100" + sampleR + "022100" + sampleS},
		{"cut", "3046022100" + sampleR + "022100" + sampleS[:62]},
	} {
		if k.Verify([]byte(sampleMessage), unhex(t, c.der)) {
			t.Errorf("Verify(%s) = true, want false", c.name)
		}
	}
}

func TestSignAndVerify(t *testing.T) {
	k, other := generate(t), generate(t)
	for _, message := range [][]byte{{0}, []byte("m"), bytes.Repeat([]byte("long "), 1000)} {
		der, err := k.Sign(message)
		if err != nil {
			t.Fatal(err)
		}
		rs, err := k.SignRaw(message)
		if err != nil {
			t.Fatal(err)
		}
		if !k.Public().Verify(message, der) || !k.Public().VerifyRaw(message, rs) {
			t.Errorf("own signature of %d bytes does not verify", len(message))
		}
		if other.Public().Verify(message, der) || other.Public().VerifyRaw(message, rs) {
			t.Errorf("signature of %d bytes verifies under another key", len(message))
		}
		// A signer that takes the message for a digest signs its first 32 bytes only.
		if longer := append(bytes.Clone(message), 'x'); k.Public().Verify(longer, der) || k.Public().VerifyRaw(longer, rs) {
			t.Errorf("signature of %d bytes verifies for a longer message", len(message))
		}
		if k.Public().VerifyRaw(message, der) || k.Public().Verify(message, rs) {
			t.Errorf("a signature in one form verifies as the other")
		}
	}
	if _, err := k.Sign(nil); err == nil {
		t.Error("Sign(nil) = no error, want one")
	}
}

// TestEveryBit flips each bit of a signature and of its message.
func TestEveryBit(t *testing.T) {
	k := generate(t)
	message := []byte("every bit")
	der, err := k.Sign(message)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := k.SignRaw(message)
	if err != nil {
		t.Fatal(err)
	}
	flip := func(b []byte, bit int) []byte {
		b = bytes.Clone(b)
		b[bit/8] ^= 1 << (bit % 8)
		return b
	}
	for bit := range 8 * len(der) {
		if k.Public().Verify(message, flip(der, bit)) {
			t.Errorf("Verify with bit %d of the DER flipped = true, want false", bit)
		}
	}
	for bit := range 8 * len(rs) {
		if k.Public().VerifyRaw(message, flip(rs, bit)) {
			t.Errorf("VerifyRaw with bit %d of r‖s flipped = true, want false", bit)
		}
	}
	for bit := range 8 * len(message) {
		if k.Public().VerifyRaw(flip(message, bit), rs) {
			t.Errorf("VerifyRaw with bit %d of the message flipped = true, want false", bit)
		}
	}
}

// TestLeadingZeros signs until an r and an s were short: both forms must keep them apart.
func TestLeadingZeros(t *testing.T) {
	k := generate(t)
	message := []byte("short integers")
	var shortR, shortS bool
	for n := 0; !shortR || !shortS; n++ {
		if n == 20_000 { // each is missed once in e^78 runs
			t.Fatal("no short integer in 20,000 signatures")
		}
		rs, err := k.SignRaw(message)
		if err != nil {
			t.Fatal(err)
		}
		if rs[0] != 0 && rs[32] != 0 {
			continue
		}
		shortR, shortS = shortR || rs[0] == 0, shortS || rs[32] == 0
		if !k.Public().VerifyRaw(message, rs) {
			t.Errorf("VerifyRaw(%x) = false, want true", rs)
		}
	}
}

// TestSameAnswerAsLibrary compares with the library's own way, which computes ZA by itself.
func TestSameAnswerAsLibrary(t *testing.T) {
	for i := range 50 {
		k := generate(t)
		message := make([]byte, 1+i*7)
		rand.Read(message)
		der, err := k.Sign(message)
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 1 {
			der[len(der)-1] ^= 1
		}
		got, want := k.Public().Verify(message, der), sm2.VerifyASN1WithSM2(k.public.point, nil, message, der)
		if got != want || want != (i%2 == 0) {
			t.Errorf("Verify of signature %d = %v, the library says %v, want %v", i, got, want, i%2 == 0)
		}
	}
}

func TestZeroKeyVerifiesNothing(t *testing.T) {
	var zeroKey PublicKey
	var none *PublicKey
	rs := unhex(t, sampleR+sampleS)
	if zeroKey.VerifyRaw([]byte(sampleMessage), rs) || none.VerifyRaw([]byte(sampleMessage), rs) {
		t.Error("a key that is not set verifies")
	}
	if zeroKey.Equal(&zeroKey) || none.Equal(none) {
		t.Error("keys that are not set are equal, want not")
	}
}

func TestConcurrentUse(t *testing.T) {
	k := generate(t)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			rs, err := k.SignRaw([]byte("m"))
			if err != nil || !k.Public().VerifyRaw([]byte("m"), rs) {
				t.Errorf("SignRaw and VerifyRaw beside others: %v", err)
			}
		})
	}
	group.Wait()
}

func FuzzVerify(f *testing.F) {
	k := fixedKey(f, sampleD).Public()
	rs := unhex(f, sampleR+sampleS)
	der := appendDER(nil, (*[RawSize]byte)(rs))
	f.Add([]byte(sampleMessage), der)
	f.Add([]byte(sampleMessage), rs)
	f.Add([]byte("another"), der)
	f.Fuzz(func(t *testing.T, message, sig []byte) {
		// Nobody can forge; what verifies is the one signature that exists, in its one form.
		if k.Verify(message, sig) && !(string(message) == sampleMessage && bytes.Equal(sig, der)) {
			t.Errorf("Verify(%q, %x) = true", message, sig)
		}
		if k.VerifyRaw(message, sig) && !(string(message) == sampleMessage && bytes.Equal(sig, rs)) {
			t.Errorf("VerifyRaw(%q, %x) = true", message, sig)
		}
	})
}

func BenchmarkVerifyRaw(b *testing.B) {
	k := generate(b)
	message := make([]byte, 300)
	rs, err := k.SignRaw(message)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if !k.public.VerifyRaw(message, rs) {
			b.Fatal("VerifyRaw = false")
		}
	}
}

// BenchmarkLibrary is what VerifyRaw is measured against.
func BenchmarkLibrary(b *testing.B) {
	k := generate(b)
	message := make([]byte, 300)
	der, err := k.Sign(message)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if !sm2.VerifyASN1WithSM2(k.public.point, nil, message, der) {
			b.Fatal("VerifyASN1WithSM2 = false")
		}
	}
}
