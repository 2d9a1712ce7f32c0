package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/hutong-project/hutong/cmd/internal/bench"
)

// bench returns `hutong bench`: measurements on this machine, reported and not judged.
func (a *app) bench() *cobra.Command {
	return group("bench", "Measure this machine", a.benchVerify(), a.benchRegistry())
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

func (a *app) benchRegistry() *cobra.Command {
	var (
		asJSON bool
		events int
	)
	c := &cobra.Command{
		Use:   "registry",
		Short: "Writes, look-ups, memory, disk and restart of a cluster of three processes",
		Long: `Starts three nodes of a province as processes of this program, on folders of their own below the
temporary folder (TMPDIR) and TCP on loopback, writes events through HTTP and measures beside them
what a 4 KiB append with fsync costs there. What it makes is removed at the end. 1,000,000 events take
about 0.6 GB of that folder; memory holds the signed batches of half of the events.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if events < 1000 || events > bench.MaxEvents {
				return fmt.Errorf("--events %d, want 1000 to %d", events, bench.MaxEvents)
			}
			if asJSON {
				a.output = "json"
			}
			binary, err := os.Executable()
			if err != nil {
				return fmt.Errorf("finding this program: %w", err)
			}
			report, err := bench.Registry(c.Context(), bench.RegistryOptions{
				Binary: binary, Events: events, Progress: func(stage string) { fmt.Fprintln(a.err, "measuring:", stage) },
			})
			if err != nil {
				return err
			}
			return a.emit(report, func(w io.Writer) { report.Print(w) })
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object, as with -o json")
	c.Flags().IntVar(&events, "events", 10_000, "how many events to write in bulk batches")
	return c
}
