package consensus

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hutong-project/hutong/consensus/consensustest"
)

// backupOf returns a backup of what a node holds.
func backupOf(t *testing.T, m *node) []byte {
	t.Helper()
	var file bytes.Buffer
	if _, err := m.WriteBackup(&file); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// TestBackupHoldsTheState: a backup that is taken while writes go on is one moment of the state, and says which.
func TestBackupHoldsTheState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 1, nil)
		c.begin()
		m := c.leader()
		own := c.world.Provinces[consensustest.Own]
		writing := make(chan error, 1)
		go func() {
			for n := range uint64(20) {
				if _, err := m.AppendBatch(t.Context(), own.Batch(n+1, consensustest.Revoked(string(rune('a'+n))))); err != nil {
					writing <- err
					return
				}
			}
			writing <- nil
		}()
		for range 5 {
			file := backupOf(t, m)
			label, view, err := InspectBackup(bytes.NewReader(file), vfs.NewMem(), "inspected")
			if err != nil {
				t.Fatal(err)
			}
			if view.Applied != label.Index || label.Province != consensustest.Own || label.Node != m.id {
				t.Errorf("InspectBackup() = %+v with a state at entry %d, want both at one entry, of %s by %s", label, view.Applied, consensustest.Own, m.id)
			}
		}
		if err := <-writing; err != nil {
			t.Fatal(err)
		}
		c.settle()
		_, view, err := InspectBackup(bytes.NewReader(backupOf(t, m)), vfs.NewMem(), "inspected")
		if err != nil {
			t.Fatal(err)
		}
		if got, want := view.Provinces[consensustest.Own].Log, m.view().Provinces[consensustest.Own].Log; got != want || got.Size != 20 {
			t.Errorf("log in the backup = %+v, want %+v with 20 leaves", got, want)
		}
		names := must(t, m.fs.List, "data/state")
		if slices.ContainsFunc(names, func(n string) bool { return len(n) > 6 && n[:6] == "backup" }) {
			t.Errorf("after the backups the folder of the state holds %q, want no copies", names)
		}
	})
}

func must(t *testing.T, list func(string) ([]string, error), dir string) []string {
	t.Helper()
	names, err := list(dir)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestDamagedBackup: no byte of a backup can change, be missing or be added unnoticed.
func TestDamagedBackup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 1, nil)
		c.begin()
		file := backupOf(t, c.leader())
		check := func(what string, bad []byte) {
			t.Helper()
			if _, err := VerifyBackup(bytes.NewReader(bad)); !errors.Is(err, ErrNotBackup) {
				t.Errorf("VerifyBackup(%s) = %v, want ErrNotBackup", what, err)
			}
		}
		if _, err := VerifyBackup(bytes.NewReader(file)); err != nil {
			t.Fatalf("VerifyBackup(as it is) = %v, want no error", err)
		}
		for at := 0; at < len(file); at += 1 + at/40 {
			bad := bytes.Clone(file)
			bad[at] ^= 0x10
			check("a flipped bit", bad)
		}
		for _, size := range []int{0, 1, 16, 20, 100, 400, len(file) / 2, len(file) - 1} {
			check("a part", file[:size])
		}
		check("one byte more", append(bytes.Clone(file), 0))
		check("a label without its archive", file[:bytes.Index(file, []byte("HUTONGSTATE"))])
		for _, at := range []int{len(file) / 3, len(file) - 5} {
			bad := bytes.Clone(file)
			bad[at] ^= 1
			if _, _, err := InspectBackup(bytes.NewReader(bad), vfs.NewMem(), "inspected"); !errors.Is(err, ErrNotBackup) {
				t.Errorf("InspectBackup(byte %d changed) = %v, want ErrNotBackup", at, err)
			}
		}
	})
}

func FuzzReadLabel(f *testing.F) {
	label, err := Label{Province: consensustest.Own, Node: "n1", Index: 7}.bytes()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(label)
	f.Add([]byte(backupMagic))
	f.Fuzz(func(t *testing.T, file []byte) {
		l, err := ReadLabel(bytes.NewReader(file))
		if err != nil {
			return
		}
		again, err := l.bytes()
		if err != nil {
			t.Fatalf("bytes() of what was read = %v, want no error", err)
		}
		if back, err := ReadLabel(io.MultiReader(bytes.NewReader(again))); err != nil || back != l {
			t.Errorf("ReadLabel(what was read and written) = %+v, %v; want %+v", back, err, l)
		}
	})
}
