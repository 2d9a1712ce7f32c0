//go:build unix

package folder

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Lock waits until nobody else changes dir, and returns the function that lets the next one in. Two commands that
// run at once in one folder take turns, so that no number is given twice. The lock ends with its process.
func Lock(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking folder %s: %w", dir, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("locking folder %s: %w", dir, err)
	}
	return func() { f.Close() }, nil
}
