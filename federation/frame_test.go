package federation

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/head"
)

// samples holds one of every message, with its bytes as docs/formats/federation.md has them.
var samples = []struct {
	m    message
	want string
}{
	{&pushMessage{Head: []byte{1}, List: []byte{2, 3}, Generation: 4, From: 500, Leaves: [][]byte{{6}}}, "854101420203041901f4814106"},
	{&pushMessage{Head: []byte{1}}, "85410140000080"},
	{&pushAnswer{Answer: answerRefused, Code: "rollback", Detail: "head 3"}, "830368726f6c6c6261636b66686561642033"},
	{&summary{NationalSequence: 7, NationalDigest: trust.Digest{0xaa}, Provinces: []provinceSummary{{Province: "310000", Session: 1, Sequence: 2, Digest: trust.Digest{0xbb}, Generation: 0, Size: 9}}},
		"83075820aa" + strings.Repeat("00", 31) + "8186663331303030300102" + "5820bb" + strings.Repeat("00", 31) + "0009"},
	{&exchangeAnswer{Heads: [][]byte{{1}}, Time: 1000}, "8383005820" + strings.Repeat("00", 32) + "808141011903e8"},
	{&exchangeRest{}, "8180"},
	{&nationalRequest{From: 3}, "8103"},
	{&nationalAnswer{Lists: [][]byte{{1}, {2}}}, "818241014102"},
	{&listRequest{Province: "AT", Digest: trust.Digest{1}}, "82624154582001" + strings.Repeat("00", 31)},
	{&listAnswer{List: []byte{1}}, "814101"},
	{&logRequest{Province: "310000", Generation: 1, From: 2, To: 300}, "846633313030303001021901" + "2c"},
	{&logAnswer{Leaves: [][]byte{{1}}}, "81814101"},
	{&forwardRequest{Command: []byte{1}}, "814101"},
	{&forwardAnswer{Outcome: outcomeDone, Reply: []byte{1}}, "840141016060"},
	{&publishedRequest{Province: "310000", Generation: 1, Size: 9}, "8366333130303030" + "0109"},
	{&publishedAnswer{Published: true}, "81f5"},
}

func TestMessagesRoundTrip(t *testing.T) {
	for _, s := range samples {
		var wire bytes.Buffer
		if err := writeFrame(&wire, s.m); err != nil {
			t.Errorf("writeFrame(%T) = %v", s.m, err)
			continue
		}
		if got := hex.EncodeToString(wire.Bytes()[prefixSize:]); got != s.want {
			t.Errorf("bytes of %T = %s, want %s", s.m, got, s.want)
		}
		back := reflect.New(reflect.TypeOf(s.m).Elem()).Interface().(message)
		if err := readFrame(&wire, noLedger{}, back); err != nil {
			t.Errorf("readFrame(%T) = %v", s.m, err)
			continue
		}
		again, err := encode(back)
		if err != nil || hex.EncodeToString(again) != s.want {
			t.Errorf("bytes of %T read and written = %x, %v; want %s", s.m, again, err, s.want)
		}
	}
}

// The page that specifies the wire shows exactly these bytes.
func TestPageHasTheBytes(t *testing.T) {
	raw, err := os.ReadFile("../docs/formats/federation.md")
	if err != nil {
		t.Fatal(err)
	}
	page := strings.NewReplacer(" ", "", "\n", "").Replace(string(raw))
	for _, s := range samples {
		if !strings.Contains(page, s.want) {
			t.Errorf("docs/formats/federation.md lacks the bytes of %T: %s", s.m, s.want)
		}
		if limit := grouped(s.m.limit()); !strings.Contains(string(raw), "at most "+limit+" bytes") {
			t.Errorf("docs/formats/federation.md lacks the limit of %T: %s bytes", s.m, limit)
		}
	}
	for _, c := range conversations {
		if !strings.Contains(string(raw), string(c.id)) {
			t.Errorf("docs/formats/federation.md lacks %s", c.id)
		}
	}
}

// grouped writes n with a comma before every three digits.
func grouped(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%s,%03d", grouped(n/1000), n%1000)
}

// A chain of many small lists fills its answer and still fits.
func TestManySmallListsFit(t *testing.T) {
	m := &nationalAnswer{Lists: fitting(make2(1<<20, make([]byte, 100)), chainBytes)}
	if body, err := encode(m); err != nil || len(body) < chainBytes {
		t.Errorf("answer of %d lists of 100 bytes = %d bytes, %v; want a full one", len(m.Lists), len(body), err)
	}
}

// No other byte string than the one encoding is taken: every cut, every appended byte, and every changed byte either is
// refused or reads as another message with exactly these bytes.
func TestMessagesHaveOneEncoding(t *testing.T) {
	for _, s := range samples {
		body := must(encode(s.m))
		fresh := func() message { return reflect.New(reflect.TypeOf(s.m).Elem()).Interface().(message) }
		for i := range body {
			if err := decode(body[:i], fresh()); err == nil {
				t.Errorf("decode(%T cut to %d bytes) = nil, want an error", s.m, i)
			}
		}
		if err := decode(append(body[:len(body):len(body)], 0), fresh()); err == nil {
			t.Errorf("decode(%T and a byte) = nil, want an error", s.m)
		}
		for i := range body {
			for bit := range 8 {
				changed := bytes.Clone(body)
				changed[i] ^= 1 << bit
				m := fresh()
				if decode(changed, m) != nil {
					continue
				}
				if again, err := encode(m); err != nil || !bytes.Equal(again, changed) {
					t.Errorf("decode(%x) as %T is taken and written as %x, %v", changed, m, again, err)
				}
			}
		}
	}
}

func TestMessagesAreChecked(t *testing.T) {
	big := uint64(1) << 53
	for name, m := range map[string]message{
		"push without a head":           &pushMessage{},
		"push with a large head":        &pushMessage{Head: make([]byte, head.MaxBytes+1)},
		"push with large extras":        &pushMessage{Head: []byte{1}, List: make([]byte, pushExtras), Leaves: [][]byte{{1}}},
		"push with an empty leaf":       &pushMessage{Head: []byte{1}, Leaves: [][]byte{{}}},
		"push with a large number":      &pushMessage{Head: []byte{1}, From: big},
		"answer 0":                      &pushAnswer{},
		"answer 5":                      &pushAnswer{Answer: 5},
		"answer with odd code":          &pushAnswer{Answer: answerRefused, Code: "No Way"},
		"answer with long detail":       &pushAnswer{Answer: answerRefused, Detail: strings.Repeat("x", maxDetail+1)},
		"summary out of order":          &summary{Provinces: []provinceSummary{{Province: "330000"}, {Province: "310000"}}},
		"summary with a province twice": &summary{Provinces: []provinceSummary{{Province: "330000"}, {Province: "330000"}}},
		"summary of no province":        &summary{Provinces: []provinceSummary{{Province: "33"}}},
		"summary of too many":           &summary{Provinces: make([]provinceSummary, maxProvinces+1)},
		"summary with large number":     &summary{Provinces: []provinceSummary{{Province: "330000", Size: big}}},
		"exchange with empty head":      &exchangeRest{Heads: [][]byte{{}}},
		"exchange with large head":      &exchangeRest{Heads: [][]byte{make([]byte, head.MaxBytes+1)}},
		"exchange with many heads":      &exchangeRest{Heads: make2(maxProvinces+1, []byte{1})},
		"exchange with bad summary":     &exchangeAnswer{Summary: summary{NationalSequence: big}},
		"exchange with a large time":    &exchangeAnswer{Time: big},
		"national from a large number":  &nationalRequest{From: big},
		"national with an empty list":   &nationalAnswer{Lists: [][]byte{{}}},
		"list of nobody":                &listRequest{Province: "x"},
		"no leaves asked for":           &logRequest{Province: "310000", From: 4, To: 4},
		"leaves backwards":              &logRequest{Province: "310000", From: 4, To: 3},
		"leaves of nobody":              &logRequest{To: 1},
		"leaf too large":                &logAnswer{Leaves: [][]byte{make([]byte, maxLeaf+1)}},
		"empty command":                 &forwardRequest{},
		"outcome 0":                     &forwardAnswer{},
		"outcome 4":                     &forwardAnswer{Outcome: 4},
	} {
		err := m.check()
		if _, refused := trust.AsRefusal(err); !refused {
			t.Errorf("check of %s = %v, want a refusal", name, err)
		}
		if body, err := encoding.Marshal(m); err == nil {
			fresh := reflect.New(reflect.TypeOf(m).Elem()).Interface().(message)
			if decode(body, fresh) == nil {
				t.Errorf("decode of %s = nil, want an error", name)
			}
		}
	}
}

// The claimed size is not allocated before it arrives, and is refused before anything is read when it is too large.
func TestFrameSizeIsCheckedFirst(t *testing.T) {
	r := &countingReader{r: bytes.NewReader([]byte{0x7f, 0xff, 0xff, 0xff, 1, 2, 3})}
	err := readFrame(r, noLedger{}, new(nationalRequest))
	if refusal, ok := trust.AsRefusal(err); !ok || refusal.Code != trust.TooLarge || r.n != prefixSize {
		t.Errorf("readFrame of 2 GiB = %v after %d bytes, want too-large after %d", err, r.n, prefixSize)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err = readFrame(bytes.NewReader([]byte{1, 0x80, 0, 0, 1}), noLedger{}, new(forwardRequest))
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; !errors.Is(err, io.ErrUnexpectedEOF) || got > 1<<20 {
		t.Errorf("a frame that claims 24 MiB and brings one byte = %v with %d bytes allocated, want io.ErrUnexpectedEOF with few", err, got)
	}
	err = readFrame(bytes.NewReader([]byte{0, 0, 0, 2, 0x81, 3}), fullLedger{}, new(nationalRequest))
	if !errors.Is(err, ErrBusy) {
		t.Errorf("readFrame without memory left = %v, want ErrBusy", err)
	}
}

func TestClip(t *testing.T) {
	for _, test := range []struct {
		s    string
		max  int
		want string
	}{{"abc", 5, "abc"}, {"abcdef", 3, "abc"}, {"省份", 4, "省"}, {"a\xffb", 5, "ab"}, {"", 3, ""}} {
		if got := clip(test.s, test.max); got != test.want {
			t.Errorf("clip(%q, %d) = %q, want %q", test.s, test.max, got, test.want)
		}
	}
}

func FuzzMessages(f *testing.F) {
	for i, s := range samples {
		f.Add(byte(i), must(encode(s.m)))
	}
	f.Add(byte(0), bytes.Repeat([]byte{0x81}, 1000))
	f.Fuzz(func(t *testing.T, kind byte, body []byte) {
		m := reflect.New(reflect.TypeOf(samples[int(kind)%len(samples)].m).Elem()).Interface().(message)
		if decode(body, m) != nil {
			return
		}
		if again, err := encode(m); err != nil || !bytes.Equal(again, body) {
			t.Errorf("decode(%x) as %T is taken and written as %x, %v", body, m, again, err)
		}
	})
}

func FuzzReadFrame(f *testing.F) {
	for _, s := range samples {
		var wire bytes.Buffer
		_ = writeFrame(&wire, s.m)
		f.Add(wire.Bytes())
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		for _, s := range samples {
			m := reflect.New(reflect.TypeOf(s.m).Elem()).Interface().(message)
			r := bytes.NewReader(wire)
			if readFrame(r, noLedger{}, m) == nil && r.Len() == len(wire) {
				t.Errorf("readFrame as %T took nothing and succeeded", m)
			}
		}
	})
}

type noLedger struct{}

func (noLedger) ReserveMemory(int, uint8) error { return nil }
func (noLedger) ReleaseMemory(int)              {}

type fullLedger struct{ noLedger }

func (fullLedger) ReserveMemory(int, uint8) error { return errors.New("limit reached") }

type countingReader struct {
	r io.Reader
	n int
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}
