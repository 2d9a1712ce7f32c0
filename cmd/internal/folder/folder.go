// Package folder keeps the files of a role (coordinator, province, authority) in one folder that its owner alone can
// read: JSON that people can read, envelopes as carried, certificates.
//
// It promises that a file is replaced whole or not at all, that what is new has mode 0600 (folders 0700), and that
// everything is read with a size limit and strictly. Private keys and their files are package keyfile's.
package folder

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hutong-project/hutong/trust/strictjson"
)

// MaxBytes bounds every file of a folder: an enveloped trust list is the largest of them.
const MaxBytes = 32 << 20

// ErrNotEmpty is returned when a folder to be created has files already.
var ErrNotEmpty = errors.New("it has files already; name a new folder")

// Create makes dir and its subfolders, all of mode 0700. A folder that has files already is refused: nothing is ever
// made over what is there.
func Create(dir string, subfolders ...string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("creating folder %s: %w", dir, err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("creating folder %s: %w", dir, ErrNotEmpty)
	}
	for _, sub := range append([]string{"."}, subfolders...) {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return fmt.Errorf("creating a folder: %w", err)
		}
	}
	return nil
}

// Exists reports whether there is a file at path.
func Exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Read returns the content of the file at path.
func Read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err // the text names operation and path
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("reading %s: over %d bytes", path, MaxBytes)
	}
	return data, nil
}

// Write replaces the file at path, or makes it: a reader sees the old content or the new one, also after a crash.
func Write(path string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer os.Remove(tmp.Name()) // no longer there after the rename
	_, err = tmp.Write(data)
	if err == nil {
		err = tmp.Sync()
	}
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// ReadJSON reads the file at path into v, strictly.
func ReadJSON(path string, v any) error {
	data, err := Read(path)
	if err != nil {
		return err
	}
	if err := strictjson.Unmarshal(data, v); err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	return nil
}

// WriteJSON writes v to the file at path, one member a line.
func WriteJSON(path string, v any) error {
	compact, err := strictjson.Marshal(v)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := json.Indent(&text, compact, "", "  "); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	text.WriteByte('\n')
	return Write(path, text.Bytes())
}

// Remove removes the file at path, which need not be there.
func Remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
