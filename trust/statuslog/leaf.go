package statuslog

import "github.com/hutong-project/hutong/trust"

// MaxLeafBytes bounds the bytes of a leaf: a batch, two integers of nine bytes and two heads.
const MaxLeafBytes = MaxBatchBytes + 32

type leafTriple struct {
	_        struct{} `cbor:",toarray"`
	Position uint64
	Recorded int64
	Signed   []byte
}

// Marshal returns the leaf's bytes, which the tree hashes: the deterministic CBOR array [position, recorded, signed].
func (l Leaf) Marshal() []byte {
	return encode(&leafTriple{Position: l.Position, Recorded: int64(l.Recorded), Signed: l.Signed})
}

// ReadLeaf reads the bytes of a leaf: size limit, strict parse. It does not look into the batch. Every error is a
// refusal. Signed is a copy.
func ReadLeaf(b []byte) (Leaf, error) {
	if len(b) > MaxLeafBytes {
		return Leaf{}, trust.Refuse(trust.TooLarge, "leaf of %d bytes, want at most %d", len(b), MaxLeafBytes)
	}
	var t leafTriple
	if err := decode(b, &t, "a leaf of a status log"); err != nil {
		return Leaf{}, err
	}
	switch {
	case t.Position > MaxNumber:
		return Leaf{}, trust.Refuse(trust.Malformed, "position %d of a leaf, want at most %d", t.Position, uint64(MaxNumber))
	case t.Recorded <= 0 || t.Recorded > int64(maxTime):
		return Leaf{}, trust.Refuse(trust.Malformed, "recorded time %d of a leaf lies outside 1970 to 9999", t.Recorded)
	case len(t.Signed) == 0:
		return Leaf{}, trust.Refuse(trust.Malformed, "leaf at position %d holds no batch", t.Position)
	case len(t.Signed) > MaxBatchBytes:
		return Leaf{}, trust.Refuse(trust.TooLarge, "leaf at position %d holds a batch of %d bytes, want at most %d",
			t.Position, len(t.Signed), MaxBatchBytes)
	}
	return Leaf{Position: t.Position, Recorded: trust.Time(t.Recorded), Signed: t.Signed}, nil
}
