package qrcode

import "fmt"

// A Stage says how far reading a code came. Its text is fit for a reason code and for a metric's label.
type Stage string

// The stages, in the order in which a code passes them.
const (
	StageSize        Stage = "too_large"        // more text, or more unpacked bytes, than a code can have
	StagePayload     Stage = "not_a_qr_payload" // no format prefix at all
	StagePrefix      Stage = "wrong_prefix"     // a format prefix, but of no format read here
	StageBase45      Stage = "bad_base45"       // not base45 as RFC 9285 has it
	StageCompression Stage = "bad_compression"  // not one whole zlib stream
	StageCOSE        Stage = "bad_cose"         // not the format's COSE_Sign1
	StageClaims      Stage = "bad_claims"       // the signed claims break the format's rules
)

// An Error says why a code cannot be read: the code is at fault, not the reader.
type Error struct {
	Stage  Stage
	Detail string // names the field or the limit; never a claim's value
}

// Error returns the stage and the detail.
func (e *Error) Error() string { return "reading a QR code: " + string(e.Stage) + ": " + e.Detail }

func refuse(stage Stage, format string, args ...any) error {
	return &Error{Stage: stage, Detail: fmt.Sprintf(format, args...)}
}
