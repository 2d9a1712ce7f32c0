// Package qrcode reads and writes credentials that are carried as a QR code (亮证码): base45 (RFC 9285) of zlib
// (RFC 1950) of a COSE_Sign1 (RFC 9052) whose payload is a CWT (RFC 8392), behind a prefix that names the format.
//
//   - HT1: Hutong's own, signed with SM2-with-SM3 over deterministic CBOR. docs/formats/qrcode.md specifies it to
//     the byte. One credential has one COSE_Sign1, and every bit of that is signed or checked.
//   - HC1: the EU Digital COVID Certificate, signed with ES256 or PS256, so that partner jurisdictions can be
//     federated. Real encoders differ; what departs from the specification without doubt about the meaning is
//     reported as a defect, all else is refused.
//
// Decode promises that sizes are bounded before each step, that nothing unpacks beyond MaxInflated, that it never
// panics, and that everything in the result, the key hint of HC1 apart, was read from signed bytes. It verifies
// no signature and compares no date with a clock: package verdict does.
package qrcode

import (
	"github.com/hutong-project/hutong/trust/credential"
)

// Limits that Decode holds before it looks inside.
const (
	// MaxText bounds a code's text in bytes. The largest QR code (version 40-L) holds 4,296 alphanumeric
	// characters; the rest is room for codes carried as files.
	MaxText = 8 << 10
	// MaxInflated bounds the COSE_Sign1. Unpacking stops there, whatever the stream goes on to promise.
	MaxInflated = 16 << 10
	// MaxPrintable is the most text that fits a QR code. Encode and PNG refuse more.
	MaxPrintable = 4296
)

// The formats, as an anchor's formats[] names them. A code's text begins with the format and a colon.
const (
	FormatHT1 = "HT1"
	FormatHC1 = "HC1"
)

// Decode reads a code's text as the scanner gives it. Spaces are base45 characters: it trims nothing.
// An error is always an *Error. Decode is safe for concurrent use; the result shares no memory with other results,
// but its slices share memory with each other, so it is to be read, not changed.
func Decode(text string) (*credential.Credential, error) {
	if len(text) > MaxText {
		return nil, refuse(StageSize, "%d bytes of text, at most %d are read", len(text), MaxText)
	}
	if !hasPrefixShape(text) {
		return nil, refuse(StagePayload, "the text does not begin with a format prefix such as %s:", FormatHT1)
	}
	var read func(cose []byte) (*credential.Credential, error)
	switch text[:3] {
	case FormatHT1:
		read = readHT1
	case FormatHC1:
		read = readHC1
	default:
		return nil, refuse(StagePrefix, "prefix %q, want %s: or %s:", text[:4], FormatHT1, FormatHC1)
	}

	room := rooms.Get().(*room)
	defer rooms.Put(room)
	var err error
	if room.packed, err = appendBase45Decoded(room.packed[:0], text[4:]); err != nil {
		return nil, err
	}
	cose, err := room.inflate()
	if err != nil {
		return nil, err
	}
	return read(cose) // reads copy what they keep: the room goes back to the pool
}

// hasPrefixShape reports whether text begins with three letters or digits and a colon, as every format of this
// family does. Lower case has the shape but is no known prefix: QR's alphanumeric mode has no lower case.
func hasPrefixShape(text string) bool {
	if len(text) < 4 || text[3] != ':' {
		return false
	}
	for _, c := range []byte(text[:3]) {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}
