package statuslog

import (
	"fmt"
	"testing"
)

func batchOf(n int) *Batch {
	batch := &Batch{Province: "310000", Authority: "11310000MB2F30373R", Number: 1, Time: monday}
	for i := range n {
		batch.Events = append(batch.Events, Event{Kind: KindCredential, Subject: subjectOf(i), Status: StatusRevoked, SourceCode: "07", Effective: monday})
	}
	return batch
}

// BenchmarkReadBatch reads and verifies one batch.
func BenchmarkReadBatch(b *testing.B) {
	key := newKey(b)
	for _, n := range []int{1, 64, MaxEvents} {
		raw := signed(b, batchOf(n), key)
		b.Run(fmt.Sprintf("events=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				s, err := ReadBatch(raw)
				if err != nil || !s.Verify(key.Public()) {
					b.Fatal(err, "or a bad signature")
				}
			}
		})
	}
}

func BenchmarkTreeAppend(b *testing.B) {
	leaf := Leaf{Position: 1, Recorded: monday, Signed: make([]byte, 300)}.Marshal()
	tree := NewTree()
	b.ReportAllocs()
	for b.Loop() {
		tree.Append(leaf)
	}
}

func BenchmarkLeafHashOfFullBatch(b *testing.B) {
	leaf := Leaf{Position: 1, Recorded: monday, Signed: signed(b, batchOf(MaxEvents), newKey(b))}.Marshal()
	b.SetBytes(int64(len(leaf)))
	for b.Loop() {
		LeafHash(leaf)
	}
}

func BenchmarkFold(b *testing.B) {
	entries := story(ev(StatusValid, 1), ev(StatusSuspended, 5), ev(StatusValid, 8))
	b.ReportAllocs()
	for b.Loop() {
		if Fold(entries, 9*day).Status != StatusValid {
			b.Fatal("not valid")
		}
	}
}
