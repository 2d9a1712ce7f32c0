package province_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hutong-project/hutong/cmd/internal/authority"
	"github.com/hutong-project/hutong/cmd/internal/coordinator"
	"github.com/hutong-project/hutong/cmd/internal/province"
	"github.com/hutong-project/hutong/node/access"
	"github.com/hutong-project/hutong/node/clustertls"
	"github.com/hutong-project/hutong/node/config"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/national"
)

const (
	shanghai = trust.Province("310000")
	police   = "11310000002420084Y"
	licence  = "11100000000013338W011"
)

var (
	passphrase = []byte("a passphrase of the tests")
	now        = trust.TimeOf(time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC))
)

// world is a province that the coordinator has admitted to some types.
type world struct {
	t           *testing.T
	dir         string
	coordinator *coordinator.Coordinator
	province    *province.Province
}

func newWorld(t *testing.T, o province.Options, types ...string) *world {
	t.Helper()
	dir := t.TempDir()
	c, err := coordinator.Create(filepath.Join(dir, "national"), passphrase, coordinator.Options{Operator: "国家政务服务平台"}, now)
	if err != nil {
		t.Fatal(err)
	}
	o.Code = shanghai
	if o.Nodes == nil {
		if o.Nodes, err = province.Layout([]string{"127.0.0.1"}, 7100, 3); err != nil {
			t.Fatal(err)
		}
	}
	p, err := province.Create(filepath.Join(dir, "310000"), passphrase, o)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: dir, coordinator: c, province: p}
	w.admit(types...)
	return w
}

func (w *world) admit(types ...string) *coordinator.Admission {
	w.t.Helper()
	raw, err := os.ReadFile(filepath.Join(w.province.Folder(), province.RequestFile))
	if err != nil {
		w.t.Fatal(err)
	}
	a, err := w.coordinator.Admit(raw, coordinator.Terms{Types: types}, passphrase, now)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// join signs and publishes the national list and takes it into the province's folder.
func (w *world) join() []string {
	w.t.Helper()
	for i := range 2 {
		if _, err := w.coordinator.Sign(w.coordinator.KeyFile(i), passphrase, now, 30); err != nil {
			w.t.Fatal(err)
		}
	}
	d, err := w.coordinator.ToPublish()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.coordinator.Published(); err != nil {
		w.t.Fatal(err)
	}
	ca, err := os.ReadFile(w.coordinator.CertificateFile(shanghai))
	if err != nil {
		w.t.Fatal(err)
	}
	written, err := w.province.Nodes(d.Raw, ca)
	if err != nil {
		w.t.Fatal(err)
	}
	return written
}

func (w *world) issuer(id string) ([]byte, *authority.Authority) {
	w.t.Helper()
	dir := filepath.Join(w.dir, id)
	a, err := authority.Create(dir, passphrase, shanghai, police, "上海市公安局", id)
	if err != nil {
		w.t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, authority.RequestFile))
	if err != nil {
		w.t.Fatal(err)
	}
	return raw, a
}

// sign signs the list with the first n keys and returns it.
func (w *world) sign(n int, at trust.Time) *list.Document {
	w.t.Helper()
	for i := range n {
		if _, err := w.province.ListSign(w.province.ListKeyFile(i), passphrase, at, province.DefaultDays); err != nil {
			w.t.Fatal(err)
		}
	}
	raw, err := w.province.ToPublish()
	if err != nil {
		w.t.Fatal(err)
	}
	d, err := list.Read(raw)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.province.Published(); err != nil {
		w.t.Fatal(err)
	}
	return d
}

func codeOf(err error) trust.RefusalCode {
	if r, ok := trust.AsRefusal(err); ok {
		return r.Code
	}
	return ""
}

func TestNodesCanBeLoaded(t *testing.T) {
	nodes, err := province.Layout([]string{"10.31.0.1", "node2.sh.example", "2001:db8::3"}, 7100, 3)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, province.Options{Nodes: nodes})
	written := w.join()
	if len(written) != 3 {
		t.Fatalf("Nodes() wrote %q, want three files", written)
	}
	for i, path := range written {
		c, err := config.Load(path)
		if err != nil {
			t.Errorf("config.Load(%s) = %v", path, err)
			continue
		}
		if c.Code() != shanghai || c.Pin() != w.province.National.Digest || c.Self().Peer != w.province.State.Nodes[i].Peer {
			t.Errorf("%s = %+v, want this province, the list's digest and node %d's peer", path, c, i+1)
		}
		for _, file := range append(c.Keys.Head, c.Keys.Operator, c.Federation.Identity, c.API.Tokens) {
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s names a file that is not there: %v", path, err)
			}
		}
		if _, err := access.OpenTokens(c.API.Tokens); err != nil {
			t.Errorf("OpenTokens(%s) = %v", c.API.Tokens, err)
		}
	}
	c, _ := config.Load(written[1])
	if got := c.Cluster.Members[1]; got.Address != "node2.sh.example:7102" || got.P2P != "/dns/node2.sh.example/tcp/7202" || c.API.Listen != "node2.sh.example:8102" {
		t.Errorf("second member = %+v with API %s, want ports 7102, 7202 and 8102 of its host", got, c.API.Listen)
	}
	if got := c.Cluster.Members[2]; got.Address != "[2001:db8::3]:7103" || got.P2P != "/ip6/2001:db8::3/tcp/7203" {
		t.Errorf("third member = %+v, want an IPv6 address in brackets", got)
	}

	// What an operator changed in a configuration stays.
	if err := os.WriteFile(written[0], []byte("changed"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.admit("a*")
	if again := w.join(); len(again) != 0 {
		t.Errorf("Nodes() again wrote %q, want nothing", again)
	}
	if w.province.National.Sequence != 2 {
		t.Errorf("national list %d, want the newer one", w.province.National.Sequence)
	}
}

func TestNodesRefuses(t *testing.T) {
	w := newWorld(t, province.Options{})
	w.join()
	ca, err := os.ReadFile(w.coordinator.CertificateFile(shanghai))
	if err != nil {
		t.Fatal(err)
	}
	other := newWorld(t, province.Options{})
	other.join()
	foreign, err := os.ReadFile(other.coordinator.CertificateFile(shanghai))
	if err != nil {
		t.Fatal(err)
	}
	unsigned, err := w.province.National.List.Sign()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name     string
		national []byte
		ca       []byte
		want     string
	}{
		{"a list without signatures", unsigned, ca, string(trust.ThresholdMissed)},
		{"another country's list", other.province.National.Raw, ca, "other keys"},
		{"another province's certificate", w.province.National.Raw, foreign, "is for key"},
		{"no certificate", w.province.National.Raw, []byte("x"), "no certificate"},
	} {
		p, err := province.Load(w.province.Folder())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Nodes(test.national, test.ca); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("Nodes(%s) = %v, want an error with %q", test.name, err, test.want)
		}
	}
}

func TestAnAnchorThatCounts(t *testing.T) {
	w := newWorld(t, province.Options{ListKeys: 3, ListThreshold: 2}, licence)
	w.join()
	raw, a := w.issuer("310000-police-1")
	if _, err := w.province.AnchorAdd(raw, province.AnchorGrant{Types: []string{licence}}, passphrase, now); err != nil {
		t.Fatal(err)
	}
	preview, err := w.province.Preview(now, 7)
	if err != nil {
		t.Fatal(err)
	}
	if len(preview.Refused) != 0 || !slices.ContainsFunc(preview.Changes, func(s string) bool { return strings.HasPrefix(s, "+ anchor 310000-police-1: 上海市公安局") }) {
		t.Errorf("Preview() = %+v, want the anchor added and nothing refused", preview)
	}
	if s, err := w.province.ListSign(w.province.ListKeyFile(2), passphrase, now, 7); err != nil || s.Complete() {
		t.Fatalf("ListSign(key 3) = %+v, %v, want 1 of 2", s, err)
	}
	if s, err := w.province.ListSign(w.province.ListKeyFile(2), passphrase, now, 7); err != nil || s.Signatures != 1 || !s.Again {
		t.Errorf("ListSign(key 3) again = %+v, %v, want still 1 of 2", s, err)
	}
	if _, err := w.province.ToPublish(); codeOf(err) != trust.ThresholdMissed {
		t.Errorf("ToPublish with 1 of 2 = %v, want %s", err, trust.ThresholdMissed)
	}
	d := w.sign(1, now)
	if err := d.CheckSigned(w.province.Entry()); err != nil {
		t.Errorf("CheckSigned() = %v", err)
	}
	if d.NextUpdate != now+7*86400 {
		t.Errorf("next update %v, want seven days after %v", d.NextUpdate, now)
	}
	e := list.Evaluate(d, w.province.Entry(), w.province.National.Roots)
	if len(e.Refused) != 0 || len(e.Anchors) != 2 {
		t.Fatalf("Evaluate() = %d anchors, refused %+v, want the CA and the issuer", len(e.Anchors), e.Refused)
	}
	issuer := e.Anchors[1]
	if len(issuer.Path) != 3 || !issuer.IssuesType(licence) || !issuer.AllowsFormat("HT1") || issuer.Certificate.OrganizationCode() != police {
		t.Errorf("anchor = %+v, want a path over the CA to the root and the grant", issuer.Anchor)
	}
	if issuer.Certificate.KeyID() != a.CredentialKey.ID() || issuer.StatusKeys[0].Key.ID() != a.StatusKey.ID() {
		t.Error("the anchor has other keys than the request")
	}
	if ca := e.Anchors[0]; len(ca.Subjects) != 0 || ca.IssuesType(licence) || ca.SpeaksFor(issuer.Certificate) {
		t.Errorf("the CA's anchor = %+v, want one that speaks for nobody", ca.Anchor)
	}
}

func TestAnchorAddWarnsEarly(t *testing.T) {
	w := newWorld(t, province.Options{}, licence)
	raw, _ := w.issuer("police")
	if _, err := w.province.AnchorAdd(raw, province.AnchorGrant{Types: []string{licence}}, passphrase, now); !errors.Is(err, province.ErrNoNational) {
		t.Errorf("AnchorAdd without a national list = %v, want ErrNoNational", err)
	}
	w.join()
	for _, test := range []struct {
		name  string
		grant province.AnchorGrant
		want  string
	}{
		{"a type not granted", province.AnchorGrant{Types: []string{licence, "other"}}, string(trust.OverClaim)},
		{"no type", province.AnchorGrant{}, "no credential type"},
		{"an unknown signer", province.AnchorGrant{Types: []string{licence}, Signer: "me"}, "signer"},
		{"an unknown coverage", province.AnchorGrant{Types: []string{licence}, Coverage: "some"}, "coverage"},
		{"a malformed format", province.AnchorGrant{Types: []string{licence}, Formats: []string{"H T"}}, string(trust.Malformed)},
	} {
		if _, err := w.province.AnchorAdd(raw, test.grant, passphrase, now); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("AnchorAdd(%s) = %v, want an error with %q", test.name, err, test.want)
		}
	}
	if len(w.province.Draft.Anchors) != 0 {
		t.Errorf("refused anchors left %d in the draft", len(w.province.Draft.Anchors))
	}
	if _, err := w.province.AnchorAdd(raw, province.AnchorGrant{Types: []string{"other"}, Force: true}, passphrase, now); err != nil {
		t.Fatalf("AnchorAdd(forced) = %v", err)
	}
	preview, err := w.province.Preview(now, 7)
	if err != nil || len(preview.Refused) != 1 || preview.Refused[0].Code != trust.OverClaim {
		t.Errorf("Preview(forced) = %+v, %v, want the anchor among the refused", preview, err)
	}
	if _, err := w.province.AnchorAdd(raw, province.AnchorGrant{Types: []string{licence}}, passphrase, now); err == nil || !strings.Contains(err.Error(), "another id") {
		t.Errorf("AnchorAdd(same id) = %v, want an error with the remedy", err)
	}
}

func TestAnchorChangeKeepsThePast(t *testing.T) {
	w := newWorld(t, province.Options{})
	w.join()
	raw, _ := w.issuer("police")
	if _, err := w.province.AnchorAdd(raw, province.AnchorGrant{Types: []string{licence}, Since: now - 1000}, passphrase, now); err != nil {
		t.Fatal(err)
	}
	first := w.sign(1, now)
	if _, err := w.province.AnchorChange("nobody", province.AnchorChange{Status: list.Withdrawn}, now); err == nil || !strings.Contains(err.Error(), "police") {
		t.Errorf("AnchorChange(nobody) = %v, want an error that names the ids there are", err)
	}
	if _, err := w.province.AnchorChange("police", province.AnchorChange{Status: list.Granted}, now); err == nil {
		t.Error("AnchorChange(granted → granted) = nil, want an error")
	}
	if _, err := w.province.AnchorChange("police", province.AnchorChange{Status: list.Withdrawn, Since: now - 1000}, now); err == nil {
		t.Error("AnchorChange(since the grant itself) = nil, want an error")
	}
	for _, c := range []province.AnchorChange{
		{Status: list.Suspended, Reason: "审查"}, {Status: list.Granted},
		{Status: list.Withdrawn, Reason: "机构合并", CompromisedSince: now - 10, LastTrustedIndex: 4},
	} {
		if _, err := w.province.AnchorChange("police", c, now); err != nil {
			t.Fatal(err)
		}
	}
	preview, err := w.province.Preview(now, 7)
	if err != nil || !slices.ContainsFunc(preview.Changes, func(s string) bool {
		return strings.Contains(s, "granted → withdrawn") && strings.Contains(s, "机构合并")
	}) {
		t.Errorf("Preview() = %+v, %v, want the withdrawal with its reason", preview, err)
	}
	second := w.sign(1, now)
	if err := errors.Join(second.CheckFollows(first), second.CheckKeeps(first)); err != nil || second.Number != 2 {
		t.Errorf("list %d after list 1 = %v, want a list 2 that follows and keeps", second.Number, err)
	}
	e := list.Evaluate(second, w.province.Entry(), w.province.National.Roots)
	a := e.Anchors[slices.IndexFunc(e.Anchors, func(a *list.Anchored) bool { return a.ID == "police" })]
	for at, want := range map[trust.Time]list.Status{now - 1001: "", now - 1000: list.Granted, now: list.Suspended, now + 1: list.Granted, now + 2: list.Withdrawn} {
		if got, _, _ := a.StatusAt(at); got != want {
			t.Errorf("StatusAt(%v) = %q, want %q", at, got, want)
		}
	}
	if a.CompromisedSince != now-10 || *a.LastTrustedIndex != 4 {
		t.Errorf("compromised since %v, last trusted %v, want what was said", a.CompromisedSince, a.LastTrustedIndex)
	}
}

func TestListOnItsWay(t *testing.T) {
	w := newWorld(t, province.Options{})
	if _, err := w.province.ListSign(w.province.ListKeyFile(0), passphrase, now, 7); !errors.Is(err, province.ErrNoNational) {
		t.Errorf("ListSign without a national list = %v, want ErrNoNational", err)
	}
	w.join()
	if _, err := w.province.ToPublish(); !errors.Is(err, province.ErrNothingPending) {
		t.Errorf("ToPublish of nothing = %v, want ErrNothingPending", err)
	}
	if _, err := w.province.ListSign(filepath.Join(w.province.Folder(), "keys/head.pem"), passphrase, now, 7); codeOf(err) != trust.UnknownKey {
		t.Errorf("ListSign(head key) = %v, want %s", err, trust.UnknownKey)
	}
	if _, err := w.province.ListSign(w.province.ListKeyFile(0), passphrase, now, 7); err != nil {
		t.Fatal(err)
	}
	p, err := province.Load(w.province.Folder())
	if err != nil {
		t.Fatal(err)
	}
	if _, s, err := p.Pending(); err != nil || s == nil || !s.Complete() {
		t.Errorf("Pending() after a new start = %+v, %v, want a complete list", s, err)
	}
	raw, _ := w.issuer("police")
	if _, err := p.AnchorAdd(raw, province.AnchorGrant{Types: []string{licence}}, passphrase, now); !errors.Is(err, province.ErrPending) {
		t.Errorf("AnchorAdd while a list is being signed = %v, want ErrPending", err)
	}
	if err := p.Discard(false); !errors.Is(err, province.ErrComplete) {
		t.Errorf("Discard(complete) = %v, want ErrComplete", err)
	}
	if err := p.Discard(true); err != nil {
		t.Errorf("Discard(never published) = %v", err)
	}
	if _, err := p.AnchorAdd(raw, province.AnchorGrant{Types: []string{licence}}, passphrase, now); err != nil {
		t.Errorf("AnchorAdd after Discard = %v", err)
	}
}

func TestOperatorSigns(t *testing.T) {
	w := newWorld(t, province.Options{})
	w.join()
	raw, a := w.issuer("police")
	anchor, err := w.province.AnchorAdd(raw, province.AnchorGrant{Types: []string{licence}, Signer: list.SignerOperator, Coverage: list.CoverageNone}, passphrase, now)
	if err != nil || len(anchor.StatusKeys) != 0 || anchor.StatusCoverage.Kind != list.CoverageNone {
		t.Fatalf("AnchorAdd(operator) = %+v, %v, want no status key and no coverage", anchor, err)
	}
	d := w.sign(1, now)
	operator := d.OperatorStatusKeys[0].Key.ID()
	if _, err := d.StatusKeyFor(operator, police, true, 0); err != nil {
		t.Errorf("StatusKeyFor(operator) = %v", err)
	}
	if _, err := d.StatusKeyFor(a.StatusKey.ID(), police, false, 0); codeOf(err) != trust.UnknownKey {
		t.Errorf("StatusKeyFor(the authority's own) = %v, want %s", err, trust.UnknownKey)
	}
}

func TestCreateRefuses(t *testing.T) {
	nodes, err := province.Layout([]string{"127.0.0.1"}, 7100, 1)
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]province.Options{
		"an unknown province":      {Code: "990000", Nodes: nodes},
		"no node":                  {Code: shanghai},
		"a threshold out of reach": {Code: shanghai, Nodes: nodes, ListKeys: 1, ListThreshold: 2},
		"a wrong authority":        {Code: shanghai, Nodes: nodes, Authority: "x"},
	} {
		dir := filepath.Join(t.TempDir(), "p")
		if _, err := province.Create(dir, passphrase, o); err == nil {
			t.Errorf("Create(%s) = nil, want an error", name)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("Create(%s) left a folder", name)
		}
	}
	if _, err := province.Layout([]string{"a", "b"}, 7100, 3); err == nil {
		t.Error("Layout(2 hosts, 3 nodes) = nil, want an error")
	}
	if _, err := province.Layout([]string{"a"}, 65000, 3); err == nil {
		t.Error("Layout(base 65000) = nil, want an error")
	}
}

func TestRequestNeedsEveryProof(t *testing.T) {
	w := newWorld(t, province.Options{ListKeys: 2, ListThreshold: 2})
	raw, err := os.ReadFile(filepath.Join(w.province.Folder(), province.RequestFile))
	if err != nil {
		t.Fatal(err)
	}
	r, digest, err := province.ReadRequest(raw)
	if err != nil || digest != w.province.Digest || len(r.ListKeys) != 2 {
		t.Fatalf("ReadRequest(own) = %+v, %v", r, err)
	}
	if !r.ListKeys[0].Proves(national.RoleList, shanghai) || r.ListKeys[0].Proves(national.RoleHead, shanghai) {
		t.Error("a list key's proof is for another role")
	}
}

// Each node has a certificate and a configuration that names it; without one, the nodes may not be on two machines.
func TestNodesHaveCertificates(t *testing.T) {
	layout, err := province.Layout([]string{"10.31.0.1", "10.31.0.2"}, 7100, 2)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, province.Options{Nodes: layout})
	ids := map[string]bool{}
	for i, file := range w.join() {
		cfg, err := config.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		ids[cfg.Cluster.ID] = true
		open := func() (*clustertls.Files, error) {
			return clustertls.Open(clustertls.Config{
				Province: shanghai, Node: cfg.Node, Certificate: cfg.Cluster.TLS.Certificate, Key: cfg.Cluster.TLS.Key, CA: cfg.Cluster.TLS.CA,
				Passphrase: passphrase, Logger: slog.New(slog.DiscardHandler),
			})
		}
		opened, err := open()
		if err != nil {
			t.Fatal(err)
		}
		before := opened.Expires()
		if _, err := w.province.Renew(passphrase, time.Now().Add(24*time.Hour)); err != nil {
			t.Fatal(err)
		}
		if _, err := open(); err == nil {
			t.Errorf("Open(a certificate that begins tomorrow) = nil, want an error")
		}
		if _, err := w.province.Renew(passphrase, time.Now().Add(time.Duration(i+1)*10*time.Minute)); err != nil {
			t.Fatal(err)
		}
		after, err := open()
		if err != nil {
			t.Fatal(err)
		}
		if !after.Expires().After(before) {
			t.Errorf("%s: the renewed certificate ends %s, want later than %s", cfg.Node, after.Expires(), before)
		}
	}
	if len(ids) != 1 || ids[""] {
		t.Errorf("cluster.id of the nodes = %v, want one for all", ids)
	}
}
