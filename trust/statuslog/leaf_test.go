package statuslog

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"testing"

	"github.com/hutong-project/hutong/trust"
)

func TestLeafBytes(t *testing.T) {
	l := Leaf{Position: 24, Recorded: 1000, Signed: []byte{0xd2}}
	if got, want := hex.EncodeToString(l.Marshal()), "8318181903e841d2"; got != want {
		t.Errorf("Marshal = %s, want %s", got, want)
	}
}

func TestLeafRoundTrip(t *testing.T) {
	for _, want := range []Leaf{
		{0, 1, []byte{1}},
		{MaxNumber, maxTime, make([]byte, MaxBatchBytes)},
	} {
		b := want.Marshal()
		got, err := ReadLeaf(b)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("ReadLeaf(Marshal(position %d)) = position %d, %v", want.Position, got.Position, err)
		}
		if len(b) > MaxLeafBytes {
			t.Errorf("Marshal(position %d) has %d bytes, want at most %d", want.Position, len(b), MaxLeafBytes)
		}
		b[len(b)-1] ^= 1
		if got.Signed[len(got.Signed)-1] == b[len(b)-1] {
			t.Error("ReadLeaf keeps the caller's bytes, want a copy")
		}
	}
}

func TestReadLeafRefuses(t *testing.T) {
	tests := []struct {
		name, hex string
	}{
		{"nothing", ""},
		{"two members", "82001903e8"},
		{"four members", "84001903e841d200"},
		{"longer integer", "8318001903e841d2"},
		{"indefinite array", "9f001903e841d2ff"},
		{"indefinite bytes", "83001903e85f41d2ff"},
		{"position 2^53", "831b00200000000000001903e841d2"},
		{"negative position", "83201903e841d2"},
		{"recorded zero", "83000041d2"},
		{"recorded before 1970", "83002041d2"},
		{"recorded null", "8300f641d2"},
		{"no batch", "83001903e840"},
		{"batch null", "83001903e8f6"},
		{"batch as text", "83001903e86141"},
		{"batch as array", "83001903e88101"},
		{"a tag", "d283001903e841d2"},
		{"trailing byte", "83001903e841d200"},
		{"cut short", "83001903e841"},
	}
	for _, tt := range tests {
		b, err := hex.DecodeString(tt.hex)
		if err != nil {
			t.Fatal(err)
		}
		_, err = ReadLeaf(b)
		checkRefusal(t, "ReadLeaf with "+tt.name, err, trust.Malformed, "")
	}
	_, err := ReadLeaf(bytes.Repeat([]byte{0}, MaxLeafBytes+1))
	checkRefusal(t, "ReadLeaf of too many bytes", err, trust.TooLarge, "")
	_, err = ReadLeaf(Leaf{0, 1, make([]byte, MaxBatchBytes+1)}.Marshal())
	checkRefusal(t, "ReadLeaf of a batch too large", err, trust.TooLarge, "")
}
