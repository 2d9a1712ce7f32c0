package node_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hutong-project/hutong/node/httpapi"
	"github.com/hutong-project/hutong/node/nodetest"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/certs"
	"github.com/hutong-project/hutong/trust/credential/qrcode"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/trusttest"
	"github.com/hutong-project/hutong/trust/verdict"
)

// The two flags of a case that a verdict answers; what the other flags speak of lies before or beside it.
const (
	flagVerify     = "EXPECTEDVERIFY"          // signature and key hint are right under the certificate
	flagExpiration = "EXPECTEDEXPIRATIONCHECK" // the validity holds the clock
)

// conformancePage lists the cases that do not come out as expected, and why the data is at fault.
const conformancePage = "../docs/conformance.md"

// A dccCase is one file of the EU DCC test data.
type dccCase struct {
	name   string // folder and file, without .json
	issuer trust.Province

	Text    string `json:"PREFIX"`
	Context struct {
		Certificate string `json:"CERTIFICATE"`
		Clock       string `json:"VALIDATIONCLOCK"`
	} `json:"TESTCTX"`
	Expected map[string]bool `json:"EXPECTEDRESULTS"`
}

// TestConformanceDCC takes credentials of many real jurisdictions the whole way: their lists go into one province's
// cluster over HTTP, travel to another's over libp2p, and each code is judged there over HTTP, at its own clock.
func TestConformanceDCC(t *testing.T) {
	t.Parallel()
	cases := readDCC(t, filepath.Join(trusttest.Conformance(t), "dcc"))
	judgeDCC(t, cases, 3)
}

// TestConformanceDCCOtherFolder does the same with a folder that holds two of the jurisdictions: nothing may rest on
// which ones there are.
func TestConformanceDCCOtherFolder(t *testing.T) {
	t.Parallel()
	root := filepath.Join(trusttest.Conformance(t), "dcc")
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Skipf("no EU DCC cases: %v", err)
	}
	other := t.TempDir()
	copied := 0
	for _, e := range entries {
		if !e.IsDir() || !trust.Province(e.Name()).Partner() || copied == 2 {
			continue
		}
		copied++
		if err := os.CopyFS(filepath.Join(other, e.Name()), os.DirFS(filepath.Join(root, e.Name()))); err != nil {
			t.Fatal(err)
		}
	}
	if copied < 2 {
		t.Skipf("%s has %d jurisdictions, want 2 to copy", root, copied)
	}
	judgeDCC(t, readDCC(t, other), 1)
}

// readDCC reads every case below root: a file in a folder of its jurisdiction, or of no particular one.
func readDCC(t *testing.T, root string) []*dccCase {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "*", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []*dccCase
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		data = bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF")))
		if bytes.HasPrefix(data, []byte("[")) {
			continue // an index beside the cases
		}
		c := new(dccCase)
		if err := json.Unmarshal(data, c); err != nil {
			t.Fatalf("reading %s: %v", file, err)
		}
		if c.Text == "" || c.Expected == nil {
			continue // no code, or nothing to expect of it
		}
		folder := filepath.Base(filepath.Dir(file))
		c.name = folder + "/" + strings.TrimSuffix(filepath.Base(file), ".json")
		c.issuer = trust.Province(folder)
		if read, err := qrcode.Decode(c.Text); err == nil && read.Province != "" {
			c.issuer = read.Province // who issued it is what it says, not where it lies
		}
		cases = append(cases, c)
	}
	if len(cases) == 0 {
		t.Skipf("no EU DCC cases in %s", root)
	}
	return cases
}

// A signerSet is the certificates of one jurisdiction, by the SHA-256 of each.
type signerSet map[[sha256.Size]byte][]byte

// signers gathers the signer certificates of each jurisdiction.
func signers(t *testing.T, cases []*dccCase) map[trust.Province]signerSet {
	all := map[trust.Province]signerSet{}
	for _, c := range cases {
		der, err := base64.StdEncoding.DecodeString(c.Context.Certificate)
		if err != nil || len(der) == 0 || !c.issuer.Valid() || !c.issuer.Partner() {
			t.Logf("%s brings no certificate for any jurisdiction", c.name)
			continue
		}
		if all[c.issuer] == nil {
			all[c.issuer] = signerSet{}
		}
		all[c.issuer][sha256.Sum256(der)] = der
	}
	return all
}

// algorithms returns what a jurisdiction's keys are for: that is what the national list grants it.
func (s signerSet) algorithms() []string {
	var all []string
	for _, der := range s {
		if c, err := certs.Parse(der); err == nil {
			if a, ok := c.Algorithm(); ok && a != certs.SM2 && !slices.Contains(all, string(a)) {
				all = append(all, string(a))
			}
		}
	}
	if len(all) == 0 {
		return []string{string(certs.ES256)} // it has to be granted something
	}
	slices.Sort(all)
	return all
}

var dccTypes = []string{"recovery", "test", "vaccination"}

// anchors returns a pinned anchor for each certificate.
func (s signerSet) anchors(code trust.Province) []list.Anchor {
	var anchors []list.Anchor
	for sum, der := range s {
		a := nodetest.Pinned("signer-"+hex.EncodeToString(sum[:8]), der)
		a.Authority, a.CredentialTypes, a.Formats = string(code), dccTypes, []string{qrcode.FormatHC1}
		anchors = append(anchors, a)
	}
	slices.SortFunc(anchors, func(a, b list.Anchor) int { return cmp.Compare(a.ID, b.ID) })
	return anchors
}

const (
	dccHost  = trust.Province("310000") // whose cluster hosts the jurisdictions
	dccJudge = trust.Province("440000") // where the codes are judged
)

func judgeDCC(t *testing.T, cases []*dccCase, hostNodes int) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	sets := signers(t, cases)
	var partners []nodetest.Partner
	for code, set := range sets {
		partners = append(partners, nodetest.Partner{Code: code, Types: dccTypes, Algorithms: set.algorithms()})
	}
	f := start(t, ctx, nodetest.Plan{Clusters: []nodetest.ClusterPlan{
		{Province: dccHost, Nodes: hostNodes, Hosts: partners},
		{Province: dccJudge},
	}})
	for code, set := range sets {
		j := f.Jurisdiction(code)
		l := j.Next()
		l.Anchors = set.anchors(code)
		if err := j.Publish(ctx, l); err != nil {
			t.Fatal(err)
		}
	}
	there := f.Clusters[1].Nodes[0]
	if err := f.WaitLists(ctx, there); err != nil {
		t.Fatal(err)
	}
	checkHeld(t, ctx, there, sets)

	faults := readFaults(t, conformancePage)
	counts := map[string]int{}
	for _, c := range cases {
		v := c.judge(t, ctx, there)
		counts[string(v.Result)]++
		for flag, want := range c.Expected {
			got, decides := outcome(v, flag)
			if !decides {
				continue
			}
			counts[flag]++
			why, listed := faults[c.name+" "+flag]
			switch {
			case got == want && listed:
				t.Errorf("%s: %s = %v as expected, and %s lists it as a fault of the data (%s)", c.name, flag, got, conformancePage, why)
			case got != want && !listed:
				t.Errorf("%s: %s = %v, want %v: %s", c.name, flag, got, want, explain(v))
			case got != want:
				counts["faults of the data"]++
			}
			if !want && v.Result == verdict.Valid {
				t.Errorf("%s: %s is false, and the verdict is valid", c.name, flag)
			}
		}
	}
	if counts[flagVerify] == 0 || counts[string(verdict.Valid)] == 0 {
		t.Errorf("%d cases: %d with %s, %d valid: the test looks at nothing", len(cases), counts[flagVerify], flagVerify, counts[string(verdict.Valid)])
	}
	t.Logf("%d cases of %d jurisdictions: %v", len(cases), len(sets), counts)
}

// judge asks the node about the code at the case's clock. No zone means UTC; a fraction of a second is dropped.
func (c *dccCase) judge(t *testing.T, ctx context.Context, n *nodetest.Node) *verdict.Verdict {
	t.Helper()
	in := httpapi.Verify{Credential: c.Text}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999"} {
		if clock, err := time.Parse(layout, c.Context.Clock); err == nil {
			in.ValidAt = trust.TimeOf(clock)
			break
		}
	}
	if _, needed := c.Expected[flagExpiration]; needed && in.ValidAt.IsZero() {
		t.Errorf("%s: VALIDATIONCLOCK %q is no time that this test can read", c.name, c.Context.Clock)
	}
	v, err := n.Client.Verify(ctx, in)
	if err != nil {
		t.Fatalf("%s: Verify() = %v, want a verdict", c.name, err)
	}
	return v
}

// outcome says what a verdict answers to a flag, if it does.
func outcome(v *verdict.Verdict, flag string) (got, decides bool) {
	switch flag {
	case flagVerify:
		return v.Outcome(verdict.StepStructure) == verdict.Passed && v.Outcome(verdict.StepSignature) == verdict.Passed, true
	case flagExpiration:
		return v.Outcome(verdict.StepDates) == verdict.Passed, true
	}
	return false, false
}

func explain(v *verdict.Verdict) string {
	var text strings.Builder
	text.WriteString(string(v.Result))
	for _, r := range v.Reasons {
		text.WriteString("; " + string(r.Code) + " " + r.Detail)
	}
	return text.String()
}

// checkHeld: the other province's node counts or refuses each certificate, visibly.
func checkHeld(t *testing.T, ctx context.Context, n *nodetest.Node, sets map[trust.Province]signerSet) {
	t.Helper()
	state, err := n.Client.Node(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range state.Provinces {
		set, ours := sets[p.Province]
		if !ours {
			continue
		}
		if p.Anchors+len(p.Refused) != len(set) {
			t.Errorf("%s at %s: %d anchors and %d refused, want %d in all", p.Province, n.Name, p.Anchors, len(p.Refused), len(set))
		}
		for _, r := range p.Refused {
			t.Logf("%s: anchor %s is refused: %s %s", p.Province, r.ID, r.Code, r.Detail)
		}
	}
}

var faultRow = regexp.MustCompile(`(?m)^\| ([^|\s]+) \| (EXPECTED\w+) \| ([^|]+) \|$`)

// readFaults reads the table of docs/conformance.md, so that page and test cannot differ.
func readFaults(t *testing.T, page string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	faults := map[string]string{}
	for _, row := range faultRow.FindAllStringSubmatch(string(text), -1) {
		faults[row[1]+" "+row[2]] = row[3]
	}
	return faults
}

// start builds and starts a federation, which ends with the test.
func start(t *testing.T, ctx context.Context, plan nodetest.Plan) *nodetest.Federation {
	t.Helper()
	plan.Dir = t.TempDir()
	f, err := nodetest.Start(ctx, plan)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Errorf("Close() = %v, want nil", err)
		}
	})
	return f
}
