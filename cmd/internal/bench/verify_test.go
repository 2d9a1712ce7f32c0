package bench

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/hutong-project/hutong/trust/strictjson"
)

// TestVerify runs the whole measurement, only shorter: it says that all of it works, not how fast it is.
func TestVerify(t *testing.T) {
	r, err := Verify(t.Context(), 120*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]float64{
		"raw": r.Figures.Raw, "signature": r.Figures.Signature, "in process": r.Figures.InProcess, "http": r.Figures.HTTP,
		"p50": r.Figures.HTTPP50, "ratio in process": r.Ratios.InProcess, "ratio http": r.Ratios.HTTP,
	} {
		if got <= 0 {
			t.Errorf("%s = %v, want above 0", name, got)
		}
	}
	if r.Figures.HTTPP99 < r.Figures.HTTPP50 || r.Figures.InProcessP99 < r.Figures.InProcessP50 {
		t.Errorf("a 99th percentile lies below the median: %+v", r.Figures)
	}
	raw, err := strictjson.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"bench":"verify"`, `"figures":{`, `"ratios":{`, `"in_process":`, `"http":`} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("JSON %s does not hold %s", raw, want)
		}
	}
	var table bytes.Buffer
	r.Print(&table)
	for line := range strings.Lines(table.String()) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 {
			t.Errorf("a line of the table has %d characters, want at most 80: %q", n, line)
		}
	}
	t.Logf("\n%s", table.String())
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1}, 5}, {[]float64{9, 1, 2}, 2},
	} {
		if got := median(c.values); got != c.want {
			t.Errorf("median(%v) = %v, want %v", c.values, got, c.want)
		}
	}
	r := rates{{1, 20, 30}, {2, 10, 10}}
	if got := r.ratio(0, 1); got != 2 {
		t.Errorf("ratio = %v, want 2: the median of 0.5, 2 and 3", got)
	}
}

// BenchmarkVerdict is for a profiler.
func BenchmarkVerdict(b *testing.B) {
	s, err := newSubject(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.close(); err != nil {
			b.Error(err)
		}
	})
	h, err := serve(s)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := h.close(); err != nil {
			b.Error(err)
		}
	})
	for _, c := range []struct {
		name string
		work func(worker int) (func() error, error)
	}{{"raw", s.reference}, {"signature", s.signature}, {"process", s.inProcess}, {"http", h.ask}} {
		b.Run(c.name, func(b *testing.B) {
			work, err := c.work(0)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := work(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
