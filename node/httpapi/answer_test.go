package httpapi

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/strictjson"
	"github.com/hutong-project/hutong/trust/verdict"
)

// TestMarshalVerdict: verdicts with any of their members set or not, also ones that a later version adds, are written
// byte for byte as strictjson.Marshal writes them.
func TestMarshalVerdict(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	short := 0
	for range 3000 {
		var v verdict.Verdict
		fill(random, reflect.ValueOf(&v).Elem())
		want, wantErr := strictjson.Marshal(&v)
		got, err := marshalVerdict(&v)
		if (err != nil) != (wantErr != nil) || !bytes.Equal(got, want) {
			t.Fatalf("marshalVerdict(%+v) =\n%s, %v, want\n%s, %v", v, got, err, want, wantErr)
		}
		w := writer{}
		if w.verdict(&v); !w.odd {
			short++
		}
	}
	if short < 300 || short > 2700 {
		t.Errorf("%d of 3000 verdicts went the short way: the test tries only one of the two", short)
	}
}

// fill sets v and all that it holds, or leaves it zero, at random.
func fill(random *rand.Rand, v reflect.Value) {
	texts := []string{"valid", "吊销", "a b", "<&>", "\u2028", "\x7f", "310000", "长期", "until 2026", "quo\"ted", "back\\slash", "line\n", "broken\xff", "\x00"}
	usual := len(texts)
	if random.IntN(4) > 0 {
		usual = 9 // none of those that need escaping
	}
	fillFrom(random, v, texts[:usual])
}

func fillFrom(random *rand.Rand, v reflect.Value, texts []string) {
	if v.Type() == reflect.TypeFor[trust.Time]() {
		v.SetInt(random.Int64N(4_000_000_000))
	}
	if random.IntN(5) == 0 {
		v.SetZero()
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(texts[random.IntN(len(texts))])
	case reflect.Bool:
		v.SetBool(random.IntN(2) == 0)
	case reflect.Int, reflect.Int64:
		if v.Type() != reflect.TypeFor[trust.Time]() {
			v.SetInt(random.Int64N(2000) - 1000)
		}
	case reflect.Uint64:
		v.SetUint(random.Uint64N(1 << 53))
	case reflect.Uint8:
		v.SetUint(random.Uint64N(256))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillFrom(random, v.Elem(), texts)
	case reflect.Slice:
		n := random.IntN(3)
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fillFrom(random, v.Index(i), texts)
		}
	case reflect.Array:
		for i := range v.Len() {
			fillFrom(random, v.Index(i), texts)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fillFrom(random, v.Field(i), texts)
		}
	default:
		panic("a kind that no verdict had so far: " + v.Kind().String())
	}
}

func BenchmarkMarshalVerdict(b *testing.B) {
	w := open(b)
	good, _ := issue(b, w.own)
	v, err := w.front(b).judge(b.Context(), Verify{Credential: good})
	if err != nil {
		b.Fatal(err)
	}
	for name, marshal := range map[string]func() ([]byte, error){
		"short": func() ([]byte, error) { return marshalVerdict(v) },
		"usual": func() ([]byte, error) { return strictjson.Marshal(v) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := marshal(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
