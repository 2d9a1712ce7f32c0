package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// ReserveFile is the name of the reserve in the data directory. Removing it by hand is as good as FreeReserve.
const ReserveFile = "reserve"

// KeepReserve makes the reserve of size bytes in dir, where it lacks or has another size; size 0 removes it. It makes
// none where less than as much again would stay free, so that it never takes the room which its own removal gave. It
// returns the bytes that are reserved afterwards.
func KeepReserve(dir string, size int64) (int64, error) {
	path := filepath.Join(dir, ReserveFile)
	held, err := sizeOf(path)
	if err != nil {
		return 0, fmt.Errorf("looking at the reserve: %w", err)
	}
	if held == size {
		return held, nil
	}
	if held != 0 {
		if _, err := FreeReserve(dir); err != nil {
			return held, err
		}
	}
	if size == 0 {
		return 0, nil
	}
	usage, err := vfs.Default.GetDiskUsage(dir)
	if err != nil {
		return 0, fmt.Errorf("asking for the room in %s: %w", dir, err)
	}
	if usage.AvailBytes < 2*uint64(size) {
		return 0, nil
	}
	if err := makeReserve(path, size); err != nil {
		return 0, errors.Join(fmt.Errorf("making the reserve of %d bytes: %w", size, err), os.Remove(path))
	}
	return size, nil
}

// FreeReserve removes the reserve and returns how much room that gives; 0 where there was none.
func FreeReserve(dir string) (int64, error) {
	path := filepath.Join(dir, ReserveFile)
	held, err := sizeOf(path)
	if err == nil {
		err = os.Remove(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("removing the reserve: %w", err)
	}
	return held, nil
}

func sizeOf(path string) (int64, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func makeReserve(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = allocate(f, size)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// fill writes zeros, where a file system cannot allocate room without.
func fill(f *os.File, size int64) error {
	block := make([]byte, 1<<20)
	for size > 0 {
		n, err := f.Write(block[:min(size, int64(len(block)))])
		if err != nil {
			return err
		}
		size -= int64(n)
	}
	return nil
}
