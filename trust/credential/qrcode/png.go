package qrcode

import (
	"fmt"

	"rsc.io/qr"
)

// PNG returns a code's text as a QR image for screen and print, in alphanumeric mode with the quiet zone around it,
// eight pixels a module. Error correction is level M (15 %), or L (7 %) where the text is too long for M.
// Text that no format here would begin with is refused, so that a byte-mode code is never made.
func PNG(text string) ([]byte, error) {
	if len(text) > MaxPrintable {
		return nil, fmt.Errorf("drawing a QR code: %d characters, at most %d fit", len(text), MaxPrintable)
	}
	if !hasPrefixShape(text) {
		return nil, fmt.Errorf("drawing a QR code: the text begins with no format prefix such as %s", FormatHT1+":")
	}
	for i, c := range []byte(text) {
		if base45Values[c] == notBase45 {
			return nil, fmt.Errorf("drawing a QR code: byte %#02x at character %d is not alphanumeric", c, i)
		}
	}
	code, err := qr.Encode(text, qr.M)
	if err != nil { // the one reason is that the text is too long for this level
		if code, err = qr.Encode(text, qr.L); err != nil {
			return nil, fmt.Errorf("drawing a QR code: %w", err)
		}
	}
	return code.PNG(), nil
}
