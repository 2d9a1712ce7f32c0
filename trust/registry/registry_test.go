package registry_test

import (
	"crypto/rand"
	"slices"
	"testing"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/certs"
	"github.com/hutong-project/hutong/trust/credential"
	"github.com/hutong-project/hutong/trust/head"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/registry"
	"github.com/hutong-project/hutong/trust/sm2sig"
	"github.com/hutong-project/hutong/trust/statuslog"
)

const (
	now  trust.Time = 1_780_000_000
	day  trust.Time = 24 * 60 * 60
	here            = trust.Province("310000")
	they            = trust.Province("330000")
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// doc is a national list in force; registry looks at its numbers, policy and entries only.
func doc(entries ...national.Province) *national.Document {
	return &national.Document{List: national.List{Sequence: 3, NextUpdate: now + day, Policy: national.DefaultPolicy(), Provinces: entries}}
}

func entry(code trust.Province) *national.Province {
	return &national.Province{Code: code, Status: national.Admitted, Since: 1, Anchoring: national.Pinned, Algorithms: []string{"SM2"}, Types: []string{"t"}}
}

func headOf(code trust.Province, issued trust.Time) *head.Document {
	return &head.Document{Head: head.Head{Province: code, Sequence: 1, Issued: issued, NationalList: head.NationalRef{Sequence: 3}}, Digest: trust.Digest{7}}
}

// evaluated is a list with these anchors, pinned.
func evaluated(code trust.Province, anchors ...list.Anchor) *list.Evaluated {
	l := list.List{Province: code, NextUpdate: now + day, Anchors: anchors}
	return list.Evaluate(&list.Document{List: l}, entry(code), nil)
}

func anchorOf(id string, der []byte) list.Anchor {
	return list.Anchor{ID: id, Authority: "A-" + id, Roles: []list.Role{list.RoleIssuer}, Certificate: der, CredentialTypes: []string{"t"}, Status: list.Granted, Since: 1}
}

func certificate(key *sm2sig.PrivateKey, name string) []byte {
	return must(certs.SelfSigned(rand.Reader, certs.Template{CommonName: name, NotBefore: now - day, NotAfter: now + day}, key))
}

func view(change func(v *registry.View, p *registry.Province)) *registry.View {
	p := &registry.Province{Code: here, Entry: entry(here), List: evaluated(here), Head: headOf(here, now)}
	v := registry.View{Own: here, National: doc(), Provinces: map[trust.Province]*registry.Province{here: p}}
	change(&v, p)
	return registry.New(v)
}

func TestAge(t *testing.T) {
	for _, r := range []struct {
		name   string
		change func(v *registry.View, p *registry.Province)
		want   registry.Freshness
		part   registry.Part
	}{
		{"fresh", func(*registry.View, *registry.Province) {}, registry.Fresh, registry.PartNone},
		{"head at maxHeadAge", func(_ *registry.View, p *registry.Province) { p.Head.Issued = now - 300 }, registry.Fresh, registry.PartNone},
		{"head older", func(_ *registry.View, p *registry.Province) { p.Head.Issued = now - 301 }, registry.Stale, registry.PartHead},
		{"head of a clock ahead", func(_ *registry.View, p *registry.Province) { p.Head.Issued = now + 30 }, registry.Fresh, registry.PartNone},
		{"own head too", func(_ *registry.View, p *registry.Province) { p.Local = true; p.Head.Issued = now - 301 }, registry.Stale, registry.PartHead},
		{"end of grace", func(_ *registry.View, p *registry.Province) { p.Head.Issued = now - 300 - day }, registry.Stale, registry.PartHead},
		{"past grace", func(_ *registry.View, p *registry.Province) { p.Head.Issued = now - 301 - day }, registry.Expired, registry.PartHead},
		{"clocks of its own", func(_ *registry.View, p *registry.Province) {
			p.Entry.Clocks = &national.Clocks{HeadInterval: 5, MaxHeadAge: 10, Grace: 20}
			p.Head.Issued = now - 31
		}, registry.Expired, registry.PartHead},
		{"longer clocks of its own", func(_ *registry.View, p *registry.Province) {
			p.Entry.Clocks = &national.Clocks{HeadInterval: 5, MaxHeadAge: 3600, Grace: 20}
			p.Head.Issued = now - 3600
		}, registry.Fresh, registry.PartNone},
		{"trust list", func(_ *registry.View, p *registry.Province) { p.List.NextUpdate = now - 1 }, registry.Stale, registry.PartTrustList},
		{"trust list and head: the first of equals", func(_ *registry.View, p *registry.Province) {
			p.List.NextUpdate, p.Head.Issued = now-1, now-301
		}, registry.Stale, registry.PartTrustList},
		{"trust list stale, head past grace: the worse", func(_ *registry.View, p *registry.Province) {
			p.List.NextUpdate, p.Head.Issued = now-1, now-301-day
		}, registry.Expired, registry.PartHead},
		{"national list", func(v *registry.View, _ *registry.Province) { v.National.NextUpdate = now - 1 }, registry.Stale, registry.PartNationalList},
		{"contested", func(v *registry.View, _ *registry.Province) { v.Contested = true }, registry.Stale, registry.PartNationalFork},
		{"contested and past grace", func(v *registry.View, _ *registry.Province) { v.Contested, v.National.NextUpdate = true, now-1-day }, registry.Expired, registry.PartNationalList},
		{"newer national list named", func(_ *registry.View, p *registry.Province) { p.Head.NationalList.Sequence = 4 }, registry.Stale, registry.PartNationalHead},
		{"newer national list named by a suspended province", func(_ *registry.View, p *registry.Province) {
			p.Head.NationalList.Sequence, p.Entry.Status = 4, national.Suspended
		}, registry.Fresh, registry.PartNone},
		{"newer national list named by an equivocating province", func(_ *registry.View, p *registry.Province) {
			p.Head.NationalList.Sequence, p.Equivocation = 4, &registry.Evidence{}
		}, registry.Stale, registry.PartEquivocation},
		{"no list", func(_ *registry.View, p *registry.Province) { p.List = nil }, registry.Unavailable, registry.PartTrustList},
		{"no head", func(_ *registry.View, p *registry.Province) { p.Head = nil }, registry.Unavailable, registry.PartHead},
		{"no entry", func(_ *registry.View, p *registry.Province) { p.Entry = nil }, registry.Unavailable, registry.PartTrustList},
		{"no national list", func(v *registry.View, _ *registry.Province) { v.National = nil }, registry.Unavailable, registry.PartNationalList},
		{"withdrawn, last head", func(_ *registry.View, p *registry.Province) {
			p.Entry.Status, p.Entry.LastHead = national.Withdrawn, &national.HeadRef{Digest: p.Head.Digest}
			p.Head.Issued, p.List.NextUpdate = now-100*day, now-90*day
		}, registry.Fresh, registry.PartNone},
		{"withdrawn, another head", func(_ *registry.View, p *registry.Province) {
			p.Entry.Status, p.Entry.LastHead = national.Withdrawn, &national.HeadRef{Digest: trust.Digest{8}}
			p.Head.Issued = now - 100*day
		}, registry.Expired, registry.PartHead},
	} {
		v := view(r.change)
		if got := v.Age(here, now); got.Freshness != r.want || got.Part != r.part {
			t.Errorf("%s: Age = %s by %s, want %s by %s", r.name, got.Freshness, got.Part, r.want, r.part)
		}
	}
	if got := view(func(*registry.View, *registry.Province) {}).Age(they, now); got.Freshness != registry.Unavailable {
		t.Errorf("Age of a province not in the view = %s, want unavailable", got.Freshness)
	}
	stale := view(func(_ *registry.View, p *registry.Province) { p.Head.Issued = now - 400 })
	if got := stale.Age(here, now); got.Since != now-100 {
		t.Errorf("Age.Since = %s, want %s", got.Since, now-100)
	}
}

func ids(anchors []*list.Anchored) (found []string) {
	for _, a := range anchors {
		found = append(found, string(a.Province)+"/"+a.ID)
	}
	return found
}

func TestCandidates(t *testing.T) {
	one, two := must(sm2sig.Generate(rand.Reader)), must(sm2sig.Generate(rand.Reader))
	a, b, renewed := certificate(one, "a"), certificate(two, "b"), certificate(one, "a renewed")
	ca := must(certs.SelfSigned(rand.Reader, certs.Template{CommonName: "ca", NotBefore: now - day, NotAfter: now + day, CA: true, PathLen: -1}, two))
	speaking := anchorOf("ca", ca)
	speaking.Subjects = []string{"11310000000000000X"}
	silent := anchorOf("mute", ca)
	shanghai := &registry.Province{Code: here, Entry: entry(here), List: evaluated(here, anchorOf("a", a), anchorOf("b", b), speaking, silent, anchorOf("renewed", renewed)), Head: headOf(here, now)}
	zhejiang := &registry.Province{Code: they, Entry: entry(they), List: evaluated(they, anchorOf("a", a)), Head: headOf(they, now)}
	headless := &registry.Province{Code: "440000", Entry: entry("440000"), List: evaluated("440000", anchorOf("a", a))}
	v := registry.New(registry.View{National: doc(), Provinces: map[trust.Province]*registry.Province{here: shanghai, they: zhejiang, "440000": headless, "450000": {Code: "450000"}}})

	keyHint := one.Public().ID()
	sum := must(certs.Parse(renewed)).SHA256()
	for _, r := range []struct {
		name string
		c    credential.Credential
		want []string
	}{
		{"key hint", credential.Credential{Province: here, KIDRule: credential.KIDKey, KID: keyHint[:8]}, []string{"310000/a", "310000/renewed"}},
		{"longer key hint", credential.Credential{Province: here, KIDRule: credential.KIDKey, KID: keyHint[:]}, []string{"310000/a", "310000/renewed"}},
		{"key hint wrong at its end", credential.Credential{Province: here, KIDRule: credential.KIDKey, KID: append(slices.Clone(keyHint[:8]), ^keyHint[8])}, nil},
		{"key hint too short", credential.Credential{Province: here, KIDRule: credential.KIDKey, KID: keyHint[:7]}, nil},
		{"key hint too long", credential.Credential{Province: here, KIDRule: credential.KIDKey, KID: append(slices.Clone(keyHint[:]), 0)}, nil},
		{"certificate hint", credential.Credential{Province: here, KIDRule: credential.KIDCertificateSHA256, KID: sum[:8]}, []string{"310000/renewed"}},
		{"certificate hint of another length", credential.Credential{Province: here, KIDRule: credential.KIDCertificateSHA256, KID: sum[:9]}, nil},
		{"a rule nobody knows", credential.Credential{Province: here, KIDRule: 9, KID: sum[:8]}, nil},
		{"anchor, a rule nobody knows", credential.Credential{Province: here, Anchor: "a", KIDRule: 9, KID: keyHint[:8]}, nil},
		{"anchor", credential.Credential{Province: here, Anchor: "renewed", KIDRule: credential.KIDKey, KID: keyHint[:8]}, []string{"310000/renewed"}},
		{"anchor with another key", credential.Credential{Province: here, Anchor: "b", KIDRule: credential.KIDKey, KID: keyHint[:8]}, nil},
		{"anchor that is not listed", credential.Credential{Province: here, Anchor: "c"}, nil},
		{"no hint, pinned: all", credential.Credential{Province: here}, []string{"310000/a", "310000/b", "310000/ca", "310000/mute", "310000/renewed"}},
		{"no province", credential.Credential{KIDRule: credential.KIDKey, KID: keyHint[:8]}, []string{"310000/a", "310000/renewed", "330000/a"}},
		{"province without a head", credential.Credential{Province: "440000"}, nil},
		{"province without anything", credential.Credential{Province: "450000"}, nil},
		{"province not in the view", credential.Credential{Province: "460000"}, nil},
		{"chain: the hint's anchors, then the CA that speaks", credential.Credential{Province: here, Chain: [][]byte{a}, KIDRule: credential.KIDKey, KID: keyHint[:8]}, []string{"310000/a", "310000/renewed", "310000/ca"}},
		{"chain, anchor a CA", credential.Credential{Province: here, Anchor: "ca", Chain: [][]byte{a}, KIDRule: credential.KIDKey, KID: keyHint[:8]}, []string{"310000/ca"}},
		{"chain, anchor a CA that speaks for nobody", credential.Credential{Province: here, Anchor: "mute", Chain: [][]byte{a}, KIDRule: credential.KIDKey, KID: keyHint[:8]}, nil},
		{"no chain, anchor a CA with another key", credential.Credential{Province: here, Anchor: "ca", KIDRule: credential.KIDKey, KID: keyHint[:8]}, nil},
	} {
		if got := ids(v.Candidates(&r.c)); !slices.Equal(got, r.want) {
			t.Errorf("%s: Candidates = %v, want %v", r.name, got, r.want)
		}
	}
	if !shanghai.HasAuthority("A-a") || shanghai.HasAuthority("A-c") {
		t.Error("HasAuthority does not tell a listed authority from another one")
	}
	c := must(certs.Parse(a))
	got := shanghai.PathSubjects(shanghai.List.Anchors[0])
	if want := []trust.Subject{statuslog.CertificateSubject(c.RawIssuer, c.SerialDER)}; !slices.Equal(got, want) {
		t.Errorf("PathSubjects = %v, want %v", got, want)
	}
}

// TestChainedCA: a CA that chains to a national root signs no credential itself.
func TestChainedCA(t *testing.T) {
	rootKey, caKey := must(sm2sig.Generate(rand.Reader)), must(sm2sig.Generate(rand.Reader))
	template := certs.Template{CommonName: "root", NotBefore: now - day, NotAfter: now + day, CA: true, PathLen: -1}
	root := must(certs.Parse(must(certs.SelfSigned(rand.Reader, template, rootKey))))
	template.CommonName = "ca"
	a := anchorOf("ca", must(certs.Issue(rand.Reader, template, caKey.Public(), root, rootKey)))
	a.Subjects = []string{"11310000000000000X"}
	chained := entry(here)
	chained.Anchoring = national.Chained
	p := &registry.Province{Code: here, Entry: chained, Head: headOf(here, now), List: list.Evaluate(&list.Document{List: list.List{Province: here, Anchors: []list.Anchor{a}}}, chained, []*certs.Certificate{root})}
	v := registry.New(registry.View{National: doc(), Provinces: map[trust.Province]*registry.Province{here: p}})
	if got := v.Candidates(&credential.Credential{Province: here}); got != nil {
		t.Errorf("Candidates of a credential without a chain = %v, want none", ids(got))
	}
	if got := v.Candidates(&credential.Credential{Province: here, Chain: [][]byte{{1}}}); len(got) != 1 || p.Signs(got[0], &credential.Credential{}) {
		t.Errorf("Candidates of a credential with a chain = %v, want the CA, which does not sign itself", ids(got))
	}
}

func TestRefused(t *testing.T) {
	greedy := anchorOf("greedy", certificate(must(sm2sig.Generate(rand.Reader)), "g"))
	greedy.CredentialTypes = []string{"other"}
	p := &registry.Province{Code: here, List: evaluated(here, greedy)}
	if r, ok := p.Refused("greedy"); !ok || r.Code != trust.OverClaim {
		t.Errorf("Refused(greedy) = %v, %v, want %s", r, ok, trust.OverClaim)
	}
	if _, ok := p.Refused("other"); ok {
		t.Error("Refused(other) = true, want false")
	}
	if _, ok := (&registry.Province{}).Refused("x"); ok {
		t.Error("Refused without a list = true, want false")
	}
}

// TestNextView: a province that is copied for the next view keeps its index, and gets a new one with a new list.
func TestNextView(t *testing.T) {
	key := must(sm2sig.Generate(rand.Reader))
	p := &registry.Province{Code: here, Entry: entry(here), List: evaluated(here, anchorOf("a", certificate(key, "a"))), Head: headOf(here, now)}
	first := registry.New(registry.View{National: doc(), Provinces: map[trust.Province]*registry.Province{here: p}})
	next := *p
	next.Head = headOf(here, now+1)
	second := registry.New(registry.View{National: doc(), Provinces: map[trust.Province]*registry.Province{here: &next}})
	c := &credential.Credential{Province: here}
	if a, b := first.Candidates(c), second.Candidates(c); len(a) != 1 || len(b) != 1 || a[0] != b[0] {
		t.Errorf("Candidates of a copied province = %v, want those before it, %v", ids(b), ids(a))
	}
	third := next
	third.List = evaluated(here, anchorOf("z", certificate(key, "z")))
	v := registry.New(registry.View{National: doc(), Provinces: map[trust.Province]*registry.Province{here: &third}})
	if got := ids(v.Candidates(c)); !slices.Equal(got, []string{"310000/z"}) {
		t.Errorf("Candidates after a new list = %v, want 310000/z", got)
	}
	if got := ids(first.Candidates(c)); !slices.Equal(got, []string{"310000/a"}) {
		t.Errorf("Candidates of the view before = %v, want 310000/a", got)
	}
}

func TestCodes(t *testing.T) {
	v := registry.New(registry.View{Provinces: map[trust.Province]*registry.Province{they: {Code: they}, here: {Code: here}, "AT": {Code: "AT"}}})
	if got, want := v.Codes(), []trust.Province{here, they, "AT"}; !slices.Equal(got, want) {
		t.Errorf("Codes = %v, want %v", got, want)
	}
}
