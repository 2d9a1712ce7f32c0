package statement_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/sm2sig"
	"github.com/hutong-project/hutong/trust/statement"
)

func TestVerify(t *testing.T) {
	a, b, c, stranger := generate(t), generate(t), generate(t), generate(t)
	abc := []*sm2sig.PublicKey{a.Public(), b.Public(), c.Public()}
	signedBy := func(keys ...*sm2sig.PrivateKey) *statement.Envelope {
		e := statement.New(exampleType, []byte(`{"version":1}`))
		for _, k := range keys {
			sign(t, e, k)
		}
		return e
	}
	id := func(k *sm2sig.PrivateKey) string { return k.Public().ID().String() }
	// signature returns k's signature of an envelope like the others, under any key id.
	signature := func(k *sm2sig.PrivateKey, keyID string) statement.Signature {
		return statement.Signature{KeyID: keyID, Sig: signedBy(k).Signatures[0].Sig}
	}
	with := func(e *statement.Envelope, more ...statement.Signature) *statement.Envelope {
		e.Signatures = append(e.Signatures, more...)
		return e
	}
	before := func(e *statement.Envelope, more ...statement.Signature) *statement.Envelope {
		e.Signatures = append(more, e.Signatures...)
		return e
	}

	for _, test := range []struct {
		name      string
		e         *statement.Envelope
		keys      []*sm2sig.PublicKey
		threshold int
		want      []*sm2sig.PrivateKey // nil: too few
		got       int                  // of a ThresholdError
	}{
		{"1 of 1", signedBy(a), abc[:1], 1, []*sm2sig.PrivateKey{a}, 0},
		{"2 of 3", signedBy(c, a), abc, 2, []*sm2sig.PrivateKey{a, c}, 0},
		{"3 of 3", signedBy(a, b, c), abc, 3, []*sm2sig.PrivateKey{a, b, c}, 0},
		{"more than the threshold", signedBy(a, b, c), abc, 1, []*sm2sig.PrivateKey{a, b, c}, 0},
		{"unsigned", signedBy(), abc, 1, nil, 0},
		{"one too few", signedBy(a), abc, 2, nil, 1},
		{"only strangers", signedBy(stranger), abc, 1, nil, 0},
		{"a stranger beside", signedBy(stranger, a, b), abc, 2, []*sm2sig.PrivateKey{a, b}, 0},
		{"a key signed twice", with(signedBy(a), signature(a, id(a))), abc, 2, nil, 1},
		{"a key signed 64 times", with(signedBy(), slices.Repeat([]statement.Signature{signature(a, id(a))}, 64)...), abc, 2, nil, 1},
		{"a key listed twice", signedBy(a, b), []*sm2sig.PublicKey{a.Public(), a.Public(), b.Public()}, 2, []*sm2sig.PrivateKey{a, b}, 0},
		{"a key listed twice counts once", signedBy(a), []*sm2sig.PublicKey{a.Public(), a.Public(), b.Public()}, 2, nil, 1},
		{"a's signature under b's id", with(signedBy(a), signature(a, id(b))), abc, 2, nil, 1},
		{"a's signature under a stranger's id", with(signedBy(), signature(a, id(stranger))), abc, 1, nil, 0},
		{"a's signature under no id", with(signedBy(), signature(a, "")), abc, 1, nil, 0},
		{"a's signature under its id in capitals", with(signedBy(), signature(a, strings.ToUpper(id(a)))), abc, 1, nil, 0},
		{"a stranger under a's id", with(signedBy(), signature(stranger, id(a))), abc, 1, nil, 0},
		{"a stranger under a's id blocks nobody", before(signedBy(a, b), signature(stranger, id(a))), abc, 2, []*sm2sig.PrivateKey{a, b}, 0},
		{"a stranger under a's id after a", with(signedBy(a, b), signature(stranger, id(a))), abc, 2, []*sm2sig.PrivateKey{a, b}, 0},
		{"no signature at all under a's id", before(signedBy(b), statement.Signature{KeyID: id(a)}), abc, 1, []*sm2sig.PrivateKey{b}, 0},
	} {
		signers, err := test.e.Verify(exampleType, test.keys, test.threshold)
		if test.want == nil {
			var few *statement.ThresholdError
			if !errors.As(err, &few) || few.Got != test.got || few.Want != test.threshold || len(few.Signers) != test.got || signers != nil {
				t.Errorf("%s: Verify = %v, %v, want a ThresholdError with %d of %d", test.name, signers, err, test.got, test.threshold)
			}
			continue
		}
		var want []trust.KeyID
		for _, k := range test.want {
			want = append(want, k.Public().ID())
		}
		if err != nil || !slices.Equal(signers, want) {
			t.Errorf("%s: Verify = %v, %v, want %v", test.name, signers, err, want)
		}
	}
}

func TestVerifyRefusesContradictions(t *testing.T) {
	a, b := generate(t), generate(t)
	e := statement.New(exampleType, []byte("p"))
	sign(t, e, a)
	sign(t, e, b)
	for _, c := range []struct {
		name      string
		keys      []*sm2sig.PublicKey
		threshold int
		want      string
	}{
		{"threshold 0", []*sm2sig.PublicKey{a.Public()}, 0, "threshold 0"},
		{"negative threshold", []*sm2sig.PublicKey{a.Public()}, -1, "threshold -1"},
		{"more than keys", []*sm2sig.PublicKey{a.Public(), b.Public()}, 3, "threshold 3 with 2 distinct keys"},
		{"more than distinct keys", []*sm2sig.PublicKey{a.Public(), a.Public()}, 2, "threshold 2 with 1 distinct keys"},
		{"no keys", nil, 1, "threshold 1 with 0"},
		{"no keys, threshold 0", nil, 0, "threshold 0"},
		{"nil key", []*sm2sig.PublicKey{a.Public(), nil}, 1, "listed key 1 is not set"},
		{"zero key", []*sm2sig.PublicKey{new(sm2sig.PublicKey), a.Public()}, 1, "listed key 0 is not set"},
	} {
		signers, err := e.Verify(exampleType, c.keys, c.threshold)
		var few *statement.ThresholdError
		if err == nil || signers != nil || errors.As(err, &few) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: Verify = %v, %v, want an error with %q that is no ThresholdError", c.name, signers, err, c.want)
		}
	}
	for range statement.MaxSignatures {
		e.Signatures = append(e.Signatures, e.Signatures[0])
	}
	if _, err := e.Verify(exampleType, []*sm2sig.PublicKey{a.Public()}, 1); err == nil {
		t.Errorf("Verify of %d signatures = no error, want one", len(e.Signatures))
	}
}

// TestVerifyBindsTypeAndPayload changes what was signed, in ways that leave the rest as it was.
func TestVerifyBindsTypeAndPayload(t *testing.T) {
	k := generate(t)
	keys := []*sm2sig.PublicKey{k.Public()}
	e := statement.New(exampleType, []byte(`{"version":1}`))
	sign(t, e, k)

	if _, err := e.Verify("application/vnd.hutong.other+json", keys, 1); !errors.Is(err, statement.ErrPayloadType) {
		t.Errorf("Verify as another type = %v, want %v", err, statement.ErrPayloadType)
	}
	relabelled := *e
	relabelled.PayloadType = "application/vnd.hutong.other+json"
	var few *statement.ThresholdError
	if _, err := relabelled.Verify(relabelled.PayloadType, keys, 1); !errors.As(err, &few) {
		t.Errorf("Verify of a relabelled envelope = %v, want a ThresholdError", err)
	}
	for bit := range 8 * len(e.Payload) {
		changed := *e
		changed.Payload = slices.Clone(e.Payload)
		changed.Payload[bit/8] ^= 1 << (bit % 8)
		if _, err := changed.Verify(exampleType, keys, 1); !errors.As(err, &few) {
			t.Errorf("Verify with bit %d of the payload flipped = %v, want a ThresholdError", bit, err)
		}
	}
	// A signature of the bare payload, without the encoding before it, is none.
	sig, err := k.Sign(e.Payload)
	if err != nil {
		t.Fatal(err)
	}
	bare := *e
	bare.Signatures = []statement.Signature{{KeyID: k.Public().ID().String(), Sig: sig}}
	if _, err := bare.Verify(exampleType, keys, 1); !errors.As(err, &few) {
		t.Errorf("Verify of a signature of the bare payload = %v, want a ThresholdError", err)
	}
}

func TestThresholdErrorSaysGotAndWant(t *testing.T) {
	k := generate(t)
	e := statement.New(exampleType, []byte("p"))
	sign(t, e, k)
	_, err := e.Verify(exampleType, []*sm2sig.PublicKey{k.Public(), generate(t).Public()}, 2)
	const want = "verifying an envelope: 1 valid signatures of distinct listed keys, want 2"
	if err == nil || err.Error() != want {
		t.Errorf("Verify = %v, want %q", err, want)
	}
}
