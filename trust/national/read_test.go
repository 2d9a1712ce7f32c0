package national_test

import (
	"bytes"
	"crypto/rand"
	"slices"
	"strings"
	"testing"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/certs"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/sm3"
	"github.com/hutong-project/hutong/trust/statement"
)

func endEntity() []byte {
	return must(certs.SelfSigned(rand.Reader, certs.Template{CommonName: "no CA", NotBefore: start, NotAfter: start + day}, key(98)))
}

func payloadOf(l *national.List) string { return string(must(l.Payload())) }

// enveloped puts any bytes into an envelope signed by coordinator keys.
func enveloped(payloadType, payload string) []byte {
	e := statement.New(payloadType, []byte(payload))
	for _, n := range []int{0, 1} {
		if err := e.Sign(key(n)); err != nil {
			panic(err)
		}
	}
	return must(e.Marshal())
}

// TestReadIsStrict: what the TUF conformance suite asks about shape: custom fields, a wrong type, a missing part.
func TestReadIsStrict(t *testing.T) {
	payload := payloadOf(list1())
	replace := func(old, new string) []byte {
		if strings.Count(payload, old) == 0 {
			t.Fatalf("the payload lacks %q, want it there to be replaced", old)
		}
		return enveloped(national.PayloadType, strings.Replace(payload, old, new, 1))
	}
	good := enveloped(national.PayloadType, payload)
	for _, test := range []struct {
		name string
		raw  []byte
		want trust.RefusalCode
	}{
		{"as it is", good, ""},
		{"white space in the payload", replace(`{"formatVersion"`, "{ \n\"formatVersion\""), ""},
		{"nothing", nil, trust.Malformed},
		{"too large", make([]byte, national.MaxBytes+1), trust.TooLarge},
		{"the payload without envelope", []byte(payload), trust.Malformed},
		{"another payload type", enveloped("application/vnd.hutong.trust-list+json", payload), trust.Malformed},
		{"text after the envelope", append(bytes.Clone(good), '{'), trust.Malformed},
		{"text after the payload", enveloped(national.PayloadType, payload+"x"), trust.Malformed},
		{"unknown member", replace(`"sequence"`, `"custom":1,"sequence"`), trust.Malformed},
		{"unknown member of a province", replace(`"nameZh"`, `"custom":1,"nameZh"`), trust.Malformed},
		{"missing member", replace(`"sequence":1,`, ``), trust.Malformed},
		{"missing list of a province", replace(`"history":[],`, ``), trust.Malformed},
		{"member twice", replace(`"sequence":1`, `"sequence":1,"sequence":1`), trust.Malformed},
		{"other letter case", replace(`"sequence"`, `"Sequence"`), trust.Malformed},
		{"null", replace(`"history":[]`, `"history":null`), trust.Malformed},
		{"fraction", replace(`"sequence":1`, `"sequence":1.0`), trust.Malformed},
		{"number as text", replace(`"sequence":1`, `"sequence":"1"`), trust.Malformed},
		{"time with a zone", replace(start.String(), "2026-11-22T16:00:00+08:00"), trust.Malformed},
		{"time with a fraction", replace(start.String(), "2026-11-22T08:00:00.5Z"), trust.Malformed},
		{"province code of another form", replace(`"310000"`, `"31000"`), trust.Malformed},
		{"root in another alphabet", replace(`"roots":["`, `"roots":["-_`), trust.Malformed},
		{"unknown version", replace(`"formatVersion":1`, `"formatVersion":2`), trust.Malformed},
	} {
		if _, err := national.Read(test.raw); codeOf(err) != test.want {
			t.Errorf("%s: Read() = %v, want %q", test.name, err, test.want)
		}
	}
}

func TestReadGivesWhatWasSigned(t *testing.T) {
	l := list1()
	d := signed(t, l, 0, 1)
	again := must(d.List.Payload())
	if !bytes.Equal(again, []byte(payloadOf(l))) {
		t.Errorf("Payload() of what Read returned = %s, want the payload that was read", again)
	}
	if len(d.Roots) != 1 || !bytes.Equal(d.Roots[0].Raw, l.Roots[0]) {
		t.Errorf("Roots = %d certificates, want the one root", len(d.Roots))
	}
	for _, want := range l.Provinces {
		if got, ok := d.Province(want.Code); !ok || got.Code != want.Code {
			t.Errorf("Province(%s) = %v, %v, want its entry", want.Code, got, ok)
		}
	}
	if got, ok := d.Province("440000"); ok {
		t.Errorf("Province(440000) = %v, true, want none", got)
	}
}

func TestReadKeepsNothingOfTheCaller(t *testing.T) {
	raw := must(list1().Sign(key(0), key(1)))
	d := must(national.Read(raw))
	clear(raw)
	if err := d.CheckPinned(d.Digest); err != nil || len(d.Raw) == 0 || d.Raw[0] != '{' {
		t.Errorf("after the caller's bytes changed CheckPinned() = %v and Raw starts with %q, want nil and {", err, d.Raw[0])
	}
}

// TestFlippedBits: no bit of an envelope can change without the list being refused, by its reader or by its pin.
func TestFlippedBits(t *testing.T) {
	raw := must(list1().Sign(key(0), key(1)))
	pin := must(national.Read(raw)).Digest
	for i := 0; i < 8*len(raw); i += 61 {
		bad := bytes.Clone(raw)
		bad[i/8] ^= 1 << (i % 8)
		d, err := national.Read(bad)
		if err == nil {
			err = d.CheckPinned(pin)
		}
		if err == nil {
			t.Errorf("bit %d flipped in %.40q: Read and CheckPinned = nil, want a refusal", i, raw[max(0, i/8-20):])
		}
	}
}

func TestSigners(t *testing.T) {
	for _, test := range []struct{ sign, want []int }{
		{nil, nil},
		{[]int{2}, []int{2}},
		{[]int{2, 0}, []int{0, 2}},
		{[]int{10, 1}, []int{1}},
	} {
		got, err := signed(t, list1(), test.sign...).Signers()
		var want []trust.KeyID
		for _, n := range test.want {
			want = append(want, key(n).Public().ID())
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("Signers() of a list signed by %v = %v, %v, want keys %v", test.sign, got, err, test.want)
		}
	}
}

func TestKeyProofMessage(t *testing.T) {
	got := string(national.KeyProofMessage(national.RoleHead, "310000"))
	if want := "hutong/key-proof/v1\x00head\x00310000"; got != want {
		t.Errorf("KeyProofMessage(head, 310000) = %q, want %q", got, want)
	}
	for _, test := range []struct {
		role national.Role
		code trust.Province
		ok   bool
	}{
		{national.RoleNational, "", true}, {national.RoleList, "310000", true}, {national.RoleHead, "AT", true},
		{national.RoleNational, "310000", false}, {national.RoleHead, "", false}, {national.RoleList, "31", false}, {"admin", "310000", false},
	} {
		k, err := national.NewKey(key(0), test.role, test.code)
		if (err == nil) != test.ok || err == nil && !k.Proves(test.role, test.code) {
			t.Errorf("NewKey(%s, %q) = %v, want a proved key: %v", test.role, test.code, err, test.ok)
		}
	}
}

func TestDigestIsOfThePayloadAsCarried(t *testing.T) {
	payload := strings.Replace(payloadOf(list1()), "{", "{ ", 1)
	d := must(national.Read(enveloped(national.PayloadType, payload)))
	if want := sm3.Sum([]byte(payload)); d.Digest != want {
		t.Errorf("Digest = %s, want %s", d.Digest, want)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(must(list1().Sign(key(0), key(1))))
	f.Add(must(list1().Sign()))
	f.Add([]byte(`{"payloadType":"` + national.PayloadType + `","payload":"e30=","signatures":[]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := national.Read(raw)
		if err != nil {
			if codeOf(err) == "error" {
				t.Errorf("Read() = %v, want a refusal", err)
			}
			return
		}
		payload, err := d.Payload()
		if err != nil {
			t.Fatalf("Payload() of what Read took = %v, want no error", err)
		}
		again, err := national.Read(must(statement.New(national.PayloadType, payload).Marshal()))
		if err != nil || again.Sequence != d.Sequence || len(again.Provinces) != len(d.Provinces) {
			t.Errorf("reading what Payload wrote = %v, want the same list", err)
		}
	})
}

// FuzzPayload fuzzes what stands inside the envelope, where the fuzzer does not have to find base64.
func FuzzPayload(f *testing.F) {
	f.Add([]byte(payloadOf(list1())))
	f.Fuzz(func(t *testing.T, payload []byte) {
		if len(payload) == 0 {
			return
		}
		if _, err := national.Read(must(statement.New(national.PayloadType, payload).Marshal())); codeOf(err) == "error" {
			t.Errorf("Read() = %v, want a refusal or none", err)
		}
	})
}
