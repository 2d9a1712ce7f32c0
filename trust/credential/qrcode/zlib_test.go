package qrcode

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/hutong-project/hutong/trust/credential/qrcode/qrcodetest"
)

// wantStage fails unless err is a refusal at the stage.
func wantStage(t *testing.T, what string, err error, want Stage) {
	t.Helper()
	var refusal *Error
	if !errors.As(err, &refusal) {
		t.Errorf("%s = %v, want a refusal at %s", what, err, want)
	} else if refusal.Stage != want {
		t.Errorf("%s is refused at %s (%s), want %s", what, refusal.Stage, refusal.Detail, want)
	}
}

// bomb returns a zlib stream of 1 MiB of zeros, repeated. Each part ends on a byte boundary and refers back only to
// zeros, so that the parts can be put one after the other. A Adler-32 that fits is not needed: nobody gets there.
func bomb(t *testing.T, mebibytes int) []byte {
	t.Helper()
	var stream bytes.Buffer
	stream.Write([]byte{0x78, 0x9C})
	w, err := flate.NewWriter(&stream, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 1<<20)
	part := func() []byte {
		from := stream.Len()
		w.Write(zeros)
		w.Flush()
		return stream.Bytes()[from:]
	}
	part()
	again := bytes.Clone(part())
	for range mebibytes - 2 {
		stream.Write(again)
	}
	w.Close()
	stream.Write([]byte{0, 0, 0, 1})
	return stream.Bytes()
}

// TestBombStaysSmall gives the inflater what would unpack to 1 GiB, past the limit on the text.
func TestBombStaysSmall(t *testing.T) {
	packed := bomb(t, 1024)
	if len(packed) < 1<<20 || len(packed) > 4<<20 {
		t.Fatalf("the bomb has %d bytes, want about 1 MiB", len(packed))
	}
	r := &room{packed: packed}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := r.inflate()
	runtime.ReadMemStats(&after)
	wantStage(t, "inflating a bomb", err, StageSize)
	if got := after.TotalAlloc - before.TotalAlloc; got > 256<<10 {
		t.Errorf("inflating a bomb allocates %d bytes, want at most 256 KiB", got)
	}
	if got := cap(r.unpacked); got > 4*MaxInflated {
		t.Errorf("a bomb leaves a buffer of %d bytes, want at most %d", got, 4*MaxInflated)
	}
	for _, format := range []string{FormatHT1, FormatHC1} {
		_, err := Decode(format + ":" + qrcodetest.Base45(packed))
		wantStage(t, "Decode(bomb as text)", err, StageSize)
		// The worst that fits the limit on the text.
		_, err = Decode(format + ":" + qrcodetest.Base45(bomb(t, 5)))
		wantStage(t, "Decode(small bomb)", err, StageSize)
	}
}

func TestBombFitsText(t *testing.T) {
	if text := "HT1:" + qrcodetest.Base45(bomb(t, 5)); len(text) > MaxText {
		t.Errorf("the small bomb has %d characters, above MaxText: it tests nothing", len(text))
	}
}

func TestTextLimit(t *testing.T) {
	_, err := Decode("HT1:" + strings.Repeat("A", 65<<10))
	wantStage(t, "Decode(65 KiB)", err, StageSize)
	_, err = Decode("HT1:" + strings.Repeat("0", MaxText-4+1))
	wantStage(t, "Decode(MaxText+1)", err, StageSize)
	_, err = Decode("HT1:" + strings.Repeat("0", MaxText-4-1))
	wantStage(t, "Decode(MaxText−1)", err, StageCompression)
}

func TestInflateLimit(t *testing.T) {
	for _, test := range []struct {
		size int
		ok   bool
	}{{0, true}, {1, true}, {MaxInflated - 1, true}, {MaxInflated, true}, {MaxInflated + 1, false}, {65535, false}} {
		data := bytes.Repeat([]byte{7}, test.size)
		for name, packed := range map[string][]byte{"stored": appendStored(nil, data), "deflated": deflated(t, data)} {
			got, err := (&room{packed: packed}).inflate()
			if (err == nil) != test.ok || test.ok && !bytes.Equal(got, data) {
				t.Errorf("inflating %d bytes, %s = %d bytes, %v, want ok = %v", test.size, name, len(got), err, test.ok)
			}
			if !test.ok {
				wantStage(t, name, err, StageSize)
			}
		}
	}
}

func deflated(t testing.TB, data []byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	w := zlib.NewWriter(&packed)
	w.Write(data)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

func TestInflateRefused(t *testing.T) {
	data := []byte(strings.Repeat("a credential, a credential, ", 20))
	stored, small := appendStored(nil, data), deflated(t, data)
	change := func(packed []byte, at int, to byte) []byte {
		packed = bytes.Clone(packed)
		packed[at] = to
		return packed
	}
	for name, packed := range map[string][]byte{
		"nothing":                  nil,
		"not compressed":           data,
		"header only":              small[:2],
		"cut off":                  small[:len(small)-5],
		"no Adler-32":              small[:len(small)-4],
		"bad Adler-32":             change(small, len(small)-1, small[len(small)-1]^1),
		"byte after":               append(bytes.Clone(small), 0),
		"dictionary":               append([]byte{0x78, 0xBB, 0, 0, 0, 1}, small[2:]...),
		"stored, cut off":          stored[:len(stored)-1],
		"stored, byte after":       append(bytes.Clone(stored), 0),
		"stored, padding":          change(stored, 2, 0x09),
		"stored, LEN":              change(stored, 3, stored[3]^1),
		"stored, NLEN":             change(stored, 5, stored[5]^1),
		"stored, Adler-32":         change(stored, len(stored)-1, stored[len(stored)-1]^1),
		"stored, header":           change(stored, 1, 0x02),
		"stored, dictionary":       change(stored, 1, 0x20),
		"stored, other method":     append([]byte{0x79, 0x00 + 0x12}, stored[2:]...),
		"stored, not the last":     change(stored, 2, 0x00),
		"stored, empty, no length": {0x78, 0x01, 0x01, 0, 0, 0xFF, 0xFF},
	} {
		_, err := (&room{packed: packed}).inflate()
		wantStage(t, "inflating: "+name, err, StageCompression)
	}
}

// TestRoomSurvivesRefusals reuses one room after streams of every kind of fault.
func TestRoomSurvivesRefusals(t *testing.T) {
	data := []byte(strings.Repeat("a credential, a credential, ", 20))
	good := deflated(t, data)
	r := &room{}
	for i, packed := range [][]byte{nil, good[:1], good, good[:len(good)-3], good, {0x78, 0x9C, 0xFF}, good, appendStored(nil, data)} {
		r.packed = append(r.packed[:0], packed...)
		got, err := r.inflate()
		if wantOK := len(packed) == len(good) || len(packed) > len(data); (err == nil) != wantOK || wantOK && !bytes.Equal(got, data) {
			t.Errorf("inflating stream %d = %d bytes, %v, want ok = %v", i, len(got), err, wantOK)
		}
	}
}
