package statuslog

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/transparency-dev/merkle/compact"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/sm3"
)

// The prefixes of RFC 6962, section 2.1: no leaf can pass for a node.
var (
	leafPrefix = []byte{0x00}
	nodePrefix = []byte{0x01}
)

// LeafHash returns the tree's hash of a leaf's bytes.
func LeafHash(leaf []byte) trust.Digest { return sm3.Sum(leafPrefix, leaf) }

// NodeHash returns the tree's hash of two subtrees.
func NodeHash(left, right trust.Digest) trust.Digest { return sm3.Sum(nodePrefix, left[:], right[:]) }

// EmptyRoot returns the root of a log without leaves: SM3 of nothing.
func EmptyRoot() trust.Digest { return sm3.Sum() }

var ranges = &compact.RangeFactory{Hash: func(left, right []byte) []byte {
	d := sm3.Sum(nodePrefix, left, right)
	return d[:]
}}

// A Tree is the right edge of a log's Merkle tree: what is needed to append leaves and to give the root, at most 53
// hashes. It is not safe for concurrent use; NewTree and UnmarshalTree make one, the zero Tree is none.
type Tree struct {
	edge *compact.Range
}

// NewTree returns the tree of an empty log.
func NewTree() *Tree { return &Tree{edge: ranges.NewEmptyRange(0)} }

// Size returns the number of leaves appended.
func (t *Tree) Size() uint64 { return t.edge.End() }

// Append adds one leaf, given by its bytes.
func (t *Tree) Append(leaf []byte) {
	h := LeafHash(leaf)
	if err := t.edge.Append(h[:], nil); err != nil {
		panic(fmt.Sprintf("statuslog: appending leaf %d: %v", t.Size(), err)) // UnmarshalTree admits no edge that could do this
	}
}

// Root returns the Merkle tree hash of all leaves appended. The library's own answer for no leaves is nil, which
// RFC 6962 does not know.
func (t *Tree) Root() trust.Digest {
	if t.Size() == 0 {
		return EmptyRoot()
	}
	root, err := t.edge.GetRootHash(nil)
	if err != nil {
		panic(fmt.Sprintf("statuslog: computing the root of %d leaves: %v", t.Size(), err))
	}
	return trust.Digest(root)
}

// Clone returns a tree that grows apart from t.
func (t *Tree) Clone() *Tree {
	edge, err := ranges.NewRange(0, t.Size(), append([][]byte(nil), t.edge.Hashes()...))
	if err != nil {
		panic(fmt.Sprintf("statuslog: copying a tree of %d leaves: %v", t.Size(), err))
	}
	return &Tree{edge: edge}
}

// Extend returns the tree that t becomes with leaves appended, and refuses with root-mismatch when it has not the
// given size and root, which a head pins. t stays as it is.
func (t *Tree) Extend(leaves [][]byte, size uint64, root trust.Digest) (*Tree, error) {
	if have := t.Size() + uint64(len(leaves)); have != size {
		return nil, trust.Refuse(trust.RootMismatch, "%d leaves held and %d received make a log of %d, want %d",
			t.Size(), len(leaves), have, size)
	}
	longer := t.Clone()
	for _, leaf := range leaves {
		longer.Append(leaf)
	}
	if got := longer.Root(); got != root {
		return nil, trust.Refuse(trust.RootMismatch, "root of %d leaves is %s, want %s", size, got.Short(), root.Short())
	}
	return longer, nil
}

// treeForm is the first byte of a stored tree.
const treeForm = 1

// MarshalBinary returns the stored form: the byte 1, the size in 8 bytes, big-endian, and the 32-byte hashes of the
// perfect subtrees, left to right, one for each bit that is set in the size. Equal trees give equal bytes. The
// error is always nil.
func (t *Tree) MarshalBinary() ([]byte, error) {
	hashes := t.edge.Hashes()
	out := make([]byte, 0, 9+len(hashes)*trust.HashSize)
	out = append(out, treeForm)
	out = binary.BigEndian.AppendUint64(out, t.Size())
	for _, h := range hashes {
		out = append(out, h...)
	}
	return out, nil
}

// UnmarshalTree reads the stored form and refuses every other length, form or size above MaxNumber.
func UnmarshalTree(b []byte) (*Tree, error) {
	if len(b) < 9 || b[0] != treeForm {
		return nil, trust.Refuse(trust.Malformed, "stored tree of %d bytes, want form %d and a size", len(b), treeForm)
	}
	size := binary.BigEndian.Uint64(b[1:9])
	if size > MaxNumber {
		return nil, trust.Refuse(trust.Malformed, "stored tree of %d leaves, want at most %d", size, uint64(MaxNumber))
	}
	rest := b[9:]
	if want := bits.OnesCount64(size) * trust.HashSize; len(rest) != want {
		return nil, trust.Refuse(trust.Malformed, "stored tree of %d leaves has %d bytes of hashes, want %d", size, len(rest), want)
	}
	hashes := make([][]byte, 0, bits.OnesCount64(size))
	for ; len(rest) > 0; rest = rest[trust.HashSize:] {
		hashes = append(hashes, append([]byte(nil), rest[:trust.HashSize]...))
	}
	edge, err := ranges.NewRange(0, size, hashes)
	if err != nil {
		return nil, trust.Refuse(trust.Malformed, "stored tree of %d leaves: %v", size, err)
	}
	return &Tree{edge: edge}, nil
}
