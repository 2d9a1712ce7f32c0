package statuslog

import "github.com/hutong-project/hutong/trust"

// Limits of a status batch.
const (
	MaxEvents          = 4096      // events in a batch
	MaxBatchBytes      = 1 << 20   // a signed batch as carried
	MaxReasonBytes     = 256       // an event's reason
	MaxSourceCodeBytes = 64        // an event's source code
	MaxAuthorityBytes  = 512       // a batch's authority: the 128 characters of a trust list's
	MaxNumber          = 1<<53 - 1 // any number or position, so that JSON readers keep it exact
)

// FormatVersion is the one payload version that this package reads and writes.
const FormatVersion = 1

// PayloadType is both the protected typ and the external_aad of a signed batch.
const PayloadType = "application/vnd.hutong.status-batch+cbor"

// Algorithm is the private COSE algorithm number of SM2-with-SM3 with a raw 64-byte r‖s.
const Algorithm = -70001

// A Link names a subject in a province: the other end of a transfer or of a re-issue.
type Link struct {
	Province trust.Province `json:"province"`
	Subject  trust.Subject  `json:"subject"`
}

// An EventRef names one event of a log: the position of its batch and its index in the batch, from 0.
type EventRef struct {
	Position uint64 `json:"position"`
	Index    uint32 `json:"index"`
}

// Before reports whether r stands before other in log order.
func (r EventRef) Before(other EventRef) bool {
	return r.Position < other.Position || r.Position == other.Position && r.Index < other.Index
}

// An Event is one change of status that an authority states.
type Event struct {
	Kind        Kind
	Subject     trust.Subject
	Status      Status
	Reason      string     // for people; no personal data; at most MaxReasonBytes
	SourceCode  string     // the source's own status code, verbatim; no personal data; at most MaxSourceCodeBytes
	Effective   trust.Time // may lie in the past, not beyond skew ahead
	Expires     trust.Time // of the credential; zero: 长期 or not known. Of a CRL: its next update
	Predecessor *Link      // of a 转入 or of what a re-issue replaced
	Successor   *Link      // of a 转出 or a re-issue
	Corrects    *EventRef  // the event, as a rule a final one, that this one takes back
}

// A Batch is what one authority says at one time. Number starts at 1 and rises by one per authority.
type Batch struct {
	Province  trust.Province
	Authority string
	Number    uint64
	Time      trust.Time
	Operator  bool // signed by the province's operator in the authority's name
	Events    []Event
}

// A Leaf is one entry of a status log. Its bytes are the deterministic CBOR array [position, recorded, signed].
type Leaf struct {
	Position uint64
	Recorded trust.Time
	Signed   []byte // the COSE_Sign1 of a Batch, as carried
}

// An Entry is one event as it stands in a log.
type Entry struct {
	Ref       EventRef
	Authority string
	Recorded  trust.Time // of the leaf
	Number    uint64     // of the batch
	Operator  bool       // the batch was signed by the province's operator
	Event
}
