package verdict_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/certs"
	"github.com/hutong-project/hutong/trust/credential"
	"github.com/hutong-project/hutong/trust/credential/qrcode"
	"github.com/hutong-project/hutong/trust/head"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/registry"
	"github.com/hutong-project/hutong/trust/sm2sig"
	"github.com/hutong-project/hutong/trust/trusttest"
	"github.com/hutong-project/hutong/trust/verdict"
)

// A dccCase is one file of the EU DCC test data.
type dccCase struct {
	Prefix  string `json:"PREFIX"`
	Context struct {
		Certificate string `json:"CERTIFICATE"`
		Clock       string `json:"VALIDATIONCLOCK"`
	} `json:"TESTCTX"`
	Expected map[string]bool `json:"EXPECTEDRESULTS"`

	name        string
	credential  *credential.Credential
	certificate []byte
	clock       trust.Time
}

// TestConformanceDCC judges every code under a list that pins the certificate of its case, at the case's clock. The
// signature step must come out as EXPECTEDVERIFY says and the dates as EXPECTEDEXPIRATIONCHECK, unless the data's own
// expected-verify.json says that the case is at fault.
func TestConformanceDCC(t *testing.T) {
	root := filepath.Join(trusttest.Conformance(t), "dcc")
	cases := readCases(t, root)
	if len(cases) == 0 {
		t.Skipf("no EU DCC cases in %s", root)
	}
	var observed map[string]struct {
		Reproduced *bool `json:"reproduced"`
	}
	readCase(t, filepath.Join(root, "expected-verify.json"), &observed)

	var verify, expiry, valid int
	for _, c := range cases {
		if fault := observed[c.name].Reproduced; fault != nil && !*fault {
			t.Logf("%s: left out: the data's own notes say that it is not as expected", c.name)
			continue
		}
		v := verdict.Judge(c.view(t), &logs{}, c.credential, verdict.Question{Now: now, ValidAt: c.clock})
		checkConsistent(t, v)
		signed := v.Outcome(verdict.StepSignature) == verdict.Passed
		if want, ok := c.Expected["EXPECTEDVERIFY"]; ok {
			verify++
			if signed != want {
				t.Errorf("%s: signature step %s %v, want EXPECTEDVERIFY %v", c.name, v.Outcome(verdict.StepSignature), codesOf(v), want)
			}
		}
		if want, ok := c.Expected["EXPECTEDEXPIRATIONCHECK"]; ok && signed && c.clock != 0 {
			expiry++
			if got := v.Outcome(verdict.StepDates) == verdict.Passed; got != want {
				t.Errorf("%s: dates step %s, want EXPECTEDEXPIRATIONCHECK %v", c.name, v.Outcome(verdict.StepDates), want)
			}
			if want && v.Result == verdict.Valid {
				valid++
			} else if want {
				t.Logf("%s: signature and dates are good, %s: %v", c.name, v.Result, codesOf(v))
			}
		}
	}
	if verify == 0 || expiry == 0 {
		t.Errorf("%d cases with EXPECTEDVERIFY and %d with EXPECTEDEXPIRATIONCHECK were judged, want some of each", verify, expiry)
	}
	t.Logf("%d cases: %d judged for their signature, %d for their dates, %d valid throughout", len(cases), verify, expiry, valid)
}

// readCases reads the cases that have a readable code, a readable certificate and an expectation.
func readCases(t *testing.T, root string) (cases []*dccCase) {
	files, err := filepath.Glob(filepath.Join(root, "*", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name, err := filepath.Rel(root, file)
		if err != nil {
			t.Fatal(err)
		}
		if name = filepath.ToSlash(name); name == "png/index.json" { // no case: what the images hold
			continue
		}
		c := &dccCase{name: name}
		readCase(t, file, c)
		if c.credential, err = qrcode.Decode(c.Prefix); err != nil {
			continue // step 1: package qrcode's own conformance test
		}
		der, err := base64.StdEncoding.DecodeString(c.Context.Certificate)
		if err != nil || len(der) == 0 {
			continue
		}
		c.certificate = der
		c.clock = readClock(c.Context.Clock)
		cases = append(cases, c)
	}
	return cases
}

func readCase(t *testing.T, path string, v any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF")), v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// readClock reads the ways in which the cases write their clock; zero means that there is none.
func readClock(text string) trust.Time {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999"} {
		if clock, err := time.Parse(layout, text); err == nil {
			return trust.TimeOf(clock)
		}
	}
	return 0
}

var nationalKeys []national.Key

// view is a federation of the case's jurisdiction alone, whose one anchor is the case's certificate.
func (c *dccCase) view(t *testing.T) *registry.View {
	t.Helper()
	code := c.credential.Province
	if code == "" {
		code = "XX"
	}
	entry := national.Province{
		Code: code, NameZH: "x", NameEN: "x", Status: national.Admitted, Since: 1, Anchoring: national.Pinned,
		Algorithms: []string{"ES256", "PS256"}, Types: []string{c.credential.Type}, Session: 1,
	}
	a := anchor("signer", fmt.Sprintf("%s-authority", code), c.certificate)
	a.CredentialTypes, a.Formats, a.Since = []string{c.credential.Type}, []string{"HC1"}, 1
	a.StatusCoverage = list.Coverage{Kind: list.CoverageNone}
	l := list.List{Version: list.FormatVersion, Province: code, Session: 1, Number: 1, Issued: now, NextUpdate: now + day, Anchors: []list.Anchor{a}}
	p := &registry.Province{
		Code: code, Entry: &entry, List: list.Evaluate(&list.Document{List: l}, &entry, nil),
		Head: &head.Document{Head: head.Head{Province: code, Session: 1, Sequence: 1, Issued: now, NationalList: national1()}},
	}
	return registry.New(registry.View{National: nationalOf(t, entry), Provinces: map[trust.Province]*registry.Province{code: p}})
}

// nationalOf is a national list with this one entry, read as a node reads it.
func nationalOf(t *testing.T, entry national.Province) *national.Document {
	t.Helper()
	k := keys()
	entry.ListKeys = []national.Key{must(national.NewKey(k.listKey[0], national.RoleList, entry.Code))}
	entry.HeadKeys = []national.Key{must(national.NewKey(k.headKey[0], national.RoleHead, entry.Code))}
	entry.ListThreshold, entry.History, entry.Peers = 1, []national.Period{}, []national.Peer{}
	if len(nationalKeys) == 0 {
		nationalKeys = []national.Key{must(national.NewKey(must(sm2sig.Generate(rand.Reader)), national.RoleNational, ""))}
	}
	l := national.List{
		Version: national.FormatVersion, Sequence: 1, Issued: now, NextUpdate: now + day, Operator: "x", Keys: nationalKeys, Threshold: 1,
		Roots: [][]byte{}, Provinces: []national.Province{entry}, Policy: national.DefaultPolicy(),
	}
	raw, err := l.Sign()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := national.Read(raw)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestConformanceProvincialCAs judges credentials under the genuine provincial CAs: they speak for nobody until their
// list names subjects, and nobody but them speaks for what they did not issue.
func TestConformanceProvincialCAs(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(trusttest.Conformance(t), "certs", "*.pem"))
	if err != nil {
		t.Fatal(err)
	}
	var roots [][]byte
	var cas []*certs.Certificate
	for _, file := range files {
		found := must(certs.ParsePEM(must(os.ReadFile(file))))
		for _, c := range found {
			if bytes.Equal(c.RawIssuer, c.RawSubject) {
				roots = append(roots, c.Raw)
			} else {
				cas = append(cas, c)
			}
		}
	}
	if len(roots) == 0 || len(cas) == 0 {
		t.Skip("no genuine root and CA certificates")
	}
	for _, ca := range cas {
		for _, subjects := range [][]string{{}, {police}} {
			w := newWorld(t)
			w.national.Roots = append(slices.Clone(w.national.Roots), roots...)
			genuine := anchor("genuine", police, ca.Raw)
			genuine.Subjects = subjects
			w.lists[shanghai].Anchors = append([]list.Anchor{genuine}, w.lists[shanghai].Anchors...)
			sortGenuine(w)
			for _, chain := range [][][]byte{nil, {keys().leaf}} {
				c := claims()
				c.Anchor = "genuine"
				w.c = w.issue(c, keys().leafKey, chain...)
				if v := w.judge(); v.Result != verdict.Invalid {
					t.Errorf("%s with %d subjects, %d carried: %s %v, want invalid", ca.SubjectText, len(subjects), len(chain), v.Result, codesOf(v))
				}
			}
			if v := newWorldJudged(w); v.Result != verdict.Valid {
				t.Errorf("another anchor beside %s: %s %v, want valid", ca.SubjectText, v.Result, codesOf(v))
			}
		}
	}
}

func sortGenuine(w *world) {
	slices.SortFunc(w.lists[shanghai].Anchors, func(a, b list.Anchor) int { return bytes.Compare([]byte(a.ID), []byte(b.ID)) })
}

// newWorldJudged judges the ordinary credential in w.
func newWorldJudged(w *world) *verdict.Verdict {
	w.c = w.issue(claims(), keys().policeKey)
	return w.judge()
}
