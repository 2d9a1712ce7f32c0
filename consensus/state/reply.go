package state

import (
	"fmt"

	"github.com/hutong-project/hutong/trust"
)

// Outcome is what became of a command.
type Outcome uint8

// The outcomes, as encoded.
const (
	Applied     Outcome = 0 // the state has what was asked for, now or already before
	Refused     Outcome = 1 // a check failed; Code and Detail say which
	Moved       Outcome = 2 // the state has moved since the proposer verified: verify again
	NumberWrong Outcome = 3 // a batch's number is not the one expected
)

// A Reply is the answer to a command. It is the same on every node.
type Reply struct {
	_        struct{} `cbor:",toarray"`
	Index    uint64   // of the command in the Raft log
	Outcome  Outcome
	Code     trust.RefusalCode
	Detail   string
	Got      uint64 // with NumberWrong
	Expected uint64 // with NumberWrong
	Receipts []Receipt
}

// A Receipt says where a batch stands in the log. The same batch always gets the same position and time.
type Receipt struct {
	_         struct{} `cbor:",toarray"`
	Province  trust.Province
	Authority string
	Number    uint64
	Position  uint64
	Recorded  trust.Time
	Index     uint64 // of the command that was answered: a node that has applied it knows the batch
	Digest    trust.Digest
}

// A NumberError is returned when a batch's number is not the one that its authority's next batch must have.
type NumberError struct {
	Authority     string
	Got, Expected uint64
}

// Error names both numbers.
func (e *NumberError) Error() string {
	return fmt.Sprintf("%s: batch number %d of authority %s, want %d", trust.WrongNumber, e.Got, e.Authority, e.Expected)
}

// Unwrap makes a NumberError a refusal too.
func (e *NumberError) Unwrap() error {
	return &trust.Refusal{Code: trust.WrongNumber, Detail: fmt.Sprintf("number %d, want %d", e.Got, e.Expected)}
}

// Encode returns the bytes in which a reply travels between the nodes of a cluster.
func (r Reply) Encode() []byte { return encode(r) }

// DecodeReply reads what Encode wrote.
func DecodeReply(b []byte) (r Reply, err error) {
	if err = decode(b, &r); err != nil {
		err = fmt.Errorf("reading a reply: %w", err)
	}
	return r, err
}

// Err returns the refusal that the reply tells of, or nil. Moved has no error: the caller verifies again.
func (r Reply) Err() error {
	switch r.Outcome {
	case Refused:
		return &trust.Refusal{Code: r.Code, Detail: r.Detail}
	case NumberWrong:
		return &NumberError{Authority: r.Detail, Got: r.Got, Expected: r.Expected}
	}
	return nil
}

// replyTo turns the outcome of applying into a reply. What is no refusal is a fault and ends the node.
func replyTo(err error) (Reply, error) {
	if err == nil {
		return Reply{}, nil
	}
	if number, ok := err.(*NumberError); ok {
		return Reply{Outcome: NumberWrong, Detail: number.Authority, Got: number.Got, Expected: number.Expected}, nil
	}
	if err == errMoved {
		return Reply{Outcome: Moved}, nil
	}
	if refusal, ok := trust.AsRefusal(err); ok {
		return Reply{Outcome: Refused, Code: refusal.Code, Detail: refusal.Detail}, nil
	}
	return Reply{}, err
}
