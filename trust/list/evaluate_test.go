package list_test

import (
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/certs"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/trusttest"
)

func TestEvaluate(t *testing.T) {
	x := pkiOnce()
	ids := func(e *list.Evaluated) (ids []string) {
		for _, a := range e.Anchors {
			ids = append(ids, a.ID)
		}
		return ids
	}
	for _, test := range []struct {
		name    string
		counts  []string
		refused map[string]trust.RefusalCode
		change  func(*list.List, *national.Province)
	}{
		{"all chain", []string{"ca", "ca.sub", "leaf"}, nil, func(*list.List, *national.Province) {}},
		{"certificate that cannot be read", []string{"ca", "ca.sub"}, map[string]trust.RefusalCode{"leaf": trust.Malformed},
			func(l *list.List, _ *national.Province) { l.Anchors[2].Certificate = x.leaf[:90] }},
		{"CA between cannot be read", []string{"ca"}, map[string]trust.RefusalCode{"ca.sub": trust.Malformed, "leaf": trust.NotChained},
			func(l *list.List, _ *national.Province) { l.Anchors[1].Certificate = nil }},
		{"another root", []string{"ca.sub", "leaf"}, map[string]trust.RefusalCode{"x": trust.NotChained},
			func(l *list.List, _ *national.Province) {
				l.Anchors = []list.Anchor{anchor("a", x.ca), l.Anchors[1], l.Anchors[2], anchor("x", x.stranger)}
				l.Anchors[0].CredentialTypes = []string{"222"} // refused, and yet the CA above the others
			}},
		{"type of another kind", []string{"ca", "ca.sub"}, map[string]trust.RefusalCode{"leaf": trust.OverClaim},
			func(l *list.List, _ *national.Province) { l.Anchors[2].CredentialTypes = []string{"11100001", "222"} }},
		{"no pattern at all", nil, map[string]trust.RefusalCode{"ca": trust.OverClaim, "ca.sub": trust.OverClaim, "leaf": trust.OverClaim},
			func(_ *list.List, e *national.Province) { e.Types = nil }},
		{"algorithm not granted", nil, map[string]trust.RefusalCode{"ca": trust.OverClaim, "ca.sub": trust.OverClaim, "leaf": trust.OverClaim},
			func(_ *list.List, e *national.Province) { e.Algorithms = []string{"ES256"} }},
		{"end entity with subjects", []string{"ca", "ca.sub"}, map[string]trust.RefusalCode{"leaf": trust.Contradiction},
			func(l *list.List, _ *national.Province) { l.Anchors[2].Subjects = []string{"A"} }},
		{"withdrawn counts for the time before", []string{"ca", "ca.sub", "leaf"}, nil,
			func(l *list.List, _ *national.Province) { l.Anchors[2].Status = list.Withdrawn }},
		{"one certificate in two anchors", []string{"ca", "ca.sub", "leaf", "x"}, nil,
			func(l *list.List, _ *national.Province) { l.Anchors = append(l.Anchors, anchor("x", x.ca)) }},
		{"pinned partner", []string{"ca", "ca.sub", "leaf", "x"}, nil, func(l *list.List, e *national.Province) {
			l.Anchors = append(l.Anchors, anchor("x", x.stranger))
			partner(l, e, "HC1")
		}},
		{"partner with a format of ours", nil, map[string]trust.RefusalCode{"ca": trust.OverClaim, "ca.sub": trust.OverClaim, "leaf": trust.OverClaim},
			func(l *list.List, e *national.Province) { partner(l, e, "HT1") }},
	} {
		l, e := list1(), entry()
		test.change(l, e)
		got := list.Evaluate(signed(t, l, 0, 1), e, []*certs.Certificate{root()})
		refused := map[string]trust.RefusalCode{}
		for _, r := range got.Refused {
			refused[r.ID] = r.Code
			if r.Detail == "" {
				t.Errorf("%s: Refused %s has no detail, want why", test.name, r.ID)
			}
		}
		if test.name == "another root" {
			test.refused["a"] = trust.OverClaim
		}
		if !slices.Equal(ids(got), test.counts) || fmt.Sprint(refused) != fmt.Sprint(test.refused) && len(refused)+len(test.refused) > 0 {
			t.Errorf("%s: Evaluate() = %v counting and %v refused, want %v and %v", test.name, ids(got), got.Refused, test.counts, test.refused)
		}
		for _, a := range got.Anchors {
			if a.Province != e.Code || a.Path[0] != a.Certificate || (len(a.Path) == 1) != (e.Anchoring == national.Pinned) {
				t.Errorf("%s: anchor %s of %s has a path of %d, want one that starts with its certificate", test.name, a.ID, a.Province, len(a.Path))
			}
		}
	}
}

// partner makes list and entry those of a pinned partner whose anchors issue in one format.
func partner(l *list.List, e *national.Province, format string) {
	l.Province, e.Code, e.Anchoring = "AT", "AT", national.Pinned
	for i := range l.Anchors {
		l.Anchors[i].Formats = []string{format}
	}
}

func TestPathsEndInTheRoot(t *testing.T) {
	got := list.Evaluate(signed(t, list1(), 0, 1), entry(), []*certs.Certificate{root()})
	for i, want := range []int{2, 3, 4} {
		path := got.Anchors[i].Path
		if len(path) != want || path[len(path)-1].Digest() != root().Digest() {
			t.Errorf("Path of %s has %d certificates, want %d up to the root", got.Anchors[i].ID, len(path), want)
		}
	}
}

// TestPathLength: a CA's limit counts for end entities too, whose paths are built upon those of their CAs.
func TestPathLength(t *testing.T) {
	x := pkiOnce()
	template := certs.Template{CommonName: "narrow CA", CA: true, PathLen: 0, NotBefore: start, NotAfter: start + day}
	narrow := must(certs.Issue(rand.Reader, template, key(15).Public(), root(), key(10)))
	wide := must(certs.Parse(narrow))
	wide.PathLen = -1 // what certs would refuse to make: a CA below one that allows none
	template.CommonName, template.PathLen = "CA too deep", -1
	deep := must(certs.Issue(rand.Reader, template, key(16).Public(), wide, key(15)))
	template.CommonName, template.CA = "entity", false
	under := must(certs.Issue(rand.Reader, template, key(17).Public(), must(certs.Parse(narrow)), key(15)))
	tooDeep := must(certs.Issue(rand.Reader, template, key(18).Public(), must(certs.Parse(deep)), key(16)))
	l := list1()
	l.Anchors = []list.Anchor{anchor("a-narrow", narrow), anchor("b-deep", deep), anchor("c-under", under), anchor("d-too-deep", tooDeep), anchor("e-ca", x.ca)}
	got := list.Evaluate(signed(t, l, 0, 1), entry(), []*certs.Certificate{root()})
	var counts []string
	for _, a := range got.Anchors {
		counts = append(counts, a.ID)
	}
	// The last certificate of a path does not count as one between, even if it is a CA's (RFC 5280, 4.2.1.9).
	if want := []string{"a-narrow", "b-deep", "c-under", "e-ca"}; !slices.Equal(counts, want) {
		t.Errorf("Evaluate() = %v counting and %v refused, want %v counting", counts, got.Refused, want)
	}
	if i := slices.IndexFunc(got.Refused, func(r list.RefusedAnchor) bool { return r.ID == "d-too-deep" }); i < 0 || got.Refused[i].Code != trust.NotChained {
		t.Errorf("Evaluate() refused %v, want d-too-deep among them as %s", got.Refused, trust.NotChained)
	}
}

func TestSpeaksFor(t *testing.T) {
	x := pkiOnce()
	issue := func(t certs.Template, n int) *certs.Certificate {
		t.NotBefore, t.NotAfter = start, start+day
		return must(certs.Parse(must(certs.Issue(rand.Reader, t, key(n).Public(), must(certs.Parse(x.ca)), key(11)))))
	}
	listed := issue(certs.Template{CommonName: "listed", OrganizationCode: "11310000MB0000000B"}, 30)
	named := issue(certs.Template{CommonName: "named"}, 31)
	company := issue(certs.Template{CommonName: "a company", OrganizationCode: "91310000YY"}, 32)
	bare := issue(certs.Template{CommonName: "without a code"}, 33)
	below := issue(certs.Template{CommonName: "CA of the listed", OrganizationCode: "11310000MB0000000B", CA: true, PathLen: -1}, 34)
	l := list1()
	l.Anchors[0].Subjects = []string{"11310000MB0000000B", named.SubjectDigest().String()}
	e := list.Evaluate(signed(t, l, 0, 1), entry(), []*certs.Certificate{root()})
	ca, sub, leaf := e.Anchors[0], e.Anchors[1], e.Anchors[2]
	own := must(certs.Parse(x.leaf))
	for _, test := range []struct {
		name string
		a    *list.Anchored
		leaf *certs.Certificate
		want bool
	}{
		{"listed code", ca, listed, true},
		{"listed name", ca, named, true},
		{"another code", ca, company, false},
		{"no code", ca, bare, false},
		{"a CA with a listed code", ca, below, false},
		{"the CA itself", ca, ca.Certificate, false},
		{"empty subjects", sub, listed, false},
		{"empty subjects, an authority", sub, own, false},
		{"end entity itself", leaf, own, true},
		{"end entity for another", leaf, listed, false},
	} {
		if got := test.a.SpeaksFor(test.leaf); got != test.want {
			t.Errorf("%s: SpeaksFor() = %v, want %v", test.name, got, test.want)
		}
	}
	pinned, at := list1(), entry()
	partner(pinned, at, "HC1")
	p := list.Evaluate(signed(t, pinned, 0, 1), at, nil)
	if !p.Anchors[0].SpeaksFor(p.Anchors[0].Certificate) {
		t.Error("a pinned CA certificate: SpeaksFor(itself) = false, want true")
	}
}

func TestGrants(t *testing.T) {
	a := anchor("a", nil)
	for _, test := range []struct {
		name      string
		got, want bool
	}{
		{"IssuesType(granted)", a.IssuesType("11100001"), true},
		{"IssuesType(another)", a.IssuesType("11100002"), false},
		{"AllowsFormat(granted)", a.AllowsFormat("HT1"), true},
		{"AllowsFormat(another)", a.AllowsFormat("HC1"), false},
		{"HasRole(issuer)", a.HasRole(list.RoleIssuer), true},
		{"HasRole(sealMaker)", a.HasRole(list.RoleSealMaker), false},
	} {
		if test.got != test.want {
			t.Errorf("%s = %v, want %v", test.name, test.got, test.want)
		}
	}
	a.Roles = []list.Role{list.RoleSealMaker}
	if a.IssuesType("11100001") {
		t.Error("IssuesType() of a seal maker = true, want false")
	}
}

func TestStatusAt(t *testing.T) {
	a := list.Anchor{
		History: []list.Period{{Status: list.Granted, Since: 100}, {Status: list.Suspended, Since: 200, Reason: "audit"}},
		Status:  list.Withdrawn, Since: 300, Reason: "merged",
	}
	for _, test := range []struct {
		at     trust.Time
		status list.Status
		since  trust.Time
		reason string
	}{
		{99, "", 0, ""}, {100, list.Granted, 100, ""}, {199, list.Granted, 100, ""}, {200, list.Suspended, 200, "audit"},
		{299, list.Suspended, 200, "audit"}, {300, list.Withdrawn, 300, "merged"}, {1 << 40, list.Withdrawn, 300, "merged"},
	} {
		if status, since, reason := a.StatusAt(test.at); status != test.status || since != test.since || reason != test.reason {
			t.Errorf("StatusAt(%d) = %q, %d, %q, want %q, %d, %q", test.at, status, since, reason, test.status, test.since, test.reason)
		}
	}
}

func TestStatusKeyFor(t *testing.T) {
	l := list1()
	l.Anchors[0].Authority, l.Anchors[0].StatusSigner = "hospital", list.SignerOperator
	self := l.Anchors[2].Authority
	for _, test := range []struct {
		name      string
		n         int
		authority string
		operator  bool
		position  uint64
		want      trust.RefusalCode
		outside   bool
	}{
		{"own key", 21, self, false, 0, "", false},
		{"last position of the span", 21, self, false, 99, "", false},
		{"after the span", 21, self, false, 100, trust.UnknownKey, true},
		{"before the span", 22, self, false, 99, trust.UnknownKey, true},
		{"open span", 22, self, false, 1 << 50, "", false},
		{"operator", 20, "hospital", true, 7, "", false},
		{"operator for an authority that signs itself", 20, self, true, 7, trust.UnknownKey, false},
		{"operator's key as an own one", 20, "hospital", false, 7, trust.UnknownKey, false},
		{"own key as the operator's", 21, self, true, 7, trust.UnknownKey, false},
		{"another authority's key", 21, "hospital", false, 7, trust.UnknownKey, false},
		{"a stranger", 40, self, false, 7, trust.UnknownKey, false},
		{"unknown authority", 21, "nobody", false, 7, trust.UnknownAuthority, false},
	} {
		got, err := l.StatusKeyFor(key(test.n).Public().ID(), test.authority, test.operator, test.position)
		if codeOf(err) != test.want || (err == nil) != got.Equal(key(test.n).Public()) || errors.Is(err, list.ErrOutsideSpan) != test.outside {
			t.Errorf("%s: StatusKeyFor() = %v, %v, want %q (outside a span: %v)", test.name, got, err, test.want, test.outside)
		}
	}
}

// TestConformanceGenuineAnchors makes trust lists of genuine provincial CA certificates: they chain to the genuine
// national root, a certificate of another root is refused, and the rest counts.
func TestConformanceGenuineAnchors(t *testing.T) {
	dir := filepath.Join(trusttest.Conformance(t), "certs")
	var expected struct {
		Certs []struct {
			File, ProvinceCode, ChainsTo, Result string
			SelfSigned                           bool
		}
	}
	if err := json.Unmarshal(must(os.ReadFile(filepath.Join(dir, "expected.json"))), &expected); err != nil {
		t.Fatalf("reading expected.json: %v", err)
	}
	read := func(file string) []byte {
		block, _ := pem.Decode(must(os.ReadFile(filepath.Join(dir, file))))
		if block == nil {
			t.Fatalf("%s holds no PEM block", file)
		}
		return block.Bytes
	}
	tried := 0
	for _, c := range expected.Certs {
		if c.SelfSigned || c.ProvinceCode == "" {
			continue
		}
		tried++
		l, e := list1(), entry()
		l.Province, e.Code, e.Types = trust.Province(c.ProvinceCode), trust.Province(c.ProvinceCode), []string{"*"}
		l.Anchors = []list.Anchor{anchor("foreign", pkiOnce().stranger), anchor("genuine", read(c.File))}
		got := list.Evaluate(signed(t, l, 0, 1), e, []*certs.Certificate{must(certs.Parse(read(c.ChainsTo)))})
		if len(got.Anchors) != 1 || got.Anchors[0].ID != "genuine" || len(got.Refused) != 1 || got.Refused[0].Code != trust.NotChained {
			t.Errorf("%s: Evaluate() = %d counting and %v refused, want the genuine one counting and the foreign one not-chained", c.File, len(got.Anchors), got.Refused)
			continue
		}
		if got.Anchors[0].SpeaksFor(must(certs.Parse(pkiOnce().leaf))) {
			t.Errorf("%s: SpeaksFor() with empty subjects = true, want false", c.File)
		}
	}
	if tried == 0 {
		t.Error("expected.json names no provincial certificate, want at least one")
	}
}

func BenchmarkEvaluate(b *testing.B) {
	x := pkiOnce()
	l := list1()
	sub := must(certs.Parse(x.sub))
	for i := range 2000 {
		t := certs.Template{CommonName: fmt.Sprint("authority ", i), NotBefore: start, NotAfter: start + day}
		l.Anchors = append(l.Anchors, anchor(fmt.Sprintf("m%06d", i), must(certs.Issue(rand.Reader, t, key(13).Public(), sub, key(12)))))
	}
	d := signed(b, l, 0, 1)
	roots := []*certs.Certificate{root()}
	for b.Loop() {
		if e := list.Evaluate(d, entry(), roots); len(e.Refused) > 0 {
			b.Fatalf("Evaluate() refused %v, want none", e.Refused[0])
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(len(l.Anchors)), "µs/anchor")
}
