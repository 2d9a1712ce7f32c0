package store

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/hutong-project/hutong/trust"
)

// The first byte of a key says which table it belongs to. docs/consensus.md lists the values.
const (
	tableMeta     = 'm'
	tableNational = 'n' // sequence → national list
	tableRival    = 'r' // a second valid national list of one number
	tableList     = 'l' // province, digest → trust list
	tableProvince = 'p' // province → where its log and list stand
	tableHead     = 'h' // province → last signed or adopted head
	tablePending  = 'w' // province → payload that waits for its signature
	tableEvidence = 'q' // province → two heads that contradict each other
	tableLeaf     = 'b' // province, generation, position → leaf
	tableMark     = 'i' // province, generation, position → what counting a leaf needs
	tableBatch    = 'd' // province, digest of a signed batch → position
	tableFloor    = 'f' // province → head below which none is adopted
	tableAside    = 'u' // province, position → leaf that stood beyond the last head of an unsettled cluster
	tableEvent    = 'e' // province, kind, subject | position, index → entry
	tableMember   = 'c' // id → node that joined or was removed
	tableToken    = 't' // digest → join token
)

const (
	provinceSize = 6
	subjectSize  = 1 + trust.HashSize // kind, subject

	// eventPrefix is the length of the part of an event's key that the bloom filters see.
	eventPrefix = 1 + provinceSize + subjectSize
	eventKey    = eventPrefix + 8 + 4
)

// MetaKey returns the key of the one value called name.
func MetaKey(name string) []byte { return append([]byte{tableMeta}, name...) }

// NationalKey returns the key of the national list with a sequence.
func NationalKey(sequence uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{tableNational}, sequence)
}

// RivalKey returns the key of the national list that contests the one in force.
func RivalKey() []byte { return []byte{tableRival} }

// ListKey returns the key of a trust list.
func ListKey(p trust.Province, d trust.Digest) []byte { return append(of(tableList, p), d[:]...) }

// Lists are the bounds of a province's trust lists.
func Lists(p trust.Province) (lower, upper []byte) {
	lower = of(tableList, p)
	return lower, append(append([]byte(nil), lower...), bytes.Repeat([]byte{0xff}, trust.HashSize+1)...)
}

// ProvinceKey returns the key of a province's record.
func ProvinceKey(p trust.Province) []byte { return of(tableProvince, p) }

// HeadKey returns the key of a province's last head.
func HeadKey(p trust.Province) []byte { return of(tableHead, p) }

// PendingKey returns the key of a province's head payload that is agreed and not yet signed.
func PendingKey(p trust.Province) []byte { return of(tablePending, p) }

// EvidenceKey returns the key of a province's equivocation.
func EvidenceKey(p trust.Province) []byte { return of(tableEvidence, p) }

// LeafKey returns the key of a leaf. Keys of one generation sort by position.
func LeafKey(p trust.Province, generation, position uint64) []byte {
	return positioned(tableLeaf, p, generation, position)
}

// MarkKey returns the key of what counting a leaf needs.
func MarkKey(p trust.Province, generation, position uint64) []byte {
	return positioned(tableMark, p, generation, position)
}

// BatchKey returns the key under which a signed batch of the own log is found by its digest.
func BatchKey(p trust.Province, d trust.Digest) []byte { return append(of(tableBatch, p), d[:]...) }

// FloorKey returns the key of the head below which none of a province is adopted.
func FloorKey(p trust.Province) []byte { return of(tableFloor, p) }

// AsideKey returns the key of a leaf that was set aside from a position.
func AsideKey(p trust.Province, position uint64) []byte {
	return binary.BigEndian.AppendUint64(of(tableAside, p), position)
}

// AsideKeys are the bounds of what was set aside from a province's log, in the order of positions.
func AsideKeys(p trust.Province) (lower, upper []byte) {
	return AsideKey(p, 0), append(AsideKey(p, 1<<64-1), 0)
}

// EventPrefix returns what the keys of all events about a subject start with.
func EventPrefix(p trust.Province, kind uint8, s trust.Subject) []byte {
	k := make([]byte, 0, eventKey)
	k = append(append(k, tableEvent), padded(p)...)
	return append(append(k, kind), s[:]...)
}

// EventKey returns the key of one event. Keys of one subject sort in log order.
func EventKey(p trust.Province, kind uint8, s trust.Subject, position uint64, index uint32) []byte {
	k := binary.BigEndian.AppendUint64(EventPrefix(p, kind, s), position)
	return binary.BigEndian.AppendUint32(k, index)
}

// EventPosition returns the position and index that an event's key ends with.
func EventPosition(key []byte) (position uint64, index uint32, err error) {
	if len(key) != eventKey || key[0] != tableEvent {
		return 0, 0, fmt.Errorf("reading the key of an event: %d bytes in table %q, want %d in %q", len(key), key[:min(1, len(key))], eventKey, tableEvent)
	}
	return binary.BigEndian.Uint64(key[eventPrefix:]), binary.BigEndian.Uint32(key[eventPrefix+8:]), nil
}

// ProvinceOf returns the province that the key of a province's record names.
func ProvinceOf(key []byte) trust.Province {
	code := key[1 : 1+provinceSize]
	for len(code) > 0 && code[len(code)-1] == 0 {
		code = code[:len(code)-1]
	}
	return trust.Province(code)
}

// AllProvinces are the bounds of the provinces' records.
func AllProvinces() (lower, upper []byte) { return []byte{tableProvince}, []byte{tableProvince + 1} }

func of(table byte, p trust.Province) []byte {
	return append([]byte{table}, padded(p)...)
}

// padded fills a code up to six bytes, so that no province's keys start with another's.
func padded(p trust.Province) []byte {
	var code [provinceSize]byte
	if copy(code[:], p) != len(p) {
		panic("store: a province code of more than six bytes: " + string(p))
	}
	return code[:]
}

func positioned(table byte, p trust.Province, generation, position uint64) []byte {
	k := binary.BigEndian.AppendUint64(of(table, p), generation)
	return binary.BigEndian.AppendUint64(k, position)
}

// NationalEnd returns the bound above all national lists.
func NationalEnd() []byte { return []byte{tableNational + 1} }
