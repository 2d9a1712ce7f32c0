package nodetest

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/hutong-project/hutong/node/access"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/certs"
	"github.com/hutong-project/hutong/trust/credential"
	"github.com/hutong-project/hutong/trust/credential/qrcode"
	"github.com/hutong-project/hutong/trust/identifier"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/sm2sig"
	"github.com/hutong-project/hutong/trust/statuslog"
)

// A Grant says which issuing authority a province is to have. It needs a national root that the federation made.
type Grant struct {
	ID       string   // of its anchor
	Types    []string // credential types that it may issue
	Operator bool     // it cannot sign status batches: the cluster's operator does
}

// An Authority issues credentials and pushes changes of their status.
type Authority struct {
	Province      trust.Province
	AnchorID      string
	Code          string // 统一社会信用代码
	Types         []string
	Operator      bool
	CredentialKey *sm2sig.PrivateKey
	Certificate   *certs.Certificate
	StatusKey     *sm2sig.PrivateKey
	Token         string // for the interface of the province's nodes

	number uint64 // of the last batch that Batch made
}

func (j *Jurisdiction) newAuthority(g Grant, tokens string) (*Authority, error) {
	if j.CA == nil {
		return nil, fmt.Errorf("authority %s: the plan brought the roots, so there is no CA to certify it", g.ID)
	}
	a := &Authority{Province: j.Code, AnchorID: g.ID, Types: g.Types, Operator: g.Operator}
	code, err := identifier.MakeUSCC("11", string(j.Code), fmt.Sprintf("%08d", len(j.Authorities)+1))
	if err != nil {
		return nil, err
	}
	a.Code = string(code)
	if a.CredentialKey, err = sm2sig.Generate(rand.Reader); err != nil {
		return nil, err
	}
	if a.StatusKey, err = sm2sig.Generate(rand.Reader); err != nil {
		return nil, err
	}
	from, until := span()
	der, err := certs.Issue(rand.Reader, certs.Template{
		CommonName: "测试签发机构 " + g.ID, OrganizationCode: a.Code, NotBefore: from, NotAfter: until,
	}, a.CredentialKey.Public(), j.CA.Certificate, j.CA.Key)
	if err != nil {
		return nil, err
	}
	if a.Certificate, err = certs.Parse(der); err != nil {
		return nil, err
	}
	if a.Token, err = access.AddToken(tokens, g.ID, a.Code); err != nil {
		return nil, err
	}
	j.Authorities = append(j.Authorities, a)
	return a, nil
}

// Anchor returns the authority's anchor, granted since its certificate began, with its status key from position 0 on.
func (a *Authority) Anchor() list.Anchor {
	anchor := Pinned(a.AnchorID, a.Certificate.Raw)
	anchor.Authority, anchor.CredentialTypes, anchor.Formats = a.Code, a.Types, []string{qrcode.FormatHT1}
	anchor.Since = a.Certificate.NotBefore
	anchor.StatusCoverage = list.Coverage{Kind: list.CoverageLog, Since: a.Certificate.NotBefore}
	if a.Operator {
		anchor.StatusSigner = list.SignerOperator
	} else {
		anchor.StatusKeys = []list.StatusKey{{Key: a.StatusKey.Public()}}
	}
	return anchor
}

// Claims returns what a credential of the authority's first type says: issued an hour ago, good for a year, with a
// fresh handle. Change what the test is about before Issue.
func (a *Authority) Claims() qrcode.Claims {
	now := trust.TimeOf(time.Now())
	c := qrcode.Claims{
		Province: a.Province, Anchor: a.AnchorID, Type: a.Types[0], Authority: a.Code,
		Issued: now.Add(-time.Hour), Expires: now.Add(365 * day),
		Face: []credential.Claim{{Name: "holder", Value: "测试持证人"}},
	}
	_, _ = rand.Read(c.Handle[:]) // never fails: crypto/rand stops the program instead
	return c
}

// Issue returns the text of an HT1 code.
func (a *Authority) Issue(c qrcode.Claims) (string, error) {
	return qrcode.Encode(c, a.CredentialKey, nil)
}

// Change returns an event about the credential with this handle, effective now.
func Change(handle [qrcode.HandleSize]byte, status statuslog.Status) statuslog.Event {
	return statuslog.Event{
		Kind: statuslog.KindCredential, Subject: statuslog.HandleSubject(handle[:]), Status: status,
		Effective: trust.TimeOf(time.Now()),
	}
}

// Batch signs events as the authority's next batch. Numbers rise with each call: push what it returns, in order.
func (a *Authority) Batch(events ...statuslog.Event) ([]byte, error) {
	b := a.Unsigned(events...)
	signed, err := b.Sign(a.StatusKey)
	if err == nil {
		a.number = b.Number
	}
	return signed, err
}

// Unsigned returns what Batch would sign, and leaves the number as it is.
func (a *Authority) Unsigned(events ...statuslog.Event) *statuslog.Batch {
	return &statuslog.Batch{
		Province: a.Province, Authority: a.Code, Number: a.number + 1, Time: trust.TimeOf(time.Now()), Events: events,
	}
}
