package list_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/statement"
)

func TestListsThatArePermitted(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*list.List)
	}{
		{"as it is", func(*list.List) {}},
		{"empty", func(l *list.List) { l.Anchors, l.OperatorStatusKeys, l.SupplyPoints, l.Peers = nil, nil, nil, nil }},
		{"number skipped", func(l *list.List) { l.Number, l.Previous = 9, trust.Digest{1} }},
		{"certificate that cannot be read", func(l *list.List) { l.Anchors[0].Certificate = []byte{1, 2} }},
		{"no certificate", func(l *list.List) { l.Anchors[0].Certificate = nil }},
		{"withdrawn and compromised", func(l *list.List) {
			a := &l.Anchors[2]
			a.History = []list.Period{{Status: list.Granted, Since: a.Since}}
			a.Status, a.Since, a.Reason = list.Withdrawn, start, "key lost"
			a.CompromisedSince, a.LastTrustedIndex = start-day, new(uint64(0))
		}},
		{"not covered", func(l *list.List) { l.Anchors[0].StatusCoverage = list.Coverage{Kind: list.CoverageNone} }},
		{"grants nothing", func(l *list.List) { l.Anchors[0].CredentialTypes, l.Anchors[0].Formats = nil, nil }},
		{"begins later", func(l *list.List) { l.Anchors[0].Since = start + 90*day }},
	} {
		l := list1()
		test.change(l)
		if _, err := l.Payload(); err != nil {
			t.Errorf("%s: Payload() = %v, want no error", test.name, err)
		}
	}
}

func TestListsThatAreRefused(t *testing.T) {
	const malformed, contradiction = trust.Malformed, trust.Contradiction
	for _, test := range []struct {
		name   string
		want   trust.RefusalCode
		where  string // stands in the refusal
		change func(*list.List)
	}{
		{"unknown version", malformed, "formatVersion", func(l *list.List) { l.Version = 2 }},
		{"no province", malformed, "province", func(l *list.List) { l.Province = "" }},
		{"session 0", malformed, "session", func(l *list.List) { l.Session = 0 }},
		{"version 0", malformed, "version", func(l *list.List) { l.Number = 0 }},
		{"version above 2^53-1", malformed, "version", func(l *list.List) { l.Number, l.Previous = 1<<53, trust.Digest{1} }},
		{"first list with a previous", contradiction, "previous", func(l *list.List) { l.Previous = trust.Digest{1} }},
		{"later list without one", contradiction, "previous", func(l *list.List) { l.Number = 2 }},
		{"no issue time", malformed, "issued", func(l *list.List) { l.Issued = 0 }},
		{"ends as it is issued", contradiction, "nextUpdate", func(l *list.List) { l.NextUpdate = l.Issued }},
		{"plain http", malformed, "supplyPoints[0]", func(l *list.List) { l.SupplyPoints[0] = "http://trust.example" }},
		{"address with a password", malformed, "supplyPoints[0]", func(l *list.List) { l.SupplyPoints[0] = "https://a:b@trust.example" }},
		{"address twice", malformed, "supplyPoints[1]", func(l *list.List) { l.SupplyPoints = append(l.SupplyPoints, l.SupplyPoints[0]) }},
		{"address too long", malformed, "supplyPoints[0]", func(l *list.List) {
			l.SupplyPoints[0] = "https://" + strings.Repeat("a", list.MaxURLBytes)
		}},
		{"peer twice", malformed, "peers[1]", func(l *list.List) { l.Peers = append(l.Peers, l.Peers[0]) }},

		{"unordered anchors", malformed, "anchor ca", func(l *list.List) { l.Anchors[0], l.Anchors[1] = l.Anchors[1], l.Anchors[0] }},
		{"id twice", malformed, "anchor ca", func(l *list.List) { l.Anchors[1].ID = "ca" }},
		{"capital in an id", malformed, "id", func(l *list.List) { l.Anchors[0].ID = "CA" }},
		{"no id", malformed, "id", func(l *list.List) { l.Anchors[0].ID = "" }},
		{"id too long", malformed, "id", func(l *list.List) { l.Anchors[0].ID = strings.Repeat("a", list.MaxIDBytes+1) }},
		{"no name", malformed, "name", func(l *list.List) { l.Anchors[0].Name = "" }},
		{"line break in a name", malformed, "name", func(l *list.List) { l.Anchors[0].Name = "a\nb" }},
		{"no authority", malformed, "authority", func(l *list.List) { l.Anchors[0].Authority = "" }},
		{"no role", malformed, "roles", func(l *list.List) { l.Anchors[0].Roles = nil }},
		{"unknown role", malformed, "roles", func(l *list.List) { l.Anchors[0].Roles = []list.Role{"Issuer"} }},
		{"role twice", malformed, "roles", func(l *list.List) { l.Anchors[0].Roles = []list.Role{list.RoleIssuer, list.RoleIssuer} }},
		{"subject with other characters", malformed, "subjects", func(l *list.List) { l.Anchors[0].Subjects = []string{"a b"} }},
		{"subject twice", malformed, "subjects", func(l *list.List) { l.Anchors[0].Subjects = []string{"A", "A"} }},
		{"pattern of types", malformed, "credentialTypes", func(l *list.List) { l.Anchors[0].CredentialTypes = []string{"111*"} }},
		{"type twice", malformed, "credentialTypes", func(l *list.List) { l.Anchors[0].CredentialTypes = []string{"a", "a"} }},
		{"empty format", malformed, "formats", func(l *list.List) { l.Anchors[0].Formats = []string{""} }},

		{"unknown status", malformed, "status", func(l *list.List) { l.Anchors[0].Status = "valid" }},
		{"no since", contradiction, "since", func(l *list.List) { l.Anchors[0].Since = 0 }},
		{"history that does not end before", contradiction, "since", func(l *list.List) {
			l.Anchors[0].History = []list.Period{{Status: list.Suspended, Since: l.Anchors[0].Since}}
		}},
		{"history newest first", contradiction, "since", func(l *list.List) {
			s := l.Anchors[0].Since
			l.Anchors[0].History = []list.Period{{Status: list.Suspended, Since: s - 1}, {Status: list.Granted, Since: s - 2}}
		}},
		{"compromised without an index", contradiction, "lastTrustedIndex", func(l *list.List) { l.Anchors[0].CompromisedSince = start }},
		{"index without a compromise", contradiction, "compromisedSince", func(l *list.List) { l.Anchors[0].LastTrustedIndex = new(uint64(1)) }},
		{"unknown signer", malformed, "statusSigner", func(l *list.List) { l.Anchors[0].StatusSigner = "" }},
		{"unknown coverage", malformed, "statusCoverage", func(l *list.List) { l.Anchors[0].StatusCoverage.Kind = "" }},
		{"coverage without a begin", contradiction, "statusCoverage", func(l *list.List) { l.Anchors[0].StatusCoverage.Since = 0 }},
		{"no coverage with a begin", contradiction, "statusCoverage", func(l *list.List) { l.Anchors[0].StatusCoverage.Kind = list.CoverageNone }},

		{"empty span", contradiction, "statusKeys[0]", func(l *list.List) { l.Anchors[2].StatusKeys[0].From = 100 }},
		{"status key not set", malformed, "key", func(l *list.List) { l.Anchors[2].StatusKeys[0].Key = nil }},
		{"status key twice in an anchor", contradiction, "statusKeys[1]", func(l *list.List) { l.Anchors[2].StatusKeys[1].Key = key(21).Public() }},
		{"status key in two anchors", contradiction, "statusKeys[1]", func(l *list.List) {
			l.Anchors[0].StatusKeys = []list.StatusKey{{Key: key(22).Public()}}
		}},
		{"status key that is the operator's too", contradiction, "statusKeys[0]", func(l *list.List) {
			l.Anchors[0].StatusKeys = []list.StatusKey{{Key: key(20).Public()}}
		}},
		{"too many status keys", malformed, "statusKeys", func(l *list.List) {
			l.Anchors[0].StatusKeys = make([]list.StatusKey, list.MaxStatusKeys+1)
			for i := range l.Anchors[0].StatusKeys {
				l.Anchors[0].StatusKeys[i].Key = key(23).Public()
			}
		}},
	} {
		l := list1()
		test.change(l)
		_, err := l.Payload()
		if got := codeOf(err); got != test.want || !strings.Contains(fmt.Sprint(err), test.where) {
			t.Errorf("%s: Payload() = %v, want %s about %q", test.name, err, test.want, test.where)
		}
	}
}

func enveloped(payloadType, payload string) []byte {
	e := statement.New(payloadType, []byte(payload))
	for _, n := range []int{0, 1} {
		if err := e.Sign(key(n)); err != nil {
			panic(err)
		}
	}
	return must(e.Marshal())
}

func TestReadIsStrict(t *testing.T) {
	payload := string(must(list1().Payload()))
	replace := func(old, new string) []byte {
		if strings.Count(payload, old) == 0 {
			t.Fatalf("the payload lacks %q, want it there to be replaced", old)
		}
		return enveloped(list.PayloadType, strings.Replace(payload, old, new, 1))
	}
	for _, test := range []struct {
		name string
		raw  []byte
		want trust.RefusalCode
	}{
		{"as it is", enveloped(list.PayloadType, payload), ""},
		{"nothing", nil, trust.Malformed},
		{"too large", make([]byte, list.MaxBytes+1), trust.TooLarge},
		{"another payload type", enveloped(national.PayloadType, payload), trust.Malformed},
		{"text after the payload", enveloped(list.PayloadType, payload+"{}"), trust.Malformed},
		{"unknown member", replace(`"session"`, `"custom":1,"session"`), trust.Malformed},
		{"unknown member of an anchor", replace(`"authority"`, `"custom":1,"authority"`), trust.Malformed},
		{"missing member", replace(`"session":1,`, ``), trust.Malformed},
		{"missing member of an anchor", replace(`"statusSigner":"self",`, ``), trust.Malformed},
		{"member twice", replace(`"session":1`, `"session":1,"session":1`), trust.Malformed},
		{"other letter case", replace(`"session"`, `"Session"`), trust.Malformed},
		{"null", replace(`"history":[]`, `"history":null`), trust.Malformed},
		{"negative", replace(`"session":1`, `"session":-1`), trust.Malformed},
		{"certificate in PEM", replace(`"certificate":"`, `"certificate":"-----BEGIN`), trust.Malformed},
	} {
		if _, err := list.Read(test.raw); codeOf(err) != test.want {
			t.Errorf("%s: Read() = %v, want %q", test.name, err, test.want)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	payload := must(list1().Payload())
	d := signed(t, list1(), 0, 1)
	if again := must(d.List.Payload()); !bytes.Equal(again, payload) {
		t.Errorf("Payload() of what Read returned = %s, want %s", again, payload)
	}
}

func FuzzRead(f *testing.F) {
	l := list1()
	l.Anchors = l.Anchors[2:]
	f.Add(must(l.Payload()))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		if len(payload) == 0 {
			return
		}
		for _, raw := range [][]byte{payload, must(statement.New(list.PayloadType, payload).Marshal())} {
			d, err := list.Read(raw)
			if err != nil {
				if codeOf(err) == "error" {
					t.Errorf("Read() = %v, want a refusal", err)
				}
				continue
			}
			if _, err := d.Payload(); err != nil {
				t.Errorf("Payload() of what Read took = %v, want no error", err)
			}
			e := list.Evaluate(d, entry(), nil)
			if got := len(e.Anchors) + len(e.Refused); got != len(d.List.Anchors) {
				t.Errorf("Evaluate() = %d anchors counted or refused, want all %d", got, len(d.List.Anchors))
			}
		}
	})
}
