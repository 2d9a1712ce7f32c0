package coordinator_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hutong-project/hutong/cmd/internal/coordinator"
	"github.com/hutong-project/hutong/cmd/internal/folder"
	"github.com/hutong-project/hutong/cmd/internal/province"
	"github.com/hutong-project/hutong/node/keyfile"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/sm2sig"
)

var (
	passphrase = []byte("a passphrase of the tests")
	now        = trust.TimeOf(time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC))
)

func create(t *testing.T) (*coordinator.Coordinator, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "national")
	c, err := coordinator.Create(dir, passphrase, coordinator.Options{Operator: "国家政务服务平台"}, now)
	if err != nil {
		t.Fatal(err)
	}
	return c, dir
}

// request makes a province's folder and returns its request.
func request(t *testing.T, code trust.Province) []byte {
	t.Helper()
	dir := filepath.Join(t.TempDir(), string(code))
	nodes, err := province.Layout([]string{"127.0.0.1"}, 7100, 3)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := province.Create(dir, passphrase, province.Options{Code: code, Nodes: nodes}); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, province.RequestFile))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func admit(t *testing.T, c *coordinator.Coordinator, request []byte, types ...string) *coordinator.Admission {
	t.Helper()
	a, err := c.Admit(request, coordinator.Terms{Types: types}, passphrase, now)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// sign signs with the first n keys.
func sign(t *testing.T, c *coordinator.Coordinator, n int, at trust.Time) *coordinator.Signing {
	t.Helper()
	var s *coordinator.Signing
	for i := range n {
		var err error
		if s, err = c.Sign(c.KeyFile(i), passphrase, at, coordinator.DefaultDays); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func codeOf(err error) trust.RefusalCode {
	if r, ok := trust.AsRefusal(err); ok {
		return r.Code
	}
	return ""
}

func TestFromAnEmptyFolderToAList(t *testing.T) {
	c, dir := create(t)
	a := admit(t, c, request(t, "330000"))
	admit(t, c, request(t, "310000"), "11100000000013338W*")
	if a.Replaced || a.Entry.NameZH != "浙江省" {
		t.Errorf("Admit() = %+v, want a new entry of 浙江省", a)
	}

	preview, err := c.Preview(now, 30)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(preview.Changes, func(s string) bool { return strings.HasPrefix(s, "310000 joins") }) {
		t.Errorf("Preview().Changes = %q, want a line that 310000 joins", preview.Changes)
	}
	s := sign(t, c, 1, now)
	if s.Signatures != 1 || s.Threshold != 2 || s.Complete {
		t.Errorf("Sign(key 1) = %+v, want 1 of 2", s)
	}
	if _, err := c.ToPublish(); codeOf(err) != trust.ThresholdMissed {
		t.Errorf("ToPublish with 1 of 2 signatures = %v, want %s", err, trust.ThresholdMissed)
	}
	again, err := c.Sign(c.KeyFile(0), passphrase, now+5, 30)
	if err != nil || again.Signatures != 1 || !again.Again || again.Digest != s.Digest {
		t.Errorf("Sign(key 1) again = %+v, %v, want still 1 of 2", again, err)
	}

	c, err = coordinator.Load(dir) // another person, another day
	if err != nil {
		t.Fatal(err)
	}
	s, err = c.Sign(c.KeyFile(2), passphrase, now+86400, 30)
	if err != nil || !s.Complete {
		t.Fatalf("Sign(key 3) = %+v, %v, want complete", s, err)
	}
	d, err := c.ToPublish()
	if err != nil {
		t.Fatal(err)
	}
	if given, err := os.ReadFile(c.NewestFile()); err != nil || string(given) != string(d.Raw) {
		t.Errorf("%s is not the complete list (%v)", c.NewestFile(), err)
	}
	if err := d.CheckPinned(s.Digest); err != nil {
		t.Errorf("CheckPinned(digest of Sign) = %v", err)
	}
	if d.Issued != now || d.NextUpdate != now+30*86400 {
		t.Errorf("issued %v, next update %v, want those of the first signature", d.Issued, d.NextUpdate)
	}
	zhejiang, _ := d.Province("330000")
	shanghai, ok := d.Province("310000")
	if !ok || shanghai.MayGrant("other") || !shanghai.MayGrant("11100000000013338W011") || !zhejiang.MayGrant("other") {
		t.Errorf("types of 310000 %q and 330000 %q, want those that were admitted", shanghai.Types, zhejiang.Types)
	}
}

func TestSuccession(t *testing.T) {
	c, dir := create(t)
	admit(t, c, request(t, "310000"))
	sign(t, c, 2, now)
	if _, err := c.Admit(request(t, "330000"), coordinator.Terms{}, passphrase, now); !errors.Is(err, coordinator.ErrPending) {
		t.Errorf("Admit while a list is being signed = %v, want ErrPending", err)
	}
	if err := c.Discard(false); !errors.Is(err, coordinator.ErrComplete) {
		t.Errorf("Discard of a complete list = %v, want ErrComplete", err)
	}
	first, err := c.ToPublish()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Published(); err != nil {
		t.Fatal(err)
	}

	// The clock of the second machine is behind: issued must not fall.
	admit(t, c, request(t, "330000"))
	if s := sign(t, c, 2, now-100); s.Sequence != 2 {
		t.Errorf("Sign() = %+v, want number 2", s)
	}
	second, err := c.ToPublish()
	if err != nil {
		t.Fatal(err)
	}
	if err := second.CheckFollows(first); err != nil {
		t.Errorf("CheckFollows(list 1) = %v", err)
	}
	if err := c.Published(); err != nil {
		t.Fatal(err)
	}
	c, err = coordinator.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := c.Chain(1)
	if err != nil || len(chain) != 2 || string(chain[0]) != string(first.Raw) || string(chain[1]) != string(second.Raw) {
		t.Errorf("Chain(1) = %d lists, %v, want both as published", len(chain), err)
	}
}

func TestChange(t *testing.T) {
	c, _ := create(t)
	admit(t, c, request(t, "310000"))
	sign(t, c, 2, now)
	if err := c.Published(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Change("330000", coordinator.Change{Status: national.Suspended}, now); codeOf(err) != trust.UnknownProvince {
		t.Errorf("Change(no member) = %v, want %s", err, trust.UnknownProvince)
	}
	if _, err := c.Change("310000", coordinator.Change{Status: national.Withdrawn}, now); err == nil {
		t.Error("Change(withdrawn without a last head) = nil, want an error")
	}
	// All within the second in which it was admitted.
	e, err := c.Change("310000", coordinator.Change{Status: national.Suspended, Reason: "审查"}, now)
	if err != nil || e.Since != now+1 || len(e.History) != 1 {
		t.Fatalf("Change(suspended) = %+v, %v, want since one second later and one ended status", e, err)
	}
	head := &national.HeadRef{Session: 1, Sequence: 7, Digest: trust.Digest{1}}
	if _, err = c.Change("310000", coordinator.Change{Status: national.Withdrawn, Reason: "合并", LastHead: head}, now+1); err != nil {
		t.Fatal(err)
	}
	sign(t, c, 2, now+1)
	d, err := c.ToPublish()
	if err != nil {
		t.Fatal(err)
	}
	p, _ := d.Province("310000")
	if status, _, _ := p.StatusAt(now + 1); status != national.Suspended || p.Status != national.Withdrawn || *p.LastHead != *head {
		t.Errorf("entry = %+v, want suspended, then withdrawn with its last head", p)
	}
	if err := c.Published(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Change("310000", coordinator.Change{Status: national.Admitted}, now+9); codeOf(err) != trust.WrongSuccession {
		t.Errorf("Change(admitted after a withdrawal) = %v, want %s", err, trust.WrongSuccession)
	}
}

func TestAdmitAgainKeepsThePast(t *testing.T) {
	c, _ := create(t)
	raw := request(t, "310000")
	first := admit(t, c, raw, "a*")
	sameKey := admit(t, c, raw)
	if !sameKey.Replaced || string(sameKey.Certificate) != string(first.Certificate) || sameKey.Entry.Types[0] != "a*" {
		t.Errorf("Admit(same request) = %+v, want the certificate and the types that were there", sameKey)
	}
	other := admit(t, c, request(t, "310000"))
	if string(other.Certificate) == string(first.Certificate) || other.Entry.Since != first.Entry.Since {
		t.Errorf("Admit(other keys) = %+v, want a new certificate and the same since", other)
	}
	files, err := os.ReadDir(filepath.Dir(other.CertificateFile))
	if err != nil || len(files) != 2 {
		t.Errorf("certificates: %d files, %v, want the old one beside the new one", len(files), err)
	}
}

func TestAdmitRefuses(t *testing.T) {
	c, _ := create(t)
	raw := request(t, "310000")
	forged := []byte(strings.Replace(string(raw), `"sig":"ME`, `"sig":"MF`, 1))
	for _, test := range []struct {
		name string
		raw  []byte
		want trust.RefusalCode
	}{
		{"a changed signature", forged, trust.BadSignature},
		{"no envelope", []byte(`{"code":"310000"}`), trust.Malformed},
		{"too much", make([]byte, folder.MaxRequestBytes+1), trust.TooLarge},
	} {
		if _, err := c.Admit(test.raw, coordinator.Terms{}, passphrase, now); codeOf(err) != test.want {
			t.Errorf("Admit(%s) = %v, want %s", test.name, err, test.want)
		}
	}
	if len(c.Draft.Provinces) != 0 {
		t.Errorf("refused requests left %d provinces in the draft", len(c.Draft.Provinces))
	}
}

func TestSignRefuses(t *testing.T) {
	c, dir := create(t)
	admit(t, c, request(t, "310000"))
	if _, err := c.Sign(filepath.Join(dir, "keys/root.pem"), passphrase, now, 30); codeOf(err) != trust.UnknownKey {
		t.Errorf("Sign(root key) = %v, want %s", err, trust.UnknownKey)
	}
	if _, err := c.Sign(c.KeyFile(0), []byte("wrong"), now, 30); !errors.Is(err, sm2sig.ErrPassphrase) {
		t.Errorf("Sign(wrong passphrase) = %v, want ErrPassphrase", err)
	}
	if err := os.Chmod(c.KeyFile(0), 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Sign(c.KeyFile(0), passphrase, now, 30); !errors.Is(err, keyfile.ErrExposed) {
		t.Errorf("Sign(exposed key) = %v, want ErrExposed", err)
	}
	if _, err := c.Sign(c.KeyFile(1), passphrase, now, 0); err == nil {
		t.Error("Sign(good for 0 days) = nil, want an error")
	}
	if s, err := c.Pending(); s != nil || err != nil {
		t.Errorf("Pending() after refusals = %+v, %v, want none", s, err)
	}
	if _, err := coordinator.Create(dir, passphrase, coordinator.Options{Operator: "x"}, now); !errors.Is(err, folder.ErrNotEmpty) {
		t.Errorf("Create over a folder = %v, want ErrNotEmpty", err)
	}
	if _, err := coordinator.Create(dir+"2", passphrase, coordinator.Options{Operator: "x", Keys: 2, Threshold: 3}, now); err == nil {
		t.Error("Create(3 of 2) = nil, want an error")
	}
}
