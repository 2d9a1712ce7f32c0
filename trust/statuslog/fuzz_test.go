package statuslog

import (
	"bytes"
	"testing"

	"github.com/hutong-project/hutong/trust"
)

// FuzzReadBatch: no panic; every error is a refusal; what is read is written back to the same bytes, so one batch
// has one encoding, and passes the rules it was read by.
func FuzzReadBatch(f *testing.F) {
	key := newKey(f)
	small := &Batch{Province: "310000", Authority: "A", Number: 1, Time: monday, Events: []Event{
		{Kind: KindCredential, Subject: subjectOf(1), Status: StatusRevoked, Effective: monday}}}
	for _, b := range []*Batch{small, fullBatch()} {
		raw := signed(f, b, key)
		f.Add(raw)
		f.Add(raw[:len(raw)-1])
		f.Add(append([]byte{0xd8, 0x12}, raw[1:]...))
		f.Add(signAnyway(f, append([]byte{0xbf}, encodeBatch(b)[1:]...), key))
	}
	f.Add([]byte{0xd2, 0x84, 0x40, 0xa0, 0x40, 0x40})
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, err := ReadBatch(raw)
		if err != nil {
			if _, ok := trust.AsRefusal(err); !ok {
				t.Fatalf("ReadBatch(%x) = %v, want a refusal", raw, err)
			}
			return
		}
		if err := b.check(); err != nil {
			t.Fatalf("ReadBatch(%x) took what its own rules refuse: %v", raw, err)
		}
		protected := encode(&protectedMap{Algorithm: Algorithm, KeyID: b.KeyID[:], Type: PayloadType})
		again := encode(&sign1{Protected: protected, Payload: encodeBatch(&b.Batch), Signature: b.signature})
		if !bytes.Equal(again, raw) {
			t.Fatalf("ReadBatch(%x) writes back %x", raw, again)
		}
	})
}

// FuzzPayload lets the fuzzer reach the payload without a length to get right.
func FuzzPayload(f *testing.F) {
	f.Add(encodeBatch(fullBatch()))
	f.Add([]byte{0xa0})
	f.Fuzz(func(t *testing.T, payload []byte) {
		b, err := decodeBatch(payload)
		if err != nil {
			if _, ok := trust.AsRefusal(err); !ok {
				t.Fatalf("decodeBatch(%x) = %v, want a refusal", payload, err)
			}
			return
		}
		if again := encodeBatch(&b); !bytes.Equal(again, payload) {
			t.Fatalf("decodeBatch(%x) writes back %x", payload, again)
		}
	})
}

func FuzzReadLeaf(f *testing.F) {
	f.Add(Leaf{0, 1, []byte{1}}.Marshal())
	f.Add(Leaf{MaxNumber, maxTime, bytes.Repeat([]byte{2}, 300)}.Marshal())
	f.Add([]byte{0x9f, 0x00, 0x01, 0x41, 0x00, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := ReadLeaf(b)
		if err == nil && !bytes.Equal(l.Marshal(), b) {
			t.Fatalf("ReadLeaf(%x) writes back %x", b, l.Marshal())
		}
	})
}

func FuzzUnmarshalTree(f *testing.F) {
	tree := NewTree()
	for _, l := range leavesUpTo(7) {
		b, err := tree.MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		tree.Append(l)
	}
	f.Add([]byte{1, 0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		tree, err := UnmarshalTree(b)
		if err != nil {
			return
		}
		if again, err := tree.MarshalBinary(); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("UnmarshalTree(%x) writes back %x, %v", b, again, err)
		}
		before := tree.Root()
		longer := tree.Clone()
		longer.Append(nil)
		if longer.Size() != tree.Size()+1 || tree.Root() != before {
			t.Fatalf("tree %x: a clone that grew has size %d and changed the root: %v", b, longer.Size(), tree.Root() != before)
		}
	})
}

func FuzzParseStatus(f *testing.F) {
	for _, w := range statusWords {
		f.Add(w.english)
		f.Add(w.chinese)
		f.Add(w.certState)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := ParseStatus(s)
		if (err == nil) != v.Known() {
			t.Fatalf("ParseStatus(%q) = %v, %v", s, v, err)
		}
		if back, err := ParseStatus(v.String()); v.Known() && (err != nil || back != v) {
			t.Fatalf("ParseStatus(%q) = %v, which reads back as %v", s, v, back)
		}
	})
}
