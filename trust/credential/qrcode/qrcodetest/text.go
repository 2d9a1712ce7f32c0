// Package qrcodetest makes QR credentials for tests of other packages: EU certificates signed with any key, and
// codes taken apart, changed and put together again.
//
// It is written apart from package qrcode, with the standard library's zlib, so that tests compare two writers.
// It is imported by tests only.
package qrcodetest

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
	"strings"
)

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"

// Base45 returns the base45 text of data.
func Base45(data []byte) string {
	var text strings.Builder
	for i := 0; i < len(data); i += 2 {
		value, digits := int(data[i]), 2
		if i+1 < len(data) {
			value, digits = value<<8|int(data[i+1]), 3
		}
		for range digits {
			text.WriteByte(alphabet[value%45])
			value /= 45
		}
	}
	return text.String()
}

// FromBase45 returns the bytes of a well-formed base45 text.
func FromBase45(text string) ([]byte, error) {
	var data []byte
	for i := 0; i < len(text); i += 3 {
		group := text[i:min(i+3, len(text))]
		value := 0
		for j := len(group) - 1; j >= 0; j-- {
			digit := strings.IndexByte(alphabet, group[j])
			if digit < 0 {
				return nil, fmt.Errorf("reading base45: character %q", group[j])
			}
			value = value*45 + digit
		}
		if len(group) == 3 {
			data = append(data, byte(value>>8))
		}
		data = append(data, byte(value))
	}
	return data, nil
}

// Pack returns the text of a COSE message behind a format's prefix, such as HC1, compressed as zlib likes best.
func Pack(format string, cose []byte) string {
	var packed bytes.Buffer
	w := zlib.NewWriter(&packed)
	w.Write(cose)
	w.Close()
	return format + ":" + Base45(packed.Bytes())
}

// Unpack returns the COSE message in a code's text.
func Unpack(text string) ([]byte, error) {
	_, rest, ok := strings.Cut(text, ":")
	if !ok {
		return nil, fmt.Errorf("unpacking a code: no prefix")
	}
	packed, err := FromBase45(rest)
	if err != nil {
		return nil, err
	}
	r, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("unpacking a code: %w", err)
	}
	return io.ReadAll(r)
}
