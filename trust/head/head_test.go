package head_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/head"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/sm2sig"
	"github.com/hutong-project/hutong/trust/sm3"
	"github.com/hutong-project/hutong/trust/statement"
)

var start = must(trust.ParseTime("2026-11-22T08:00:00Z"))

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Keys 0 and 1 are the province's head keys.
var keys = sync.OnceValue(func() (keys [4]*sm2sig.PrivateKey) {
	for i := range keys {
		keys[i] = must(sm2sig.Generate(nil))
	}
	return keys
})

func entry() *national.Province {
	return &national.Province{
		Code: "310000", Status: national.Admitted, Since: start - 1000, Session: 1,
		HeadKeys: []national.Key{must(national.NewKey(keys()[0], national.RoleHead, "310000")),
			must(national.NewKey(keys()[1], national.RoleHead, "310000"))},
	}
}

func first() *head.Head {
	return &head.Head{
		Version: 1, Province: "310000", Session: 1, Sequence: 100, Issued: start,
		TrustList:    head.ListRef{Number: 3, Digest: trust.Digest{3}},
		Log:          national.LogState{Generation: 1, Size: 50, Root: trust.Digest{50}},
		NationalList: head.NationalRef{Sequence: 2, Digest: trust.Digest{2}},
	}
}

// changed returns the first head, changed and signed.
func changed(changes ...func(*head.Head)) *head.Document {
	h := first()
	for _, change := range changes {
		change(h)
	}
	return must(head.Read(must(h.Sign(keys()[0]))))
}

func codeOf(err error) trust.RefusalCode {
	var refusal *trust.Refusal
	switch {
	case err == nil:
		return ""
	case errors.As(err, &refusal):
		return refusal.Code
	}
	return "error"
}

func TestHeadsThatAreRefused(t *testing.T) {
	for _, test := range []struct {
		name   string
		want   trust.RefusalCode
		where  string
		change func(*head.Head)
	}{
		{"as it is", "", "", func(*head.Head) {}},
		{"empty log", "", "", func(h *head.Head) { h.Log = national.LogState{Root: sm3.Sum()} }},
		{"unknown version", trust.Malformed, "formatVersion", func(h *head.Head) { h.Version = 2 }},
		{"no province", trust.Malformed, "province", func(h *head.Head) { h.Province = "" }},
		{"session 0", trust.Malformed, "session", func(h *head.Head) { h.Session = 0 }},
		{"sequence 0", trust.Malformed, "sequence", func(h *head.Head) { h.Sequence = 0 }},
		{"sequence above 2^53-1", trust.Malformed, "sequence", func(h *head.Head) { h.Sequence = 1 << 53 }},
		{"no issue time", trust.Malformed, "issued", func(h *head.Head) { h.Issued = 0 }},
		{"no list", trust.Malformed, "trustList", func(h *head.Head) { h.TrustList = head.ListRef{} }},
		{"list without a digest", trust.Malformed, "trustList", func(h *head.Head) { h.TrustList.Digest = trust.Digest{} }},
		{"no national list", trust.Malformed, "nationalList", func(h *head.Head) { h.NationalList = head.NationalRef{} }},
		{"no root", trust.Malformed, "log", func(h *head.Head) { h.Log.Root = trust.Digest{} }},
		{"empty log with a root", trust.Contradiction, "log", func(h *head.Head) { h.Log.Size = 0 }},
		{"log with the root of nothing", trust.Contradiction, "log", func(h *head.Head) { h.Log.Root = sm3.Sum() }},
	} {
		h := first()
		test.change(h)
		_, err := h.Payload()
		if codeOf(err) != test.want || err != nil && !strings.Contains(fmt.Sprint(err), test.where) {
			t.Errorf("%s: Payload() = %v, want %q about %q", test.name, err, test.want, test.where)
		}
	}
}

func TestReadIsStrict(t *testing.T) {
	payload := string(must(first().Payload()))
	enveloped := func(payloadType, payload string) []byte {
		e := statement.New(payloadType, []byte(payload))
		if err := e.Sign(keys()[0]); err != nil {
			t.Fatal(err)
		}
		return must(e.Marshal())
	}
	replace := func(old, new string) []byte {
		if strings.Count(payload, old) == 0 {
			t.Fatalf("the payload lacks %q, want it there to be replaced", old)
		}
		return enveloped(head.PayloadType, strings.Replace(payload, old, new, 1))
	}
	for _, test := range []struct {
		name string
		raw  []byte
		want trust.RefusalCode
	}{
		{"as it is", enveloped(head.PayloadType, payload), ""},
		{"nothing", nil, trust.Malformed},
		{"too large", make([]byte, head.MaxBytes+1), trust.TooLarge},
		{"a list's payload type", enveloped(list.PayloadType, payload), trust.Malformed},
		{"text after the payload", enveloped(head.PayloadType, payload+" 1"), trust.Malformed},
		{"unknown member", replace(`"sequence"`, `"custom":1,"sequence"`), trust.Malformed},
		{"missing member", replace(`"sequence":100,`, ``), trust.Malformed},
		{"member twice", replace(`"sequence":100`, `"sequence":100,"sequence":100`), trust.Malformed},
		{"other letter case", replace(`"sequence"`, `"Sequence"`), trust.Malformed},
		{"null", replace(`"sequence":100`, `"sequence":null`), trust.Malformed},
		{"digest in capitals", replace(`"digest":"03`, `"digest":"0A`), trust.Malformed},
	} {
		if _, err := head.Read(test.raw); codeOf(err) != test.want {
			t.Errorf("%s: Read() = %v, want %q", test.name, err, test.want)
		}
	}
}

// TestFlippedBits: no bit of an envelope can change without the head being refused.
func TestFlippedBits(t *testing.T) {
	raw := must(first().Sign(keys()[0]))
	for i := range 8 * len(raw) {
		bad := bytes.Clone(raw)
		bad[i/8] ^= 1 << (i % 8)
		d, err := head.Read(bad)
		if err == nil {
			err = d.CheckSigned(entry())
		}
		if err == nil {
			t.Errorf("bit %d flipped in %.30q: Read and CheckSigned = nil, want a refusal", i, raw[max(0, i/8-10):])
		}
	}
}

func TestCheckSigned(t *testing.T) {
	sign := func(n int) *head.Document { return must(head.Read(must(first().Sign(keys()[n])))) }
	forged := func() *head.Document {
		e := must(statement.Parse(must(first().Sign(keys()[3])), head.MaxBytes))
		e.Signatures[0].KeyID = keys()[0].Public().ID().String()
		return must(head.Read(must(e.Marshal())))
	}
	unsigned := must(head.Read(must(statement.New(head.PayloadType, must(first().Payload())).Marshal())))
	for _, test := range []struct {
		name   string
		d      *head.Document
		want   trust.RefusalCode
		change func(*national.Province)
	}{
		{"one head key", sign(0), "", nil},
		{"the other head key", sign(1), "", nil},
		{"a stranger's", sign(2), trust.UnknownKey, nil},
		{"a stranger's under a listed key's id", forged(), trust.BadSignature, nil},
		{"unsigned", unsigned, trust.UnknownKey, nil},
		{"another province's entry", sign(0), trust.ForeignProvince, func(e *national.Province) { e.Code = "330000" }},
		{"key no longer listed", sign(0), trust.UnknownKey, func(e *national.Province) { e.HeadKeys = e.HeadKeys[1:] }},
		{"hosted with a log", sign(0), trust.Contradiction, func(e *national.Province) { e.Host = "330000" }},
		{"hosted without one", changed(func(h *head.Head) { h.Log = national.LogState{Root: sm3.Sum()} }), "",
			func(e *national.Province) { e.Host = "330000" }},
	} {
		e := entry()
		if test.change != nil {
			test.change(e)
		}
		if err := test.d.CheckSigned(e); codeOf(err) != test.want {
			t.Errorf("%s: CheckSigned() = %v, want %q", test.name, err, test.want)
		}
	}
}

func TestSignPayloadRepeatsAnAgreedPayload(t *testing.T) {
	payload := must(first().Payload())
	a := must(head.Read(must(head.SignPayload(payload, keys()[0]))))
	b := must(head.Read(must(head.SignPayload(payload, keys()[1]))))
	if why, yes := head.Contradicts(a, b); yes || a.Digest != b.Digest {
		t.Errorf("two signatures over one payload: Contradicts() = %q, %v, want no contradiction", why, yes)
	}
}

func TestAge(t *testing.T) {
	h := first()
	for _, test := range []struct {
		now  trust.Time
		want time.Duration
	}{{start, 0}, {start + 90, 90 * time.Second}, {start - 5, 0}} {
		if got := h.Age(test.now); got != test.want {
			t.Errorf("Age(issued %+d s) = %v, want %v", test.now-start, got, test.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(must(first().Payload()))
	f.Add(must(first().Sign(keys()[0])))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) == 0 {
			return
		}
		for _, raw := range [][]byte{data, must(statement.New(head.PayloadType, data).Marshal())} {
			d, err := head.Read(raw)
			if err != nil {
				if codeOf(err) == "error" {
					t.Errorf("Read() = %v, want a refusal", err)
				}
				continue
			}
			again, err := head.ReadPayload(must(d.Payload()))
			if err != nil || *again != d.Head {
				t.Errorf("reading what Payload wrote = %v, %v, want the same head", again, err)
			}
		}
	})
}
