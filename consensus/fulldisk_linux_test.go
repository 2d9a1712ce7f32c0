package consensus

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hutong-project/hutong/consensus/consensustest"
	"github.com/hutong-project/hutong/consensus/disk"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/statuslog"
)

const fullDiskDir = "HUTONG_TEST_FULL_DISK" // tells the test's own binary that it is the node to be filled

// A process on a disk of 80 MiB appends until the disk is full. It ends with its own code and the remedy; once the
// reserve is freed it opens again and has each batch that was acknowledged.
func TestFullDiskOfARealProcess(t *testing.T) {
	if dir := os.Getenv(fullDiskDir); dir != "" {
		fillDisk(dir)
		return
	}
	mount := t.TempDir()
	if err := syscall.Mount("tmpfs", mount, "tmpfs", 0, "size=80m"); err != nil {
		t.Skipf("SKIPPED: a small disk needs the right to mount one (run as root): %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(mount, 0); err != nil {
			t.Error(err)
		}
	})
	dir := filepath.Join(mount, "node")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestFullDiskOfARealProcess$")
	child.Env = append(os.Environ(), fullDiskDir+"="+dir)
	var out, log bytes.Buffer
	child.Stdout, child.Stderr = &out, &log
	err := child.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != ExitDiskFull {
		t.Fatalf("the process ended with %v, want exit code %d; it said\n%s", err, ExitDiskFull, log.String())
	}
	if !strings.Contains(log.String(), "--free-reserve") {
		t.Errorf("it said\n%s\nwant the remedy in it", log.String())
	}
	acknowledged, cfg := uint64(0), onDisk(t, consensustest.New(), dir)
	for lines := bufio.NewScanner(&out); lines.Scan(); {
		if pin, ok := strings.CutPrefix(lines.Text(), "pin "); ok {
			if cfg.Pin, err = trust.ParseDigest(pin); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := strconv.ParseUint(lines.Text(), 10, 64); err == nil {
			acknowledged = n
		}
	}
	if acknowledged < 5 {
		t.Fatalf("%d batches were acknowledged before the disk was full: the test shows nothing", acknowledged)
	}
	if freed, err := disk.FreeReserve(dir); err != nil || freed != fullDiskReserve {
		t.Fatalf("FreeReserve() = %d, %v, want %d", freed, err, int64(fullDiskReserve))
	}
	r, err := Open(cfg)
	if err != nil {
		t.Fatalf("Open() after the reserve was freed = %v", err)
	}
	defer r.Close()
	waitLeader(t, ctx, r)
	if err := r.raft.Barrier(10 * time.Second).Error(); err != nil {
		t.Fatal(err)
	}
	d := r.Reading()
	defer d.Close()
	if got := d.View.Provinces[own].Log.Size; got < acknowledged || got > acknowledged+1 {
		t.Errorf("the log holds %d batches, %d were acknowledged", got, acknowledged)
	}
}

const fullDiskReserve = 16 << 20

// fillDisk is the process: it prints the number of each batch that was acknowledged, and never returns.
func fillDisk(dir string) {
	die := func(err error) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	w := consensustest.New()
	cfg, err := alone(w, dir)
	if err != nil {
		die(err)
	}
	fmt.Println("pin", cfg.Pin)
	cfg.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	cfg.Reserve = fullDiskReserve
	r, err := Open(cfg)
	if err != nil {
		die(err)
	}
	ctx := context.Background()
	if err := r.AdoptNational(ctx, w.Raws()); err != nil {
		die(err)
	}
	if err := r.PublishList(ctx, w.Provinces[own].NextList(nil).Raw); err != nil {
		die(err)
	}
	for number := uint64(1); ; number++ {
		events := make([]statuslog.Event, statuslog.MaxEvents)
		for i := range events {
			events[i] = consensustest.Revoked(fmt.Sprint(number, i))
		}
		if _, err := r.AppendBatch(ctx, w.Provinces[own].Batch(number, events...)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			time.Sleep(30 * time.Second) // the node ends the process
			die(errors.New("the process lives on"))
		}
		fmt.Println(number)
	}
}
