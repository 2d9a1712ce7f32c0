package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/hutong-project/hutong/cmd/internal/bench"
)

// bench returns `hutong bench`: measurements on this machine, reported and not judged.
func (a *app) bench() *cobra.Command {
	return group("bench", "Measure this machine", a.benchVerify())
}

func (a *app) benchVerify() *cobra.Command {
	var (
		asJSON   bool
		duration time.Duration
	)
	c := &cobra.Command{
		Use:   "verify",
		Short: "Verdicts a second, in the process and over HTTP, beside raw SM2 verifications",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if duration < 100*time.Millisecond || duration > time.Hour {
				return fmt.Errorf("--duration %s, want 100ms to 1h", duration)
			}
			if asJSON {
				a.output = "json"
			}
			report, err := bench.Verify(c.Context(), duration)
			if err != nil {
				return err
			}
			return a.emit(report, func(w io.Writer) { report.Print(w) })
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object, as with -o json")
	c.Flags().DurationVar(&duration, "duration", 3*time.Second, "how long to measure each of the four")
	return c
}
