package strictjson_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/strictjson"
)

type peer struct {
	Address string `json:"address"`
	Note    string `json:"note,omitzero"`
}

type list struct {
	Base
	Name      string             `json:"name"`
	Sequence  uint64             `json:"sequence"`
	Current   bool               `json:"current"`
	Issued    trust.Time         `json:"issued"`
	Previous  *trust.Digest      `json:"previous,omitempty"`
	Data      []byte             `json:"data"`
	Provinces []province         `json:"provinces"`
	Peers     map[string]peer    `json:"peers,omitempty"`
	Codes     []trust.Province   `json:"codes,omitempty"`
	Contact   *peer              `json:"contact,omitzero"`
	Matrix    [2][]int           `json:"matrix,omitzero"`
	Extra     jsontext.Value     `json:"extra,omitzero"`
	Any       any                `json:"any,omitzero"`
	Nested    map[string][]*peer `json:"nested,omitempty"`
	Self      *list              `json:"self,omitzero"`
	Untagged  string             `json:",omitzero"`
	Ignored   string             `json:"-"`
	Byte      uint8              `json:"byte,omitzero"`
	hidden    int
}

// Base is embedded: its members are the outer object's.
type Base struct {
	Version int `json:"version"`
}

type province struct {
	Code trust.Province `json:"code"`
	Name string         `json:"name"`
}

// minimal is a list with all required members and a place for more.
func minimal(more string) string {
	return `{"version":1,"name":"n","sequence":0,"current":false,"issued":"2026-11-22T08:00:00Z","data":"","provinces":[]` + more + `}`
}

func TestAccepts(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"minimal", minimal(``)},
		{"white space around and inside", " \t\r\n" + strings.Replace(minimal(``), ":", " : ", 1) + "\n"},
		{"members in another order", `{"provinces":[{"name":"上海","code":"310000"}],"data":"AA==","issued":"2026-11-22T08:00:00Z","current":true,"sequence":9007199254740991,"name":"\u4e0a","version":1}`},
		{"maps, lists, pointers", minimal(`,"peers":{"a":{"address":"x"},"b":{"address":"","note":"n"}},"codes":["310000","AT"],"contact":{"address":""},"matrix":[[],[1,2]],"nested":{"x":[{"address":"y"}]}`)},
		{"free values", minimal(`,"extra":{"a":[1,"x",true,{}]},"any":{"b":[0]}`)},
		{"digest", minimal(`,"previous":"` + strings.Repeat("ab", 32) + `"`)},
		{"untagged", minimal(`,"Untagged":"x"`)},
		{"itself inside", minimal(`,"self":` + minimal(`,"self":`+minimal(``)) + ``)},
		{"32 levels", minimal(`,"any":` + strings.Repeat("[", 31) + strings.Repeat("]", 31))},
	} {
		var l list
		if err := strictjson.Unmarshal([]byte(c.text), &l); err != nil {
			t.Errorf("Unmarshal(%s) = %v, want no error", c.name, err)
		}
	}
}

func TestRefuses(t *testing.T) {
	self := `"self":` + minimal(``)
	for _, c := range []struct{ name, text, want string }{
		// The text as a whole.
		{"empty", ``, "no value"},
		{"white space only", " \n", "no value"},
		{"cut", `{"version":1`, "byte"},
		{"cut inside a list", `{"provinces":[`, "byte"},
		{"text after", minimal(``) + "x", "text after the end"},
		{"second value", minimal(``) + minimal(``), "text after the end"},
		{"comma at the end", `{"version":1,}`, "byte"},
		{"comment", "/* c */" + minimal(``), "byte"},
		{"byte order mark", "\ufeff" + minimal(``), "byte"},
		{"single quotes", `{'version':1}`, "byte"},
		{"bare word", `valid`, "byte"},
		{"list instead of object", `[]`, "value: is a list, want an object"},
		{"string instead of object", `"x"`, "value: is a string, want an object"},
		{"null as a whole", `null`, "value: is null"},
		// Members.
		{"unknown", minimal(`,"extension":1`), "extension: unknown member"},
		{"unknown in a list", minimal(`,"contact":{"address":"","port":1}`), "contact.port: unknown member"},
		{"other letter case", strings.Replace(minimal(``), `"sequence"`, `"Sequence"`, 1), "Sequence: unknown member"},
		{"both letter cases", minimal(`,"Sequence":5`), "Sequence: unknown member"},
		{"ignored field", minimal(`,"Ignored":"x"`), "Ignored: unknown member"},
		{"unexported field", minimal(`,"hidden":1`), "hidden: unknown member"},
		{"Go name of a tagged field", minimal(`,"Name":"x"`), "Name: unknown member"},
		{"embedded struct by its name", minimal(`,"Base":{"version":1}`), "Base: unknown member"},
		{"twice", minimal(`,"name":"m"`), `name: duplicate`},
		{"twice by an escape", minimal(`,"\u006eame":"m"`), `name: duplicate`},
		{"twice in a map", minimal(`,"peers":{"a":{"address":"x"},"a":{"address":"x"}}`), `peers.a: duplicate`},
		{"twice in a free value", minimal(`,"any":{"a":1,"a":1}`), `any.a: duplicate`},
		{"twice in raw text", minimal(`,"extra":{"a":1,"a":1}`), `extra.a: duplicate`},
		{"missing", strings.Replace(minimal(``), `"sequence":0,`, ``, 1), "sequence: missing"},
		{"missing list", strings.Replace(minimal(``), `,"provinces":[]`, ``, 1), "provinces: missing"},
		{"missing of the embedded", strings.Replace(minimal(``), `"version":1,`, ``, 1), "version: missing"},
		{"missing in a list", strings.Replace(minimal(``), `[]`, `[{"code":"310000","name":"a"},{"name":"b"}]`, 1), "provinces[1].code: missing"},
		{"missing in a map", minimal(`,"peers":{"a":{"note":"x"}}`), "peers.a.address: missing"},
		{"missing in a map of lists", minimal(`,"nested":{"a":[{"address":"x"},{}]}`), "nested.a[1].address: missing"},
		{"missing behind a pointer", minimal(`,"contact":{}`), "contact.address: missing"},
		{"missing deep inside", minimal(`,` + strings.Replace(self, `"name":"n",`, ``, 1)), "self.name: missing"},
		{"empty object", `{}`, "version: missing"},
		// null.
		{"null number", strings.Replace(minimal(``), `"sequence":0`, `"sequence":null`, 1), "sequence: is null"},
		{"null list", strings.Replace(minimal(``), `[]`, `null`, 1), "provinces: is null"},
		{"null pointer", minimal(`,"contact":null`), "contact: is null"},
		{"null in a list", strings.Replace(minimal(``), `[]`, `[null]`, 1), "provinces[0]: is null"},
		{"null in a free value", minimal(`,"any":[null]`), "any[0]: is null"},
		{"null in raw text", minimal(`,"extra":{"a":null}`), "extra.a: is null"},
		{"null text", strings.Replace(minimal(``), `"2026-11-22T08:00:00Z"`, `null`, 1), "issued: is null"},
		// Numbers.
		{"2^53", number(`9007199254740992`), "sequence: want a whole number"},
		{"2^64", number(`18446744073709551616`), "sequence: want a whole number"},
		{"negative", number(`-1`), "sequence: want a whole number"},
		{"minus zero", number(`-0`), "sequence: want a whole number"},
		{"fraction", number(`1.0`), "sequence: want a whole number"},
		{"exponent", number(`1e3`), "sequence: want a whole number"},
		{"leading zero", number(`01`), "byte"},
		{"plus", number(`+1`), "byte"},
		{"hexadecimal", number(`0x1`), "byte"},
		{"fraction in a free value", minimal(`,"any":[0.5]`), "any[0]: want a whole number"},
		{"fraction in raw text", minimal(`,"extra":1.5`), "extra: want a whole number"},
		{"out of the Go type", minimal(`,"byte":256`), "byte: "},
		{"number as a string", number(`"1"`), "sequence: "},
		// Types.
		{"number for a string", strings.Replace(minimal(``), `"n"`, `1`, 1), "name: a number does not fit"},
		{"boolean for a number", number(`true`), "sequence: a boolean does not fit"},
		{"object for a list", strings.Replace(minimal(``), `[]`, `{}`, 1), "provinces: is an object, want a list"},
		{"list for a string", strings.Replace(minimal(``), `"n"`, `["n"]`, 1), "name: is a list, want a string, number or boolean"},
		{"list for an object", minimal(`,"contact":[]`), "contact: is a list, want an object"},
		{"number for an object", minimal(`,"contact":1`), "contact: is a number, want an object"},
		{"boolean for a list", strings.Replace(minimal(``), `[]`, `true`, 1), "provinces: is a boolean, want a list"},
		{"object for a text", strings.Replace(minimal(``), `"2026-11-22T08:00:00Z"`, `{}`, 1), "issued: is an object"},
		{"number for a text", strings.Replace(minimal(``), `"2026-11-22T08:00:00Z"`, `1`, 1), "issued: "},
		{"text that its type refuses", strings.Replace(minimal(``), `08:00:00Z`, `08:00:00+00:00`, 1), "issued: reading a time"},
		{"array of another length", minimal(`,"matrix":[[]]`), "matrix"},
		// Bytes.
		{"base64 without padding", bytesOf(`AA`), "data: is not canonical"},
		{"base64 with unused bits", bytesOf(`AB==`), "data: is not canonical"},
		{"base64 of URLs", bytesOf(`__8=`), "data: is not canonical"},
		{"base64 with a line break", bytesOf(`AA\n==`), "data: line break"},
		{"base64 with a space", bytesOf(`A A=`), "data: is not canonical"},
		{"list of numbers for bytes", strings.Replace(minimal(``), `"data":""`, `"data":[0]`, 1), "data: is a list, want a base64 string"},
		// Text and depth.
		{"bad UTF-8", strings.Replace(minimal(``), `"n"`, "\"\xff\"", 1), "UTF-8"},
		{"half a surrogate pair", strings.Replace(minimal(``), `"n"`, `"\ud800"`, 1), "surrogate"},
		{"control character", strings.Replace(minimal(``), `"n"`, "\"\x01\"", 1), "byte"},
		{"bad UTF-8 in a name", minimal(",\"\xff\":1"), "UTF-8"},
		{"33 levels", minimal(`,"any":` + strings.Repeat("[", 32) + strings.Repeat("]", 32)), "more than 32 levels"},
		{"33 levels of a type", deep(33), "more than 32 levels"},
		{"a million brackets", strings.Repeat("[", 1_000_000), "want an object"},
		{"a million brackets in a free value", minimal(`,"any":` + strings.Repeat("[", 1_000_000)), "more than 32 levels"},
	} {
		before := list{Name: "before", hidden: 7}
		l := before
		err := strictjson.Unmarshal([]byte(c.text), &l)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Unmarshal(%s) = %v, want an error with %q", c.name, err, c.want)
		}
		if !reflect.DeepEqual(l, before) {
			t.Errorf("Unmarshal(%s) changed the value: %+v", c.name, l)
		}
	}
}

func number(text string) string {
	return strings.Replace(minimal(``), `"sequence":0`, `"sequence":`+text, 1)
}

func bytesOf(text string) string {
	return strings.Replace(minimal(``), `"data":""`, `"data":"`+text+`"`, 1)
}

// deep nests lists in lists by their type.
func deep(levels int) string {
	text := minimal(``)
	for range levels - 1 {
		text = minimal(`,"self":` + text)
	}
	return text
}

func TestUnmarshalReplaces(t *testing.T) {
	l := list{Untagged: "old", Peers: map[string]peer{"old": {}}, Provinces: []province{{Name: "old"}}, Contact: &peer{Note: "old"}}
	if err := strictjson.Unmarshal([]byte(minimal(`,"contact":{"address":"new"}`)), &l); err != nil {
		t.Fatal(err)
	}
	if l.Untagged != "" || l.Peers != nil || len(l.Provinces) != 0 || l.Contact.Note != "" {
		t.Errorf("Unmarshal kept something of the old value: %+v", l)
	}
}

func TestUnmarshalTarget(t *testing.T) {
	var none *list
	for _, v := range []any{nil, list{}, none, 1} {
		if err := strictjson.Unmarshal([]byte(`{}`), v); err == nil {
			t.Errorf("Unmarshal into %T = no error, want one", v)
		}
	}
	var numbers []int
	if err := strictjson.Unmarshal([]byte(`[1,2]`), &numbers); err != nil || len(numbers) != 2 {
		t.Errorf("Unmarshal([1,2]) = %v, %v", numbers, err)
	}
	if err := strictjson.Unmarshal([]byte(`[1,-2]`), &numbers); err == nil || !strings.Contains(err.Error(), "[1]: want") {
		t.Errorf("Unmarshal([1,-2]) = %v, want an error at [1]", err)
	}
}

// TestErrorsAreShort feeds names that would fill a log.
func TestErrorsAreShort(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	text := minimal(`,"any":` + strings.Repeat(`{"`+strings.Repeat("y", 60)+`":`, 20) + `{"` + long + `":null}` + strings.Repeat(`}`, 20))
	for _, text := range []string{text, minimal(`,"` + long + `":1`), minimal(`,"any":{"` + long + `":1,"` + long + `":1}`)} {
		err := strictjson.Unmarshal([]byte(text), new(list))
		if err == nil || len(err.Error()) > 500 {
			t.Errorf("Unmarshal with a long name: error of %d bytes, want 1 to 500", len(err.Error()))
		}
	}
}

func TestMarshal(t *testing.T) {
	for _, c := range []struct {
		name string
		v    any
		want string
	}{
		{"nil slice", []int(nil), `[]`},
		{"nil slices in a struct", struct {
			A []string `json:"a"`
			B []byte   `json:"b"`
		}{}, `{"a":[],"b":""}`},
		{"map keys sorted", map[string]int{"b": 1, "a": 2, "C": 3}, `{"C":3,"a":2,"b":1}`},
		{"no HTML escapes", "<&>\u2028", "\"<&>\u2028\""},
		{"text types", struct {
			T trust.Time     `json:"t"`
			P trust.Province `json:"p"`
		}{0, "AT"}, `{"t":"1970-01-01T00:00:00Z","p":"AT"}`},
		{"omitted", peer{Address: "x"}, `{"address":"x"}`},
	} {
		got, err := strictjson.Marshal(c.v)
		if err != nil || string(got) != c.want {
			t.Errorf("Marshal(%s) = %s, %v, want %s", c.name, got, err, c.want)
		}
	}
	if got, err := strictjson.Marshal("\xff"); err == nil {
		t.Errorf("Marshal(bad UTF-8) = %s, want an error", got)
	}
}

func TestRoundTrip(t *testing.T) {
	digest := trust.Digest{1, 2}
	want := list{
		Base: Base{Version: 1}, Name: "上海 \"<>\\", Sequence: strictjson.MaxInteger, Current: true, Issued: 1_795_334_400, Previous: &digest,
		Data: []byte{0, 255}, Provinces: []province{{"310000", "上海"}}, Peers: map[string]peer{"b": {"x", "y"}, "a": {}},
		Codes: []trust.Province{"AT"}, Contact: &peer{}, Matrix: [2][]int{{1}, {}}, Byte: 255,
	}
	data, err := strictjson.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got list
	if err := strictjson.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Unmarshal(Marshal) = %+v, want %+v", got, want)
	}
	for range 20 {
		if again, err := strictjson.Marshal(got); err != nil || string(again) != string(data) {
			t.Fatalf("Marshal again = %s, %v, want %s", again, err, data)
		}
	}
}

func FuzzUnmarshal(f *testing.F) {
	for _, text := range []string{
		minimal(``), minimal(`,"peers":{"a":{"address":"x"}},"any":[{"a":1}]`), `null`, `{"version":1e5}`, deep(4), bytesOf(`AB==`),
		minimal(`,"matrix":[[1],[2]],"extra":[]`), number(`9007199254740992`), minimal(`,"\u006eame":"m"`),
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var l list
		if strictjson.Unmarshal(data, &l) != nil {
			return
		}
		// What was taken can be written, is taken again, and is the same.
		again, err := strictjson.Marshal(l)
		if err != nil {
			t.Fatalf("Marshal after Unmarshal(%q) = %v", data, err)
		}
		var m list
		if err := strictjson.Unmarshal(again, &m); err != nil {
			t.Fatalf("Unmarshal(%q) = %v, but it was written after %q was read", again, err, data)
		}
		if third, err := strictjson.Marshal(m); err != nil || string(third) != string(again) {
			t.Errorf("Marshal = %q, %v, want %q", third, err, again)
		}
	})
}

func BenchmarkUnmarshal(b *testing.B) {
	text := []byte(strings.Replace(minimal(``), `[]`, `[`+strings.Repeat(`{"code":"310000","name":"上海"},`, 999)+`{"code":"310000","name":"上海"}]`, 1))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if err := strictjson.Unmarshal(text, new(list)); err != nil {
			b.Fatal(err)
		}
	}
}
