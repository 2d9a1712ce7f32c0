package qrcode

import (
	"fmt"
	"math"
	"unicode/utf8"
)

// CBOR major types (RFC 8949 section 3.1).
const (
	majorUint  = 0
	majorNint  = 1
	majorBytes = 2
	majorText  = 3
	majorArray = 4
	majorMap   = 5
	majorTag   = 6
)

// A reader takes items that the caller expects, one after the other, from deterministically encoded CBOR (RFC 8949
// section 4.2.1). HT1 has one encoding, so a reader that can only read that one is shorter and faster than a
// general decoder with a comparison behind it: every head must be the shortest, there are no indefinite lengths,
// no floats and no simple values, and the caller asks for map keys in their order.
//
// The first departure sticks: later calls return zero values, and fault says what it was.
type reader struct {
	data  []byte
	text  string // the same bytes, when strings are wanted, so that they cost one allocation together
	at    int
	fault string
}

func (r *reader) fail(format string, args ...any) {
	if r.fault == "" {
		r.fault = fmt.Sprintf(format, args...)
	}
}

// head reads an item's head of the given major type and returns its argument.
func (r *reader) head(major byte, what string) uint64 {
	if r.fault != "" {
		return 0
	}
	if r.at >= len(r.data) {
		r.fail("%s is missing", what)
		return 0
	}
	first := r.data[r.at]
	if first>>5 != major {
		r.fail("%s has CBOR major type %d, want %d", what, first>>5, major)
		return 0
	}
	info := first & 0x1F
	if info < 24 {
		r.at++
		return uint64(info)
	}
	if info > 27 {
		r.fail("%s has additional information %d: reserved or of indefinite length", what, info)
		return 0
	}
	size := 1 << (info - 24) // bytes of argument: 1, 2, 4, 8
	if len(r.data)-r.at-1 < size {
		r.fail("%s is cut off", what)
		return 0
	}
	var value uint64
	for _, b := range r.data[r.at+1 : r.at+1+size] {
		value = value<<8 | uint64(b)
	}
	// The shortest head is demanded: the argument must not fit the next smaller size.
	if (size == 1 && value < 24) || (size > 1 && value>>(size*4) == 0) {
		r.fail("%s is not encoded in the shortest form", what)
		return 0
	}
	r.at += 1 + size
	return value
}

// is reports whether the next item has the major type.
func (r *reader) is(major byte) bool {
	return r.fault == "" && r.at < len(r.data) && r.data[r.at]>>5 == major
}

// count reads the head of an array or map of least to most entries.
func (r *reader) count(major byte, least, most int, what string) int {
	n := r.head(major, what)
	if r.fault == "" && (n < uint64(least) || n > uint64(most)) {
		r.fail("%s has %d entries, want %d to %d", what, n, least, most)
		return 0
	}
	return int(n)
}

// exactly reads a head whose argument must be value: a tag, a key, a version.
func (r *reader) exactly(major byte, value uint64, what string) {
	if got := r.head(major, what); r.fault == "" && got != value {
		r.fail("%s is %d, want %d", what, got, value)
	}
}

// positive reads an unsigned integer of 1 to most.
func (r *reader) positive(most int64, what string) int64 {
	n := r.head(majorUint, what)
	if r.fault == "" && (n == 0 || n > uint64(most)) {
		r.fail("%s is outside 1 to %d", what, most)
		return 0
	}
	return int64(n)
}

// span reads a byte or text string of least to most bytes and returns where it lies.
func (r *reader) span(major byte, least, most int, what string) (from, to int) {
	n := r.head(major, what)
	if r.fault != "" {
		return 0, 0
	}
	if n > math.MaxInt32 || int(n) > len(r.data)-r.at {
		r.fail("%s is cut off", what)
		return 0, 0
	}
	if int(n) < least || int(n) > most {
		r.fail("%s has %d bytes, want %d to %d", what, n, least, most)
		return 0, 0
	}
	from = r.at
	r.at += int(n)
	return from, r.at
}

// bytes reads a byte string. The result lies in r.data.
func (r *reader) bytes(least, most int, what string) []byte {
	from, to := r.span(majorBytes, least, most, what)
	return r.data[from:to:to]
}

// string reads a text string of valid UTF-8 from r.text.
func (r *reader) string(least, most int, what string) string {
	from, to := r.span(majorText, least, most, what)
	s := r.text[from:to]
	if !utf8.ValidString(s) {
		r.fail("%s is not UTF-8", what)
		return ""
	}
	return s
}

// end demands that nothing follows.
func (r *reader) end(what string) {
	if r.fault == "" && r.at < len(r.data) {
		r.fail("%d bytes after %s", len(r.data)-r.at, what)
	}
}

// appendHead appends the shortest head of a major type and argument.
func appendHead(dst []byte, major byte, n int) []byte {
	switch major <<= 5; {
	case n < 24:
		return append(dst, major|byte(n))
	case n < 1<<8:
		return append(dst, major|24, byte(n))
	default: // no part of a code has 2^16 bytes
		return append(dst, major|25, byte(n>>8), byte(n))
	}
}
