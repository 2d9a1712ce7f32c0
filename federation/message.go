package federation

import (
	"slices"
	"strings"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/head"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/statuslog"
)

// Limits of the wire protocol, in bytes unless said otherwise.
const (
	maxProvinces = 512       // of a summary: 34 provinces, 100000 and every ISO 3166 code fit
	pushExtras   = 64 << 10  // trust list and leaves that travel along with a pushed head
	leavesBytes  = 4 << 20   // leaves of one log answer, and of one call to the Registry
	chainBytes   = 4 << 20   // lists of one national answer
	maxCommand   = 25 << 20  // a forwarded command: a trust list, leaves and a head in one
	maxReply     = 1 << 20   // the answer to a forwarded command
	maxDetail    = 256       // of a refusal's text
	maxCode      = 32        // of a refusal's code
	maxInteger   = 1<<53 - 1 // of every number, as in the signed forms
	overhead     = 1 << 10   // CBOR around the byte strings of a message

	// maxLeaf is a status batch of the largest size with its position and time.
	maxLeaf = statuslog.MaxBatchBytes + 32
)

// An answer says what became of a pushed head.
type answer uint64

const (
	answerAccepted answer = 1 // adopted by the receiver's cluster, durably
	answerHave     answer = 2 // the receiver holds this head or a later one of the same province
	answerRefused  answer = 3 // a check failed; code says which
	answerRetry    answer = 4 // could not be decided now
)

// A pushMessage carries a head of the pusher's own or hosted province. List and leaves are a gift: they spare the
// receiver from asking when the pusher guessed rightly what it lacks.
type pushMessage struct {
	_          struct{} `cbor:",toarray"`
	Head       []byte   // envelope
	List       []byte   // envelope of the trust list that the head pins; empty: not sent
	Generation uint64
	From       uint64   // index of the first of Leaves in the log
	Leaves     [][]byte // up to the head's log size; empty: not sent
}

func (*pushMessage) limit() int { return head.MaxBytes + pushExtras + maxElements*5 }

func (m *pushMessage) check() error {
	if len(m.Head) == 0 || len(m.Head) > head.MaxBytes {
		return trust.Refuse(trust.TooLarge, "pushed head of %d bytes, want 1 to %d", len(m.Head), head.MaxBytes)
	}
	extras := len(m.List)
	for _, leaf := range m.Leaves {
		if len(leaf) == 0 {
			return trust.Refuse(trust.Malformed, "pushed leaf is empty")
		}
		extras += len(leaf)
	}
	if extras > pushExtras {
		return trust.Refuse(trust.TooLarge, "pushed list and leaves of %d bytes, want at most %d", extras, pushExtras)
	}
	return checkIntegers(m.Generation, m.From)
}

// A pushAnswer is what the receiver says to a pushMessage.
type pushAnswer struct {
	_      struct{} `cbor:",toarray"`
	Answer answer
	Code   string // with answerRefused, a trust.RefusalCode
	Detail string
}

func (*pushAnswer) limit() int { return overhead }

func (m *pushAnswer) check() error {
	if m.Answer < answerAccepted || m.Answer > answerRetry {
		return trust.Refuse(trust.Malformed, "answer %d to a head, want 1 to 4", m.Answer)
	}
	return checkReason(m.Code, m.Detail)
}

// A provinceSummary is one line of what a cluster holds.
type provinceSummary struct {
	_          struct{} `cbor:",toarray"`
	Province   trust.Province
	Session    uint64
	Sequence   uint64
	Digest     trust.Digest // of the head's payload
	Generation uint64       // of the log that the head pins
	Size       uint64
}

// A summary says what a cluster holds, in ascending order of province.
type summary struct {
	_                struct{} `cbor:",toarray"`
	NationalSequence uint64
	NationalDigest   trust.Digest
	Provinces        []provinceSummary
}

func (*summary) limit() int { return maxProvinces*128 + overhead }

func (m *summary) check() error {
	if len(m.Provinces) > maxProvinces {
		return trust.Refuse(trust.TooLarge, "summary of %d provinces, want at most %d", len(m.Provinces), maxProvinces)
	}
	for i, p := range m.Provinces {
		if !p.Province.Valid() {
			return trust.Refuse(trust.Malformed, "summary names %.20q, which is no province code", string(p.Province))
		}
		if i > 0 && m.Provinces[i-1].Province >= p.Province {
			return trust.Refuse(trust.Malformed, "summary is not in ascending order of province")
		}
		if err := checkIntegers(p.Session, p.Sequence, p.Generation, p.Size); err != nil {
			return err
		}
	}
	return checkIntegers(m.NationalSequence)
}

// An exchangeAnswer is the answerer's own summary with the heads that the asker lacks, and what its clock says.
type exchangeAnswer struct {
	_       struct{} `cbor:",toarray"`
	Summary summary
	Heads   [][]byte
	Time    uint64 // milliseconds since 1970-01-01T00:00:00Z
}

func (*exchangeAnswer) limit() int { return (*summary).limit(nil) + (*exchangeRest).limit(nil) }

func (m *exchangeAnswer) check() error {
	if err := m.Summary.check(); err != nil {
		return err
	}
	if err := checkHeads(m.Heads); err != nil {
		return err
	}
	return checkIntegers(m.Time)
}

// An exchangeRest is the heads that the answerer lacks.
type exchangeRest struct {
	_     struct{} `cbor:",toarray"`
	Heads [][]byte
}

// exchangeBytes bounds the heads of one message; one that does not fit comes with a later exchange.
const exchangeBytes = 1 << 20

func (*exchangeRest) limit() int     { return exchangeBytes + maxProvinces*5 + overhead }
func (m *exchangeRest) check() error { return checkHeads(m.Heads) }

// A nationalRequest asks for the chain of national lists from a number on.
type nationalRequest struct {
	_    struct{} `cbor:",toarray"`
	From uint64
}

func (*nationalRequest) limit() int     { return 64 }
func (m *nationalRequest) check() error { return checkIntegers(m.From) }

// A nationalAnswer holds consecutive lists from the number asked for on, as many as fit; none: not held.
type nationalAnswer struct {
	_     struct{} `cbor:",toarray"`
	Lists [][]byte
}

func (*nationalAnswer) limit() int { return chainBytes + maxElements*5 + overhead }

func (m *nationalAnswer) check() error {
	return checkItems("national list", m.Lists, national.MaxBytes)
}

// A listRequest asks for one trust list.
type listRequest struct {
	_        struct{} `cbor:",toarray"`
	Province trust.Province
	Digest   trust.Digest
}

func (*listRequest) limit() int     { return 64 }
func (m *listRequest) check() error { return checkProvince(m.Province) }

// A listAnswer holds the envelope asked for; empty: not held.
type listAnswer struct {
	_    struct{} `cbor:",toarray"`
	List []byte
}

func (*listAnswer) limit() int { return list.MaxBytes + overhead }
func (*listAnswer) check() error {
	return nil
}

// A logRequest asks for the leaves with index in [From, To) of one generation of a province's log.
type logRequest struct {
	_          struct{} `cbor:",toarray"`
	Province   trust.Province
	Generation uint64
	From, To   uint64
}

func (*logRequest) limit() int { return 64 }

func (m *logRequest) check() error {
	if m.From >= m.To {
		return trust.Refuse(trust.Malformed, "leaves [%d, %d) are none", m.From, m.To)
	}
	if err := checkIntegers(m.Generation, m.From, m.To); err != nil {
		return err
	}
	return checkProvince(m.Province)
}

// A logAnswer holds leaves from the first one asked for on, at least one, as many as fit; none: not held.
type logAnswer struct {
	_      struct{} `cbor:",toarray"`
	Leaves [][]byte
}

func (*logAnswer) limit() int     { return leavesBytes + maxElements*5 + overhead }
func (m *logAnswer) check() error { return checkItems("leaf", m.Leaves, maxLeaf) }

// A forwardRequest hands a command to the leader of the own cluster.
type forwardRequest struct {
	_       struct{} `cbor:",toarray"`
	Command []byte
}

func (*forwardRequest) limit() int { return maxCommand + overhead }

func (m *forwardRequest) check() error {
	if len(m.Command) == 0 {
		return trust.Refuse(trust.Malformed, "forwarded command is empty")
	}
	return nil
}

// An outcome says what became of a forwarded command.
type outcome uint64

const (
	outcomeDone    outcome = 1 // Reply holds the answer
	outcomeRefused outcome = 2 // a check failed; Code says which
	outcomeFailed  outcome = 3 // could not be decided
)

// A forwardAnswer is the leader's reply.
type forwardAnswer struct {
	_       struct{} `cbor:",toarray"`
	Outcome outcome
	Reply   []byte
	Code    string
	Detail  string
}

func (*forwardAnswer) limit() int { return maxReply + overhead }

func (m *forwardAnswer) check() error {
	if m.Outcome < outcomeDone || m.Outcome > outcomeFailed {
		return trust.Refuse(trust.Malformed, "outcome %d of a command, want 1 to 3", m.Outcome)
	}
	return checkReason(m.Code, m.Detail)
}

func checkIntegers(numbers ...uint64) error {
	if largest := slices.Max(numbers); largest > maxInteger {
		return trust.Refuse(trust.Malformed, "number %d, want at most 2^53 − 1", largest)
	}
	return nil
}

func checkProvince(p trust.Province) error {
	if !p.Valid() {
		return trust.Refuse(trust.Malformed, "%.20q is no province code", string(p))
	}
	return nil
}

func checkReason(code, detail string) error {
	if len(code) > maxCode || len(detail) > maxDetail {
		return trust.Refuse(trust.TooLarge, "reason of %d and %d bytes, want at most %d and %d", len(code), len(detail), maxCode, maxDetail)
	}
	for _, c := range []byte(code) {
		if c != '-' && (c < 'a' || c > 'z') {
			return trust.Refuse(trust.Malformed, "code %.40q, want small letters and hyphens", code)
		}
	}
	return nil
}

func checkHeads(heads [][]byte) error {
	if len(heads) > maxProvinces {
		return trust.Refuse(trust.TooLarge, "%d heads, want at most %d", len(heads), maxProvinces)
	}
	return checkItems("head", heads, head.MaxBytes)
}

func checkItems(what string, items [][]byte, max int) error {
	for _, item := range items {
		if len(item) == 0 || len(item) > max {
			return trust.Refuse(trust.TooLarge, "%s of %d bytes, want 1 to %d", what, len(item), max)
		}
	}
	return nil
}

// clip shortens s to at most max bytes of valid UTF-8.
func clip(s string, max int) string {
	return strings.ToValidUTF8(s[:min(len(s), max)], "")
}
