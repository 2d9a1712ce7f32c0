package certs

import (
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	stdasn1 "encoding/asn1"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Bounds of what a name shows: a name is not a place to hide a document.
const (
	maxNameText  = 512 // bytes of the whole text
	maxValueText = 128 // runes of one value
	maxNameParts = 32  // relative names
)

var attributeNames = map[string]string{
	"2.5.4.3": "CN", "2.5.4.5": "SERIALNUMBER", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.9": "STREET",
	"2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.97": "ORGANIZATIONIDENTIFIER",
	"0.9.2342.19200300.100.1.25": "DC", "1.2.840.113549.1.9.1": "EMAIL",
}

// nameText renders a name for people: last part first as RFC 4514 has it, values of any string type, whatever is
// not printable replaced. Empty relative names, which occur, are passed over.
func nameText(raw []byte) (string, error) {
	var list cryptobyte.String
	input := cryptobyte.String(raw)
	if !input.ReadASN1(&list, asn1.SEQUENCE) {
		return "", errors.New("not a SEQUENCE")
	}
	var parts []string
	for !list.Empty() {
		var set cryptobyte.String
		if !list.ReadASN1(&set, asn1.SET) {
			return "", errors.New("a part is not a SET")
		}
		var values []string
		for !set.Empty() {
			var attribute, value cryptobyte.String
			var oid stdasn1.ObjectIdentifier
			var tag asn1.Tag
			if !set.ReadASN1(&attribute, asn1.SEQUENCE) || !attribute.ReadASN1ObjectIdentifier(&oid) ||
				!attribute.ReadAnyASN1(&value, &tag) || !attribute.Empty() {
				return "", errors.New("malformed attribute")
			}
			values = append(values, attributeText(oid, tag, value))
		}
		if len(values) > 0 && len(parts) < maxNameParts {
			parts = append(parts, strings.Join(values, "+"))
		}
	}
	slices.Reverse(parts)
	text := strings.Join(parts, ",")
	for len(text) > maxNameText {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return text, nil
}

func attributeText(oid stdasn1.ObjectIdentifier, tag asn1.Tag, value []byte) string {
	name := attributeNames[oid.String()]
	if name == "" {
		name = oid.String()
	}
	const bmpString asn1.Tag = 30
	text := string(value)
	if tag == bmpString {
		units := make([]uint16, len(value)/2)
		for i := range units {
			units[i] = uint16(value[2*i])<<8 | uint16(value[2*i+1])
		}
		text = string(utf16.Decode(units))
	}
	var b strings.Builder
	for i, r := range []rune(text) {
		switch {
		case i == maxValueText:
			return name + "=" + b.String() + "…"
		case !unicode.IsPrint(r):
			r = utf8.RuneError
		case strings.ContainsRune(`,+"\<>;=`, r):
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return name + "=" + b.String()
}
