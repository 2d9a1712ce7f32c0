package store

import (
	"bytes"
	"fmt"
	"log/slog"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hutong-project/hutong/trust"
)

func openAt(t *testing.T, fs vfs.FS) *Store {
	t.Helper()
	s, err := Open(Config{FS: fs, Dir: "state", Cluster: trust.Digest{7}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func write(t *testing.T, s *Store, index uint64, keys ...[]byte) {
	t.Helper()
	b := s.NewBatch()
	for _, k := range keys {
		b.Set(k, fmt.Appendf(nil, "v%d", index))
	}
	b.SetApplied(index, 1)
	if err := b.Commit(); err != nil {
		t.Fatal(err)
	}
}

func digestOf(t *testing.T, s *Store) trust.Digest {
	t.Helper()
	v, err := s.View()
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	d, err := v.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func appliedOf(t *testing.T, s *Store) uint64 {
	t.Helper()
	index, _, err := s.Applied()
	if err != nil {
		t.Fatal(err)
	}
	return index
}

// The events of one subject are found in log order, and those of its neighbours, a bit away, are not.
func TestScanPrefixFindsOneSubject(t *testing.T) {
	s := openAt(t, vfs.NewMem())
	subjects := []trust.Subject{{1}, {1, 0xff}, {0xff}}
	for i := range subjects[2][1:] {
		subjects[2][i+1] = 0xff
	}
	var keys [][]byte
	for _, subject := range subjects {
		for _, p := range []trust.Province{"310000", "320000", "AT"} {
			for position := range uint64(3) {
				keys = append(keys, EventKey(p, 1, subject, position<<32, uint32(position)))
			}
		}
	}
	for i := len(keys) - 1; i >= 0; i-- {
		write(t, s, uint64(len(keys)-i), keys[i])
		if i%7 == 0 { // several tables on disk, so that filters are read
			if err := s.db.db.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	v, err := s.View()
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	for _, subject := range append(subjects, trust.Subject{2}) {
		for _, p := range []trust.Province{"310000", "320000", "AT", "DE"} {
			var got []uint64
			err := v.ScanPrefix(EventPrefix(p, 1, subject), func(key, _ []byte) error {
				position, _, err := EventPosition(key)
				got = append(got, position>>32)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			want := "[0 1 2]"
			if p == "DE" || subject == (trust.Subject{2}) {
				want = "[]"
			}
			if fmt.Sprint(got) != want {
				t.Errorf("ScanPrefix(%s, %s) = %v, want %s", p, subject, got, want)
			}
		}
	}
}

func TestImmediateSuccessorIsTheNextPrefix(t *testing.T) {
	full := EventPrefix("310000", 1, trust.Subject{5})
	last := bytes.Repeat([]byte{0xff}, eventPrefix)
	last[0] = tableEvent
	for _, a := range [][]byte{full, last, []byte("n1"), EventPrefix("AT", 255, trust.Subject{})[:9]} {
		b := immediateSuccessor(nil, a)
		if bytes.Compare(a, b) >= 0 {
			t.Errorf("immediateSuccessor(%x) = %x, want a larger key", a, b)
		}
		if split(b) != len(b) {
			t.Errorf("immediateSuccessor(%x) = %x, want a prefix", a, b)
		}
		if bytes.HasPrefix(b, a) && split(b) == split(a) {
			t.Errorf("immediateSuccessor(%x) = %x, which has the same prefix", a, b)
		}
	}
}

// A batch either is there with its applied index or is not, whatever part of the unsynced data a crash keeps.
func TestCrashKeepsIndexAndDataTogether(t *testing.T) {
	for percent := 0; percent <= 100; percent += 20 {
		for stop := 1; stop <= 25; stop += 3 {
			fs := vfs.NewCrashableMem()
			s := openAt(t, fs)
			for i := 1; i <= stop; i++ {
				write(t, s, uint64(i), MetaKey("n"), NationalKey(uint64(i)))
				if i == 10 {
					c, err := s.Checkpoint()
					if err != nil {
						t.Fatal(err)
					}
					if err := c.Remove(); err != nil {
						t.Fatal(err)
					}
				}
			}
			crashed := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: newRNG(stop)})
			again := openAt(t, crashed)
			index := appliedOf(t, again)
			if stop >= 10 && index < 10 {
				t.Fatalf("applied after a crash at %d%% = %d, want at least 10, which was synced", percent, index)
			}
			v, err := again.View()
			if err != nil {
				t.Fatal(err)
			}
			n := uint64(0)
			err = v.Scan(NationalKey(0), NationalKey(1<<40), func(_, _ []byte) error { n++; return nil })
			v.Close()
			if err != nil || n != index {
				t.Fatalf("%d values after a crash at %d%%, want %d as the applied index says (%v)", n, percent, index, err)
			}
		}
	}
}

func TestArchiveRoundTrip(t *testing.T) {
	from, to := openAt(t, vfs.NewMem()), openAt(t, vfs.NewMem())
	for i := range uint64(200) {
		write(t, from, i+1, NationalKey(i), EventKey("310000", 1, trust.Subject{byte(i)}, i, 0))
	}
	write(t, to, 5, MetaKey("gone"))
	before, err := to.View()
	if err != nil {
		t.Fatal(err)
	}
	archive := archiveOf(t, from)
	write(t, from, 201, MetaKey("later"))
	if err := to.Restore(bytes.NewReader(archive)); err != nil {
		t.Fatal(err)
	}
	if got := appliedOf(t, to); got != 200 {
		t.Errorf("applied after a restore = %d, want 200", got)
	}
	if b, err := before.Load(MetaKey("gone")); err != nil || b == nil {
		t.Errorf("an older view's value = %q, %v, want what it was", b, err)
	}
	before.Close()
	names, err := to.cfg.FS.List("state")
	if err != nil || len(names) != 2 {
		t.Errorf("files after a restore = %v, %v, want CURRENT and one database", names, err)
	}
	again := openAt(t, vfs.NewMem())
	if err := again.Restore(bytes.NewReader(archiveOf(t, to))); err != nil {
		t.Fatal(err)
	}
	if got, want := digestOf(t, again), digestOf(t, to); got != want {
		t.Errorf("digest of a restored state = %s, want %s", got, want)
	}
}

// Every archive that was cut, changed or belongs elsewhere is refused, and the state stays what it was.
func TestRestoreRefuses(t *testing.T) {
	from, to := openAt(t, vfs.NewMem()), openAt(t, vfs.NewMem())
	for i := range uint64(20) {
		write(t, from, i+1, NationalKey(i))
	}
	write(t, to, 3, MetaKey("kept"))
	want := digestOf(t, to)
	archive := archiveOf(t, from)
	cases := map[string][]byte{"nothing": nil, "more": append(bytes.Clone(archive), 0)}
	for i := 0; i < len(archive); i += 1 + len(archive)/40 {
		flipped := bytes.Clone(archive)
		flipped[i] ^= 0x10
		cases[fmt.Sprintf("bit flipped at %d", i)] = flipped
		cases[fmt.Sprintf("cut at %d", i)] = archive[:i]
	}
	name := bytes.Clone(archive)
	copy(name[headerSize+2:], "../")
	cases["a path out"] = name
	for what, b := range cases {
		if err := to.Restore(bytes.NewReader(b)); err == nil {
			t.Errorf("Restore(%s) = nil, want an error", what)
		}
		if got := digestOf(t, to); got != want {
			t.Fatalf("the state changed after Restore(%s)", what)
		}
	}
}

// Wherever a restore is cut off, the node comes up with the old state or the new one.
func TestCrashDuringRestore(t *testing.T) {
	from := openAt(t, vfs.NewMem())
	for i := range uint64(50) {
		write(t, from, i+1, NationalKey(i))
	}
	archive := archiveOf(t, from)
	fs := vfs.NewCrashableMem()
	to := openAt(t, fs)
	write(t, to, 3, MetaKey("old"))
	if c, err := to.Checkpoint(); err != nil {
		t.Fatal(err)
	} else if err := c.Remove(); err != nil {
		t.Fatal(err)
	}
	seen := map[uint64]int{}
	for cut := 0; cut <= len(archive); cut += 1 + len(archive)/20 {
		r := &crashingReader{r: bytes.NewReader(archive), left: cut, crash: func() {
			clone := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: newRNG(cut)})
			seen[appliedOf(t, openAt(t, clone))]++
		}}
		if cut < len(archive)-40 {
			to.Restore(r)
		}
	}
	if err := to.Restore(bytes.NewReader(archive)); err != nil {
		t.Fatal(err)
	}
	seen[appliedOf(t, openAt(t, fs.CrashClone(vfs.CrashCloneCfg{})))]++
	if len(seen) != 2 || seen[3] == 0 || seen[50] == 0 {
		t.Errorf("applied after crashes = %v, want only 3 and 50, each seen", seen)
	}
}

func archiveOf(t *testing.T, s *Store) []byte {
	t.Helper()
	c, err := s.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Remove()
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// No bytes make a restore do anything but fail cleanly or give exactly the archive's state.
func FuzzRestore(f *testing.F) {
	from, err := Open(Config{FS: vfs.NewMem(), Dir: "state", Cluster: trust.Digest{7}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	c, err := from.Checkpoint()
	if err != nil {
		f.Fatal(err)
	}
	var archive bytes.Buffer
	if _, err := c.WriteTo(&archive); err != nil {
		f.Fatal(err)
	}
	from.Close()
	f.Add(archive.Bytes())
	f.Add(archive.Bytes()[:headerSize])
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := openAt(t, vfs.NewMem())
		if err := s.Restore(bytes.NewReader(b)); err == nil && !bytes.Equal(b, archive.Bytes()) {
			t.Errorf("Restore(%d other bytes) = nil, want an error", len(b))
		}
		if appliedOf(t, s) != 0 {
			t.Errorf("applied after Restore(%d bytes) = %d, want 0", len(b), appliedOf(t, s))
		}
	})
}
