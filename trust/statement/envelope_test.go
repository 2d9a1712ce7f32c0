package statement_test

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/hutong-project/hutong/trust/sm2sig"
	"github.com/hutong-project/hutong/trust/sm3"
	"github.com/hutong-project/hutong/trust/statement"
)

const (
	exampleType = "application/vnd.hutong.example+json"
	limit       = 1 << 20
)

func TestPAE(t *testing.T) {
	for _, c := range []struct{ payloadType, payload, want string }{
		{"http://example.com/HelloWorld", "hello world", "DSSEv1 29 http://example.com/HelloWorld 11 hello world"}, // the example of the DSSE specification
		{"", "", "DSSEv1 0  0 "},
		{"类型", "互通", "DSSEv1 6 类型 6 互通"},
		{"a", "1 b", "DSSEv1 1 a 3 1 b"},
		{"a 3 1", "b", "DSSEv1 5 a 3 1 1 b"},
	} {
		if got := string(statement.PAE(c.payloadType, []byte(c.payload))); got != c.want {
			t.Errorf("PAE(%q, %q) = %q, want %q", c.payloadType, c.payload, got, c.want)
		}
	}
}

func TestEnvelopeRoundTrip(t *testing.T) {
	payload := []byte(`{"version":1}`)
	e := statement.New(exampleType, payload)
	payload[2] = 'X' // the envelope has a copy
	for range 3 {
		sign(t, e, generate(t))
	}
	data := marshal(t, e)
	got, err := statement.Parse(data, len(data))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, e) || string(got.Payload) != `{"version":1}` {
		t.Errorf("Parse(Marshal) = %+v, want %+v", got, e)
	}
	if again := marshal(t, got); !bytes.Equal(again, data) {
		t.Errorf("Marshal again = %s, want %s", again, data)
	}
	if want := sm3.Sum([]byte(`{"version":1}`)); got.Digest() != want {
		t.Errorf("Digest = %s, want %s, the SM3 of the payload", got.Digest(), want)
	}
}

func TestParseRefuses(t *testing.T) {
	const good = `{"payloadType":"t","payload":"e30=","signatures":[{"keyid":"k","sig":"AA=="}]}`
	if _, err := statement.Parse([]byte(good), limit); err != nil {
		t.Fatalf("Parse(good) = %v", err)
	}
	change := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	many := strings.Repeat(`{"keyid":"k","sig":"AA=="},`, statement.MaxSignatures)
	for _, c := range []struct{ name, text, want string }{
		{"empty", ``, "no value"},
		{"too long", good + strings.Repeat(" ", limit), "want at most 1048576"},
		{"no payloadType", change(`"payloadType":"t",`, ``), "payloadType: missing"},
		{"empty payloadType", change(`"t"`, `""`), "payloadType: 0 bytes"},
		{"long payloadType", change(`"t"`, `"`+strings.Repeat("t", 256)+`"`), "payloadType: 256 bytes"},
		{"no payload", change(`"payload":"e30=",`, ``), "payload: missing"},
		{"empty payload", change(`e30=`, ``), "payload: is empty"},
		{"payload twice", change(`"payload"`, `"payload":"e30=","payload"`), "duplicate"},
		{"payload as JSON", change(`"e30="`, `{}`), "payload: is an object"},
		{"payload in base64 of URLs", change(`e30=`, `_30=`), "payload: is not canonical"},
		{"payload without padding", change(`e30=`, `e30`), "payload: is not canonical"},
		{"payload with unused bits", change(`e30=`, `e31=`), "payload: is not canonical"},
		{"no signatures member", change(`,"signatures":[{"keyid":"k","sig":"AA=="}]`, ``), "signatures: missing"},
		{"null signatures", change(`[{"keyid":"k","sig":"AA=="}]`, `null`), "signatures: is null"},
		{"65 signatures", change(`[`, `[`+many), "signatures: 65, want at most 64"},
		{"no keyid", change(`"keyid":"k",`, ``), "signatures[0].keyid: missing"},
		{"no sig", change(`,"sig":"AA=="`, ``), "signatures[0].sig: missing"},
		{"unknown member", change(`"sig"`, `"cert":"x","sig"`), "signatures[0].cert: unknown"},
		{"other letter case", change(`"keyid"`, `"keyID"`), "signatures[0].keyID: unknown"},
		{"text after", good + good, "text after the end"},
	} {
		e, err := statement.Parse([]byte(c.text), limit)
		if err == nil || e != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Parse(%s) = %v, %v, want an error with %q", c.name, e, err, c.want)
		}
	}
	if _, err := statement.Parse([]byte(good), len(good)-1); err == nil {
		t.Error("Parse one byte above the limit = no error, want one")
	}
}

func TestMarshalRefuses(t *testing.T) {
	full := statement.New("t", []byte("p"))
	full.Signatures = make([]statement.Signature, statement.MaxSignatures+1)
	for name, e := range map[string]*statement.Envelope{
		"no type": statement.New("", []byte("p")), "no payload": statement.New("t", nil), "65 signatures": full,
	} {
		if data, err := e.Marshal(); err == nil {
			t.Errorf("Marshal(%s) = %s, want an error", name, data)
		}
	}
	if data, err := statement.New("t", []byte("p")).Marshal(); err != nil || !strings.Contains(string(data), `"signatures":[]`) {
		t.Errorf("Marshal(unsigned) = %s, %v, want an empty list of signatures", data, err)
	}
}

func TestSignReplaces(t *testing.T) {
	a, b := generate(t), generate(t)
	e := statement.New(exampleType, []byte("p"))
	sign(t, e, a)
	sign(t, e, b)
	first := e.Signatures[0]
	e.Signatures = append(e.Signatures, first) // as if somebody had added a copy
	sign(t, e, a)
	if len(e.Signatures) != 2 || e.Signatures[0].KeyID != b.Public().ID().String() || e.Signatures[1].KeyID != a.Public().ID().String() {
		t.Fatalf("signatures after signing twice with one key: %v", e.Signatures)
	}
	if bytes.Equal(e.Signatures[1].Sig, first.Sig) {
		t.Error("the earlier signature was kept")
	}
}

func TestSignLeavesRoom(t *testing.T) {
	e := statement.New(exampleType, []byte("p"))
	for i := range statement.MaxSignatures {
		e.Signatures = append(e.Signatures, statement.Signature{KeyID: fmt.Sprint(i), Sig: []byte{1}})
	}
	k := generate(t)
	if err := e.Sign(k); err == nil || len(e.Signatures) != statement.MaxSignatures {
		t.Errorf("Sign a full envelope: %v, %d signatures, want an error and %d", err, len(e.Signatures), statement.MaxSignatures)
	}
	e.Signatures[3].KeyID = k.Public().ID().String()
	if err := e.Sign(k); err != nil || len(e.Signatures) != statement.MaxSignatures {
		t.Errorf("Sign a full envelope that has this key: %v, %d signatures, want %d", err, len(e.Signatures), statement.MaxSignatures)
	}
	if err := e.Sign(new(sm2sig.PrivateKey)); err == nil {
		t.Error("Sign with no key = no error, want one")
	}
}

func FuzzParse(f *testing.F) {
	k := generate(f)
	e := statement.New(exampleType, []byte(`{"version":1}`))
	f.Add(marshal(f, e))
	sign(f, e, k)
	f.Add(marshal(f, e))
	f.Add([]byte(`{"payloadType":"t","payload":"e31=","signatures":null}`))
	keys := []*sm2sig.PublicKey{k.Public()}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := statement.Parse(data, limit)
		if err != nil {
			return
		}
		again, err := statement.Parse(marshal(t, got), 2*limit)
		if err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("Parse(Marshal) of %q = %+v, %v, want %+v", data, again, err, got)
		}
		if _, err := got.Verify(exampleType, keys, 1); err == nil && !bytes.Equal(got.Payload, e.Payload) {
			t.Errorf("Verify of %q passes for a payload that nobody signed", data)
		}
	})
}

func generate(t testing.TB) *sm2sig.PrivateKey {
	t.Helper()
	k, err := sm2sig.Generate(nil)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func sign(t testing.TB, e *statement.Envelope, k *sm2sig.PrivateKey) {
	t.Helper()
	if err := e.Sign(k); err != nil {
		t.Fatal(err)
	}
}

func marshal(t testing.TB, e *statement.Envelope) []byte {
	t.Helper()
	data, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return data
}
