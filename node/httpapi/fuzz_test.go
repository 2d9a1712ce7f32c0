package httpapi

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/statuslog"
	"github.com/hutong-project/hutong/trust/strictjson"
)

// FuzzReadVerify: whatever comes as a question is read or refused as malformed; what was read reads the same again.
func FuzzReadVerify(f *testing.F) {
	for _, body := range []string{
		`{"credential":"HT1:ABC"}`, `{"credential":"HT1:","validAt":"2026-01-01T00:00:00Z","acceptStale":true,"disclose":true}`,
		`{"credential":"a","credential":"b"}`, `{"Credential":"a"}`, `{}`, `null`, `[]`, `"HT1:"`, `{"credential":null}`, `{"credential":"a"} x`, "HT1:",
	} {
		f.Add(asJSON, "", []byte(body))
		f.Add(text, "validAt=2026-01-01T00:00:00Z&disclose=true", []byte(body))
	}
	f.Add("", "disclose=1&%zz", []byte("HT1:"))
	f.Fuzz(func(t *testing.T, kind, query string, body []byte) {
		in, err := readVerify(kind, query, body)
		if err != nil {
			if !reflect.ValueOf(in).IsZero() {
				t.Errorf("readVerify = %+v with %v, want nothing with an error", in, err)
			}
			if p, log := problemOf(err); log || p.Status != 400 && p.Status != 415 {
				t.Errorf("readVerify = %v, want a refusal as malformed or of the media type, got status %d", err, p.Status)
			}
			return
		}
		raw, err := strictjson.Marshal(in)
		if err != nil {
			return // text that is no UTF-8 has no JSON form
		}
		again, err := readVerify(asJSON, "", raw)
		if err != nil || again != in {
			t.Errorf("readVerify(%s) = %+v, %v, want %+v", raw, again, err, in)
		}
	})
}

// FuzzEvents: whatever comes as events is read into events that a batch may hold as far as kind, subject, status and
// time go, or refused.
func FuzzEvents(f *testing.F) {
	handle, subject := strings.Repeat("ab", 16), strings.Repeat("ab", 32)
	for _, event := range []string{
		`{"handle":"` + handle + `","status":"revoked"}`,
		`{"subject":"` + subject + `","status":"吊销","kind":"certificate","effective":"2026-01-01T00:00:00Z"}`,
		`{"handle":"` + handle + `","status":"06","successor":{"province":"330000","subject":"` + subject + `"}}`,
		`{"handle":"` + handle + `","status":"valid","corrects":{"position":1,"index":0},"reason":"r","sourceCode":"s"}`,
		`{"handle":"` + handle + `","subject":"` + subject + `","status":"revoked"}`, `{"status":"revoked"}`, `null`, `{}`,
	} {
		f.Add([]byte(`{"authority":"A","events":[` + event + `]}`))
	}
	f.Add([]byte(`{"authority":"A","events":[]}`))
	now := trust.TimeOf(time.Unix(1_800_000_000, 0))
	f.Fuzz(func(t *testing.T, body []byte) {
		var in Events
		if err := strictjson.Unmarshal(body, &in); err != nil {
			return
		}
		events, err := in.read(now)
		if err != nil {
			if p, log := problemOf(err); log || p.Status != 400 {
				t.Errorf("read = %v, want a refusal as malformed", err)
			}
			return
		}
		if len(events) != len(in.Events) || len(events) == 0 || len(events) > statuslog.MaxEvents {
			t.Fatalf("read %d events of %d", len(events), len(in.Events))
		}
		for i, e := range events {
			if !e.Kind.Known() || !e.Status.Known() || e.Effective.IsZero() {
				t.Errorf("event %d is %+v, want a known kind and status and a time", i, e)
			}
			if in.Events[i].Handle != "" && e.Subject.IsZero() {
				t.Errorf("event %d has no subject", i)
			}
		}
	})
}
