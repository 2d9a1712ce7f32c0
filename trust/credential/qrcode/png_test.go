package qrcode

import (
	"bytes"
	"image/png"
	"strings"
	"testing"
)

func TestPNG(t *testing.T) {
	const scale, quiet = 8, 4
	for _, test := range []struct {
		name    string
		text    string
		version int // the smallest that holds the text in alphanumeric mode at level M, else L
	}{
		// Capacities of ISO/IEC 18004 table 7, alphanumeric: 10-M 311, 11-M 366, 13-M 483, 40-M 3,391, 40-L 4,296.
		{"10-M", "HT1:" + strings.Repeat("A", 311-4), 10},
		{"11-M", "HT1:" + strings.Repeat("A", 312-4), 11},
		{"13-M", encode(t, licence(), newKey(t)), 13},
		{"40-M", "HC1:" + strings.Repeat(":", 3391-4), 40},
		{"40-L", "HC1:" + strings.Repeat(":", MaxPrintable-4), 40},
	} {
		data, err := PNG(test.text)
		if err != nil {
			t.Errorf("PNG(%s) = %v", test.name, err)
			continue
		}
		image, err := png.Decode(bytes.NewReader(data))
		if err != nil {
			t.Errorf("PNG(%s) is no image: %v", test.name, err)
			continue
		}
		want := (17 + 4*test.version + 2*quiet) * scale
		if got := image.Bounds().Dx(); got != want || image.Bounds().Dy() != want {
			t.Errorf("PNG(%s) is %v, want %d pixels: byte mode, or another version", test.name, image.Bounds(), want)
		}
	}
}

func TestPNGRefused(t *testing.T) {
	for _, text := range []string{"", "HT1", "A", "ht1:AB", "HT1:a", "HT1:\n", "HT1:é", "HT1:" + strings.Repeat("A", MaxPrintable-3)} {
		if _, err := PNG(text); err == nil {
			t.Errorf("PNG(%.10q) succeeds, want an error", text)
		}
	}
}
