package statuslog

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/sm3"
)

// merkleTreeHash is the definition of RFC 6962, section 2.1, word for word; it shares nothing with Tree.
func merkleTreeHash(leaves [][]byte) trust.Digest {
	switch n := len(leaves); n {
	case 0:
		return sm3.Sum(nil)
	case 1:
		return sm3.Sum(append([]byte{0}, leaves[0]...))
	default:
		k := 1
		for k*2 < n {
			k *= 2
		}
		left, right := merkleTreeHash(leaves[:k]), merkleTreeHash(leaves[k:])
		return sm3.Sum(append(append([]byte{1}, left[:]...), right[:]...))
	}
}

func leavesUpTo(n int) [][]byte {
	leaves := make([][]byte, n)
	for i := range leaves {
		leaves[i] = Leaf{Position: uint64(i), Recorded: monday, Signed: fmt.Appendf(nil, "batch %d", i)}.Marshal()
	}
	return leaves
}

func TestTreeAgainstTheDefinition(t *testing.T) {
	leaves := leavesUpTo(130)
	tree := NewTree()
	for n := 0; ; n++ {
		if got, want := tree.Root(), merkleTreeHash(leaves[:n]); got != want || tree.Size() != uint64(n) {
			t.Fatalf("root of %d leaves = %s (size %d), want %s", n, got, tree.Size(), want)
		}
		stored, err := tree.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		tree, err = UnmarshalTree(stored) // go on with what was stored
		if err != nil {
			t.Fatalf("UnmarshalTree of %d leaves: %v", n, err)
		}
		if again, _ := tree.MarshalBinary(); !bytes.Equal(again, stored) {
			t.Errorf("stored form of %d leaves changes when read: %x, want %x", n, again, stored)
		}
		if n == len(leaves) {
			return
		}
		tree.Append(leaves[n])
	}
}

func TestTreeKnownAnswers(t *testing.T) {
	// SM3 of nothing, of 00, and of 01 and two times that, computed with OpenSSL 3.0.
	want := []string{
		"1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b",
		"2daef60e7a0b8f5e024c81cd2ab3109f2b4f155cf83adeb2ae5532f74a157fdf",
		"a48a1d73294d8e7daa4f22591c051f253d7c06e67b5ca03a476cbc2e30d56d93",
	}
	tree := NewTree()
	for n, w := range want {
		if got := tree.Root().String(); got != w {
			t.Errorf("root of %d empty leaves = %s, want %s", n, got, w)
		}
		tree.Append(nil)
	}
	if EmptyRoot().String() != want[0] {
		t.Errorf("EmptyRoot() = %s, want %s", EmptyRoot(), want[0])
	}
	if h := LeafHash(nil); h.String() != want[1] || NodeHash(h, h).String() != want[2] {
		t.Errorf("LeafHash, NodeHash = %s, %s, want %s, %s", h, NodeHash(h, h), want[1], want[2])
	}
}

func TestCloneGrowsApart(t *testing.T) {
	leaves := leavesUpTo(40)
	for n := range 33 {
		base := NewTree()
		for _, l := range leaves[:n] {
			base.Append(l)
		}
		one, two := base.Clone(), base.Clone()
		for i := range 7 {
			one.Append(leaves[n+i])
			two.Append([]byte{byte(i)})
		}
		if got, want := base.Root(), merkleTreeHash(leaves[:n]); got != want || base.Size() != uint64(n) {
			t.Errorf("root of %d leaves after its clones grew = %s, want %s", n, got, want)
		}
		if got, want := one.Root(), merkleTreeHash(leaves[:n+7]); got != want {
			t.Errorf("root of the first clone at %d leaves = %s, want %s", n+7, got, want)
		}
	}
}

func TestExtend(t *testing.T) {
	leaves := leavesUpTo(20)
	base := NewTree()
	for _, l := range leaves[:5] {
		base.Append(l)
	}
	rootOf5, rootOf20 := base.Root(), merkleTreeHash(leaves)
	swapped := append([][]byte(nil), leaves[5:]...)
	swapped[0], swapped[1] = swapped[1], swapped[0]
	tests := []struct {
		name   string
		leaves [][]byte
		size   uint64
		root   trust.Digest
		want   trust.RefusalCode
	}{
		{"all", leaves[5:], 20, rootOf20, ""},
		{"none", nil, 5, rootOf5, ""},
		{"one too few", leaves[5:19], 20, rootOf20, trust.RootMismatch},
		{"one too many", append(append([][]byte(nil), leaves[5:]...), leaves[0]), 20, rootOf20, trust.RootMismatch},
		{"swapped", swapped, 20, rootOf20, trust.RootMismatch},
		{"another root", leaves[5:], 20, rootOf5, trust.RootMismatch},
		{"no root", leaves[5:], 20, trust.Digest{}, trust.RootMismatch},
		{"the size of another tree", leaves[5:], 19, merkleTreeHash(leaves[:19]), trust.RootMismatch},
	}
	for _, tt := range tests {
		longer, err := base.Extend(tt.leaves, tt.size, tt.root)
		checkRefusal(t, "Extend with "+tt.name, err, tt.want, "")
		if err == nil && (longer.Size() != tt.size || longer.Root() != tt.root) {
			t.Errorf("Extend with %s = size %d, root %s, want %d, %s", tt.name, longer.Size(), longer.Root(), tt.size, tt.root)
		}
		if base.Size() != 5 || base.Root() != rootOf5 {
			t.Errorf("Extend with %s changed the tree it started from", tt.name)
		}
	}
}

func TestUnmarshalTreeRefuses(t *testing.T) {
	tree := NewTree()
	for _, l := range leavesUpTo(7) {
		tree.Append(l)
	}
	good, err := tree.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	change := func(i int, to byte) []byte {
		b := bytes.Clone(good)
		b[i] = to
		return b
	}
	tests := map[string][]byte{
		"nothing":       nil,
		"no size":       good[:8],
		"another form":  change(0, 2),
		"a smaller set": change(8, 6),
		"a larger set":  change(8, 15),
		"one byte less": good[:len(good)-1],
		"one byte more": append(bytes.Clone(good), 0),
		"size 2^53":     append([]byte{1, 0, 0x20, 0, 0, 0, 0, 0, 0}, make([]byte, 32)...),
	}
	for name, b := range tests {
		_, err := UnmarshalTree(b)
		checkRefusal(t, "UnmarshalTree of "+name, err, trust.Malformed, "stored tree")
	}
}
