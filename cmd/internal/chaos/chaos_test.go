package chaos

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

var (
	short = flag.Bool("chaos.short", false, "three runs with fixed seeds, at most 45 seconds together")
	long  = flag.Duration("chaos.long", 0, "run for this long, one seed after the other (with -timeout 0)")
	seed  = flag.Uint64("chaos.seed", 1, "the first seed")
)

const (
	shortRun, shortFaults = 8 * time.Second, 8
	longRun, longFaults   = 25 * time.Second, 20
)

// TestHistories is the real thing: processes, faults, histories. See docs/reliability.md.
func TestHistories(t *testing.T) {
	if !*short && *long == 0 {
		t.Skip("it takes its time: give -chaos.short or -chaos.long 1h")
	}
	o := Options{Binary: binary(t), Seed: *seed, For: shortRun, Faults: shortFaults}
	if *long > 0 {
		o.For, o.Faults = longRun, longFaults
	}
	begun, total := time.Now(), 0
	for runs := 0; *long > 0 && time.Since(begun) < *long || *long == 0 && runs < 3; runs++ {
		dir, err := os.MkdirTemp("", "hutong-chaos-")
		if err != nil {
			t.Fatal(err)
		}
		o.Dir = dir
		report, err := Run(t.Context(), o)
		t.Log(report)
		total += report.Total()
		if err != nil {
			t.Errorf("seed %d (folders and logs stay in %s): %v", o.Seed, dir, err)
		} else if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
		o.Seed++
	}
	t.Logf("%d faults in %s", total, time.Since(begun).Round(time.Second))
}

// binary returns the program to run: HUTONG_BINARY, or one that is built now.
func binary(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("HUTONG_BINARY"); path != "" {
		return path
	}
	path := filepath.Join(t.TempDir(), "hutong")
	build := exec.Command("go", "build", "-o", path, "github.com/hutong-project/hutong/cmd/hutong")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building hutong: %v\n%s", err, out)
	}
	return path
}
