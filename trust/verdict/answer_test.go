package verdict_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/credential"
	"github.com/hutong-project/hutong/trust/statuslog"
	"github.com/hutong-project/hutong/trust/strictjson"
	"github.com/hutong-project/hutong/trust/verdict"
)

func TestJSON(t *testing.T) {
	w := newWorld(t)
	stale(w)
	w.q.AcceptStale = true
	w.state(statuslog.StatusRevoked, now-day)
	w.c.Defects = []credential.Defect{{Code: "odd-order", Detail: "Keys are out of order."}}
	data, err := strictjson.Marshal(w.judge())
	if err != nil {
		t.Fatal(err)
	}
	want := `{"result":"invalid",` +
		`"reasons":[` +
		`{"code":"credential-revoked","step":8,"outcome":"failed","zh":"证照已被吊销","en":"The credential has been revoked.","detail":"revoked since 2026-05-31T00:00:00Z"},` +
		`{"code":"stale-accepted","step":9,"outcome":"passed","zh":"数据不够新,按查询要求予以接受","en":"The data is stale and was accepted as the question asked.","detail":"head, since 2026-05-31T23:59:59Z"}],` +
		`"checks":[` +
		`{"step":1,"name":"structure","outcome":"passed"},` +
		`{"step":2,"name":"signature","outcome":"passed"},` +
		`{"step":3,"name":"chain","outcome":"passed"},` +
		`{"step":4,"name":"standing","outcome":"passed"},` +
		`{"step":5,"name":"grant","outcome":"passed"},` +
		`{"step":6,"name":"format","outcome":"skipped"},` +
		`{"step":7,"name":"dates","outcome":"passed"},` +
		`{"step":8,"name":"status","outcome":"failed","code":"credential-revoked","detail":"revoked since 2026-05-31T00:00:00Z"},` +
		`{"step":9,"name":"freshness","outcome":"passed","code":"stale-accepted","detail":"head, since 2026-05-31T23:59:59Z"}],` +
		`"credential":{"format":"HT1","type":"11310000000000000X001","province":"310000","digest":"` + w.c.Digest.String() + `",` +
		`"issued":"2026-05-02T00:00:00Z","expires":"2027-06-01T00:00:00Z","presentation":false,` +
		`"defects":[{"code":"odd-order","detail":"Keys are out of order."}]},` +
		`"issuer":{"province":"310000","anchor":"police","name":"签发机构 police","authority":"` + police + `","status":"granted"},` +
		`"evaluatedAt":"2026-06-01T00:00:00Z","validAt":"2026-06-01T00:00:00Z",` +
		`"evidence":{"nationalList":1,"trustList":{"session":1,"version":1},"head":{"sequence":5,"ageSeconds":301},"log":{"generation":1,"size":9,"position":0}}}`
	if string(data) != want {
		t.Errorf("verdict as JSON = %s\nwant %s", data, want)
	}
	// The standard library writes the same members, and the form can be read back.
	std, err := json.Marshal(w.judge())
	if err != nil {
		t.Fatal(err)
	}
	if string(std) != want {
		t.Errorf("verdict by encoding/json = %s\nwant %s", std, want)
	}
	var again verdict.Verdict
	if err := strictjson.Unmarshal(data, &again); err != nil {
		t.Errorf("reading a verdict: %v", err)
	}
}

func TestEvidenceAndTimes(t *testing.T) {
	w := newWorld(t)
	w.q.ValidAt = now - day
	w.say(shanghai, police, 7, statuslog.Event{Status: statuslog.StatusValid, Effective: issued})
	v := w.judge()
	if v.EvaluatedAt != now || v.ValidAt != now-day {
		t.Errorf("evaluatedAt, validAt = %s, %s, want %s, %s", v.EvaluatedAt, v.ValidAt, now, now-day)
	}
	if l := v.Evidence.Log; l == nil || l.Position == nil || *l.Position != 7 {
		t.Errorf("evidence.log = %+v, want position 7", l)
	}
	w = newWorld(t)
	if l := w.judge().Evidence.Log; l == nil || l.Position != nil {
		t.Errorf("evidence.log of an absent subject = %+v, want no position", l)
	}
	// What was searched without success is evidence too.
	w.c.Anchor = "nobody"
	if got, want := w.judge().Reasons[0].Detail, `anchor "nobody" of 310000 is not listed or has another key`; got != want {
		t.Errorf("detail of an unknown anchor = %s, want %s", got, want)
	}
	if e := w.judge().Evidence; e.NationalList != 1 || e.TrustList == nil || e.Head == nil {
		t.Errorf("evidence of an unknown issuer = %+v, want the lists that were searched", e)
	}
}

func TestSuccessorIsTold(t *testing.T) {
	link := statuslog.Link{Province: zhejiang, Subject: successorSubject}
	for name, change := range map[string]func(w *world){
		"transferred": func(w *world) { transferOut(w); transferIn(w, itself(), now) },
		"superseded": func(w *world) {
			w.say(shanghai, police, 0, statuslog.Event{Status: statuslog.StatusSuperseded, Effective: now, Successor: &link})
		},
	} {
		w := newWorld(t)
		change(w)
		v := w.judge()
		if v.Successor == nil || v.Successor.Province != zhejiang || v.Successor.Subject != successorSubject {
			t.Errorf("%s: successor = %+v, want %+v", name, v.Successor, link)
		}
	}
	w := newWorld(t)
	transferOut(w)
	if v := w.judge(); v.Successor != nil {
		t.Errorf("pending transfer: successor = %+v, want none", v.Successor)
	}
}

// TestNoPersonalData: what the credential shows appears only when asked for and only when the signature is good.
func TestNoPersonalData(t *testing.T) {
	const name = "张三"
	for _, r := range []struct {
		name     string
		disclose bool
		change   func(w *world)
		want     bool
	}{
		{"not asked for", false, nil, false},
		{"asked for", true, nil, true},
		{"asked for, revoked", true, is(statuslog.StatusRevoked), true},
		{"asked for, forged", true, func(w *world) { w.c.Signature[0] ^= 1 }, false},
		{"asked for, issuer unknown", true, func(w *world) { w.c.Anchor = "nobody" }, false},
	} {
		w := newWorld(t)
		if r.change != nil {
			r.change(w)
		}
		w.q.Disclose = r.disclose
		data := must(strictjson.Marshal(w.judge()))
		if got := bytes.Contains(data, []byte(name)); got != r.want {
			t.Errorf("%s: the answer holds the name: %v, want %v", r.name, got, r.want)
		}
		if bytes.Contains(data, []byte(credentialSubject().String())) {
			t.Errorf("%s: the answer holds the credential's subject", r.name)
		}
	}
}

func TestSeveralIssuersAreNamed(t *testing.T) {
	w := newWorld(t)
	withdraw(twin(w), issued)
	w.c.Province, w.c.Authority = "", ""
	v := w.judge()
	const want = "310000/police: valid; 330000/police: invalid"
	if len(v.Reasons) != 1 || v.Reasons[0].Detail != want || v.Issuer != nil {
		t.Errorf("reasons %+v, issuer %+v, want detail %q and no issuer", v.Reasons, v.Issuer, want)
	}
}

// TestNeverPanics puts anything into every field. Nothing but the untouched token may come out valid.
func TestNeverPanics(t *testing.T) {
	if v := verdict.Judge(nil, nil, nil, verdict.Question{}); v.Result == verdict.Valid {
		t.Errorf("Judge of nothing = %s, want not valid", v.Result)
	}
	w := newWorld(t)
	view := w.view()
	if v := verdict.Judge(view, &w.log, &credential.Credential{}, w.q); v.Result == verdict.Valid {
		t.Errorf("Judge of an empty credential = %s, want not valid", v.Result)
	}
	if v := verdict.Judge(nil, &w.log, w.c, w.q); !v.Has(verdict.NotConfigured) {
		t.Errorf("Judge without a view = %v, want %s", codesOf(v), verdict.NotConfigured)
	}
}

func FuzzJudge(f *testing.F) {
	w := newWorld(f)
	w.carry(keys().leaf)
	view, good := w.view(), *w.c
	f.Add("310000", "ca", good.Type, police, good.KID, 1, int64(issued), int64(now), good.Chain[0], good.Message, good.Signature, int64(now))
	f.Add("", "", "", "", []byte{}, 0, int64(0), int64(0), []byte{}, good.Message, good.Signature, int64(0))
	f.Add("AT", "at", health, "x", []byte("12345678"), 2, int64(-1), int64(1)<<62, good.Chain[0][:40], []byte{}, []byte{}, int64(-1)<<62)
	f.Fuzz(func(t *testing.T, province, anchor, kind, authority string, kid []byte, rule int, from, until int64, chain, message, signature []byte, validAt int64) {
		c := &credential.Credential{
			Format: "HT1", Province: trust.Province(province), Anchor: anchor, Type: kind, Authority: authority, Handle: handle[:],
			KID: kid, KIDRule: credential.KIDRule(rule), Issued: trust.Time(from), Expires: trust.Time(until), Algorithm: "SM2",
			Chain: [][]byte{chain}, Message: message, Signature: signature,
		}
		v := verdict.Judge(view, &w.log, c, verdict.Question{Now: now, ValidAt: trust.Time(validAt)})
		checkConsistent(t, v)
		if v.Result == verdict.Valid && !(bytes.Equal(message, good.Message) && bytes.Equal(signature, good.Signature)) {
			t.Errorf("Judge of another message = valid")
		}
	})
}

// TestCodes: the table is whole and its words are fit for programs and people.
func TestCodes(t *testing.T) {
	all := verdict.Codes()
	zhSeen, enSeen := map[string]bool{}, map[string]bool{}
	for _, code := range all {
		zh, en, ok := verdict.Message(code)
		switch {
		case !ok || zh == "" || en == "":
			t.Errorf("Message(%s) = %q, %q, %v, want both", code, zh, en, ok)
		case zhSeen[zh] || enSeen[en]:
			t.Errorf("Message(%s) says the same as another code", code)
		case strings.Trim(string(code), "abcdefghijklmnopqrstuvwxyz0123456789-") != "":
			t.Errorf("code %q is not kebab-case", code)
		}
		zhSeen[zh], enSeen[en] = true, true
	}
	if len(slices.Compact(slices.Clone(all))) != len(all) || len(all) != len(maps.Collect(maps.All(zhSeen))) {
		t.Errorf("Codes() has %d codes with %d messages, want each once", len(all), len(zhSeen))
	}
	if _, _, ok := verdict.Message("nobody"); ok {
		t.Error("Message of an unknown code is there")
	}
}

func BenchmarkJudge(b *testing.B) {
	w := newWorld(b)
	view := w.view()
	b.ReportAllocs()
	for b.Loop() {
		if v := verdict.Judge(view, &w.log, w.c, w.q); v.Result != verdict.Valid {
			b.Fatal(codesOf(v))
		}
	}
}

// BenchmarkSignatureAlone is what BenchmarkJudge cannot go below.
func BenchmarkSignatureAlone(b *testing.B) {
	w := newWorld(b)
	a := w.view().Candidates(w.c)[0]
	for b.Loop() {
		if !a.Certificate.Verify("SM2", w.c.Message, w.c.Signature) {
			b.Fatal("does not verify")
		}
	}
}

// A head whose signer's clock is a little ahead is of age 0: the answer's numbers are never negative, and strict readers
// of the answer would refuse one that is.
func TestAgeOfAHeadFromAClockAhead(t *testing.T) {
	w := newWorld(t)
	w.age(-3)
	v := w.judge()
	if v.Result != verdict.Valid {
		t.Fatalf("Judge with a head 3 s ahead = %s %v, want valid", v.Result, v.Reasons)
	}
	if got := v.Evidence.Head.AgeSeconds; got != 0 {
		t.Errorf("Evidence.Head.AgeSeconds = %d, want 0", got)
	}
}
