package statuslog

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/veraison/go-cose"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/sm2sig"
	"github.com/hutong-project/hutong/trust/sm3"
)

const day trust.Time = 86400

const monday trust.Time = 1795996800 // 2026-11-30T00:00:00Z

func newKey(t testing.TB) *sm2sig.PrivateKey {
	t.Helper()
	key, err := sm2sig.Generate(nil)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func subjectOf(n int) trust.Subject { return HandleSubject(fmt.Appendf(nil, "handle %09d", n)) }

// fullBatch uses every member of the format.
func fullBatch() *Batch {
	return &Batch{
		Province: "310000", Authority: "11310000MB2F30373R", Number: 7, Time: monday, Operator: true,
		Events: []Event{
			{Kind: KindCredential, Subject: subjectOf(1), Status: StatusRevoked, Reason: "伪造材料", SourceCode: "07", Effective: monday - 9*day, Expires: monday + 900*day},
			{Kind: KindCredential, Subject: subjectOf(2), Status: StatusTransferred, Effective: monday - day, Successor: &Link{"330000", subjectOf(3)}},
			{Kind: KindCredential, Subject: subjectOf(4), Status: StatusValid, Effective: -day, Predecessor: &Link{"330000", subjectOf(5)}, Corrects: &EventRef{12, 4095}},
			{Kind: KindCRL, Subject: CRLSubject([]byte("name")), Status: StatusValid, SourceCode: "1234567890123456789012345678901234567890", Effective: monday, Expires: monday + 7*day},
			{Kind: KindSeal, Subject: subjectOf(6), Status: StatusOther, SourceCode: "99", Effective: monday},
		},
	}
}

func signed(t testing.TB, b *Batch, key *sm2sig.PrivateKey) []byte {
	t.Helper()
	raw, err := b.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestBatchRoundTrip(t *testing.T) {
	key := newKey(t)
	want := fullBatch()
	raw := signed(t, want, key)
	got, err := ReadBatch(raw)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.Batch, *want) {
		t.Errorf("ReadBatch(Sign(b)) = %+v, want %+v", got.Batch, *want)
	}
	if got.KeyID != key.Public().ID() || got.Digest != sm3.Sum(raw) || !bytes.Equal(got.Raw, raw) {
		t.Errorf("ReadBatch: key id %s, digest %s, want %s, %s", got.KeyID, got.Digest, key.Public().ID(), sm3.Sum(raw))
	}
	if !got.Verify(key.Public()) {
		t.Error("Verify(own key) = false, want true")
	}
	if got.Verify(newKey(t).Public()) || got.Verify(nil) {
		t.Error("Verify(another key or none) = true, want false")
	}
	entries := got.Entries(40, monday+5)
	last := entries[len(entries)-1]
	want4 := Entry{Ref: EventRef{40, 4}, Authority: want.Authority, Recorded: monday + 5, Number: 7, Operator: true, Event: want.Events[4]}
	if len(entries) != 5 || !reflect.DeepEqual(last, want4) {
		t.Errorf("Entries(40) ends in %+v, want %+v", last, want4)
	}
	if m := got.Meta(40); m != (LeafMeta{40, "310000", want.Authority, 7, key.Public().ID(), true}) {
		t.Errorf("Meta(40) = %+v", m)
	}
}

// TestPayloadBytes pins the encoding: a change here is a change of the format. The bytes were written by hand from
// docs/formats/status-batch.md.
func TestPayloadBytes(t *testing.T) {
	b := &Batch{Province: "310000", Authority: "A", Number: 1, Time: 1000, Events: []Event{{
		Kind: KindCredential, Subject: trust.Subject{31: 1}, Status: StatusOther, Effective: 24, Reason: "r",
		Corrects: &EventRef{Position: 23, Index: 256},
	}}}
	want := "a7" + "0101" + "0266333130303030" + "036141" + "0401" + "051903e8" + "06f4" + "0781" +
		"a6" + "0101" + "025820" + strings.Repeat("00", 31) + "01" + "031863" + "041818" + "066172" + "0a8217190100"
	if got := hex.EncodeToString(encodeBatch(b)); got != want {
		t.Errorf("encodeBatch =\n%s, want\n%s", got, want)
	}
	if _, err := decodeBatch(encodeBatch(b)); err != nil {
		t.Errorf("decodeBatch of the same bytes: %v", err)
	}
}

// sm2Verifier lets the independent COSE library check our signed form.
type sm2Verifier struct{ key *sm2sig.PublicKey }

func (v sm2Verifier) Algorithm() cose.Algorithm { return Algorithm }

func (v sm2Verifier) Verify(message, signature []byte) error {
	if !v.key.VerifyRaw(message, signature) {
		return cose.ErrVerification
	}
	return nil
}

func TestAnotherLibraryReadsTheSignedForm(t *testing.T) {
	key := newKey(t)
	raw := signed(t, fullBatch(), key)
	var m cose.Sign1Message
	if err := m.UnmarshalCBOR(raw); err != nil {
		t.Fatal(err)
	}
	if err := m.Verify([]byte(PayloadType), sm2Verifier{key.Public()}); err != nil {
		t.Errorf("go-cose verifies our batch: %v, want no error", err)
	}
	if err := m.Verify(nil, sm2Verifier{key.Public()}); err == nil {
		t.Error("go-cose verifies our batch without external_aad, want a refusal")
	}
	if len(m.Headers.Protected) != 3 || m.Headers.Protected[int64(16)] != PayloadType || len(m.Headers.Unprotected) != 0 {
		t.Errorf("headers = %v, want alg, kid and typ protected, none unprotected", m.Headers)
	}
}

func TestEventRules(t *testing.T) {
	link := func() *Link { return &Link{"330000", subjectOf(8)} }
	tests := []struct {
		name   string
		change func(b *Batch, e *Event)
		code   trust.RefusalCode
		says   string
	}{
		{"as it is", func(*Batch, *Event) {}, "", ""},
		{"bad province", func(b *Batch, _ *Event) { b.Province = "310100" }, trust.Malformed, "province"},
		{"no authority", func(b *Batch, _ *Event) { b.Authority = "" }, trust.Malformed, "authority"},
		{"long authority", func(b *Batch, _ *Event) { b.Authority = strings.Repeat("A", 513) }, trust.Malformed, "513"},
		{"authority of 128 characters", func(b *Batch, _ *Event) { b.Authority = strings.Repeat("局", 128) }, "", ""},
		{"authority of two lines", func(b *Batch, _ *Event) { b.Authority = "A\nB" }, trust.Malformed, "authority"},
		{"number 0", func(b *Batch, _ *Event) { b.Number = 0 }, trust.Malformed, "number 0"},
		{"largest number", func(b *Batch, _ *Event) { b.Number = MaxNumber }, "", ""},
		{"number 2^53", func(b *Batch, _ *Event) { b.Number = MaxNumber + 1 }, trust.Malformed, "number"},
		{"no time", func(b *Batch, _ *Event) { b.Time = 0 }, trust.Malformed, "time 0"},
		{"time in year 10000", func(b *Batch, _ *Event) { b.Time = maxTime + 1 }, trust.Malformed, "time"},
		{"no events", func(b *Batch, _ *Event) { b.Events = nil }, trust.Malformed, "0 events"},
		{"unknown kind", func(_ *Batch, e *Event) { e.Kind = 5 }, trust.Malformed, "kind 5 of event 1"},
		{"kind 0", func(_ *Batch, e *Event) { e.Kind = 0 }, trust.Malformed, "kind 0 of event 1"},
		{"unknown status", func(_ *Batch, e *Event) { e.Status = 10 }, trust.Malformed, "status 10 of event 1"},
		{"status 0", func(_ *Batch, e *Event) { e.Status = 0 }, trust.Malformed, "status 0 of event 1"},
		{"no subject", func(_ *Batch, e *Event) { e.Subject = trust.Subject{} }, trust.Malformed, "subject of event 1"},
		{"no effective", func(_ *Batch, e *Event) { e.Effective = 0 }, trust.Malformed, "effective 0 of event 1"},
		{"effective before 1970", func(_ *Batch, e *Event) { e.Effective = -1 }, "", ""},
		{"effective in year 10000", func(_ *Batch, e *Event) { e.Effective = maxTime + 1 }, trust.Malformed, "effective"},
		{"effective before year 1", func(_ *Batch, e *Event) { e.Effective = minTime - 1 }, trust.Malformed, "effective"},
		{"expires in year 10000", func(_ *Batch, e *Event) { e.Expires = maxTime + 1 }, trust.Malformed, "expires"},
		{"reason of 256 bytes", func(_ *Batch, e *Event) { e.Reason = strings.Repeat("r", 256) }, "", ""},
		{"reason of 257 bytes", func(_ *Batch, e *Event) { e.Reason = strings.Repeat("r", 257) }, trust.Malformed, "reason of event 1"},
		{"reason of two lines", func(_ *Batch, e *Event) { e.Reason = "a\nb" }, trust.Malformed, "reason of event 1"},
		{"reason that turns around", func(_ *Batch, e *Event) { e.Reason = "a\u202eb" }, trust.Malformed, "reason of event 1"},
		{"reason with an ideographic space", func(_ *Batch, e *Event) { e.Reason = "伪造\u3000材料" }, "", ""},
		{"source code with a line separator", func(_ *Batch, e *Event) { e.SourceCode = "a\u2028" }, trust.Malformed, "source code of event 1"},
		{"reason not UTF-8", func(_ *Batch, e *Event) { e.Reason = "\xff" }, trust.Malformed, "reason of event 1"},
		{"source code of 64 bytes", func(_ *Batch, e *Event) { e.SourceCode = strings.Repeat("s", 64) }, "", ""},
		{"source code of 65 bytes", func(_ *Batch, e *Event) { e.SourceCode = strings.Repeat("s", 65) }, trust.Malformed, "source code of event 1"},
		{"valid with predecessor", func(_ *Batch, e *Event) { e.Status, e.Predecessor = StatusValid, link() }, "", ""},
		{"revoked with predecessor", func(_ *Batch, e *Event) { e.Predecessor = link() }, trust.Malformed, "predecessor"},
		{"superseded with successor", func(_ *Batch, e *Event) { e.Status, e.Successor = StatusSuperseded, link() }, "", ""},
		{"transferred without successor yet", func(_ *Batch, e *Event) { e.Status = StatusTransferred }, "", ""},
		{"valid with successor", func(_ *Batch, e *Event) { e.Status, e.Successor = StatusValid, link() }, trust.Malformed, "successor"},
		{"revoked with successor", func(_ *Batch, e *Event) { e.Successor = link() }, trust.Malformed, "successor"},
		{"successor in no province", func(_ *Batch, e *Event) { e.Status, e.Successor = StatusSuperseded, &Link{"33", subjectOf(8)} }, trust.Malformed, "link of event 1"},
		{"successor without subject", func(_ *Batch, e *Event) { e.Status, e.Successor = StatusSuperseded, &Link{Province: "330000"} }, trust.Malformed, "link of event 1"},
		{"its own successor", func(_ *Batch, e *Event) { e.Status, e.Successor = StatusSuperseded, &Link{"310000", e.Subject} }, trust.Malformed, "own subject"},
		{"corrects index 4096", func(_ *Batch, e *Event) { e.Corrects = &EventRef{0, MaxEvents} }, trust.Malformed, "corrects"},
		{"corrects position 2^53", func(_ *Batch, e *Event) { e.Corrects = &EventRef{MaxNumber + 1, 0} }, trust.Malformed, "corrects"},
		{"crl that is revoked", func(_ *Batch, e *Event) { e.Kind, e.Expires = KindCRL, monday }, trust.Malformed, "kind crl"},
		{"crl without next update", func(_ *Batch, e *Event) { e.Kind, e.Status = KindCRL, StatusValid }, trust.Malformed, "next update"},
		{"crl with a correction", func(_ *Batch, e *Event) {
			e.Kind, e.Status, e.Expires, e.Corrects = KindCRL, StatusValid, monday, &EventRef{}
		}, trust.Malformed, "correction"},
		{"crl number in hexadecimal", func(_ *Batch, e *Event) {
			e.Kind, e.Status, e.Expires, e.SourceCode = KindCRL, StatusValid, monday, "0a"
		}, trust.Malformed, "decimal"},
		{"one subject, one time, twice", func(b *Batch, e *Event) {
			b.Events[0] = Event{Kind: e.Kind, Subject: e.Subject, Status: StatusValid, Effective: e.Effective}
		}, trust.Contradiction, "events 0 and 1"},
		{"one subject, two times", func(b *Batch, e *Event) {
			b.Events[0] = Event{Kind: e.Kind, Subject: e.Subject, Status: StatusValid, Effective: e.Effective - 1}
		}, "", ""},
		{"one subject, two kinds", func(b *Batch, e *Event) {
			b.Events[0] = Event{Kind: KindSeal, Subject: e.Subject, Status: StatusValid, Effective: e.Effective}
		}, "", ""},
	}
	key := newKey(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := &Batch{Province: "310000", Authority: "A", Number: 1, Time: monday, Events: []Event{
				{Kind: KindCredential, Subject: subjectOf(1), Status: StatusValid, Effective: monday},
				{Kind: KindCredential, Subject: subjectOf(2), Status: StatusRevoked, Effective: monday},
			}}
			tt.change(b, &b.Events[1])
			_, err := b.Sign(key)
			checkRefusal(t, "Sign", err, tt.code, tt.says)
			// The reader must not rely on the writer: the same bytes, signed without asking, come out alike.
			if _, readErr := ReadBatch(signAnyway(t, encodeBatch(b), key)); !strings.Contains(tt.name, "UTF-8") {
				checkRefusal(t, "ReadBatch", readErr, tt.code, tt.says)
			} else if readErr == nil {
				t.Error("ReadBatch of text that is no UTF-8 = nil, want a refusal")
			}
		})
	}
}

func checkRefusal(t *testing.T, what string, err error, code trust.RefusalCode, says string) {
	t.Helper()
	if code == "" {
		if err != nil {
			t.Errorf("%s = %v, want no error", what, err)
		}
		return
	}
	r, ok := trust.AsRefusal(err)
	if !ok || r.Code != code || !strings.Contains(r.Detail, says) {
		t.Errorf("%s = %v, want %s that says %q", what, err, code, says)
	}
}

// signAnyway makes the signed form of any payload.
func signAnyway(t testing.TB, payload []byte, key *sm2sig.PrivateKey) []byte {
	t.Helper()
	id := key.Public().ID()
	return signUnder(t, encode(&protectedMap{Algorithm: Algorithm, KeyID: id[:], Type: PayloadType}), payload, key)
}

func signUnder(t testing.TB, protected, payload []byte, key *sm2sig.PrivateKey) []byte {
	t.Helper()
	signature, err := key.SignRaw(toBeSigned(protected, payload))
	if err != nil {
		t.Fatal(err)
	}
	return encode(&sign1{Protected: protected, Payload: payload, Signature: signature})
}

func TestBatchTooLarge(t *testing.T) {
	b := &Batch{Province: "310000", Authority: "A", Number: 1, Time: monday}
	for i := range MaxEvents {
		b.Events = append(b.Events, Event{Kind: KindCredential, Subject: subjectOf(i), Status: StatusRevoked, Effective: monday, Reason: strings.Repeat("r", 256)})
	}
	_, err := b.Sign(newKey(t))
	checkRefusal(t, "Sign of 4096 long events", err, trust.TooLarge, "fewer events")
	_, err = ReadBatch(make([]byte, MaxBatchBytes+1))
	checkRefusal(t, "ReadBatch of 1 MiB + 1", err, trust.TooLarge, "1048577")
	b.Events = append(b.Events, b.Events[0])
	_, err = b.Sign(newKey(t))
	checkRefusal(t, "Sign of 4097 events", err, trust.Malformed, "4097 events")
}

func TestOneEncodingOnly(t *testing.T) {
	key := newKey(t)
	id := key.Public().ID()
	payload := encodeBatch(&Batch{Province: "310000", Authority: "A", Number: 1, Time: monday, Events: []Event{
		{Kind: KindCredential, Subject: subjectOf(1), Status: StatusRevoked, Effective: monday}}})
	h := hex.EncodeToString(payload)
	replaced := func(old, new string) []byte {
		if strings.Count(h, old) != 1 {
			t.Fatalf("%q stands %d times in %s, want once", old, strings.Count(h, old), h)
		}
		b, err := hex.DecodeString(strings.Replace(h, old, new, 1))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	subject := "025820" + subjectOf(1).String()
	payloads := map[string][]byte{
		"longer integer":          replaced("0401051a", "041801051a"),
		"another order of keys":   replaced("036141"+"0401", "0401"+"036141"),
		"duplicate key":           replaced("a7010102", "a801010101"+"02"),
		"unknown key":             replaced("a7010102", "a80001010102"),
		"unknown version":         replaced("a7010102", "a7010202"),
		"operator as integer":     replaced("06f40781", "06000781"),
		"operator null":           replaced("06f40781", "06f60781"),
		"indefinite events":       append(replaced("06f40781", "06f4079f"), 0xff),
		"province as bytes":       replaced("0266333130", "0246333130"),
		"subject of 31 bytes":     replaced(subject, "02581f"+subjectOf(1).String()[2:]),
		"subject of 33 bytes":     replaced(subject, "02582100"+subjectOf(1).String()),
		"subject as text":         replaced(subject, "027820"+strings.Repeat("41", 32)),
		"subject null":            replaced(subject, "02f6"),
		"tagged time":             replaced("041a", "04c11a"),
		"float kind":              replaced("0781a4"+"0101", "0781a4"+"01f93c00"),
		"trailing byte":           append(bytes.Clone(payload), 0),
		"cut short":               payload[:len(payload)-1],
		"empty":                   {},
		"an array, not a map":     {0x80},
		"text keys":               replaced("a7010102", "a76131"+"0102"),
		"events of a huge length": replaced("06f40781", "06f4079a00ffffff"),
	}
	// A member left out, and members that should be: the head of the map changes as well as its end.
	payloads["no operator"] = bytes.Replace(replaced("a7010102", "a6010102"), []byte{0x06, 0xf4, 0x07}, []byte{0x07}, 1)
	payloads["no version"] = replaced("a7010102", "a602")
	payloads["expires zero written"] = append(replaced("0781a4", "0781a5"), 0x05, 0x00)
	payloads["reason empty written"] = append(replaced("0781a4", "0781a5"), 0x06, 0x60)
	payloads["predecessor null"] = append(replaced("0781a4", "0781a5"), 0x08, 0xf6)
	payloads["predecessor of one member"] = append(replaced("0781a4", "0781a5"), 0x08, 0x81, 0x60)
	payloads["corrects with a negative position"] = append(replaced("0781a4", "0781a5"), 0x0a, 0x82, 0x20, 0x00)
	payloads["deep nesting"] = append(replaced("0781a4", "0781a5"), append([]byte{0x08}, bytes.Repeat([]byte{0x81}, 1000)...)...)
	for name, p := range payloads {
		_, err := ReadBatch(signAnyway(t, p, key))
		checkRefusal(t, "ReadBatch, payload with "+name, err, trust.Malformed, "")
	}
	if _, err := ReadBatch(signAnyway(t, payload, key)); err != nil {
		t.Fatalf("ReadBatch of the payload as it is: %v", err)
	}

	protected := map[string]any{
		"no headers":             map[int]any{},
		"another algorithm":      protectedMap{-7, id[:], PayloadType},
		"another typ":            protectedMap{Algorithm, id[:], "application/vnd.hutong.head+json"},
		"short kid":              protectedMap{Algorithm, id[:8], PayloadType},
		"no kid":                 map[int]any{1: Algorithm, 16: PayloadType},
		"one more header":        map[int]any{1: Algorithm, 4: id[:], 16: PayloadType, 3: 0},
		"a critical header":      map[int]any{1: Algorithm, 2: []int{1}, 4: id[:], 16: PayloadType},
		"algorithm as text":      map[int]any{1: "SM2", 4: id[:], 16: PayloadType},
		"typ as a number":        map[int]any{1: Algorithm, 4: id[:], 16: 60},
		"an array":               []int{1},
		"one more private label": map[int]any{1: Algorithm, 4: id[:], 16: PayloadType, -70002: 1},
	}
	for name, p := range protected {
		_, err := ReadBatch(signUnder(t, encode(p), payload, key))
		checkRefusal(t, "ReadBatch, protected headers with "+name, err, trust.Malformed, "")
	}

	good, err := ReadBatch(signAnyway(t, payload, key))
	if err != nil {
		t.Fatal(err)
	}
	prot := encode(&protectedMap{Algorithm: Algorithm, KeyID: id[:], Type: PayloadType})
	outer := map[string][]byte{
		"no tag":                encode([]any{prot, struct{}{}, payload, good.signature}),
		"another tag":           encode(cbor.Tag{Number: 98, Content: []any{prot, struct{}{}, payload, good.signature}}),
		"two tags":              encode(cbor.Tag{Number: 55799, Content: cbor.RawMessage(good.Raw)}),
		"an unprotected header": encode(cbor.Tag{Number: 18, Content: []any{prot, map[int]any{4: id[:]}, payload, good.signature}}),
		"detached payload":      encode(cbor.Tag{Number: 18, Content: []any{prot, struct{}{}, nil, good.signature}}),
		"signature of 63 bytes": encode(cbor.Tag{Number: 18, Content: []any{prot, struct{}{}, payload, good.signature[:63]}}),
		"a fifth member":        encode(cbor.Tag{Number: 18, Content: []any{prot, struct{}{}, payload, good.signature, 0}}),
		"three members":         encode(cbor.Tag{Number: 18, Content: []any{prot, struct{}{}, payload}}),
		"protected as a map":    encode(cbor.Tag{Number: 18, Content: []any{cbor.RawMessage(prot), struct{}{}, payload, good.signature}}),
		"payload as an array":   encode(cbor.Tag{Number: 18, Content: []any{prot, struct{}{}, []int{1, 2}, good.signature}}),
		"tag in two bytes":      append([]byte{0xd8, 0x12}, good.Raw[1:]...),
		"trailing byte":         append(bytes.Clone(good.Raw), 0),
		"text":                  []byte("not a batch"),
	}
	for name, raw := range outer {
		_, err := ReadBatch(raw)
		checkRefusal(t, "ReadBatch, "+name, err, trust.Malformed, "")
	}
}

// TestEveryFlippedBitIsNoticed: whatever bit changes, the batch is refused or its signature does not verify.
func TestEveryFlippedBitIsNoticed(t *testing.T) {
	key := newKey(t)
	raw := signed(t, &Batch{Province: "310000", Authority: "A", Number: 1, Time: monday, Events: []Event{
		{Kind: KindCredential, Subject: subjectOf(1), Status: StatusRevoked, Effective: monday}}}, key)
	parsed := 0
	for i := range len(raw) * 8 {
		changed := bytes.Clone(raw)
		changed[i/8] ^= 1 << (i % 8)
		b, err := ReadBatch(changed)
		if err != nil {
			continue
		}
		parsed++
		if b.Verify(key.Public()) {
			t.Errorf("bit %d flipped: Verify = true, want false", i)
		}
	}
	if parsed < 512 { // at least the signature's bits leave the structure whole
		t.Errorf("%d of the changed batches could be read, want at least 512, or this test tries nothing", parsed)
	}
}

func TestCheckTime(t *testing.T) {
	tests := []struct {
		time, effective trust.Time
		want            trust.RefusalCode
	}{
		{monday, monday, ""},
		{monday + 60, monday + 60, ""},
		{monday + 61, monday, trust.FromFuture},
		{monday, monday + 61, trust.FromFuture},
		{monday - 900*day, monday - 9000*day, ""},
	}
	for _, tt := range tests {
		b := &Batch{Time: tt.time, Events: []Event{{Effective: monday}, {Effective: tt.effective}}}
		checkRefusal(t, fmt.Sprintf("CheckTime(time %d, effective %d)", tt.time-monday, tt.effective-monday), b.CheckTime(monday, time.Minute), tt.want, "")
	}
}

func TestCheckPosition(t *testing.T) {
	b := &Batch{Events: []Event{{}, {Corrects: &EventRef{Position: 9}}}}
	if err := b.CheckPosition(10); err != nil {
		t.Errorf("CheckPosition(10) of a correction of 9 = %v, want no error", err)
	}
	checkRefusal(t, "CheckPosition(9) of a correction of 9", b.CheckPosition(9), trust.Malformed, "event 1")
}
