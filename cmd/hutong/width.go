package main

import (
	"strings"
	"unicode"
)

// wideRanges are the characters that take two columns on a terminal: East Asian Wide and Fullwidth of UAX #11, in
// blocks.
var wideRanges = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x1100, Hi: 0x115f, Stride: 1}, // Hangul Jamo
		{Lo: 0x2e80, Hi: 0x303e, Stride: 1}, // CJK radicals, punctuation
		{Lo: 0x3041, Hi: 0xa4cf, Stride: 1}, // kana, ideographs, Yi
		{Lo: 0xa960, Hi: 0xa97f, Stride: 1},
		{Lo: 0xac00, Hi: 0xd7a3, Stride: 1}, // Hangul
		{Lo: 0xf900, Hi: 0xfaff, Stride: 1}, // compatibility ideographs
		{Lo: 0xfe10, Hi: 0xfe19, Stride: 1},
		{Lo: 0xfe30, Hi: 0xfe6f, Stride: 1},
		{Lo: 0xff01, Hi: 0xff60, Stride: 1}, // full-width forms
		{Lo: 0xffe0, Hi: 0xffe6, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x1f300, Hi: 0x1f64f, Stride: 1},
		{Lo: 0x1f900, Hi: 0x1f9ff, Stride: 1},
		{Lo: 0x20000, Hi: 0x3fffd, Stride: 1}, // further ideographs
	},
}

func runeWidth(r rune) int {
	switch {
	case unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Me, r) || unicode.Is(unicode.Cf, r):
		return 0
	case unicode.Is(wideRanges, r):
		return 2
	}
	return 1
}

// columns returns how many columns s takes on a terminal.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

// pad returns s followed by spaces up to width columns.
func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-columns(s)))
}

// wrap breaks s into lines of at most width columns: at a space, beside a wide character, or, where there is neither,
// anywhere.
func wrap(s string, width int) []string {
	var lines []string
	for columns(s) > width {
		cut := breakAt(s, width)
		if cut == 0 { // not even one character fits
			break
		}
		lines = append(lines, strings.TrimRight(s[:cut], " "))
		s = strings.TrimLeft(s[cut:], " ")
	}
	return append(lines, s)
}

// breakAt returns where the first line of s ends, in bytes.
func breakAt(s string, width int) int {
	used, best := 0, 0
	wideBefore := false
	for i, r := range s {
		w := runeWidth(r)
		if r == ' ' || w == 2 || wideBefore {
			best = i
		}
		if used+w > width {
			if best > 0 {
				return best
			}
			return i
		}
		used, wideBefore = used+w, w == 2
	}
	return len(s)
}

// cut returns s, or its beginning with … at the end, in at most width columns.
func cut(s string, width int) string {
	if columns(s) <= width {
		return s
	}
	used := 1 // of …
	for i, r := range s {
		if used += runeWidth(r); used > width {
			return s[:i] + "…"
		}
	}
	return s
}
