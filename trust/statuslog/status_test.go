package statuslog

import (
	"testing"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/strictjson"
)

func TestParseStatus(t *testing.T) {
	accepted := map[string]Status{
		"valid": StatusValid, "有效": StatusValid, "01": StatusValid,
		"suspended": StatusSuspended, "暂扣": StatusSuspended, "02": StatusSuspended,
		"rescinded": StatusRescinded, "撤销": StatusRescinded, "03": StatusRescinded,
		"cancelled": StatusCancelled, "注销": StatusCancelled, "04": StatusCancelled,
		"lapsed": StatusLapsed, "失效": StatusLapsed, "05": StatusLapsed,
		"transferred": StatusTransferred, "转出": StatusTransferred, "办理转出": StatusTransferred, "06": StatusTransferred,
		"revoked": StatusRevoked, "吊销": StatusRevoked, "07": StatusRevoked,
		"superseded": StatusSuperseded, "已变更": StatusSuperseded, "变更": StatusSuperseded, "已延续": StatusSuperseded,
		"not-active": StatusNotActive, "未激活": StatusNotActive,
		"other": StatusOther, "其他": StatusOther, "99": StatusOther,
	}
	for form, want := range accepted {
		if got, err := ParseStatus(form); got != want || err != nil {
			t.Errorf("ParseStatus(%q) = %v, %v, want %v", form, got, err, want)
		}
	}
	for _, form := range []string{"", "none", "Valid", "VALID", " valid", "08", "1", "7", "99 ", "00", "延续", "无", "canceled", "expired"} {
		_, err := ParseStatus(form)
		checkRefusal(t, "ParseStatus of "+form, err, trust.Malformed, "status")
	}
}

func TestStatusWords(t *testing.T) {
	final := map[Status]bool{StatusRescinded: true, StatusCancelled: true, StatusLapsed: true, StatusRevoked: true, StatusSuperseded: true}
	known := 0
	for i := range 256 {
		s := Status(i)
		if s.Final() != final[s] {
			t.Errorf("%v.Final() = %v, want %v", s, s.Final(), final[s])
		}
		text, err := s.MarshalText()
		if !s.Known() {
			if err == nil {
				t.Errorf("Status(%d).MarshalText() = %q, want an error", i, text)
			}
			continue
		}
		known++
		for _, form := range []string{s.String(), s.Chinese(), string(text)} {
			if got, err := ParseStatus(form); got != s || err != nil {
				t.Errorf("ParseStatus(%q) = %v, %v, want %v", form, got, err, s)
			}
		}
	}
	if known != 10 {
		t.Errorf("%d statuses are known, want 10", known)
	}
	if Status(0).String() != "none" || Status(0).Chinese() != "无" || Status(50).String() != "status 50" {
		t.Errorf("Status(0), Status(50) = %q, %q, %q, want none, 无, status 50", Status(0), Status(0).Chinese(), Status(50))
	}
}

func TestKindWords(t *testing.T) {
	for k := Kind(0); k < 10; k++ {
		if k.Known() != (k >= 1 && k <= 4) {
			t.Errorf("Kind(%d).Known() = %v", k, k.Known())
		}
		text, err := k.MarshalText()
		if (err == nil) != k.Known() {
			t.Errorf("Kind(%d).MarshalText() = %q, %v", k, text, err)
		}
		if !k.Known() {
			continue
		}
		if got, err := ParseKind(string(text)); got != k || err != nil {
			t.Errorf("ParseKind(%q) = %v, %v, want %v", text, got, err, k)
		}
	}
	_, err := ParseKind("Credential")
	checkRefusal(t, "ParseKind(Credential)", err, trust.Malformed, "kind")
}

func TestStatusInJSON(t *testing.T) {
	type form struct {
		Kind   Kind   `json:"kind"`
		Status Status `json:"status"`
		Link   Link   `json:"link"`
	}
	want := form{KindSeal, StatusRevoked, Link{"330000", trust.Subject{31: 0xab}}}
	text, err := strictjson.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if exact := `{"kind":"seal","status":"revoked","link":{"province":"330000","subject":"` + want.Link.Subject.String() + `"}}`; string(text) != exact {
		t.Errorf("Marshal = %s, want %s", text, exact)
	}
	for _, word := range []string{"revoked", "吊销", "07"} {
		var got form
		text := `{"kind":"seal","status":"` + word + `","link":{"province":"330000","subject":"` + want.Link.Subject.String() + `"}}`
		if err := strictjson.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("Unmarshal(%s) = %+v, %v, want %+v", text, got, err, want)
		}
	}
}
