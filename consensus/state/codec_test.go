package state

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/hutong-project/hutong/trust"
)

// The bytes of a command are part of the Raft log: a change of them needs another version.
func TestCommandBytes(t *testing.T) {
	got, err := Encode(&CutHead{Now: 946684800, Province: "310000"})
	want := "830104821a386d438066333130303030"
	if err != nil || fmt.Sprintf("%x", got) != want {
		t.Errorf("Encode(CutHead) = %x, %v, want %s", got, err, want)
	}
}

func TestDecodeRefuses(t *testing.T) {
	good, err := Encode(&CutHead{Now: 1, Province: "310000"})
	if err != nil {
		t.Fatal(err)
	}
	newer, kind := bytes.Clone(good), bytes.Clone(good)
	newer[1], kind[2] = 2, 23
	for name, tc := range map[string]struct {
		b       []byte
		unknown bool
	}{
		"nothing":       {nil, false},
		"cut":           {good[:len(good)-1], false},
		"longer":        {append(bytes.Clone(good), 0), false},
		"newer version": {newer, true},
		"other kind":    {kind, true},
		"too large":     {make([]byte, MaxCommandBytes+1), false},
	} {
		body, err := Decode(tc.b)
		if err == nil || errors.Is(err, ErrUnknown) != tc.unknown {
			t.Errorf("Decode(%s) = %v, %v, want an error, ErrUnknown: %v", name, body, err, tc.unknown)
		}
	}
	if _, err := Encode("text"); err == nil {
		t.Errorf("Encode(a string) = nil, want an error")
	}
}

func TestReplyRoundTrip(t *testing.T) {
	for _, want := range []Reply{
		{Index: 7},
		{Index: 8, Outcome: Refused, Code: trust.Rollback, Detail: "below"},
		{Index: 9, Outcome: NumberWrong, Detail: "A", Got: 3, Expected: 2},
		{Index: 10, Receipts: []Receipt{{Province: "AT", Authority: "A", Number: 1, Position: 2, Recorded: 3, Index: 10, Digest: trust.Digest{1}}}},
	} {
		got, err := DecodeReply(want.Encode())
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("DecodeReply(Encode(%+v)) = %+v, %v", want, got, err)
		}
	}
	wrong := Reply{Outcome: NumberWrong, Detail: "A", Got: 3, Expected: 2}.Err()
	var number *NumberError
	if refusal, ok := trust.AsRefusal(wrong); !ok || refusal.Code != trust.WrongNumber || !errors.As(wrong, &number) || number.Expected != 2 {
		t.Errorf("Err() = %v, want a NumberError that expects 2 and a refusal", wrong)
	}
}

func FuzzReply(f *testing.F) {
	f.Add(Reply{Index: 1, Outcome: Refused, Code: trust.Rollback}.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := DecodeReply(b); err == nil {
			if again, err := DecodeReply(r.Encode()); err != nil || !reflect.DeepEqual(again.Encode(), r.Encode()) {
				t.Errorf("DecodeReply(Encode(x)) differs for %x: %v", b, err)
			}
		}
	})
}
