package certs

import (
	"bytes"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"github.com/emmansun/gmsm/smx509"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/hutong-project/hutong/trust"
)

// MaxSize is the largest certificate that is read, in bytes. Real ones have 0.6 to 3 KiB.
const MaxSize = 64 << 10

// MaxPEMSize is the largest PEM file that is read, in bytes.
const MaxPEMSize = 4 << 20

// maxSerial is the most bytes in a serial number; RFC 5280 allows 20.
const maxSerial = 64

// Parse reads one certificate in DER.
//
// Real signer certificates of government authorities are refused by strict parsers for characters in a name or an
// alternative name that nothing here depends on. So one tolerant walk over the TBSCertificate supplies every field,
// for all certificates alike, and the strict parser only says whether the certificate conforms: where it refuses,
// Defects has a line "non-conforming certificate: …". What a decision rests on (basicConstraints, keyUsage, repeated
// extensions, algorithm identifiers that differ, bytes after the end) is read strictly and refused when malformed.
func Parse(der []byte) (*Certificate, error) {
	if len(der) > MaxSize {
		return nil, fmt.Errorf("parsing a certificate: %d bytes, want at most %d", len(der), MaxSize)
	}
	c, err := walk(bytes.Clone(der))
	if err != nil {
		return nil, fmt.Errorf("parsing a certificate: %w", err)
	}
	if _, err := smx509.ParseCertificate(c.Raw); err != nil {
		c.Defects = append(c.Defects, fmt.Sprintf("non-conforming certificate: %v", err))
	}
	c.computeDigests()
	return c, nil
}

// ParsePEM reads every certificate of a PEM file, in order. Text between the blocks is passed over; a block that is
// damaged or is no certificate is refused, as a file with one certificate less than its author thought is worse than
// an error.
func ParsePEM(data []byte) ([]*Certificate, error) {
	if len(data) > MaxPEMSize {
		return nil, fmt.Errorf("parsing a PEM file: %d bytes, want at most %d", len(data), MaxPEMSize)
	}
	begun := bytes.Count(data, []byte("-----BEGIN "))
	var all []*Certificate
	for rest := data; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("parsing a PEM file: block %d is %.40q, want CERTIFICATE", len(all)+1, block.Type)
		}
		c, err := Parse(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("parsing a PEM file: block %d: %w", len(all)+1, err)
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, errors.New("parsing a PEM file: it has no certificate")
	}
	if len(all) != begun {
		return nil, fmt.Errorf("parsing a PEM file: %d blocks begin, but only %d are whole", begun, len(all))
	}
	return all, nil
}

// walk reads the parts of a certificate that mean something here. The certificate keeps der.
func walk(der []byte) (*Certificate, error) {
	c := &Certificate{Raw: der, PathLen: -1}
	var whole, tbs, outerAlg cryptobyte.String
	input := cryptobyte.String(der)
	if !input.ReadASN1(&whole, asn1.SEQUENCE) {
		return nil, errors.New("no SEQUENCE of known length at the start")
	}
	if !input.Empty() {
		return nil, fmt.Errorf("%d bytes after its end", len(input))
	}
	if !whole.ReadASN1Element(&tbs, asn1.SEQUENCE) {
		return nil, errors.New("malformed tbsCertificate")
	}
	c.rawTBS = tbs
	if !whole.ReadASN1(&outerAlg, asn1.SEQUENCE) {
		return nil, errors.New("malformed signatureAlgorithm")
	}
	if !whole.ReadASN1BitStringAsBytes(&c.signature) || !whole.Empty() {
		return nil, errors.New("malformed signatureValue")
	}
	innerAlg, err := c.walkTBS(tbs)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(innerAlg, outerAlg) {
		return nil, errors.New("the signed and the unsigned signature algorithm differ")
	}
	c.signatureAlg = parseScheme(innerAlg)
	var keyDefects []string
	c.key, keyDefects = parseKey(c.RawSPKI)
	c.Defects = append(c.Defects, keyDefects...)
	if c.KeyUsage&signingUsages != 0 && c.KeyUsage&encryptingUsages != 0 {
		c.Defects = append(c.Defects, "mixed key usage: the same key signs and encrypts")
	}
	if err := c.checkCritical(); err != nil {
		c.Defects = append(c.Defects, err.Error())
	}
	return c, nil
}

func (c *Certificate) walkTBS(tbs cryptobyte.String) (alg cryptobyte.String, err error) {
	var version int
	var serial, validity, extensions cryptobyte.String
	var hasExtensions bool
	switch {
	case !tbs.ReadASN1(&tbs, asn1.SEQUENCE):
		return nil, errors.New("malformed tbsCertificate")
	case !tbs.ReadOptionalASN1Integer(&version, asn1.Tag(0).Constructed().ContextSpecific(), 0),
		version < 0, version > 2:
		return nil, errors.New("malformed version, want v1 to v3")
	case !tbs.ReadASN1(&serial, asn1.INTEGER):
		return nil, errors.New("malformed serial number")
	case !tbs.ReadASN1(&alg, asn1.SEQUENCE):
		return nil, errors.New("malformed signature algorithm")
	case !tbs.ReadASN1Element((*cryptobyte.String)(&c.RawIssuer), asn1.SEQUENCE):
		return nil, errors.New("malformed issuer")
	case !tbs.ReadASN1(&validity, asn1.SEQUENCE):
		return nil, errors.New("malformed validity")
	case !tbs.ReadASN1Element((*cryptobyte.String)(&c.RawSubject), asn1.SEQUENCE):
		return nil, errors.New("malformed subject")
	case !tbs.ReadASN1Element((*cryptobyte.String)(&c.RawSPKI), asn1.SEQUENCE):
		return nil, errors.New("malformed subjectPublicKeyInfo")
	case !tbs.SkipOptionalASN1(asn1.Tag(1).ContextSpecific()), !tbs.SkipOptionalASN1(asn1.Tag(2).ContextSpecific()):
		return nil, errors.New("malformed unique identifier")
	case !tbs.ReadOptionalASN1(&extensions, &hasExtensions, asn1.Tag(3).Constructed().ContextSpecific()), !tbs.Empty():
		return nil, errors.New("malformed extensions, or bytes after them")
	case hasExtensions && version != 2:
		return nil, fmt.Errorf("extensions in a v%d certificate", version+1)
	}
	if err := c.readSerial(serial); err != nil {
		return nil, err
	}
	if err := c.readValidity(validity); err != nil {
		return nil, err
	}
	if hasExtensions {
		if err := c.readExtensions(extensions); err != nil {
			return nil, err
		}
	}
	// Names are compared as bytes; what they show is for people and decides nothing.
	if c.SubjectText, err = nameText(c.RawSubject); err != nil {
		c.Defects = append(c.Defects, fmt.Sprintf("unreadable subject name: %v", err))
	}
	if c.IssuerText, err = nameText(c.RawIssuer); err != nil {
		c.Defects = append(c.Defects, fmt.Sprintf("unreadable issuer name: %v", err))
	}
	return alg, nil
}

func (c *Certificate) readSerial(serial []byte) error {
	if len(serial) == 0 || len(serial) > maxSerial {
		return fmt.Errorf("serial number of %d bytes, want 1 to %d", len(serial), maxSerial)
	}
	shortest := serial
	for len(shortest) > 1 && (shortest[0] == 0 && shortest[1] < 0x80 || shortest[0] == 0xff && shortest[1] >= 0x80) {
		shortest = shortest[1:]
	}
	if len(shortest) != len(serial) {
		c.Defects = append(c.Defects, "serial number is not in its shortest form")
	}
	if shortest[0] >= 0x80 {
		c.Defects = append(c.Defects, "serial number is negative")
	}
	c.SerialDER = append([]byte{byte(asn1.INTEGER), byte(len(shortest))}, shortest...)
	c.SerialText = hex.EncodeToString(shortest)
	if len(shortest) > 1 && shortest[0] == 0 {
		c.SerialText = c.SerialText[2:]
	}
	return nil
}

func (c *Certificate) readValidity(validity cryptobyte.String) (err error) {
	if c.NotBefore, err = readTime(&validity); err != nil {
		return fmt.Errorf("reading notBefore: %w", err)
	}
	if c.NotAfter, err = readTime(&validity); err != nil {
		return fmt.Errorf("reading notAfter: %w", err)
	}
	if !validity.Empty() {
		return errors.New("bytes after the validity")
	}
	return nil
}

// readTime reads a UTCTime or GeneralizedTime element off s, as certificates, CRLs and seals have them.
func readTime(s *cryptobyte.String) (trust.Time, error) {
	var t time.Time
	var ok bool
	switch {
	case s.PeekASN1Tag(asn1.UTCTime):
		ok = s.ReadASN1UTCTime(&t)
	case s.PeekASN1Tag(asn1.GeneralizedTime):
		ok = s.ReadASN1GeneralizedTime(&t)
	}
	if !ok {
		return 0, errors.New("neither a UTCTime nor a GeneralizedTime with whole seconds")
	}
	if year := t.UTC().Year(); year < 1 || year > 9999 {
		return 0, fmt.Errorf("year %d", year)
	}
	return trust.TimeOf(t), nil
}
