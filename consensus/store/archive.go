package store

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"sort"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/sm3"
)

// A snapshot archive is, with all numbers big-endian:
//
//	magic "HUTONGSTATE\x00\x00\x00\x00\x01" (16 bytes; the last one is the version)
//	cluster (32), applied index (8), applied term (8)
//	for each file in order of its name: length of the name (2), name, size (8), content
//	0 (2), SM3 of everything before (32)
//
// The applied index stands in the archive because the one that Raft keeps beside a snapshot also counts entries
// that never reach the state, and because Raft shows a received snapshot before it is restored: which of the two
// is newer, database or archive, can only be told from what the two say of themselves.
const magic = "HUTONGSTATE\x00\x00\x00\x00\x01"

const (
	headerSize = len(magic) + trust.HashSize + 16
	maxFiles   = 1 << 20
)

// A Header is the beginning of an archive.
type Header struct {
	Cluster     trust.Digest
	Index, Term uint64 // the last entry whose effect the archive holds
}

// ReadHeader reads the beginning of an archive.
func ReadHeader(r io.Reader) (h Header, err error) {
	var b [headerSize]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return h, fmt.Errorf("reading the header of an archive: %w", err)
	}
	if string(b[:len(magic)]) != magic {
		return h, fmt.Errorf("reading the header of an archive: it starts with %q, want %q", b[:len(magic)], magic)
	}
	rest := b[len(magic):]
	copy(h.Cluster[:], rest)
	h.Index = binary.BigEndian.Uint64(rest[trust.HashSize:])
	h.Term = binary.BigEndian.Uint64(rest[trust.HashSize+8:])
	return h, nil
}

func (h Header) bytes() []byte {
	b := append([]byte(magic), h.Cluster[:]...)
	b = binary.BigEndian.AppendUint64(b, h.Index)
	return binary.BigEndian.AppendUint64(b, h.Term)
}

// A Checkpoint is a copy of the database at one entry, made of links to its files.
type Checkpoint struct {
	store *Store
	dir   string
	head  Header
}

// Checkpoint syncs the database and links its files. Raft cuts its log after a snapshot succeeded: what the
// checkpoint holds must be on disk in the database itself by then, and it is when this returns.
func (s *Store) Checkpoint() (*Checkpoint, error) {
	index, term, err := s.Applied()
	if err != nil {
		return nil, err
	}
	dir := s.cfg.FS.PathJoin(s.cfg.Dir, fmt.Sprintf("checkpoint-%d", index))
	if err := s.cfg.FS.RemoveAll(dir); err != nil {
		return nil, fmt.Errorf("making a checkpoint at entry %d: %w", index, err)
	}
	if err := s.db.db.Checkpoint(dir, pebble.WithFlushedWAL()); err != nil {
		return nil, fmt.Errorf("making a checkpoint at entry %d: %w", index, err)
	}
	return &Checkpoint{store: s, dir: dir, head: Header{Cluster: s.cfg.Cluster, Index: index, Term: term}}, nil
}

// Remove deletes the links.
func (c *Checkpoint) Remove() error { return c.store.cfg.FS.RemoveAll(c.dir) }

// WriteTo writes the checkpoint as an archive.
func (c *Checkpoint) WriteTo(w io.Writer) (int64, error) {
	fs := c.store.cfg.FS
	names, err := fs.List(c.dir)
	if err != nil {
		return 0, fmt.Errorf("writing an archive: %w", err)
	}
	sort.Strings(names)
	out := &digestWriter{w: bufio.NewWriterSize(w, 1<<20), h: sm3.New()}
	out.Write(c.head.bytes())
	for _, name := range names {
		if err := writeEntry(out, c.store, fs.PathJoin(c.dir, name), name); err != nil {
			return out.n, fmt.Errorf("writing %s to an archive: %w", name, err)
		}
	}
	out.Write([]byte{0, 0})
	out.Write(out.h.Sum(nil))
	if out.err == nil {
		out.err = out.w.Flush()
	}
	if out.err != nil {
		return out.n, fmt.Errorf("writing an archive: %w", out.err)
	}
	return out.n, nil
}

func writeEntry(out *digestWriter, s *Store, path, name string) error {
	f, err := s.cfg.FS.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	head := binary.BigEndian.AppendUint16(nil, uint16(len(name)))
	head = append(head, name...)
	out.Write(binary.BigEndian.AppendUint64(head, uint64(info.Size())))
	n, err := io.Copy(out, f)
	if err == nil && n != info.Size() {
		err = fmt.Errorf("%d bytes, want %d", n, info.Size())
	}
	return err
}

// Restore replaces the whole state by an archive. The archive is unpacked into a directory of its own, checked,
// opened and synced; then CURRENT is moved to it. Views of the old database stay good until they are closed.
// On any error the state is what it was.
func (s *Store) Restore(r io.Reader) error {
	number := s.number + 1
	head, err := s.unpack(bufio.NewReaderSize(r, 1<<20), number)
	if err != nil {
		s.cfg.FS.RemoveAll(s.path(number))
		return fmt.Errorf("restoring the state: %w", err)
	}
	db, err := s.open(number)
	if err != nil {
		s.cfg.FS.RemoveAll(s.path(number))
		return fmt.Errorf("opening the restored state: %w", err)
	}
	err = checkRestored(db, head)
	if err == nil {
		err = s.writePointer(number)
	}
	if err != nil {
		db.Close()
		s.cfg.FS.RemoveAll(s.path(number))
		return fmt.Errorf("restoring the state at entry %d: %w", head.Index, err)
	}
	s.mu.Lock()
	old, oldPath := s.db, s.path(s.number)
	s.db, s.number = newHandle(db), number
	s.restored++
	s.mu.Unlock()
	old.gone = func() { s.cfg.FS.RemoveAll(oldPath) }
	return old.release()
}

// Restored returns how often the state was replaced since it was opened.
func (s *Store) Restored() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.restored
}

func checkRestored(db *pebble.DB, head Header) error {
	b, err := load(db, appliedKey)
	if err != nil {
		return err
	}
	index, term, err := decodeApplied(b)
	if err == nil && (index != head.Index || term != head.Term) {
		err = fmt.Errorf("the archive says entry %d of term %d, its database %d of %d", head.Index, head.Term, index, term)
	}
	return err
}

func (s *Store) unpack(r io.Reader, number uint64) (Header, error) {
	fs, dir := s.cfg.FS, s.path(number)
	in := &digestReader{r: r, h: sm3.New()}
	head, err := ReadHeader(in)
	if err != nil {
		return head, err
	}
	if head.Cluster != s.cfg.Cluster {
		return head, fmt.Errorf("the archive is of cluster %s, this is cluster %s", head.Cluster.Short(), s.cfg.Cluster.Short())
	}
	if err := fs.RemoveAll(dir); err != nil {
		return head, err
	}
	if err := fs.MkdirAll(dir, dirMode); err != nil {
		return head, err
	}
	for range maxFiles {
		more, err := s.unpackFile(in, dir)
		if err != nil {
			return head, err
		}
		if !more {
			if err := in.checkEnd(); err != nil {
				return head, err
			}
			if err := syncDir(fs, dir); err != nil {
				return head, err
			}
			return head, syncDir(fs, s.cfg.Dir)
		}
	}
	return head, fmt.Errorf("more than %d files", maxFiles)
}

func (s *Store) unpackFile(in *digestReader, dir string) (more bool, err error) {
	var length [2]byte
	if _, err := io.ReadFull(in, length[:]); err != nil {
		return false, err
	}
	n := binary.BigEndian.Uint16(length[:])
	if n == 0 {
		return false, nil
	}
	head := make([]byte, int(n)+8)
	if _, err := io.ReadFull(in, head); err != nil {
		return false, err
	}
	name, size := string(head[:n]), binary.BigEndian.Uint64(head[n:])
	if !validName(name) {
		return false, fmt.Errorf("a file called %q", name)
	}
	f, err := s.cfg.FS.Create(s.cfg.FS.PathJoin(dir, name), diskCategory)
	if err != nil {
		return false, err
	}
	_, err = io.CopyN(f, in, int64(size))
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return false, fmt.Errorf("unpacking %s of %d bytes: %w", name, size, err)
	}
	return true, nil
}

// digestWriter hashes what passes. The first error sticks.
type digestWriter struct {
	w   *bufio.Writer
	h   hash.Hash
	n   int64
	err error
}

func (d *digestWriter) Write(b []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	d.h.Write(b)
	var n int
	n, d.err = d.w.Write(b)
	d.n += int64(n)
	return n, d.err
}

// digestReader hashes what passes.
type digestReader struct {
	r io.Reader
	h hash.Hash
}

func (d *digestReader) Read(b []byte) (int, error) {
	n, err := d.r.Read(b)
	d.h.Write(b[:n])
	return n, err
}

// checkEnd reads the digest that an archive ends with, and nothing may follow it.
func (d *digestReader) checkEnd() error {
	var got, want trust.Digest
	d.h.Sum(got[:0])
	if _, err := io.ReadFull(d.r, want[:]); err != nil {
		return fmt.Errorf("reading the digest of an archive: %w", err)
	}
	if got != want {
		return fmt.Errorf("the archive's digest is %s, its content gives %s", want.Short(), got.Short())
	}
	if n, _ := d.r.Read(make([]byte, 1)); n != 0 {
		return fmt.Errorf("the archive goes on after its digest")
	}
	return nil
}
