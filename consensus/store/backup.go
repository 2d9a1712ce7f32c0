package store

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hutong-project/hutong/trust/sm3"
)

// Backup is Checkpoint for any goroutine and beside Commit: what entry the checkpoint stands at is read from the
// checkpoint itself, as commits may go on while it is made. Each call has a folder of its own. It does not say that
// the database itself is synced, so Raft's log must not be cut for it.
func (s *Store) Backup() (*Checkpoint, error) {
	v, err := s.View() // keeps the database open if a Restore replaces it meanwhile
	if err != nil {
		return nil, err
	}
	defer v.Close()
	s.mu.Lock()
	s.backups++
	dir := s.cfg.FS.PathJoin(s.cfg.Dir, fmt.Sprintf("backup-%d", s.backups))
	s.mu.Unlock()
	c := &Checkpoint{store: s, dir: dir, head: Header{Cluster: s.cfg.Cluster}}
	if err := s.cfg.FS.RemoveAll(dir); err != nil {
		return nil, fmt.Errorf("making a backup: %w", err)
	}
	if err = v.handle.db.Checkpoint(dir, pebble.WithFlushedWAL()); err == nil {
		c.head.Index, c.head.Term, err = s.appliedIn(dir)
	}
	if err != nil {
		c.Remove()
		return nil, fmt.Errorf("making a backup: %w", err)
	}
	return c, nil
}

// appliedIn reads the entry that the database in a folder stands at, without changing the folder.
func (s *Store) appliedIn(dir string) (index, term uint64, err error) {
	o := s.options()
	o.ReadOnly, o.CacheSize = true, 1<<20
	db, err := pebble.Open(dir, o)
	if err != nil {
		return 0, 0, err
	}
	b, err := load(db, appliedKey)
	if e := db.Close(); err == nil {
		err = e
	}
	if err != nil {
		return 0, 0, err
	}
	return decodeApplied(b)
}

// Header returns what the archive of the checkpoint begins with.
func (c *Checkpoint) Header() Header { return c.head }

// Verify reads an archive to its end and checks its digest, without unpacking it.
func Verify(r io.Reader) (Header, error) {
	in := &digestReader{r: bufio.NewReaderSize(r, 1<<20), h: sm3.New()}
	head, err := ReadHeader(in)
	if err != nil {
		return head, err
	}
	for range maxFiles {
		var length [2]byte
		if _, err := io.ReadFull(in, length[:]); err != nil {
			return head, fmt.Errorf("reading an archive: %w", err)
		}
		n := binary.BigEndian.Uint16(length[:])
		if n == 0 {
			return head, in.checkEnd()
		}
		entry := make([]byte, int(n)+8)
		if _, err := io.ReadFull(in, entry); err != nil {
			return head, fmt.Errorf("reading an archive: %w", err)
		}
		size := binary.BigEndian.Uint64(entry[n:])
		if size > math.MaxInt64 {
			return head, fmt.Errorf("reading an archive: a file of %d bytes", size)
		}
		if _, err := io.CopyN(io.Discard, in, int64(size)); err != nil {
			return head, fmt.Errorf("reading an archive: %w", err)
		}
	}
	return head, fmt.Errorf("reading an archive: more than %d files", maxFiles)
}

// MoveDir renames a folder within one parent and makes that durable.
func MoveDir(fs vfs.FS, from, to string) error {
	if err := fs.Rename(from, to); err != nil {
		return fmt.Errorf("moving %s to %s: %w", from, to, err)
	}
	parent := fs.PathDir(to)
	if parent == "." {
		parent = ""
	}
	return syncDir(fs, parent)
}
