package node_test

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/rand"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hutong-project/hutong/node/httpapi"
	"github.com/hutong-project/hutong/node/nodetest"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/certs"
	"github.com/hutong-project/hutong/trust/credential/qrcode"
	"github.com/hutong-project/hutong/trust/credential/qrcode/qrcodetest"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/sm2sig"
	"github.com/hutong-project/hutong/trust/statuslog"
	"github.com/hutong-project/hutong/trust/verdict"
)

// The two provinces of these tests. Credentials are issued at home and judged elsewhere.
const (
	home      = trust.Province("310000")
	elsewhere = trust.Province("330000")
)

// The types that home may grant, and one that it may not.
const (
	licence  = "licence"
	health   = "health"
	passport = "passport"
)

// pair is two provinces that know each other.
type pair struct {
	*nodetest.Federation
	here, there *nodetest.Node      // a node of home, the node of elsewhere
	police      *nodetest.Authority // of home, signs its own status batches
	hospital    *nodetest.Authority // of home, the operator signs for it
	bureau      *nodetest.Authority // of elsewhere
	lists       *nodetest.Jurisdiction
}

// startPair starts both provinces and waits until each holds the other's list.
func startPair(t *testing.T, ctx context.Context, homeNodes int) *pair {
	t.Helper()
	f := start(t, ctx, nodetest.Plan{Clusters: []nodetest.ClusterPlan{
		{Province: home, Nodes: homeNodes, Types: []string{licence, health}, Authorities: []nodetest.Grant{
			{ID: "hospital", Types: []string{health}, Operator: true}, {ID: "police", Types: []string{licence}},
		}},
		{Province: elsewhere, Types: []string{licence, passport}, Authorities: []nodetest.Grant{{ID: "bureau", Types: []string{licence}}}},
	}})
	if err := f.PublishAll(ctx); err != nil {
		t.Fatal(err)
	}
	p := &pair{Federation: f, here: f.Clusters[0].Nodes[0], there: f.Clusters[1].Nodes[0], lists: f.Jurisdiction(home)}
	p.hospital, p.police = p.lists.Authorities[0], p.lists.Authorities[1]
	p.bureau = f.Jurisdiction(elsewhere).Authorities[0]
	for _, n := range []*nodetest.Node{p.here, p.there} {
		if err := f.WaitLists(ctx, n); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func issue(t *testing.T, a *nodetest.Authority, c qrcode.Claims) string {
	t.Helper()
	text, err := a.Issue(c)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func judge(t *testing.T, ctx context.Context, n *nodetest.Node, in httpapi.Verify) *verdict.Verdict {
	t.Helper()
	v, err := n.Client.Verify(ctx, in)
	if err != nil {
		t.Fatalf("Verify() = %v, want a verdict", err)
	}
	return v
}

// wants reports a verdict that is another one than wanted. An empty code wants no reason that decides anything.
func wants(t *testing.T, what string, v *verdict.Verdict, result verdict.Result, code verdict.Code) {
	t.Helper()
	if v.Result != result || code != "" && !v.Has(code) || code == "" && len(v.Reasons) > 0 {
		t.Errorf("%s: Verify() = %s, want %s %q", what, explain(v), result, code)
	}
}

// becomes waits until the node judges the code so: changes travel.
func becomes(t *testing.T, ctx context.Context, n *nodetest.Node, text string, result verdict.Result, code verdict.Code) {
	t.Helper()
	var last *verdict.Verdict
	err := nodetest.Until(ctx, "the change has travelled", func() (bool, error) {
		v, err := n.Client.Verify(ctx, httpapi.Verify{Credential: text})
		last = v
		return err == nil && v.Result == result && (code == "" || v.Has(code)), err
	})
	if err != nil {
		t.Fatalf("%v: the last verdict is %s, want %s %q", err, explain(last), result, code)
	}
}

// TestCredentialJudgedElsewhere: every rule that decides about a credential, asked over HTTP in another province.
func TestCredentialJudgedElsewhere(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p := startPair(t, ctx, 1)
	now := trust.TimeOf(time.Now())
	stranger := *p.police
	var err error
	if stranger.CredentialKey, err = sm2sig.Generate(rand.Reader); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		signer *nodetest.Authority
		change func(c *qrcode.Claims)
		in     httpapi.Verify
		result verdict.Result
		code   verdict.Code
	}{
		{name: "a credential", result: verdict.Valid},
		{name: "one that its authority's operator speaks for", signer: p.hospital, result: verdict.Valid},
		{name: "for ever", change: func(c *qrcode.Claims) { c.Expires = 0 }, result: verdict.Valid},
		{name: "a presentation", change: func(c *qrcode.Claims) { c.Presentation, c.Expires = true, c.Issued.Add(2*time.Hour) }, result: verdict.Valid},
		{name: "in its last second", in: httpapi.Verify{ValidAt: now.Add(-10 * time.Minute)}, change: func(c *qrcode.Claims) { c.Expires = now.Add(-10 * time.Minute) }, result: verdict.Valid},
		{name: "expired", change: func(c *qrcode.Claims) { c.Expires = now.Add(-time.Minute) }, result: verdict.Invalid, code: verdict.Expired},
		{name: "not yet valid", change: func(c *qrcode.Claims) { c.NotBefore = now.Add(time.Hour) }, result: verdict.Invalid, code: verdict.NotYetValid},
		{name: "asked about a time before it was issued", in: httpapi.Verify{ValidAt: now.Add(-2 * time.Hour)}, result: verdict.Invalid, code: verdict.NotYetValid},
		{name: "a type that the authority was not granted", change: func(c *qrcode.Claims) { c.Type = health }, result: verdict.Invalid, code: verdict.TypeNotGranted},
		{name: "a type that nobody of the province may grant", change: func(c *qrcode.Claims) { c.Type = passport }, result: verdict.Invalid, code: verdict.TypeNotGranted},
		{name: "another authority's code", change: func(c *qrcode.Claims) { c.Authority = p.hospital.Code }, result: verdict.Invalid, code: verdict.AuthorityMismatch},
		{name: "under another authority's anchor", change: func(c *qrcode.Claims) { c.Anchor = p.hospital.AnchorID }, result: verdict.Invalid, code: verdict.IssuerUnknown},
		{name: "an issuer of another province", change: func(c *qrcode.Claims) { c.Province = elsewhere }, result: verdict.Invalid, code: verdict.IssuerUnknown},
		{name: "in the name of another province's issuer", change: func(c *qrcode.Claims) {
			c.Province, c.Anchor, c.Authority = elsewhere, p.bureau.AnchorID, p.bureau.Code
		}, result: verdict.Invalid, code: verdict.IssuerUnknown},
		{name: "a province that nobody knows", change: func(c *qrcode.Claims) { c.Province = "440000" }, result: verdict.Indeterminate, code: verdict.ProvinceUnknown},
		{name: "an anchor that nobody knows", change: func(c *qrcode.Claims) { c.Anchor = "nobody" }, result: verdict.Invalid, code: verdict.IssuerUnknown},
		{name: "a key that nobody knows", signer: &stranger, result: verdict.Invalid, code: verdict.IssuerUnknown},
		{name: "issued before the authority was granted anything", change: func(c *qrcode.Claims) { c.Issued = p.police.Certificate.NotBefore - 1 }, result: verdict.Invalid, code: verdict.AnchorNotYetGranted},
	} {
		signer := test.signer
		if signer == nil {
			signer = p.police
		}
		c := signer.Claims()
		if test.change != nil {
			test.change(&c)
		}
		test.in.Credential = issue(t, signer, c)
		for _, n := range []*nodetest.Node{p.there, p.here} {
			wants(t, test.name+" at "+n.Name, judge(t, ctx, n, test.in), test.result, test.code)
		}
	}
	v := judge(t, ctx, p.there, httpapi.Verify{Credential: issue(t, p.police, p.police.Claims())})
	if v.Credential == nil || len(v.Credential.Face) != 0 || v.Issuer == nil || v.Issuer.Province != home || v.Issuer.Authority != p.police.Code {
		t.Errorf("Verify() = credential %+v of issuer %+v, want no face claims and the police of %s", v.Credential, v.Issuer, home)
	}
	testUnreadable(t, ctx, p)
	testTampered(t, ctx, p)
}

// testUnreadable: what is no credential gets a verdict, not an error, and one that ends at step 1.
func testUnreadable(t *testing.T, ctx context.Context, p *pair) {
	good := issue(t, p.police, p.police.Claims())
	for name, test := range map[string]struct {
		text string
		code verdict.Code
	}{
		"nothing":              {"", verdict.NotAQRPayload},
		"an address":           {"https://example.org/", verdict.NotAQRPayload},
		"another prefix":       {"HT9" + good[3:], verdict.WrongPrefix},
		"a lower-case prefix":  {"ht1" + good[3:], verdict.WrongPrefix},
		"another format's":     {"HC1" + good[3:], verdict.BadCOSE},
		"no base45":            {"HT1:lower case", verdict.BadBase45},
		"no zlib":              {"HT1:" + qrcodetest.Base45([]byte("not compressed")), verdict.BadCompression},
		"no COSE":              {qrcodetest.Pack("HT1", []byte("not COSE")), verdict.BadCOSE},
		"more than 8 KiB":      {good + strings.Repeat("0", 8<<10), verdict.TooLarge},
		"just under 64 KiB":    {"HT1:" + strings.Repeat("0", 60<<10), verdict.TooLarge},
		"a bomb":               {"HT1:" + qrcodetest.Base45(bomb(t, 4)), verdict.TooLarge},
		"a bomb in a bomb":     {qrcodetest.Pack("HT1", bomb(t, 4)), verdict.BadCOSE},
		"a good one, and more": {good + good, verdict.BadBase45},
	} {
		v := judge(t, ctx, p.there, httpapi.Verify{Credential: test.text})
		wants(t, name, v, verdict.Invalid, test.code)
	}
}

// bomb returns a zlib stream that unpacks to so many MiB of zeros. All MiB but the first are packed into the same bytes,
// so that a GiB is made at once; the stream ends without a checksum, which no reader should live to see.
func bomb(t *testing.T, megabytes int) []byte {
	t.Helper()
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 1<<20)
	next := func() []byte {
		packed.Reset()
		_, _ = w.Write(zeros) // a buffer takes everything
		_ = w.Flush()
		return bytes.Clone(packed.Bytes())
	}
	stream := append([]byte{0x78, 0xda}, next()...)
	return append(stream, bytes.Repeat(next(), megabytes-1)...)
}

// testTampered changes one bit in each byte of a code.
func testTampered(t *testing.T, ctx context.Context, p *pair) {
	cose, err := qrcodetest.Unpack(issue(t, p.police, p.police.Claims()))
	if err != nil {
		t.Fatal(err)
	}
	wants(t, "packed again", judge(t, ctx, p.there, httpapi.Verify{Credential: qrcodetest.Pack("HT1", cose)}), verdict.Valid, "")
	for i := range cose {
		changed := slices.Clone(cose)
		changed[i] ^= 1 << (i % 8)
		if v := judge(t, ctx, p.there, httpapi.Verify{Credential: qrcodetest.Pack("HT1", changed)}); v.Result == verdict.Valid {
			t.Errorf("Verify() with bit %d of byte %d changed = valid, want invalid", i%8, i)
		}
	}
}

// TestStatusTravels: what an authority says about its credentials is true elsewhere, too.
func TestStatusTravels(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p := startPair(t, ctx, 1)
	claims := p.police.Claims()
	text := issue(t, p.police, claims)
	push := func(status statuslog.Status) httpapi.Receipt {
		t.Helper()
		signed, err := p.police.Batch(nodetest.Change(claims.Handle, status))
		if err != nil {
			t.Fatal(err)
		}
		receipt, err := p.here.Client.PushBatch(ctx, p.police.Token, signed)
		if err != nil {
			t.Fatal(err)
		}
		again, err := p.here.Client.PushBatch(ctx, p.police.Token, signed)
		if again.Index = receipt.Index; err != nil || again != receipt {
			t.Errorf("PushBatch() of the same bytes = %+v, %v, want the same receipt %+v", again, err, receipt)
		}
		return receipt
	}
	becomes(t, ctx, p.there, text, verdict.Valid, "")
	first := push(statuslog.StatusSuspended)
	becomes(t, ctx, p.there, text, verdict.Invalid, verdict.CredentialSuspended)
	push(statuslog.StatusValid)
	becomes(t, ctx, p.there, text, verdict.Valid, "")
	last := push(statuslog.StatusRevoked)
	becomes(t, ctx, p.there, text, verdict.Invalid, verdict.CredentialRevoked)
	wants(t, "at home", judge(t, ctx, p.here, httpapi.Verify{Credential: text}), verdict.Invalid, verdict.CredentialRevoked)
	if first.Number != 1 || first.Position != 0 || last.Number != 3 || last.Position != 2 || last.Index <= first.Index {
		t.Errorf("receipts = %+v and %+v, want numbers 1 and 3 at positions 0 and 2, and a rising index", first, last)
	}
	before := judge(t, ctx, p.there, httpapi.Verify{Credential: text, ValidAt: claims.Issued.Add(time.Minute)})
	wants(t, "before it was suspended", before, verdict.Valid, "")

	status, err := p.there.Client.Status(ctx, home, hex.EncodeToString(claims.Handle[:]))
	if err != nil {
		t.Fatal(err)
	}
	if len(status.Statuses) != 1 || status.Statuses[0].Status != statuslog.StatusRevoked || status.Statuses[0].Authority != p.police.Code || status.Log.Size != 3 {
		t.Errorf("Status() = %+v, want revoked by the police in a log of 3", status)
	}
	testOperated(t, ctx, p)
}

// testOperated: the cluster signs for an authority that cannot.
func testOperated(t *testing.T, ctx context.Context, p *pair) {
	claims := p.hospital.Claims()
	text := issue(t, p.hospital, claims)
	in := httpapi.Events{Authority: p.hospital.Code, Events: []httpapi.Event{{Handle: hex.EncodeToString(claims.Handle[:]), Status: "吊销", Reason: "测试"}}}
	receipt, err := p.here.Client.PushEvents(ctx, p.hospital.Token, in)
	if err != nil {
		t.Fatal(err)
	}
	if receipt.Authority != p.hospital.Code || receipt.Number != 1 {
		t.Errorf("PushEvents() = %+v, want number 1 of the hospital", receipt)
	}
	becomes(t, ctx, p.there, text, verdict.Invalid, verdict.CredentialRevoked)
	status, err := p.there.Client.Status(ctx, home, in.Events[0].Handle)
	if err != nil {
		t.Fatal(err)
	}
	if len(status.Statuses) != 1 || !status.Statuses[0].Operator {
		t.Errorf("Status() = %+v, want one status, marked as the operator's", status.Statuses)
	}
}

// TestIssuerWithdrawn: from then on nothing that it issues is good; what it issued before stays good, and says so.
func TestIssuerWithdrawn(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p := startPair(t, ctx, 1)
	older, newer := p.police.Claims(), p.police.Claims()
	newer.Issued = trust.TimeOf(time.Now())
	oldText, newText := issue(t, p.police, older), issue(t, p.police, newer)
	becomes(t, ctx, p.there, newText, verdict.Valid, "")

	l := p.lists.Next()
	greedy := nodetest.Pinned("greedy", p.police.Certificate.Raw)
	greedy.CredentialTypes, greedy.Formats = []string{licence, passport}, []string{qrcode.FormatHT1}
	for i := range l.Anchors {
		if a := &l.Anchors[i]; a.ID == p.police.AnchorID {
			a.History = append(slices.Clone(a.History), list.Period{Status: a.Status, Since: a.Since})
			a.Status, a.Since, a.Reason = list.Withdrawn, newer.Issued, "测试"
		}
	}
	l.Anchors = slices.Insert(l.Anchors, 1, greedy) // after ca
	if err := p.lists.Publish(ctx, l); err != nil {
		t.Fatal(err)
	}
	becomes(t, ctx, p.there, newText, verdict.Invalid, verdict.AnchorWithdrawn)
	wants(t, "issued before", judge(t, ctx, p.there, httpapi.Verify{Credential: oldText}), verdict.Valid, verdict.AnchorWithdrawnLater)

	over := p.police.Claims()
	over.Anchor, over.Authority = greedy.ID, greedy.Authority
	wants(t, "under an anchor that asks for too much", judge(t, ctx, p.there, httpapi.Verify{Credential: issue(t, p.police, over)}), verdict.Invalid, verdict.AnchorRefused)
	hospital := issue(t, p.hospital, p.hospital.Claims())
	wants(t, "the rest of that list", judge(t, ctx, p.there, httpapi.Verify{Credential: hospital}), verdict.Valid, "")
}

// TestSubjectsDecide: a CA certifies many; only those that its anchor names may issue.
func TestSubjectsDecide(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p := startPair(t, ctx, 1)
	key, err := sm2sig.Generate(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := trust.TimeOf(time.Now())
	const subject = "MA0000001"
	der, err := certs.Issue(rand.Reader, certs.Template{
		CommonName: "下级单位", OrganizationCode: subject, NotBefore: now.Add(-2 * time.Hour), NotAfter: now.Add(time.Hour),
	}, key.Public(), p.lists.CA.Certificate, p.lists.CA.Key)
	if err != nil {
		t.Fatal(err)
	}
	c := p.police.Claims()
	c.Anchor, c.Authority = "ca", "ca"
	text, err := qrcode.Encode(c, key, [][]byte{der})
	if err != nil {
		t.Fatal(err)
	}
	wants(t, "a CA with empty subjects", judge(t, ctx, p.there, httpapi.Verify{Credential: text}), verdict.Invalid, verdict.IssuerUnknown)

	l := p.lists.Next()
	l.Anchors[0].CredentialTypes, l.Anchors[0].Formats = []string{licence}, []string{qrcode.FormatHT1}
	l.Anchors[0].Subjects = []string{"MA0000002"}
	if err := p.lists.Publish(ctx, l); err != nil {
		t.Fatal(err)
	}
	becomes(t, ctx, p.there, text, verdict.Invalid, verdict.SubjectNotListed)
	l = p.lists.Next()
	l.Anchors[0].Subjects = []string{"MA0000002", subject}
	if err := p.lists.Publish(ctx, l); err != nil {
		t.Fatal(err)
	}
	becomes(t, ctx, p.there, text, verdict.Valid, "")
}
