package qrcode

import (
	"reflect"
	"sync"
	"testing"

	"github.com/hutong-project/hutong/trust/credential"
	"github.com/hutong-project/hutong/trust/credential/qrcode/qrcodetest"
)

// TestDecodeKeepsNothingShared decodes different codes at once and holds the results against those of a lone
// Decode: working memory is pooled, and nothing of a result may lie in it.
func TestDecodeKeepsNothingShared(t *testing.T) {
	key := newKey(t)
	texts := []string{
		encode(t, licence(), key),
		encode(t, presentation(), key, []byte{0x30, 1}, []byte{0x30, 2}),
		qrcodetest.Pack("HT1", sign1Of(t, goodHeader(), header{}, goodClaims())),
		qrcodetest.Pack("HC1", hc1Of(t, hc1Header(), header{}, hc1Claims())),
		"HC1:" + qrcodetest.Base45(appendStored(nil, hc1Of(t, hc1Header(), header{4: []byte("other")}, hc1Claims()))),
		"HT1:" + qrcodetest.Base45(bomb(t, 5)), // refused, and in the same working memory
	}
	want := make([]*credential.Credential, len(texts))
	for i, text := range texts {
		want[i], _ = Decode(text)
	}
	var running sync.WaitGroup
	for worker := range 4 {
		running.Go(func() {
			got := make([]*credential.Credential, len(texts))
			for round := range 100 {
				for i := range texts {
					at := (i + worker + round) % len(texts)
					got[at], _ = Decode(texts[at])
				}
				// Only now: a later Decode must not have changed an earlier result.
				if !reflect.DeepEqual(got, want) {
					t.Errorf("worker %d, round %d: Decode gives another result than alone", worker, round)
					return
				}
			}
		})
	}
	running.Wait()
	for i, text := range texts[:5] {
		if again, err := Decode(text); err != nil || !reflect.DeepEqual(again, want[i]) {
			t.Errorf("Decode(code %d) = %+v, %v, want %+v", i, again, err, want[i])
		}
	}
}

func BenchmarkDecodeHC1(b *testing.B) {
	text := qrcodetest.Pack("HC1", hc1Of(b, hc1Header(), header{}, hc1Claims()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(text); err != nil {
			b.Fatal(err)
		}
	}
}
