package verdict_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/certs"
	"github.com/hutong-project/hutong/trust/credential"
	"github.com/hutong-project/hutong/trust/credential/qrcode"
	"github.com/hutong-project/hutong/trust/credential/qrcode/qrcodetest"
	"github.com/hutong-project/hutong/trust/head"
	"github.com/hutong-project/hutong/trust/identifier"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/registry"
	"github.com/hutong-project/hutong/trust/sm2sig"
	"github.com/hutong-project/hutong/trust/statuslog"
	"github.com/hutong-project/hutong/trust/verdict"
)

const (
	shanghai trust.Province = "310000"
	zhejiang trust.Province = "330000"
	austria  trust.Province = "AT"

	residence = "11310000000000000X001" // a credential type that both provinces may grant
	health    = "vaccination"
)

// The moments of the world: everything is in force and a second after each moment is inside what it begins.
var (
	now    = must(trust.ParseTime("2026-06-01T00:00:00Z"))
	issued = now.Add(-30 * 24 * time.Hour) // of the credential
	grant  = now.Add(-365 * 24 * time.Hour)
	begin  = now.Add(-2 * 365 * 24 * time.Hour) // of certificates
	end    = now.Add(3 * 365 * 24 * time.Hour)
)

const day = trust.Time(24 * 60 * 60)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

var (
	police   = string(must(identifier.MakeUSCC("11", "310000", "00000001")))
	cityHall = string(must(identifier.MakeUSCC("11", "310000", "00000002"))) // another authority of Shanghai
	harbour  = string(must(identifier.MakeUSCC("11", "330000", "00000003")))
	stranger = string(must(identifier.MakeUSCC("11", "440000", "00000004")))
)

// keyring holds what is slow to make and the same for all tests.
type keyring struct {
	national, listKey, headKey [4]*sm2sig.PrivateKey

	root, ca, subCA, foreignCA             *certs.Certificate
	rootKey, caKey, subCAKey, foreignCAKey *sm2sig.PrivateKey

	policeKey, secondKey, harbourKey, leafKey *sm2sig.PrivateKey
	police, second, harbour                   []byte // end-entity anchors
	leaf, unlisted, deepLeaf, foreignLeaf     []byte // carried certificates, all of leafKey
	shortLeaf                                 []byte

	partnerKey *ecdsa.PrivateKey
	partner    []byte
	pinnedCA   []byte // of secondKey: may sign certificates only

	partnerRoot            []byte // a P-256 root, with leaves of partnerKey:
	cipherLeaf, strictLeaf []byte // one for encryption only, one with a critical extension that nobody knows
}

var keys = sync.OnceValue(func() *keyring {
	key := func() *sm2sig.PrivateKey { return must(sm2sig.Generate(rand.Reader)) }
	k := &keyring{rootKey: key(), caKey: key(), subCAKey: key(), foreignCAKey: key(), policeKey: key(), secondKey: key(), harbourKey: key(), leafKey: key()}
	for i := range k.national {
		k.national[i], k.listKey[i], k.headKey[i] = key(), key(), key()
	}
	parse := func(der []byte) *certs.Certificate { return must(certs.Parse(der)) }
	ca := func(name string, pathLen int) certs.Template {
		return certs.Template{CommonName: name, Organization: "Hutong test", NotBefore: begin, NotAfter: end, CA: true, PathLen: pathLen}
	}
	leaf := func(name, code string) certs.Template {
		return certs.Template{CommonName: name, OrganizationCode: code, NotBefore: begin, NotAfter: end}
	}
	issue := func(t certs.Template, of *sm2sig.PrivateKey, by *certs.Certificate, byKey *sm2sig.PrivateKey) []byte {
		return must(certs.Issue(rand.Reader, t, of.Public(), by, byKey))
	}
	k.root = parse(must(certs.SelfSigned(rand.Reader, ca("test root", -1), k.rootKey)))
	k.ca = parse(issue(ca("test CA", -1), k.caKey, k.root, k.rootKey))
	k.subCA = parse(issue(ca("test sub CA", 0), k.subCAKey, k.ca, k.caKey))
	k.foreignCA = parse(must(certs.SelfSigned(rand.Reader, ca("foreign root", -1), k.foreignCAKey)))
	k.police = issue(leaf("police", ""), k.policeKey, k.root, k.rootKey)
	k.second = issue(leaf("second", ""), k.secondKey, k.root, k.rootKey)
	k.harbour = issue(leaf("harbour", ""), k.harbourKey, k.root, k.rootKey)
	k.leaf = issue(leaf("leaf", police), k.leafKey, k.ca, k.caKey)
	k.unlisted = issue(leaf("a company", stranger), k.leafKey, k.ca, k.caKey)
	k.deepLeaf = issue(leaf("deep leaf", police), k.leafKey, k.subCA, k.subCAKey)
	k.foreignLeaf = issue(leaf("foreign leaf", police), k.leafKey, k.foreignCA, k.foreignCAKey)
	short := leaf("short leaf", police)
	short.NotBefore, short.NotAfter = issued-day, issued+day
	k.shortLeaf = issue(short, k.leafKey, k.ca, k.caKey)
	k.pinnedCA = must(certs.SelfSigned(rand.Reader, ca("pinned CA", -1), k.secondKey))

	k.partnerKey = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "partner"}, NotBefore: begin.Std(), NotAfter: end.Std(), KeyUsage: x509.KeyUsageDigitalSignature}
	k.partner = must(x509.CreateCertificate(rand.Reader, template, template, k.partnerKey.Public(), k.partnerKey))
	rootKey := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	top := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "partner root"}, NotBefore: begin.Std(), NotAfter: end.Std(),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	k.partnerRoot = must(x509.CreateCertificate(rand.Reader, top, top, rootKey.Public(), rootKey))
	template.KeyUsage = x509.KeyUsageKeyEncipherment
	k.cipherLeaf = must(x509.CreateCertificate(rand.Reader, template, top, k.partnerKey.Public(), rootKey))
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtraExtensions = []pkix.Extension{{Id: []int{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}}
	k.strictLeaf = must(x509.CreateCertificate(rand.Reader, template, template, k.partnerKey.Public(), k.partnerKey))
	return k
})

// A world is everything a verdict rests on, in a form that tests change before they ask.
type world struct {
	t        testing.TB
	q        verdict.Question
	national national.List
	lists    map[trust.Province]*list.List
	heads    map[trust.Province]*head.Head
	log      logs
	c        *credential.Credential

	noNational, contested bool
	newest                trust.Time
	equivocating          map[trust.Province]bool
	historyFrom           trust.Time
	noReader              bool
	adjust                func(v *registry.View) // after all else
}

func newWorld(t testing.TB) *world {
	k := keys()
	w := &world{
		t: t, q: verdict.Question{Now: now}, newest: now,
		lists: map[trust.Province]*list.List{}, heads: map[trust.Province]*head.Head{}, equivocating: map[trust.Province]bool{},
		log: logs{entries: map[subjectOf][]statuslog.Entry{}},
	}
	w.national = national.List{
		Version: national.FormatVersion, Sequence: 1, Issued: now - day, NextUpdate: now + 30*day, Operator: "coordinator",
		Keys: []national.Key{must(national.NewKey(k.national[3], national.RoleNational, ""))}, Threshold: 1,
		Roots: [][]byte{k.root.Raw}, Policy: national.DefaultPolicy(),
	}
	for i, code := range []trust.Province{shanghai, zhejiang, austria} {
		p := national.Province{
			Code: code, NameZH: "省", NameEN: "province", Status: national.Admitted, Since: grant, History: []national.Period{},
			ListKeys:      []national.Key{must(national.NewKey(k.listKey[i], national.RoleList, code))},
			ListThreshold: 1,
			HeadKeys:      []national.Key{must(national.NewKey(k.headKey[i], national.RoleHead, code))},
			Session:       1, Peers: []national.Peer{}, Anchoring: national.Chained, Algorithms: []string{"SM2"}, Types: []string{"*"},
		}
		if code.Partner() {
			p.Anchoring, p.Algorithms, p.Types = national.Pinned, []string{"SM2", "ES256"}, []string{health, residence}
		}
		w.national.Provinces = append(w.national.Provinces, p)
		w.lists[code] = &list.List{
			Version: list.FormatVersion, Province: code, Session: 1, Number: 1, Issued: now - day, NextUpdate: now + 7*day,
			OperatorStatusKeys: []list.StatusKey{}, SupplyPoints: []string{}, Peers: []national.Peer{},
		}
		w.heads[code] = &head.Head{
			Version: head.FormatVersion, Province: code, Session: 1, Sequence: 5, Issued: now - 10,
			NationalList: national1(), Log: national.LogState{Generation: 1, Size: 9},
		}
	}
	ca := anchor("ca", police, k.ca.Raw)
	ca.Subjects = []string{police}
	w.lists[shanghai].Anchors = []list.Anchor{ca, anchor("police", police, k.police), anchor("second", cityHall, k.second)}
	w.lists[zhejiang].Anchors = []list.Anchor{anchor("harbour", harbour, k.harbour)}
	partner := anchor("at", "AT-MOH", k.partner)
	partner.CredentialTypes, partner.Formats = []string{health}, []string{"HC1"}
	partner.StatusCoverage = list.Coverage{Kind: list.CoverageNone}
	w.lists[austria].Anchors = []list.Anchor{partner}
	w.c = w.issue(claims(), k.policeKey)
	return w
}

func national1() head.NationalRef { return head.NationalRef{Sequence: 1} }

func anchor(id, authority string, certificate []byte) list.Anchor {
	return list.Anchor{
		ID: id, Name: "签发机构 " + id, Authority: authority, Roles: []list.Role{list.RoleIssuer}, Certificate: certificate,
		Subjects: []string{}, CredentialTypes: []string{residence}, Formats: []string{"HT1", "HC1"},
		Status: list.Granted, Since: grant, StatusKeys: []list.StatusKey{}, StatusSigner: list.SignerSelf,
		StatusCoverage: list.Coverage{Kind: list.CoverageLog, Since: grant}, History: []list.Period{},
	}
}

var handle = [16]byte{1, 2, 3, 4, 5, 6, 7, 8}

func claims() qrcode.Claims {
	return qrcode.Claims{
		Province: shanghai, Anchor: "police", Type: residence, Authority: police, Handle: handle,
		Issued: issued, Expires: now + 365*day, Face: []credential.Claim{{Name: "姓名", Value: "张三"}},
	}
}

// issue makes a real HT1 code and reads it.
func (w *world) issue(c qrcode.Claims, key *sm2sig.PrivateKey, chain ...[]byte) *credential.Credential {
	w.t.Helper()
	text, err := qrcode.Encode(c, key, chain)
	if err != nil {
		w.t.Fatal(err)
	}
	return must(qrcode.Decode(text))
}

// carry makes the credential one of leafKey under the CA, with the certificates that lead to it.
func (w *world) carry(chain ...[]byte) {
	c := claims()
	c.Anchor = "ca"
	w.c = w.issue(c, keys().leafKey, chain...)
}

// partnerCode makes the credential an HC1 one.
func (w *world) partnerCode() { w.partnerCodeUnder(keys().partner) }

// partnerCodeUnder makes the credential an HC1 one under this certificate of partnerKey, which it makes the anchor's.
func (w *world) partnerCodeUnder(certificate []byte) {
	w.anchor(austria, "at").Certificate = certificate
	text := must(qrcodetest.HC1{Issuer: "AT", Issued: issued, Expires: now + day, Health: qrcodetest.Health("v"), KID: qrcodetest.CertificateKID(certificate)}.Sign(keys().partnerKey))
	w.c = must(qrcode.Decode(text))
	w.c.Type = health
}

func (w *world) anchor(code trust.Province, id string) *list.Anchor {
	for i := range w.lists[code].Anchors {
		if w.lists[code].Anchors[i].ID == id {
			return &w.lists[code].Anchors[i]
		}
	}
	w.t.Fatalf("no anchor %s of %s", id, code)
	return nil
}

// police returns the anchor that the credential rests on unless a test changed that.
func (w *world) police() *list.Anchor { return w.anchor(shanghai, "police") }

func (w *world) province(code trust.Province) *national.Province {
	for i := range w.national.Provinces {
		if w.national.Provinces[i].Code == code {
			return &w.national.Provinces[i]
		}
	}
	w.t.Fatalf("no province %s", code)
	return nil
}

// age makes Shanghai's head so old.
func (w *world) age(seconds trust.Time) { w.heads[shanghai].Issued = w.q.Now - seconds }

// view builds the registry through the readers that a node uses, so that no test rests on documents that could not be.
func (w *world) view() *registry.View {
	w.t.Helper()
	if w.noNational {
		return registry.New(registry.View{Own: zhejiang, Newest: w.newest})
	}
	raw, err := w.national.Sign(keys().national[3])
	if err != nil {
		w.t.Fatal(err)
	}
	doc, err := national.Read(raw)
	if err != nil {
		w.t.Fatal(err)
	}
	v := registry.View{Own: zhejiang, National: doc, Contested: w.contested, Newest: w.newest, Provinces: map[trust.Province]*registry.Province{}}
	for i := range doc.Provinces {
		entry := &doc.Provinces[i]
		p := &registry.Province{Code: entry.Code, Entry: entry, Local: entry.Code == zhejiang}
		if l := w.lists[entry.Code]; l != nil {
			raw, err := l.Sign(keys().listKey[i])
			if err != nil {
				w.t.Fatal(err)
			}
			p.List = list.Evaluate(must(list.Read(raw)), entry, doc.Roots)
		}
		if h := w.heads[entry.Code]; h != nil {
			p.Head = &head.Document{Head: *h, Digest: trust.Digest{1, byte(i)}}
			p.Log = registry.LogInfo{Generation: h.Log.Generation, Size: h.Log.Size, HistoryFrom: w.historyFrom}
		}
		if w.equivocating[entry.Code] {
			p.Equivocation = &registry.Evidence{A: p.Head, B: p.Head, Why: "test"}
		}
		v.Provinces[entry.Code] = p
	}
	if w.adjust != nil {
		w.adjust(&v)
	}
	return registry.New(v)
}

func (w *world) judge() *verdict.Verdict {
	w.t.Helper()
	var reader registry.StatusReader
	if !w.noReader {
		reader = &w.log
	}
	return verdict.Judge(w.view(), reader, w.c, w.q)
}

type subjectOf struct {
	p trust.Province
	k statuslog.Kind
	s trust.Subject
}

// logs is a registry.StatusReader over a map.
type logs struct {
	entries map[subjectOf][]statuslog.Entry
	broken  map[subjectOf]bool
}

func (l *logs) Events(p trust.Province, k statuslog.Kind, s trust.Subject) ([]statuslog.Entry, error) {
	at := subjectOf{p, k, s}
	if l.broken[at] {
		return nil, errors.New("reading the disk")
	}
	return l.entries[at], nil
}

// say writes an event of an authority into a province's log.
func (w *world) say(p trust.Province, authority string, position uint64, e statuslog.Event) {
	if e.Kind == 0 {
		e.Kind = statuslog.KindCredential
	}
	if e.Subject.IsZero() {
		e.Subject = credentialSubject()
	}
	at := subjectOf{p, e.Kind, e.Subject}
	w.log.entries[at] = append(w.log.entries[at], statuslog.Entry{
		Ref: statuslog.EventRef{Position: position}, Authority: authority, Recorded: e.Effective, Number: position + 1, Event: e,
	})
}

// state says a status of the credential, by its own authority.
func (w *world) state(s statuslog.Status, effective trust.Time) {
	w.say(shanghai, police, uint64(len(w.log.entries[subjectOf{shanghai, statuslog.KindCredential, credentialSubject()}])), statuslog.Event{Status: s, Effective: effective})
}

func (w *world) breakLog(p trust.Province, k statuslog.Kind, s trust.Subject) {
	w.log.broken = map[subjectOf]bool{{p, k, s}: true}
}

func credentialSubject() trust.Subject { return statuslog.HandleSubject(handle[:]) }

func certificateSubject(der []byte) trust.Subject {
	c := must(certs.Parse(der))
	return statuslog.CertificateSubject(c.RawIssuer, c.SerialDER)
}
