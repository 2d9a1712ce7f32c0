package certs

import (
	"errors"
	"fmt"

	stdasn1 "encoding/asn1"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// The extensions that are read.
const (
	oidSubjectKeyID      = "2.5.29.14"
	oidKeyUsage          = "2.5.29.15"
	oidSubjectAltName    = "2.5.29.17"
	oidBasicConstraints  = "2.5.29.19"
	oidCertPolicies      = "2.5.29.32"
	oidAuthorityKeyID    = "2.5.29.35"
	oidExtendedKeyUsage  = "2.5.29.37"
	oidOrganizationCode  = "1.2.156.10260.4.1.4"
	maxOrganizationCode  = 64
	maxExtensions        = 64
	maxExtendedKeyUsages = 32
)

// Critical extensions that need nothing more than to be known: alternative names are never matched here, policies
// are not demanded, and extended key usages are the format's business (one real signer has them critical).
var harmlessCritical = map[string]bool{oidSubjectAltName: true, oidCertPolicies: true, oidExtendedKeyUsage: true,
	oidSubjectKeyID: true, oidAuthorityKeyID: true, oidOrganizationCode: true}

func (c *Certificate) readExtensions(raw cryptobyte.String) error {
	var list cryptobyte.String
	if !raw.ReadASN1(&list, asn1.SEQUENCE) || !raw.Empty() {
		return errors.New("malformed extensions")
	}
	seen := make(map[string]bool)
	for !list.Empty() {
		var extension, value cryptobyte.String
		var oid stdasn1.ObjectIdentifier
		critical := false
		if !list.ReadASN1(&extension, asn1.SEQUENCE) || !extension.ReadASN1ObjectIdentifier(&oid) {
			return errors.New("malformed extension")
		}
		if extension.PeekASN1Tag(asn1.BOOLEAN) && !extension.ReadASN1Boolean(&critical) {
			return fmt.Errorf("malformed criticality of extension %v", oid)
		}
		if !extension.ReadASN1(&value, asn1.OCTET_STRING) || !extension.Empty() {
			return fmt.Errorf("malformed extension %v", oid)
		}
		id := oid.String()
		if seen[id] {
			return fmt.Errorf("extension %s stands twice", id)
		}
		if seen[id] = true; len(seen) > maxExtensions {
			return fmt.Errorf("more than %d extensions", maxExtensions)
		}
		if err := c.readExtension(id, critical, value); err != nil {
			return fmt.Errorf("reading extension %s: %w", id, err)
		}
	}
	return nil
}

func (c *Certificate) readExtension(id string, critical bool, value cryptobyte.String) error {
	switch id {
	case oidBasicConstraints:
		return c.readBasicConstraints(value)
	case oidKeyUsage:
		return c.readKeyUsage(value)
	case oidSubjectKeyID:
		var keyID cryptobyte.String
		if !value.ReadASN1(&keyID, asn1.OCTET_STRING) || !value.Empty() {
			c.Defects = append(c.Defects, "malformed subject key identifier")
		}
		c.SubjectKeyID = keyID
	case oidAuthorityKeyID:
		var sequence, keyID cryptobyte.String
		var present bool
		if !value.ReadASN1(&sequence, asn1.SEQUENCE) || !sequence.ReadOptionalASN1(&keyID, &present, asn1.Tag(0).ContextSpecific()) {
			c.Defects = append(c.Defects, "malformed authority key identifier")
		}
		c.AuthorityKeyID = keyID
	case oidExtendedKeyUsage:
		c.readExtendedKeyUsage(value)
	case oidOrganizationCode:
		var ok bool
		if c.orgCode, ok = organizationCode(value); !ok {
			c.Defects = append(c.Defects, "malformed organization code extension")
		}
	}
	if critical && !harmlessCritical[id] {
		c.critical = append(c.critical, id)
	}
	return nil
}

func (c *Certificate) readBasicConstraints(value cryptobyte.String) error {
	var sequence cryptobyte.String
	if !value.ReadASN1(&sequence, asn1.SEQUENCE) || !value.Empty() {
		return errors.New("not one SEQUENCE")
	}
	if sequence.PeekASN1Tag(asn1.BOOLEAN) && !sequence.ReadASN1Boolean(&c.CA) {
		return errors.New("malformed cA")
	}
	if sequence.PeekASN1Tag(asn1.INTEGER) {
		// A limit beyond what any path can reach reads like a large one; a negative one has no meaning.
		if !sequence.ReadASN1Integer(&c.PathLen) || c.PathLen < 0 {
			return errors.New("malformed pathLenConstraint")
		}
	}
	if !sequence.Empty() {
		return errors.New("bytes after pathLenConstraint")
	}
	return nil
}

func (c *Certificate) readKeyUsage(value cryptobyte.String) error {
	var bits stdasn1.BitString
	if !value.ReadASN1BitString(&bits) || !value.Empty() {
		return errors.New("not one BIT STRING")
	}
	for i := range 9 {
		c.KeyUsage |= KeyUsage(bits.At(i)) << i
	}
	c.KeyUsagePresent = true
	return nil
}

func (c *Certificate) readExtendedKeyUsage(value cryptobyte.String) {
	var list cryptobyte.String
	ok := value.ReadASN1(&list, asn1.SEQUENCE) && value.Empty()
	for ok && !list.Empty() {
		var oid stdasn1.ObjectIdentifier
		if ok = list.ReadASN1ObjectIdentifier(&oid) && len(c.ExtendedKeyUsage) < maxExtendedKeyUsages; ok {
			c.ExtendedKeyUsage = append(c.ExtendedKeyUsage, oid.String())
		}
	}
	if !ok {
		c.Defects = append(c.Defects, "malformed extended key usage")
		c.ExtendedKeyUsage = nil
	}
}

// organizationCode reads the extension's value: a PrintableString, as the standard has it, UTF8String or IA5String,
// or the bare characters, which some authorities write without a tag.
func organizationCode(value cryptobyte.String) (string, bool) {
	text := []byte(value)
	for _, tag := range []asn1.Tag{asn1.PrintableString, asn1.UTF8String, asn1.IA5String} {
		if value.PeekASN1Tag(tag) {
			var inner cryptobyte.String
			if !value.ReadASN1(&inner, tag) || !value.Empty() {
				return "", false
			}
			text = inner
			break
		}
	}
	if len(text) == 0 || len(text) > maxOrganizationCode {
		return "", false
	}
	for _, c := range text {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '-' {
			return "", false
		}
	}
	return string(text), true
}
