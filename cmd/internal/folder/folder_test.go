package folder_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hutong-project/hutong/cmd/internal/folder"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/sm2sig"
)

func TestCreate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	if err := folder.Create(dir, "keys", "x/y"); err != nil {
		t.Fatal(err)
	}
	for _, sub := range []string{"", "keys", "x", "x/y"} {
		info, err := os.Stat(filepath.Join(dir, sub))
		if err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("Create made %q with mode %v, %v, want 0700", sub, info.Mode(), err)
		}
	}
	if err := folder.Create(dir); !errors.Is(err, folder.ErrNotEmpty) {
		t.Errorf("Create(a folder with files) = %v, want ErrNotEmpty", err)
	}
	if err := folder.Create(t.TempDir(), "keys"); err != nil {
		t.Errorf("Create(an empty folder) = %v, want nil", err)
	}
}

func TestWriteReplacesWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	for _, text := range []string{"one", "the second, longer", ""} {
		if err := folder.Write(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		got, err := folder.Read(path)
		if err != nil || string(got) != text {
			t.Errorf("Read(after Write(%q)) = %q, %v", text, got, err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("Write made mode %v, %v, want 0600", info.Mode(), err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("Write left %d files, %v, want one", len(left), err)
	}
	if err := folder.Write(filepath.Join(path, "below-a-file"), nil); err == nil {
		t.Error("Write below a file = nil, want an error")
	}
	if err := folder.Remove(path); err != nil || folder.Exists(path) {
		t.Errorf("Remove() = %v, and the file is there: %v", err, folder.Exists(path))
	}
	if err := folder.Remove(path); err != nil {
		t.Errorf("Remove of nothing = %v, want nil", err)
	}
	if _, err := folder.Read(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Read of nothing = %v, want ErrNotExist", err)
	}
}

func TestReadHasALimit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, folder.MaxBytes+1); err != nil {
		t.Fatal(err)
	}
	if _, err := folder.Read(path); err == nil || !strings.Contains(err.Error(), "over") {
		t.Errorf("Read(too large) = %v, want an error", err)
	}
}

type sample struct {
	Name   string            `json:"name"`
	Number int               `json:"number"`
	Key    *sm2sig.PublicKey `json:"key"`
}

func TestJSONIsStrict(t *testing.T) {
	key, err := sm2sig.Generate(nil)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "f.json")
	want := sample{"上海", 3, key.Public()}
	if err := folder.WriteJSON(path, want); err != nil {
		t.Fatal(err)
	}
	var got sample
	if err := folder.ReadJSON(path, &got); err != nil || got.Name != want.Name || !got.Key.Equal(want.Key) {
		t.Errorf("ReadJSON(WriteJSON(%+v)) = %+v, %v", want, got, err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), `"number"`, `"numbers"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := folder.ReadJSON(path, &got); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("ReadJSON(unknown member) = %v, want an error that names the file", err)
	}
}

// TestLock: without the lock the counts of several writers would overwrite each other.
func TestLock(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "n.json")
	type count struct {
		N int `json:"n"`
	}
	if err := folder.WriteJSON(path, count{}); err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for range 10 {
				unlock, err := folder.Lock(dir)
				if err != nil {
					t.Error(err)
					return
				}
				var c count
				err = folder.ReadJSON(path, &c)
				c.N++
				if err = errors.Join(err, folder.WriteJSON(path, c)); err != nil {
					t.Error(err)
				}
				unlock()
			}
		})
	}
	writers.Wait()
	var c count
	if err := folder.ReadJSON(path, &c); err != nil || c.N != 40 {
		t.Errorf("counted %d, %v, want 40", c.N, err)
	}
}

const requestType = "application/vnd.hutong.test+json"

func TestRequestNeedsEveryKey(t *testing.T) {
	a, errA := sm2sig.Generate(nil)
	b, errB := sm2sig.Generate(nil)
	if err := errors.Join(errA, errB); err != nil {
		t.Fatal(err)
	}
	read := func(raw []byte, keys ...*sm2sig.PublicKey) trust.RefusalCode {
		_, err := folder.ReadRequest(raw, requestType, new(sample), func() []*sm2sig.PublicKey { return keys })
		if r, ok := trust.AsRefusal(err); ok {
			return r.Code
		}
		if err != nil {
			return "error"
		}
		return ""
	}
	both, err := folder.SignRequest(requestType, sample{"x", 1, a.Public()}, a, b)
	if err != nil {
		t.Fatal(err)
	}
	one, err := folder.SignRequest(requestType, sample{"x", 1, a.Public()}, a)
	if err != nil {
		t.Fatal(err)
	}
	other, err := folder.SignRequest(requestType+"2", sample{"x", 1, a.Public()}, a, b)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		raw  []byte
		keys []*sm2sig.PublicKey
		want trust.RefusalCode
	}{
		{"both keys", both, []*sm2sig.PublicKey{a.Public(), b.Public()}, ""},
		{"one of two", one, []*sm2sig.PublicKey{a.Public(), b.Public()}, trust.BadSignature},
		{"one key in two roles", both, []*sm2sig.PublicKey{a.Public(), a.Public()}, trust.Contradiction},
		{"no key", both, nil, "error"},
		{"another type", other, []*sm2sig.PublicKey{a.Public(), b.Public()}, trust.Malformed},
		{"no JSON", []byte("x"), nil, trust.Malformed},
		{"too large", make([]byte, folder.MaxRequestBytes+1), nil, trust.TooLarge},
	} {
		if got := read(test.raw, test.keys...); got != test.want {
			t.Errorf("ReadRequest(%s) = %q, want %q", test.name, got, test.want)
		}
	}
}
