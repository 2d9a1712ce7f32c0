package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"time"
)

// clients is how many keep-alive connections ask over HTTP.
const clients = 16

// turnsEach is into how many turns the time of each contender is cut.
const turnsEach = 12

// A VerifyReport is what `hutong bench verify` prints.
type VerifyReport struct {
	Bench   string        `json:"bench"`
	Figures VerifyFigures `json:"figures"`
	Ratios  VerifyRatios  `json:"ratios"`
}

// VerifyFigures are the rates, each the median of its turns, and what they were measured on. Latencies are those of
// a worker or client that asks again as soon as it has its answer, so they contain the wait for a core.
type VerifyFigures struct {
	Raw       float64 `json:"raw_per_second"`        // the SM2 library's own whole verification
	Signature float64 `json:"signature_per_second"`  // the same signatures as a verdict verifies them
	InProcess float64 `json:"in_process_per_second"` // verdicts from the credential's text
	HTTP      float64 `json:"http_per_second"`       // verdicts over HTTP

	InProcessP50 float64 `json:"in_process_p50_us"`
	InProcessP99 float64 `json:"in_process_p99_us"`
	HTTPP50      float64 `json:"http_p50_us"`
	HTTPP99      float64 `json:"http_p99_us"`

	Cores        int     `json:"cores"`   // GOMAXPROCS
	Clients      int     `json:"clients"` // keep-alive, on the same cores
	Seconds      float64 `json:"seconds"` // for each of the four
	Issuers      int     `json:"issuers"`
	Credentials  int     `json:"credentials"`
	StatusEvents int     `json:"status_events"`
	MessageBytes int     `json:"message_bytes"` // what is signed, of the first credential
}

// VerifyRatios relate verdicts to raw verifications.
type VerifyRatios struct {
	Signature float64 `json:"signature"`
	InProcess float64 `json:"in_process"`
	HTTP      float64 `json:"http"`
}

// Verify measures for about four times d, on all cores that GOMAXPROCS allows.
func Verify(ctx context.Context, d time.Duration) (_ *VerifyReport, err error) {
	s, err := newSubject(ctx)
	if err != nil {
		return nil, fmt.Errorf("preparing the benchmark: %w", err)
	}
	defer func() { err = errors.Join(err, s.close()) }()
	h, err := serve(s)
	if err != nil {
		return nil, fmt.Errorf("preparing the benchmark: %w", err)
	}
	defer func() { err = errors.Join(err, h.close()) }()
	if err := seeThemFail(s, h); err != nil {
		return nil, fmt.Errorf("trying the checks of the benchmark: %w", err)
	}
	return measure(ctx, s, h, d)
}

func measure(ctx context.Context, s *subject, h *service, d time.Duration) (*VerifyReport, error) {
	cores := runtime.GOMAXPROCS(0)
	var contenders []*contender
	for _, c := range []struct {
		name    string
		workers int
		work    func(worker int) (func() error, error)
	}{
		{"raw", cores, s.reference},
		{"signature", cores, s.signature},
		{"in process", cores, s.inProcess},
		{"http", clients, h.ask},
	} {
		made, err := newContender(c.name, c.workers, c.work)
		if err != nil {
			return nil, fmt.Errorf("preparing %s: %w", c.name, err)
		}
		contenders = append(contenders, made)
	}
	const raw, signature, inProcess, overHTTP = 0, 1, 2, 3
	measured, err := alternate(ctx, contenders, turnsEach, d/turnsEach)
	if err != nil {
		return nil, fmt.Errorf("measuring verdicts: %w", err)
	}
	r := &VerifyReport{
		Bench: "verify",
		Figures: VerifyFigures{
			Raw: whole(median(measured[raw])), Signature: whole(median(measured[signature])),
			InProcess: whole(median(measured[inProcess])), HTTP: whole(median(measured[overHTTP])),
			Cores: cores, Clients: clients, Seconds: d.Seconds(), Issuers: issuers, Credentials: credentials,
			StatusEvents: statusEvents + 2*credentials/lifted + 1, MessageBytes: len(s.good[0].message),
		},
		Ratios: VerifyRatios{
			Signature: thousandths(measured.ratio(signature, raw)),
			InProcess: thousandths(measured.ratio(inProcess, raw)),
			HTTP:      thousandths(measured.ratio(overHTTP, raw)),
		},
	}
	r.Figures.InProcessP50, r.Figures.InProcessP99 = microseconds(contenders[inProcess].percentiles())
	r.Figures.HTTPP50, r.Figures.HTTPP99 = microseconds(contenders[overHTTP].percentiles())
	return r, nil
}

func whole(x float64) float64 { return math.Round(x) }

func thousandths(x float64) float64 { return math.Round(1000*x) / 1000 }

func microseconds(p50, p99 time.Duration) (a, b float64) {
	return whole(float64(p50.Nanoseconds()) / 1000), whole(float64(p99.Nanoseconds()) / 1000)
}

// Print writes the report as a table of at most 80 columns.
func (r *VerifyReport) Print(w io.Writer) {
	f := r.Figures
	line := func(what string, perSecond, ratio, p50, p99 float64) {
		fmt.Fprintf(w, "%-38s %9.0f %8.3f", what, perSecond, ratio)
		if p50 > 0 {
			fmt.Fprintf(w, " %9.0f %9.0f", p50, p99)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "%-38s %9s %8s %9s %9s\n", "", "a second", "ratio", "p50 µs", "p99 µs")
	line(fmt.Sprintf("SM2 of the library, %d bytes", f.MessageBytes), f.Raw, 1, 0, 0)
	line("SM2 as a verdict verifies", f.Signature, r.Ratios.Signature, 0, 0)
	line("verdicts inside the process", f.InProcess, r.Ratios.InProcess, f.InProcessP50, f.InProcessP99)
	line(fmt.Sprintf("verdicts over HTTP, %d clients", f.Clients), f.HTTP, r.Ratios.HTTP, f.HTTPP50, f.HTTPP99)
	fmt.Fprintf(w, "\n%d cores, clients on the same; %d credentials, %d issuers, %d status events.\n", f.Cores, f.Credentials, f.Issuers, f.StatusEvents)
	fmt.Fprintf(w, "%g s each, in %d turns that alternate; medians; every answer was checked.\n", f.Seconds, turnsEach)
}
