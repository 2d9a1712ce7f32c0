package state

import (
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"github.com/hutong-project/hutong/trust"
)

// Version is the version of commands that this package writes, and the only one it applies.
const Version = 1

// Limits of a command. A trust list travels in one piece; leaves travel in pieces.
const (
	MaxCommandBytes = 24 << 20 // of any command: a list of 16 MiB and what goes with it
	MaxLeafBytes    = 3 << 20  // of all leaves in one command; larger sets are staged first
	MaxBatches      = 256      // in one command
)

// ErrUnknown is returned when a command is of a version or kind that this program does not know: another node
// runs a newer one. Skipping it would make the replicas differ, so the node must stop.
var ErrUnknown = errors.New("unknown command: this node runs an older version than the one that wrote it")

// Kind says what a command does.
type Kind uint64

// The kinds, as encoded.
const (
	KindAdoptNational      Kind = 1
	KindPublishList        Kind = 2
	KindAppendBatches      Kind = 3
	KindCutHead            Kind = 4
	KindSignHead           Kind = 5
	KindAdoptUpdate        Kind = 6
	KindStageLeaves        Kind = 7
	KindRecordEquivocation Kind = 8
	KindUnsettle           Kind = 16
	KindSettle             Kind = 17
	KindAddToken           Kind = 24
	KindEnroll             Kind = 25
	KindRetire             Kind = 26
)

// AdoptNational continues the chain of national lists. The first one of a cluster is the one with digest Pin.
type AdoptNational struct {
	_    struct{} `cbor:",toarray"`
	Now  trust.Time
	Pin  trust.Digest
	Raws [][]byte // envelopes, in ascending order; those already held are skipped
}

// Basis is what a verification of signatures rested on.
type Basis struct {
	_        struct{}     `cbor:",toarray"`
	National trust.Digest // of the national list that named the keys
	Size     uint64       // of the province's log when its unverified leaves were looked at again
}

// PublishList replaces the trust list of a province whose heads this cluster signs.
type PublishList struct {
	_        struct{} `cbor:",toarray"`
	Now      trust.Time
	Basis    Basis
	Raw      []byte
	Verified []uint64 // positions below Basis.Size whose signatures verify under keys that are new in the list
}

// AppendBatches appends signed batches to the own log. Their signatures verify under the keys that they name.
type AppendBatches struct {
	_       struct{} `cbor:",toarray"`
	Now     trust.Time
	Batches [][]byte
}

// CutHead makes the next head of a province whose heads this cluster signs, from the state as it is then.
type CutHead struct {
	_        struct{} `cbor:",toarray"`
	Now      trust.Time
	Province trust.Province
}

// SignHead brings the signature of the head that was cut.
type SignHead struct {
	_        struct{} `cbor:",toarray"`
	Province trust.Province
	Basis    Basis
	Raw      []byte
}

// AdoptUpdate adopts a foreign province's head, the list that it pins and the log up to the size that it pins.
type AdoptUpdate struct {
	_          struct{} `cbor:",toarray"`
	Now        trust.Time
	Basis      Basis
	Province   trust.Province
	Head       []byte
	List       []byte // nil: the one that is held
	Generation uint64
	From       uint64 // position of the first leaf
	Leaves     [][]byte
	Unverified []uint64 // positions of Leaves whose signature was not verified: key not listed, or signature bad
	Verified   []uint64 // positions below Basis.Size whose signatures verify under keys that are new in the list
}

// StageLeaves stores leaves of a foreign log ahead of the head that pins them. They count once it is adopted, if it
// pins the list under which their signatures were verified.
type StageLeaves struct {
	_          struct{} `cbor:",toarray"`
	Now        trust.Time
	Province   trust.Province
	List       trust.Digest // that named the keys
	Generation uint64
	From       uint64
	Leaves     [][]byte
	Unverified []uint64
}

// RecordEquivocation keeps two heads of one session, both signed by the province, that contradict each other.
type RecordEquivocation struct {
	_        struct{} `cbor:",toarray"`
	Now      trust.Time
	Basis    Basis
	Province trust.Province
	A, B     []byte
}

// Unsettle says that a peer holds an own head that the state may lack, or, without a head, how far an unsettled
// cluster has come.
type Unsettle struct {
	_       struct{} `cbor:",toarray"`
	Now     trust.Time
	Basis   Basis
	Head    []byte // validly signed; nil: none
	Trouble string // why the cluster is not settled yet
	Stuck   bool   // only a new session helps
}

// Settle ends the unsettled state.
type Settle struct {
	_      struct{} `cbor:",toarray"`
	Now    trust.Time
	Basis  Basis
	Floors [][]byte // the highest heads that others hold, validly signed: of own provinces taken back, of others floors
}

type command struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Kind    Kind
	Body    cbor.RawMessage
}

// Encode returns the bytes of a command, which is a pointer to or a value of one of the types above.
func Encode(body any) ([]byte, error) {
	kind := kindOf(body)
	if kind == 0 {
		return nil, fmt.Errorf("encoding a command: %T is none", body)
	}
	b := encode(command{Version: Version, Kind: kind, Body: encode(body)})
	if len(b) > MaxCommandBytes {
		return nil, trust.Refuse(trust.TooLarge, "a command of %d bytes, want at most %d", len(b), MaxCommandBytes)
	}
	return b, nil
}

func kindOf(body any) Kind {
	switch body.(type) {
	case *AdoptNational:
		return KindAdoptNational
	case *PublishList:
		return KindPublishList
	case *AppendBatches:
		return KindAppendBatches
	case *CutHead:
		return KindCutHead
	case *SignHead:
		return KindSignHead
	case *AdoptUpdate:
		return KindAdoptUpdate
	case *StageLeaves:
		return KindStageLeaves
	case *RecordEquivocation:
		return KindRecordEquivocation
	case *Unsettle:
		return KindUnsettle
	case *Settle:
		return KindSettle
	case *AddToken:
		return KindAddToken
	case *Enroll:
		return KindEnroll
	case *Retire:
		return KindRetire
	}
	return 0
}

// Decode reads a command and returns a pointer to one of the types above. The error is ErrUnknown for a version or
// kind that is not known; any other means that the bytes are no command.
func Decode(b []byte) (any, error) {
	if len(b) > MaxCommandBytes {
		return nil, fmt.Errorf("reading a command: %d bytes, want at most %d", len(b), MaxCommandBytes)
	}
	var c command
	if err := decode(b, &c); err != nil {
		return nil, fmt.Errorf("reading a command: %w", err)
	}
	if c.Version != Version {
		return nil, fmt.Errorf("reading a command of version %d, want %d: %w", c.Version, Version, ErrUnknown)
	}
	body := bodyOf(c.Kind)
	if body == nil {
		return nil, fmt.Errorf("reading a command of kind %d: %w", c.Kind, ErrUnknown)
	}
	if err := decode(c.Body, body); err != nil {
		return nil, fmt.Errorf("reading a command of kind %d: %w", c.Kind, err)
	}
	return body, nil
}

// Appends reports whether b is the beginning of an AppendBatches command, without reading the rest.
func Appends(b []byte) bool {
	const array3 = 0x83
	return len(b) > 3 && b[0] == array3 && b[1] == Version && b[2] == byte(KindAppendBatches)
}

func bodyOf(k Kind) any {
	switch k {
	case KindAdoptNational:
		return new(AdoptNational)
	case KindPublishList:
		return new(PublishList)
	case KindAppendBatches:
		return new(AppendBatches)
	case KindCutHead:
		return new(CutHead)
	case KindSignHead:
		return new(SignHead)
	case KindAdoptUpdate:
		return new(AdoptUpdate)
	case KindStageLeaves:
		return new(StageLeaves)
	case KindRecordEquivocation:
		return new(RecordEquivocation)
	case KindUnsettle:
		return new(Unsettle)
	case KindSettle:
		return new(Settle)
	case KindAddToken:
		return new(AddToken)
	case KindEnroll:
		return new(Enroll)
	case KindRetire:
		return new(Retire)
	}
	return nil
}
