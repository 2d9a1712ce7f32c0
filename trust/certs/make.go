package certs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/big"

	"crypto/x509/pkix"
	stdasn1 "encoding/asn1"

	"github.com/emmansun/gmsm/smx509"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/sm2sig"
)

// A Template says what a new certificate is to hold.
type Template struct {
	CommonName   string
	Organization string
	Country      string // empty means CN

	// OrganizationCode goes into extension 1.2.156.10260.4.1.4 where not empty: a 统一社会信用代码.
	OrganizationCode string

	NotBefore, NotAfter trust.Time

	CA      bool
	PathLen int // for a CA: how many CAs may stand between it and an end entity; negative for no limit

	Serial []byte // big-endian, positive, at most 20 bytes; nil for 16 random bytes
}

// SelfSigned makes a certificate for key, signed by key: a root where t.CA is set, else an end entity to be pinned.
func SelfSigned(rand io.Reader, t Template, key *sm2sig.PrivateKey) ([]byte, error) {
	signed, err := t.fill(rand, key.Public())
	if err != nil {
		return nil, fmt.Errorf("making a self-signed certificate: %w", err)
	}
	signed.AuthorityKeyId = signed.SubjectKeyId
	return create(rand, signed, signed, key.Public(), key)
}

// Issue makes a certificate for public, signed by issuerKey in the name of issuer. It refuses what no reader would
// accept: an issuer that is no CA, another key than the issuer's, a CA below an issuer whose path length forbids it.
func Issue(rand io.Reader, t Template, public *sm2sig.PublicKey, issuer *Certificate, issuerKey *sm2sig.PrivateKey) ([]byte, error) {
	signed, err := t.fill(rand, public)
	switch {
	case err != nil:
	case !issuer.CA || issuer.KeyUsagePresent && issuer.KeyUsage&KeyCertSign == 0:
		err = ErrNotCA
	case issuer.key.sm2 == nil || issuer.key.sm2.ID() != issuerKey.Public().ID():
		err = errors.New("the signing key is not the one in the issuer's certificate")
	case t.CA && issuer.PathLen == 0:
		err = fmt.Errorf("%w for a CA: its path length is 0", ErrNotCA)
	}
	if err != nil {
		return nil, fmt.Errorf("issuing a certificate: %w", err)
	}
	parent := &smx509.Certificate{RawSubject: issuer.RawSubject, SubjectKeyId: issuer.SubjectKeyID}
	signed.AuthorityKeyId = issuer.SubjectKeyID
	return create(rand, signed, parent, public, issuerKey)
}

func create(rand io.Reader, t, parent *smx509.Certificate, public *sm2sig.PublicKey, key *sm2sig.PrivateKey) ([]byte, error) {
	spki, err := smx509.ParsePKIXPublicKey(public.Bytes())
	if err != nil {
		return nil, fmt.Errorf("making a certificate: %w", err)
	}
	der, err := smx509.CreateCertificate(rand, t, parent, spki, key.CryptoSigner())
	if err != nil {
		return nil, fmt.Errorf("making a certificate: %w", err)
	}
	return der, nil
}

func (t Template) fill(rand io.Reader, public *sm2sig.PublicKey) (*smx509.Certificate, error) {
	if t.CommonName == "" {
		return nil, errors.New("the common name is empty")
	}
	if t.NotAfter <= t.NotBefore {
		return nil, fmt.Errorf("it would end at %v, which is not after its begin %v", t.NotAfter, t.NotBefore)
	}
	serial, err := t.serial(rand)
	if err != nil {
		return nil, err
	}
	name := pkix.Name{CommonName: t.CommonName, Country: []string{"CN"}}
	if t.Country != "" {
		name.Country = []string{t.Country}
	}
	if t.Organization != "" {
		name.Organization = []string{t.Organization}
	}
	keyID := public.ID()
	c := &smx509.Certificate{SerialNumber: serial, Subject: name, NotBefore: t.NotBefore.Std(), NotAfter: t.NotAfter.Std(),
		BasicConstraintsValid: true, MaxPathLen: -1, SubjectKeyId: keyID[:20], SignatureAlgorithm: smx509.SM2WithSM3,
		KeyUsage: smx509.KeyUsageDigitalSignature | smx509.KeyUsageContentCommitment}
	if t.CA {
		c.IsCA = true
		c.KeyUsage = smx509.KeyUsageCertSign | smx509.KeyUsageCRLSign
		if t.PathLen >= 0 {
			c.MaxPathLen, c.MaxPathLenZero = t.PathLen, t.PathLen == 0
		}
	}
	if t.OrganizationCode != "" {
		if _, ok := organizationCode([]byte(t.OrganizationCode)); !ok {
			return nil, errors.New("the organization code has characters other than letters, digits and hyphens")
		}
		value, err := stdasn1.MarshalWithParams(t.OrganizationCode, "printable")
		if err != nil {
			return nil, fmt.Errorf("encoding the organization code: %w", err)
		}
		c.ExtraExtensions = []pkix.Extension{{Id: stdasn1.ObjectIdentifier{1, 2, 156, 10260, 4, 1, 4}, Value: value}}
	}
	return c, nil
}

func (t Template) serial(rand io.Reader) (*big.Int, error) {
	raw := bytes.Clone(t.Serial)
	if raw == nil {
		raw = make([]byte, 16)
		if _, err := io.ReadFull(rand, raw); err != nil {
			return nil, fmt.Errorf("drawing a serial number: %w", err)
		}
		raw[0] &= 0x7f // 16 bytes as DER too
		raw[0] |= 0x40 // and never short, never zero
	}
	serial := new(big.Int).SetBytes(raw)
	if serial.Sign() == 0 || len(raw) > 20 {
		return nil, fmt.Errorf("serial number of %d bytes, want a positive number of at most 20", len(raw))
	}
	return serial, nil
}
