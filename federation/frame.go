package federation

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/fxamacker/cbor/v2"

	"github.com/hutong-project/hutong/trust"
)

// prefixSize is the length in bytes of the big-endian length before each message.
const prefixSize = 4

// maxElements bounds every array of a message; the leaves of one log answer are the most.
const maxElements = 1 << 16

var (
	// encoding is core deterministic (RFC 8949 section 4.2.1), with an absent list written as an empty one.
	encoding = mustMode(cbor.EncOptions{
		Sort:          cbor.SortCoreDeterministic,
		IndefLength:   cbor.IndefLengthForbidden,
		TagsMd:        cbor.TagsForbidden,
		NilContainers: cbor.NilContainerAsEmpty,
	}.EncMode())

	decoding = mustMode(cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		MaxNestedLevels:   4, // the deepest message, an exchange answer, has four
		MaxArrayElements:  maxElements,
		MaxMapPairs:       16, // the least that the library takes; no message has a map
		UTF8:              cbor.UTF8RejectInvalid,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
	}.DecMode())
)

func mustMode[M any](mode M, err error) M {
	if err != nil {
		panic(err) // constant options: seen by the first test
	}
	return mode
}

// A message is one of the frames of the wire protocol.
type message interface {
	// limit is the most bytes of the encoded message.
	limit() int
	// check holds the rules about this message alone.
	check() error
}

// encode returns the bytes of m, refusing what decode would refuse.
func encode(m message) ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("writing a message: %w", err)
	}
	body, err := encoding.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("writing a message: %w", err)
	}
	if len(body) > m.limit() {
		return nil, trust.Refuse(trust.TooLarge, "message of %d bytes, want at most %d", len(body), m.limit())
	}
	return body, nil
}

// decode reads body into m, a pointer to a zero message. Only the one deterministic encoding is taken.
func decode(body []byte, m message) error {
	if len(body) > m.limit() {
		return trust.Refuse(trust.TooLarge, "message of %d bytes, want at most %d", len(body), m.limit())
	}
	if err := decoding.Unmarshal(body, m); err != nil {
		return trust.Refuse(trust.Malformed, "reading a message: %.200s", err)
	}
	if err := m.check(); err != nil {
		return err
	}
	again, err := encoding.Marshal(m)
	if err != nil {
		return trust.Refuse(trust.Malformed, "reading a message: %.200s", err)
	}
	if !bytes.Equal(again, body) {
		return trust.Refuse(trust.Malformed, "message is not in deterministic encoding")
	}
	return nil
}

// A ledger counts memory before it is used: a stream's scope, or nothing in tests.
type ledger interface {
	ReserveMemory(size int, priority uint8) error
	ReleaseMemory(size int)
}

// memoryPriority lets frames use all of a scope's memory but the part that libp2p keeps for its own connections.
const memoryPriority = 200

// frameCopies is how many times a frame lies in memory while it is read: its bytes, the message made of them, and the
// message written anew to compare.
const frameCopies = 3

// writeFrame writes one message with its length.
func writeFrame(w io.Writer, m message) error {
	body, err := encode(m)
	if err != nil {
		return err
	}
	frame := make([]byte, prefixSize, prefixSize+len(body))
	binary.BigEndian.PutUint32(frame, uint32(len(body)))
	_, err = w.Write(append(frame, body...))
	return err
}

// readFrame reads one message. Its size is compared with the message's limit before anything is read, memory is
// reserved in l, and the buffer grows with what really arrives, not with what the length claims. The reservation ends
// with the stream.
func readFrame(r io.Reader, l ledger, m message) error {
	var prefix [prefixSize]byte
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return fmt.Errorf("reading a frame's length: %w", err)
	}
	size := int64(binary.BigEndian.Uint32(prefix[:]))
	if size == 0 || size > int64(m.limit()) {
		return trust.Refuse(trust.TooLarge, "frame of %d bytes, want 1 to %d", size, m.limit())
	}
	if err := l.ReserveMemory(frameCopies*int(size), memoryPriority); err != nil {
		return fmt.Errorf("reserving %d bytes for a frame: %w", size, errors.Join(ErrBusy, err))
	}
	var body bytes.Buffer
	if _, err := io.CopyN(&body, r, size); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("reading a frame of %d bytes: %w", size, err)
	}
	return decode(body.Bytes(), m)
}
