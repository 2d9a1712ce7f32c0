package sample_test

import (
	"context"
	"testing"
	"time"

	"github.com/hutong-project/hutong/node/sample"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/credential/qrcode"
	"github.com/hutong-project/hutong/trust/statuslog"
	"github.com/hutong-project/hutong/trust/verdict"
)

func TestProvince(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	p, err := sample.Open(ctx, sample.Config{Dir: t.TempDir() + "/data", Issuers: 2, Neighbours: []trust.Province{"330000"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("Close() = %v, want nil", err)
		}
	})
	for _, is := range p.Issuers {
		text, handle, err := is.Issue()
		if err != nil {
			t.Fatal(err)
		}
		if got := judge(t, p, text); got.Result != verdict.Valid {
			t.Errorf("a fresh credential of %s is %s %v, want valid", is.Anchor, got.Result, got.Reasons)
		}
		if _, err := p.State(ctx, is, statuslog.StatusRevoked, handle); err != nil {
			t.Fatal(err)
		}
		if got := judge(t, p, text); got.Result != verdict.Invalid || !got.Has(verdict.CredentialRevoked) {
			t.Errorf("a revoked credential of %s is %s %v, want invalid", is.Anchor, got.Result, got.Reasons)
		}
	}
	if err := p.Settled(ctx); err != nil {
		t.Error(err)
	}
	raw, err := p.NextNational()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Registry.AdoptNational(ctx, [][]byte{raw}); err != nil {
		t.Errorf("AdoptNational(next) = %v, want nil", err)
	}
}

func judge(t *testing.T, p *sample.Province, text string) *verdict.Verdict {
	t.Helper()
	c, err := qrcode.Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	reading := p.Registry.Reading()
	defer reading.Close()
	return verdict.Judge(reading.View, reading, c, verdict.Question{Now: trust.TimeOf(time.Now())})
}

// TestCertificateRevoked: what is remembered about an anchor's certificates does not outlive the state that it is of.
func TestCertificateRevoked(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	p, err := sample.Open(ctx, sample.Config{Dir: t.TempDir() + "/data", Issuers: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("Close() = %v, want nil", err)
		}
	})
	is := p.Issuers[0]
	text, _, err := is.Issue()
	if err != nil {
		t.Fatal(err)
	}
	before := p.Registry.Reading()
	defer before.Close()
	for range 2 { // looked up, then remembered
		if got := judge(t, p, text); got.Result != verdict.Valid {
			t.Fatalf("a fresh credential is %s %v, want valid", got.Result, got.Reasons)
		}
	}
	var subject trust.Subject
	for _, a := range before.View.Provinces[sample.Code].List.Anchors {
		if a.ID == is.Anchor {
			subject = statuslog.CertificateSubject(a.Certificate.RawIssuer, a.Certificate.SerialDER)
		}
	}
	signed, err := is.Batch(1, []statuslog.Event{{
		Kind: statuslog.KindCertificate, Subject: subject, Status: statuslog.StatusRevoked, Effective: trust.TimeOf(time.Now()),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Registry.AppendBatch(ctx, signed); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := judge(t, p, text); got.Result != verdict.Invalid || !got.Has(verdict.CertificateRevoked) {
			t.Errorf("with its issuer's certificate revoked it is %s %v, want invalid", got.Result, got.Reasons)
		}
	}
	if entries, err := before.Events(sample.Code, statuslog.KindCertificate, subject); err != nil || len(entries) != 0 {
		t.Errorf("the reading of before tells %d events, %v, want none", len(entries), err)
	}
}
