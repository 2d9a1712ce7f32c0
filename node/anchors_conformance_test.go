package node_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/hutong-project/hutong/node/httpapi"
	"github.com/hutong-project/hutong/node/nodetest"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/certs"
	"github.com/hutong-project/hutong/trust/credential/qrcode"
	"github.com/hutong-project/hutong/trust/identifier"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/sm2sig"
	"github.com/hutong-project/hutong/trust/trusttest"
	"github.com/hutong-project/hutong/trust/verdict"
)

// observer is a province without certificates of its own: it learns everything over libp2p.
const observer = trust.Province("100000")

// genuine is what the folder of genuine certificates holds.
type genuine struct {
	root      *certs.Certificate
	provinces map[trust.Province][]*certs.Certificate // CA certificates under root
	foreign   []*certs.Certificate                    // certificates under other roots
}

// readGenuine discovers it: the root is the certificate that the others chain to.
func readGenuine(t *testing.T) *genuine {
	t.Helper()
	dir := filepath.Join(trusttest.Conformance(t), "certs")
	text, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err != nil {
		t.Skipf("no genuine certificates: %v", err)
	}
	var expected struct {
		Certs []struct {
			File         string
			ProvinceCode trust.Province
			ChainsTo     string
			Result       string
		}
	}
	if err := json.Unmarshal(text, &expected); err != nil {
		t.Fatalf("reading expected.json: %v", err)
	}
	g := &genuine{provinces: map[trust.Province][]*certs.Certificate{}}
	known := map[trust.Digest]bool{}
	for _, e := range expected.Certs {
		c := readPEM(t, filepath.Join(dir, e.File))[0]
		known[c.Digest()] = true
		switch {
		case e.File == e.ChainsTo && g.root == nil:
			g.root = c
		case e.ProvinceCode.Valid() && e.ChainsTo != "" && e.Result == "valid":
			g.provinces[e.ProvinceCode] = append(g.provinces[e.ProvinceCode], c)
		}
	}
	if g.root == nil || len(g.provinces) == 0 {
		t.Skipf("%s names no root with provincial certificates under it", dir)
	}
	g.foreign = findForeign(t, dir, known, g.root)
	return g
}

// findForeign returns every SM2 certificate below dir that is not under root, each once, and one made here, so that
// there is always one.
func findForeign(t *testing.T, dir string, seen map[trust.Digest]bool, root *certs.Certificate) []*certs.Certificate {
	t.Helper()
	stranger, err := nodetest.NewRoot()
	if err != nil {
		t.Fatal(err)
	}
	below, err := stranger.Issue("另一根下的认证中心")
	if err != nil {
		t.Fatal(err)
	}
	foreign := []*certs.Certificate{below.Certificate}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if ext := filepath.Ext(path); err != nil || d.IsDir() || ext != ".pem" && ext != ".crt" {
			return err
		}
		for _, c := range readPEM(t, path) {
			algorithm, ok := c.Algorithm()
			if _, err := certs.Path(c, nil, []*certs.Certificate{root}); err == nil || seen[c.Digest()] || !ok || algorithm != certs.SM2 {
				continue
			}
			seen[c.Digest()] = true
			foreign = append(foreign, c)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return foreign
}

func readPEM(t *testing.T, path string) []*certs.Certificate {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all, err := certs.ParsePEM(text)
	if err != nil {
		t.Fatalf("reading %s: %v", path, err)
	}
	return all
}

// Ids of the anchors in a list of genuine certificates, before a number.
const (
	namedAnchor   = "named"   // a genuine CA with one subject
	silentAnchor  = "silent"  // a genuine CA with empty subjects
	foreignAnchor = "foreign" // under another root
)

const genuineType = "licence"

// anchors returns those of one province: each genuine CA twice, and every foreign certificate.
func (g *genuine) anchors(code trust.Province, subject string) []list.Anchor {
	var anchors []list.Anchor
	add := func(id string, i int, c *certs.Certificate, subjects ...string) {
		a := nodetest.Pinned(fmt.Sprintf("%s-%03d", id, i), c.Raw)
		a.CredentialTypes, a.Formats = []string{genuineType}, []string{qrcode.FormatHT1}
		a.Subjects = append(a.Subjects, subjects...)
		anchors = append(anchors, a)
	}
	for i, c := range g.provinces[code] {
		add(namedAnchor, i, c, subject)
		add(silentAnchor, i, c)
	}
	for i, c := range g.foreign {
		add(foreignAnchor, i, c)
	}
	slices.SortFunc(anchors, func(a, b list.Anchor) int { return cmp.Compare(a.ID, b.ID) })
	return anchors
}

// TestConformanceGenuineAnchors publishes trust lists of genuine provincial CA certificates under the genuine national
// root, and looks at what every province's node makes of them.
func TestConformanceGenuineAnchors(t *testing.T) {
	t.Parallel()
	g := readGenuine(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	plan := nodetest.Plan{Roots: [][]byte{g.root.Raw}, Clusters: []nodetest.ClusterPlan{{Province: observer}}}
	for code := range g.provinces {
		plan.Clusters = append(plan.Clusters, nodetest.ClusterPlan{Province: code})
	}
	f := start(t, ctx, plan)
	for code := range g.provinces {
		j := f.Jurisdiction(code)
		l := j.Next()
		l.Anchors = g.anchors(code, subjectOf(t, code))
		if err := j.Publish(ctx, l); err != nil {
			t.Fatalf("a list with %d foreign certificates is taken, so that the rest counts: %v", len(g.foreign), err)
		}
	}
	var first []httpapi.ProvinceState
	for _, c := range f.Clusters {
		n := c.Nodes[0]
		if err := f.WaitLists(ctx, n); err != nil {
			t.Fatal(err)
		}
		pictures := g.pictures(t, ctx, n)
		if first == nil {
			first = pictures
		}
		if !reflect.DeepEqual(pictures, first) {
			t.Errorf("%s shows\n%+v, want what %s shows\n%+v", n.Name, pictures, f.Clusters[0].Nodes[0].Name, first)
		}
	}
	for code, cas := range g.provinces {
		for i := range cas {
			checkSilent(t, ctx, f.Clusters[0].Nodes[0], code, i)
		}
	}
	t.Logf("%d provinces, %d certificates under other roots", len(g.provinces), len(g.foreign))
}

func subjectOf(t *testing.T, code trust.Province) string {
	t.Helper()
	subject, err := identifier.MakeUSCC("11", string(code), "00000001")
	if err != nil {
		t.Fatal(err)
	}
	return string(subject)
}

// pictures checks what a node shows of each province with genuine anchors, and returns what must be the same on all.
func (g *genuine) pictures(t *testing.T, ctx context.Context, n *nodetest.Node) []httpapi.ProvinceState {
	t.Helper()
	state, err := n.Client.Node(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var pictures []httpapi.ProvinceState
	for _, p := range state.Provinces {
		cas, ours := g.provinces[p.Province]
		if !ours {
			continue
		}
		if p.Anchors != 2*len(cas) || len(p.Refused) != len(g.foreign) {
			t.Errorf("%s shows of %s %d anchors and %d refused, want %d and %d", n.Name, p.Province, p.Anchors, len(p.Refused), 2*len(cas), len(g.foreign))
		}
		for _, r := range p.Refused {
			if r.Code != string(trust.NotChained) || r.ID[:len(foreignAnchor)] != foreignAnchor || r.Detail == "" {
				t.Errorf("%s shows of %s %+v, want a foreign anchor, %s and why", n.Name, p.Province, r, trust.NotChained)
			}
		}
		pictures = append(pictures, httpapi.ProvinceState{
			Province: p.Province, List: p.List, ListDigest: p.ListDigest, Anchors: p.Anchors, Refused: p.Refused,
		})
	}
	return pictures
}

// checkSilent asks about two codes that carry a certificate of their signer. Under the anchor that names a subject the
// certificate is held against the genuine CA, which did not issue it. Under the one with empty subjects it is not even
// looked at: that anchor speaks for nobody.
func checkSilent(t *testing.T, ctx context.Context, n *nodetest.Node, code trust.Province, i int) {
	t.Helper()
	key, err := sm2sig.Generate(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := trust.TimeOf(time.Now())
	subject := subjectOf(t, code)
	der, err := certs.SelfSigned(rand.Reader, certs.Template{
		CommonName: "签发机构", OrganizationCode: subject, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
	}, key)
	if err != nil {
		t.Fatal(err)
	}
	for anchor, want := range map[string]verdict.Code{namedAnchor: verdict.ChainNotAnchored, silentAnchor: verdict.IssuerUnknown} {
		c := qrcode.Claims{Province: code, Anchor: fmt.Sprintf("%s-%03d", anchor, i), Type: genuineType, Authority: subject, Issued: now}
		_, _ = rand.Read(c.Handle[:])
		text, err := qrcode.Encode(c, key, [][]byte{der})
		if err != nil {
			t.Fatal(err)
		}
		v, err := n.Client.Verify(ctx, httpapi.Verify{Credential: text})
		if err != nil {
			t.Fatal(err)
		}
		if v.Result != verdict.Invalid || !v.Has(want) {
			t.Errorf("Verify() of a code under anchor %s of %s = %s, want invalid %s", c.Anchor, code, explain(v), want)
		}
	}
}
