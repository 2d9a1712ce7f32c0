package bench

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// memory returns the resident size of a process now and at its highest, in bytes, as Linux counts it; zeros where
// the system does not say.
func memory(pid int) (now, peak int64) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		number, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			continue
		}
		switch key {
		case "VmRSS":
			now = number << 10
		case "VmHWM":
			peak = number << 10
		}
	}
	return now, peak
}

// diskBytes returns the sizes of all files below a folder together.
func diskBytes(folder string) (total int64, err error) {
	err = filepath.WalkDir(folder, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		total += info.Size()
		return nil
	})
	return total, err
}

// restarts is how often a node is stopped and started.
const restarts = 3

// restart stops and starts the node i a few times while the others run, and returns the median of the times from the
// start of the process until it answers that it is ready.
func (t *trio) restart(ctx context.Context, i int) (time.Duration, error) {
	var took []float64
	for range restarts {
		t.stop(i)
		begun := time.Now()
		if err := t.start(i); err != nil {
			return 0, err
		}
		if err := t.until(ctx, "a node that was started again to be ready", func(ctx context.Context) error {
			ready, text, err := t.clients[i].Ready(ctx)
			if err == nil && !ready {
				err = errors.New(text)
			}
			return err
		}); err != nil {
			return 0, err
		}
		took = append(took, float64(time.Since(begun)))
	}
	return time.Duration(median(took)), nil
}
