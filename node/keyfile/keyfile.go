// Package keyfile keeps private keys in files: encrypted PEM (PKCS#8, PBES2 with PBKDF2-HMAC-SHA256 of 100,000
// rounds and SM4-CBC, which OpenSSL reads too), readable by their owner alone.
//
// It promises that a key file which others can read is refused before it is opened, that a new file never replaces an
// old one, and that neither a key nor a passphrase stands in an error.
package keyfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/hutong-project/hutong/trust/sm2sig"
)

// PassphraseVariable is the environment variable that holds the passphrase when no file is named.
const PassphraseVariable = "HUTONG_PASSPHRASE"

const maxBytes = 64 << 10

// ErrExposed is returned when a key or passphrase file can be read by others than its owner.
var ErrExposed = errors.New("others can read it")

// ErrNoPassphrase is returned when neither a passphrase file nor the environment variable is given.
var ErrNoPassphrase = errors.New("no passphrase: set " + PassphraseVariable + " or name a passphrase file")

// Passphrase returns the first line of file, or, when file is empty, of the environment variable.
func Passphrase(file string) ([]byte, error) {
	var text []byte
	if file == "" {
		text = []byte(os.Getenv(PassphraseVariable))
	} else {
		var err error
		if text, err = Read(file); err != nil {
			return nil, err
		}
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) == 0 {
		return nil, ErrNoPassphrase
	}
	return line, nil
}

// Read returns the content of a file that nobody but its owner may read.
func Read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening a key file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("opening a key file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("opening key file %s: not a regular file", path)
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		return nil, fmt.Errorf("opening key file %s with mode %04o: %w; run chmod 600 %s", path, perm, ErrExposed, path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading key file %s: %w", path, err)
	}
	if len(data) > maxBytes {
		return nil, fmt.Errorf("reading key file %s: over %d bytes", path, maxBytes)
	}
	return data, nil
}

// Write stores data in a new file of mode 0600 and syncs it. It refuses to replace a file.
func Write(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("creating a key file: %w", err)
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = syncFolder(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("writing key file %s: %w", path, err)
	}
	return nil
}

// LoadSM2 opens an SM2 key.
func LoadSM2(path string, passphrase []byte) (*sm2sig.PrivateKey, error) {
	data, err := Read(path)
	if err != nil {
		return nil, err
	}
	key, err := sm2sig.DecryptPEM(data, passphrase)
	if err != nil {
		return nil, fmt.Errorf("opening key file %s: %w", path, err)
	}
	return key, nil
}

// SaveSM2 stores an SM2 key in a new file.
func SaveSM2(path string, key *sm2sig.PrivateKey, passphrase []byte) error {
	data, err := key.EncryptPEM(passphrase)
	if err != nil {
		return fmt.Errorf("encrypting the key for %s: %w", path, err)
	}
	return Write(path, data)
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
