package httpapi

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/hutong-project/hutong/node/sample"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/statuslog"
	"github.com/hutong-project/hutong/trust/strictjson"
	"github.com/hutong-project/hutong/trust/verdict"
)

// secret stands in for personal data in bad input: no answer and no log line may repeat it.
const secret = "110101199003074477"

const (
	text    = "text/plain"
	asJSON  = "application/json"
	verify  = "/v1/verify"
	batches = "/v1/status-batches"
)

// TestUnreadable: what is no credential gets a verdict, "invalid" at step 1, and the reason.
func TestUnreadable(t *testing.T) {
	w := open(t)
	f := w.front(t)
	good, _ := issue(t, w.own)
	for _, c := range []struct {
		name, body string
		want       verdict.Code
	}{
		{"another prefix", "HX1:" + secret, verdict.WrongPrefix},
		{"lower case", "ht1:" + good[4:], verdict.WrongPrefix},
		{"no QR payload", secret, verdict.NotAQRPayload},
		{"nothing", "", verdict.NotAQRPayload},
		{"line breaks alone", "\r\n\r\n", verdict.NotAQRPayload},
		{"an address", "https://example.org/" + secret, verdict.NotAQRPayload},
		{"the prefix alone", "HT1:", verdict.BadCompression},
		{"not base45", "HT1:" + strings.Repeat("\u4e92", 8), verdict.BadBase45},
		{"more text than a code has", "HT1:" + strings.Repeat("0", 8<<10), verdict.TooLarge},
		{"64 KiB of text", strings.Repeat("0", maxCredential), verdict.TooLarge},
		{"cut off", good[:len(good)-3], verdict.BadCompression},
	} {
		for _, form := range []string{text, asJSON} {
			body := c.body
			if form == asJSON {
				body = string(must[[]byte](t)(strictjson.Marshal(Verify{Credential: c.body})))
			}
			if len(body) > maxCredential {
				continue // the JSON around it makes it too large: another row's affair
			}
			answer := f.send(request{method: http.MethodPost, path: verify, kind: form, body: body})
			if strings.Contains(answer.Body.String(), secret) {
				t.Errorf("%s as %s: the answer repeats the input: %s", c.name, form, answer.Body)
			}
			var v verdict.Verdict
			read(t, answer, &v)
			if v.Result != verdict.Invalid || !v.Has(c.want) || v.Outcome(verdict.StepStructure) != verdict.Failed {
				t.Errorf("%s as %s: %s %v, want invalid for %s", c.name, form, v.Result, v.Reasons, c.want)
			}
		}
	}
	if f.log.Len() > 0 {
		t.Errorf("bad input was logged: %s", f.log)
	}
}

// TestBadInput: every bad request gets its status and code, repeats nothing, logs nothing and changes nothing.
func TestBadInput(t *testing.T) {
	w := open(t)
	f := w.front(t)
	good, handle := issue(t, w.own)
	quoted := fmt.Sprintf("%q", good)
	foreign := must[[]byte](t)(w.operated.Batch(1, revoked(handle))) // signed with a key that nobody lists
	event := `{"handle":"` + strings.Repeat("ab", 16) + `","status":"revoked"}`
	events := func(event string) string {
		return fmt.Sprintf(`{"authority":%q,"events":[%s]}`, w.operated.Authority, event)
	}
	many := strings.TrimSuffix(strings.Repeat(event+",", statuslog.MaxEvents+1), ",")
	flipped := func(raw []byte) string {
		at := bytes.Index(raw, []byte(`"sig":"`)) + len(`"sig":"`) + 20
		raw = bytes.Clone(raw)
		if raw[at]++; raw[at] > 'Z' {
			raw[at] = 'A'
		}
		return string(raw)
	}
	nextNational := must[[]byte](t)(w.NextNational())
	nextList := must[[]byte](t)(w.TrustList(currentList(w).List.Number+1, currentList(w).Digest, nil))
	otherList := must[[]byte](t)(w.TrustList(currentList(w).List.Number, currentList(w).Previous, func(l *list.List) { l.NextUpdate++ }))

	post := func(path, kind, body string) request {
		return request{method: http.MethodPost, path: path, kind: kind, body: body}
	}
	pushed := func(token, kind, body string) request {
		return request{method: http.MethodPost, path: batches, kind: kind, token: token, body: body}
	}
	handlePath := func(province, handle string) request {
		return request{path: "/v1/credentials/status?province=" + province + "&handle=" + handle}
	}
	for _, c := range []struct {
		name   string
		in     request
		status int
		code   string
	}{
		{"65 KiB of text", post(verify, text, strings.Repeat("0", 65<<10)), 413, "too-large"},
		{"64 KiB and a byte", post(verify, text, strings.Repeat("0", maxCredential+1)), 413, "too-large"},
		{"65 KiB of JSON", post(verify, asJSON, `{"credential":"`+strings.Repeat("0", 65<<10)+`"}`), 413, "too-large"},
		{"unknown parameter", post(verify+"?"+secret+"=1", text, good), 400, "malformed"},
		{"parameter twice", post(verify+"?disclose=true&disclose=false", text, good), 400, "malformed"},
		{"parameter in other letters", post(verify+"?AcceptStale=true", text, good), 400, "malformed"},
		{"a boolean that is none", post(verify+"?acceptStale=1", text, good), 400, "malformed"},
		{"a time that is none", post(verify+"?validAt="+secret, text, good), 400, "malformed"},
		{"a time in another zone", post(verify+"?validAt=2026-01-01T00:00:00%2B08:00", text, good), 400, "malformed"},
		{"a query that cannot be read", post(verify+"?disclose=%zz", text, good), 400, "malformed"},
		{"parameters beside JSON", post(verify+"?disclose=true", asJSON, `{"credential":`+quoted+`}`), 400, "malformed"},
		{"an image", post(verify, "image/png", good), 415, "unsupported-media-type"},
		{"a form of parts", post(verify, "multipart/form-data; boundary=x", good), 415, "unsupported-media-type"},
		{"no media type at all", post(verify, "/", good), 415, "unsupported-media-type"},

		{"no JSON", post(verify, asJSON, ""), 400, "malformed"},
		{"JSON that is a string", post(verify, asJSON, quoted), 400, "malformed"},
		{"the same member twice", post(verify, asJSON, `{"credential":"HT1:","credential":`+quoted+`}`), 400, "malformed"},
		{"unknown member", post(verify, asJSON, `{"credential":`+quoted+`,"now":"`+secret+`"}`), 400, "malformed"},
		{"unknown member that is odd", post(verify, asJSON, `{"credential":`+quoted+`,"`+secret+`, ":1}`), 400, "malformed"},
		{"member in other letters", post(verify, asJSON, `{"Credential":`+quoted+`}`), 400, "malformed"},
		{"missing member", post(verify, asJSON, `{"disclose":true}`), 400, "malformed"},
		{"null", post(verify, asJSON, `{"credential":null}`), 400, "malformed"},
		{"null beside", post(verify, asJSON, `{"credential":`+quoted+`,"validAt":null}`), 400, "malformed"},
		{"a number for a text", post(verify, asJSON, `{"credential":`+secret+`}`), 400, "malformed"},
		{"a text for a boolean", post(verify, asJSON, `{"credential":`+quoted+`,"disclose":"`+secret+`"}`), 400, "malformed"},
		{"a time that is none, in JSON", post(verify, asJSON, `{"credential":`+quoted+`,"validAt":"`+secret+`"}`), 400, "malformed"},
		{"text after the end", post(verify, asJSON, `{"credential":`+quoted+`} `+secret), 400, "malformed"},
		{"two values", post(verify, asJSON, `{"credential":`+quoted+`}{}`), 400, "malformed"},
		{"cut off", post(verify, asJSON, `{"credential":"`+secret), 400, "malformed"},
		{"broken UTF-8", post(verify, asJSON, "{\"credential\":\"\xff\"}"), 400, "malformed"},
		{"deep nesting", post(verify, asJSON, `{"credential":`+strings.Repeat("[", 5000)+strings.Repeat("]", 5000)+`}`), 400, "malformed"},

		{"no token", pushed("", BatchType, string(foreign)), 401, "unauthorized"},
		{"an unknown token", pushed("ht_"+secret, BatchType, string(foreign)), 401, "unauthorized"},
		{"another authority's token, signed batch", pushed(w.ownToken, BatchType, string(foreign)), 403, "forbidden"},
		{"another authority's token, events", pushed(w.ownToken, asJSON, events(event)), 403, "forbidden"},
		{"a token without a body's media type", pushed(w.operatedToken, "", events(event)), 415, "unsupported-media-type"},
		{"a batch as text", pushed(w.operatedToken, text, string(foreign)), 415, "unsupported-media-type"},
		{"a batch over 1 MiB", pushed(w.operatedToken, BatchType, strings.Repeat("x", 1<<20+1)), 413, "too-large"},
		{"events over 1 MiB", pushed(w.operatedToken, asJSON, events(strings.Repeat(" ", 1<<20))), 413, "too-large"},
		{"no batch", pushed(w.operatedToken, BatchType, secret), 400, "malformed"},
		{"an empty batch", pushed(w.operatedToken, BatchType, ""), 400, "malformed"},
		{"a key that nobody lists", pushed(w.operatedToken, BatchType, string(foreign)), 403, "unknown-key"},
		{"no events", pushed(w.operatedToken, asJSON, events("")), 400, "malformed"},
		{"4,097 events", pushed(w.operatedToken, asJSON, events(many)), 400, "malformed"},
		{"a handle of 15 bytes", pushed(w.operatedToken, asJSON, events(`{"handle":"`+strings.Repeat("ab", 15)+`","status":"revoked"}`)), 400, "malformed"},
		{"a handle that is an identifier", pushed(w.operatedToken, asJSON, events(`{"handle":"`+secret+`","status":"revoked"}`)), 400, "malformed"},
		{"a subject that is an identifier", pushed(w.operatedToken, asJSON, events(`{"subject":"`+secret+`","status":"revoked"}`)), 400, "malformed"},
		{"handle and subject", pushed(w.operatedToken, asJSON, events(`{"handle":"`+strings.Repeat("ab", 16)+`","subject":"`+strings.Repeat("ab", 32)+`","status":"revoked"}`)), 400, "malformed"},
		{"neither handle nor subject", pushed(w.operatedToken, asJSON, events(`{"status":"revoked"}`)), 400, "malformed"},
		{"an unknown status", pushed(w.operatedToken, asJSON, events(`{"handle":"`+strings.Repeat("ab", 16)+`","status":"`+secret+`"}`)), 400, "malformed"},
		{"an unknown kind", pushed(w.operatedToken, asJSON, events(`{"kind":"`+secret+`","handle":"`+strings.Repeat("ab", 16)+`","status":"revoked"}`)), 400, "malformed"},
		{"a province that is none", pushed(w.operatedToken, asJSON, events(`{"handle":"`+strings.Repeat("ab", 16)+`","status":"transferred","successor":{"province":"`+secret+`","subject":"`+strings.Repeat("ab", 32)+`"}}`)), 400, "malformed"},
		{"an unknown member of an event", pushed(w.operatedToken, asJSON, events(`{"handle":"`+strings.Repeat("ab", 16)+`","status":"revoked","name":"`+secret+`"}`)), 400, "malformed"},
		{"an event far in the future", pushed(w.operatedToken, asJSON, events(`{"handle":"`+strings.Repeat("ab", 16)+`","status":"revoked","effective":"2999-01-01T00:00:00Z"}`)), 422, "from-future"},
		{"events of one that signs itself", pushed(w.ownToken, asJSON, fmt.Sprintf(`{"authority":%q,"events":[%s]}`, w.own.Authority, event)), 403, "unknown-key"},

		{"a handle in the query that is short", handlePath("310000", "ab"), 400, "malformed"},
		{"an identifier in the query", handlePath("310000", secret), 400, "malformed"},
		{"no handle", handlePath("310000", ""), 400, "malformed"},
		{"an identifier for a province", handlePath(secret, strings.Repeat("ab", 16)), 400, "malformed"},
		{"an unknown province", handlePath("990000", strings.Repeat("ab", 16)), 404, "not-found"},
		{"the list of an unknown province", request{path: "/v1/trust-lists/990000"}, 404, "not-found"},
		{"the list of no province", request{path: "/v1/trust-lists/" + secret}, 400, "malformed"},
		{"a national list that is not held", request{path: "/v1/national-list?sequence=77"}, 404, "not-found"},
		{"a national list without a number", request{path: "/v1/national-list?sequence=" + secret + "x"}, 400, "malformed"},

		{"a national list of 2 MiB and more", post("/v1/national-list", asJSON, strings.Repeat(" ", 2<<20+1)), 413, "too-large"},
		{"a trust list of 16 MiB and more", post("/v1/trust-lists", asJSON, strings.Repeat(" ", 16<<20+1)), 413, "too-large"},
		{"a national list that is none", post("/v1/national-list", asJSON, `{"payload":"`+secret+`"}`), 400, "malformed"},
		{"a trust list that is none", post("/v1/trust-lists", asJSON, secret), 400, "malformed"},
		{"a trust list for a national one", post("/v1/national-list", asJSON, string(nextList)), 400, "malformed"},
		{"a national list with a flipped signature", post("/v1/national-list", asJSON, flipped(nextNational)), 403, "threshold-missed"},
		{"a trust list with a flipped signature", post("/v1/trust-lists", asJSON, flipped(nextList)), 403, "threshold-missed"},
		{"another trust list with the number in force", post("/v1/trust-lists", asJSON, string(otherList)), 409, "equivocation"},

		{"unknown route", request{path: "/v2/verify"}, 404, "not-found"},
		{"the root", request{path: "/"}, 404, "not-found"},
		{"no metrics configured", request{path: "/metrics"}, 404, "not-found"},
		{"wrong method", request{path: verify}, 405, "method-not-allowed"},
		{"wrong method on a province", request{method: http.MethodDelete, path: "/v1/trust-lists/310000"}, 405, "method-not-allowed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := w.held()
			f.log.Reset()
			answer := f.send(c.in)
			if strings.Contains(answer.Body.String(), secret) {
				t.Errorf("the answer repeats the input: %s", answer.Body)
			}
			wantProblem(t, answer.Result(), c.status, c.code)
			if f.log.Len() > 0 {
				t.Errorf("bad input was logged: %s", f.log)
			}
			if after := w.held(); after != before {
				t.Errorf("the registry holds %+v, want what it held: %+v", after, before)
			}
		})
	}
}

// TestAllow: a 405 tells which methods there are.
func TestAllow(t *testing.T) {
	f := open(t).front(t)
	for path, want := range map[string]string{verify: "POST", "/v1/heads": "GET", "/v1/national-list": "GET, POST"} {
		answer := f.send(request{method: http.MethodPut, path: path})
		wantProblem(t, answer.Result(), http.StatusMethodNotAllowed, "method-not-allowed")
		if got := answer.Header().Get("Allow"); got != want {
			t.Errorf("Allow of %s = %q, want %q", path, got, want)
		}
	}
}

func currentList(w *world) *list.Document {
	reading := w.Registry.Reading()
	defer reading.Close()
	return reading.View.Provinces[sample.Code].List.Document
}

func currentNational(w *world) uint64 {
	reading := w.Registry.Reading()
	defer reading.Close()
	return reading.View.National.List.Sequence
}
