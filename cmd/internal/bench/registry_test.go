package bench

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/hutong-project/hutong/node/client"
	"github.com/hutong-project/hutong/node/httpapi"
	"github.com/hutong-project/hutong/node/sample"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/sm2sig"
	"github.com/hutong-project/hutong/trust/statuslog"
)

func signers(t *testing.T, n int) []*signer {
	t.Helper()
	key, err := sm2sig.Generate(nil)
	if err != nil {
		t.Fatal(err)
	}
	var all []*signer
	for i := range n {
		all = append(all, &signer{code: string(rune('A' + i)), key: key})
	}
	return all
}

func TestPlanNumbersEachSignersBatches(t *testing.T) {
	for _, c := range []struct{ signers, total, size, batches, last int }{
		{1, 10, 4, 3, 2}, {3, 10, 4, 3, 2}, {2, 8, 4, 2, 4}, {2, 1, 1000, 1, 1}, {2, 0, 4, 0, 0},
	} {
		h := newHandles()
		all := plan(signers(t, c.signers), h, c.total, c.size)
		if len(all) != c.batches {
			t.Errorf("plan(%+v) made %d batches, want %d", c, len(all), c.batches)
			continue
		}
		numbers, next := map[*signer]uint64{}, uint64(0)
		for _, p := range all {
			numbers[p.by]++
			if p.number != numbers[p.by] || p.first != next {
				t.Errorf("plan(%+v): batch %d begins at %d, want %d and %d", c, p.number, p.first, numbers[p.by], next)
			}
			next += uint64(p.events)
		}
		if next != uint64(c.total) || c.batches > 0 && all[c.batches-1].events != c.last {
			t.Errorf("plan(%+v) holds %d events", c, next)
		}
	}
}

func TestSignedPushesAreReadableBatches(t *testing.T) {
	h := newHandles()
	by := signers(t, 1)
	all := plan(by, h, 5, 3)
	if err := sign(t.Context(), h, all); err != nil {
		t.Fatal(err)
	}
	seen := map[trust.Subject]bool{}
	for _, p := range all {
		s, err := statuslog.ReadBatch(p.signed)
		if err != nil {
			t.Fatal(err)
		}
		if !s.Verify(by[0].key.Public()) || s.Number != p.number || s.Digest != p.digest || len(s.Events) != p.events {
			t.Errorf("batch %d reads as %+v", p.number, s.Batch)
		}
		for i, e := range s.Events {
			if seen[e.Subject] || e.Subject != p.expectation(h, uint64(i)).subject {
				t.Errorf("event %d of batch %d has a subject that stands twice or is not the expected one", i, p.number)
			}
			seen[e.Subject] = true
		}
	}
}

// TestReceiptsAreChecked shows that a receipt for anything but the batch that was sent is noticed.
func TestReceiptsAreChecked(t *testing.T) {
	p := &push{by: &signer{code: "A"}, number: 7, digest: trust.Digest{1}}
	good := httpapi.Receipt{Province: sample.Code, Authority: "A", Number: 7, Position: 3, Index: 9, Digest: trust.Digest{1}}
	if err := p.check(good); err != nil {
		t.Errorf("check(the batch's receipt) = %v, want nil", err)
	}
	for name, change := range map[string]func(*httpapi.Receipt){
		"province":  func(r *httpapi.Receipt) { r.Province = "330000" },
		"authority": func(r *httpapi.Receipt) { r.Authority = "B" },
		"number":    func(r *httpapi.Receipt) { r.Number++ },
		"digest":    func(r *httpapi.Receipt) { r.Digest[5] ^= 1 },
		"no index":  func(r *httpapi.Receipt) { r.Index = 0 },
	} {
		bad := good
		change(&bad)
		if err := p.check(bad); !errors.Is(err, errWrongAnswer) {
			t.Errorf("check(a receipt with another %s) = %v, want %v", name, err, errWrongAnswer)
		}
	}
}

func TestRetryable(t *testing.T) {
	for status, want := range map[int]bool{503: true, 409: false, 500: false, 422: false} {
		if got := retryable(&client.ProblemError{Problem: httpapi.Problem{Status: status}}); got != want {
			t.Errorf("retryable(status %d) = %v, want %v", status, got, want)
		}
	}
	if retryable(nil) || retryable(os.ErrClosed) {
		t.Error("what is no problem of a node is retryable")
	}
}

func TestSampleKnowsWhereEventsStand(t *testing.T) {
	h := newHandles()
	l := &ledger{pushes: plan(signers(t, 2), h, 10, 4)}
	where := map[trust.Subject]statuslog.EventRef{}
	for i, p := range l.pushes {
		p.position = uint64(100 + i)
		for j := range p.events {
			where[statuslog.HandleSubject(h.at(p.first+uint64(j)))] = statuslog.EventRef{Position: p.position, Index: uint32(j)}
		}
	}
	for _, e := range l.sample(h) {
		want, known := where[e.subject]
		if !known || e.ref != want {
			t.Fatalf("the sample has %+v, want %+v", e.ref, want)
		}
	}
	l.single = []stated{{position: 200}, {position: 200}, {position: 201}}
	if got := l.leaves(); got != 5 {
		t.Errorf("leaves = %d, want 5: two single events share one", got)
	}
	if got := l.events(); got != 13 {
		t.Errorf("events = %d, want 13", got)
	}
}

func TestDiskBytes(t *testing.T) {
	dir := t.TempDir()
	for name, size := range map[string]int{"a": 10, "b/c": 90} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := diskBytes(dir); err != nil || got != 100 {
		t.Errorf("diskBytes = %d, %v, want 100", got, err)
	}
	if _, err := diskBytes(filepath.Join(dir, "none")); err == nil {
		t.Error("diskBytes of a folder that is not there = nil error")
	}
}

func TestRegistryRefusesEvents(t *testing.T) {
	for _, n := range []int{-1, 0, MaxEvents + 1} {
		if _, err := Registry(t.Context(), RegistryOptions{Events: n}); err == nil {
			t.Errorf("Registry with %d events = nil error", n)
		}
	}
}

func TestRegistryTableFits80Columns(t *testing.T) {
	r := RegistryReport{Figures: RegistryFigures{
		CommitP50: 123456, CommitP99: 1234567, Singles: 123456, Bulk: 1234567, AbsentRate: 12345678, AbsentP50: 1234.5, AbsentP99: 1234.5,
		RSS: 12345, PeakRSS: 12345, BytesPerEvent: 12345, StateBytes: 1234, Restart: 123.45, Writers: 64, BulkSenders: 8,
		Events: MaxEvents, Leaves: 123456, Nodes: 3, Cores: 128,
	}, Ratios: RegistryRatios{CommitP50: 1234.5, CommitP99: 1234.5}}
	var table bytes.Buffer
	r.Print(&table)
	for line := range strings.Lines(table.String()) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 {
			t.Errorf("a line of the table has %d characters, want at most 80: %q", n, line)
		}
	}
}
