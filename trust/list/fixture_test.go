package list_test

import (
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/certs"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/sm2sig"
)

const day = trust.Time(24 * 60 * 60)

var start = must(trust.ParseTime("2026-11-22T08:00:00Z"))

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// key returns the n-th key of this test run.
func key(n int) *sm2sig.PrivateKey {
	keysMu.Lock()
	defer keysMu.Unlock()
	for len(keys) <= n {
		keys = append(keys, must(sm2sig.Generate(nil)))
	}
	return keys[n]
}

var (
	keysMu sync.Mutex
	keys   []*sm2sig.PrivateKey
)

// Keys 0 and 1 are the province's list keys, 10 the national root's, 11 the provincial CA's, 12 a CA below it, 13 an
// end entity below that, 14 another root's, 20 and above status keys.
type pki struct{ root, ca, sub, leaf, stranger []byte }

var pkiOnce = sync.OnceValue(func() (x pki) {
	issue := func(name, code string, ca bool, n int, issuer []byte, by int) []byte {
		t := certs.Template{CommonName: name, OrganizationCode: code, CA: ca, PathLen: -1, NotBefore: start - 100*day, NotAfter: start + 1000*day}
		if issuer == nil {
			return must(certs.SelfSigned(rand.Reader, t, key(n)))
		}
		return must(certs.Issue(rand.Reader, t, key(n).Public(), must(certs.Parse(issuer)), key(by)))
	}
	x.root = issue("root", "", true, 10, nil, 0)
	x.ca = issue("provincial CA", "", true, 11, x.root, 10)
	x.sub = issue("CA below", "", true, 12, x.ca, 11)
	x.leaf = issue("an authority", "11310000MB0000000A", false, 13, x.sub, 12)
	x.stranger = issue("another root", "", true, 14, nil, 0)
	return x
})

func root() *certs.Certificate { return must(certs.Parse(pkiOnce().root)) }

func entry() *national.Province {
	return &national.Province{
		Code: "310000", NameZH: "上海市", NameEN: "Shanghai", Status: national.Admitted, Since: start - 100*day,
		ListKeys: []national.Key{must(national.NewKey(key(0), national.RoleList, "310000")),
			must(national.NewKey(key(1), national.RoleList, "310000"))},
		ListThreshold: 2, Session: 1, Anchoring: national.Chained, Algorithms: []string{"SM2"}, Types: []string{"111*", "seal"},
	}
}

func anchor(id string, certificate []byte) list.Anchor {
	return list.Anchor{
		ID: id, Name: "上海市公安局", Authority: "11310000MB0000000A", Roles: []list.Role{list.RoleIssuer},
		Certificate: certificate, CredentialTypes: []string{"11100001"}, Formats: []string{"HT1"},
		Status: list.Granted, Since: start - 50*day, StatusSigner: list.SignerSelf,
		StatusCoverage: list.Coverage{Kind: list.CoverageLog, Since: start - 50*day},
	}
}

// list1 is a fresh valid list number 1 of 310000 with a CA, a CA below and an end entity.
func list1() *list.List {
	x := pkiOnce()
	l := &list.List{
		Version: 1, Province: "310000", Session: 1, Number: 1, Issued: start, NextUpdate: start + 7*day,
		Anchors:            []list.Anchor{anchor("ca", x.ca), anchor("ca.sub", x.sub), anchor("leaf", x.leaf)},
		OperatorStatusKeys: []list.StatusKey{{Key: key(20).Public()}},
		SupplyPoints:       []string{"https://trust.example/310000"},
		Peers:              []national.Peer{{ID: "12D3KooWA", Addrs: []string{"/dns4/node.example/tcp/4001"}}},
	}
	l.Anchors[0].Subjects = []string{"11310000MB0000000B", "91310000XX"}
	l.Anchors[2].StatusKeys = []list.StatusKey{{Key: key(21).Public(), Until: new(uint64(100))}, {Key: key(22).Public(), From: 100}}
	return l
}

func next(prev *list.Document) *list.List {
	l := prev.List
	l.Anchors = slices.Clone(l.Anchors)
	l.Number++
	l.Previous = prev.Digest
	l.Issued += day
	l.NextUpdate += day
	return &l
}

func signed(t testing.TB, l *list.List, signers ...int) *list.Document {
	t.Helper()
	var private []*sm2sig.PrivateKey
	for _, n := range signers {
		private = append(private, key(n))
	}
	raw, err := l.Sign(private...)
	if err != nil {
		t.Fatalf("Sign() = %v, want no error", err)
	}
	d, err := list.Read(raw)
	if err != nil {
		t.Fatalf("Read(what Sign returned) = %v, want no error", err)
	}
	return d
}

// codeOf returns the refusal's code, "" for nil and "error" for what is no refusal.
func codeOf(err error) trust.RefusalCode {
	var refusal *trust.Refusal
	switch {
	case err == nil:
		return ""
	case errors.As(err, &refusal):
		return refusal.Code
	}
	return "error"
}
