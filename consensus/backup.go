package consensus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hutong-project/hutong/consensus/state"
	"github.com/hutong-project/hutong/consensus/store"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/registry"
	"github.com/hutong-project/hutong/trust/sm3"
	"github.com/hutong-project/hutong/trust/strictjson"
)

// A backup file is, with numbers big-endian:
//
//	magic "HUTONGBACKUP\x00\x00\x00\x01" (16 bytes; the last one is the format's version)
//	length of the label (4), the label (JSON), SM3 of everything before (32)
//	a snapshot archive of consensus/store, which ends with its own SM3
const backupMagic = "HUTONGBACKUP\x00\x00\x00\x01"

// BackupVersion is the version of the format that is written and read.
const BackupVersion = 1

const maxLabel = 4 << 10

// ErrNotBackup is returned for a file that is no backup, is damaged, or is of a format that is not known.
var ErrNotBackup = errors.New("no backup that can be used")

// A Label says whose state a backup holds.
type Label struct {
	Province trust.Province `json:"province"`
	Pin      trust.Digest   `json:"pin"` // of the first national list
	Cluster  trust.Digest   `json:"cluster"`
	Node     string         `json:"node"`  // that made it
	Made     trust.Time     `json:"made"`  // by that node's clock
	Index    uint64         `json:"index"` // of the last Raft entry whose effect it holds
	Term     uint64         `json:"term"`
}

// WriteBackup writes a backup of what this node has applied. Memory does not grow with the state; writes go on
// meanwhile. Files that the state no longer needs stay on disk until it ends.
func (r *Registry) WriteBackup(w io.Writer) (Label, error) {
	if err := r.usable(); err != nil {
		return Label{}, err
	}
	c, err := r.store.Backup()
	if err != nil {
		return Label{}, err
	}
	defer func() {
		if err := c.Remove(); err != nil {
			r.cfg.Logger.Warn("the files of a backup were not removed", "error", err)
		}
	}()
	h := c.Header()
	label := Label{
		Province: r.cfg.Own, Pin: r.cfg.Pin, Cluster: h.Cluster, Node: r.cfg.NodeID, Made: r.cfg.now(), Index: h.Index, Term: h.Term,
	}
	head, err := label.bytes()
	if err == nil {
		_, err = w.Write(head)
	}
	if err == nil {
		_, err = c.WriteTo(w)
	}
	if err != nil {
		return label, fmt.Errorf("writing a backup: %w", err)
	}
	return label, nil
}

func (l Label) bytes() ([]byte, error) {
	text, err := strictjson.Marshal(l)
	if err != nil {
		return nil, err
	}
	b := binary.BigEndian.AppendUint32([]byte(backupMagic), uint32(len(text)))
	b = append(b, text...)
	sum := sm3.Sum(b)
	return append(b, sum[:]...), nil
}

// ReadLabel reads the beginning of a backup; the archive follows.
func ReadLabel(r io.Reader) (l Label, err error) {
	head := make([]byte, len(backupMagic)+4)
	if _, err := io.ReadFull(r, head); err != nil {
		return l, fmt.Errorf("%w: reading its beginning: %v", ErrNotBackup, err)
	}
	if magic := string(head[:len(backupMagic)]); magic != backupMagic {
		if magic[:12] == backupMagic[:12] {
			return l, fmt.Errorf("%w: it has format %d, this version reads %d", ErrNotBackup, binary.BigEndian.Uint32(head[12:]), BackupVersion)
		}
		return l, fmt.Errorf("%w: it does not begin like one", ErrNotBackup)
	}
	n := binary.BigEndian.Uint32(head[len(backupMagic):])
	if n > maxLabel {
		return l, fmt.Errorf("%w: a label of %d bytes, want at most %d", ErrNotBackup, n, maxLabel)
	}
	rest := make([]byte, int(n)+trust.HashSize)
	if _, err := io.ReadFull(r, rest); err != nil {
		return l, fmt.Errorf("%w: reading its label: %v", ErrNotBackup, err)
	}
	if sum := sm3.Sum(head, rest[:n]); string(sum[:]) != string(rest[n:]) {
		return l, fmt.Errorf("%w: its label does not have the digest that it states", ErrNotBackup)
	}
	if err := strictjson.Unmarshal(rest[:n], &l); err != nil {
		return l, fmt.Errorf("%w: reading its label: %v", ErrNotBackup, err)
	}
	return l, nil
}

// VerifyBackup reads a whole backup and checks its digests, without unpacking it.
func VerifyBackup(r io.Reader) (Label, error) {
	label, err := ReadLabel(r)
	if err != nil {
		return label, err
	}
	h, err := store.Verify(r)
	if err == nil && (h.Cluster != label.Cluster || h.Index != label.Index || h.Term != label.Term) {
		err = errors.New("label and archive do not belong together")
	}
	if err != nil {
		return label, fmt.Errorf("%w: %v", ErrNotBackup, err)
	}
	return label, nil
}

// InspectBackup reads a whole backup, checks its digests and unpacks it into the folder dir of disk, which must be
// empty, to say what it holds. The caller removes the folder. Errors wrap ErrNotBackup where the file is at fault.
func InspectBackup(r io.Reader, disk vfs.FS, dir string) (Label, *registry.View, error) {
	label, err := ReadLabel(r)
	if err != nil {
		return label, nil, err
	}
	s, err := unpackBackup(r, label, disk, dir)
	if err != nil {
		return label, nil, err
	}
	defer s.Close()
	view, err := viewOf(s, label.Province)
	if err != nil {
		return label, nil, fmt.Errorf("%w: %v", ErrNotBackup, err)
	}
	return label, view, nil
}

// unpackBackup opens a store in dir and restores the archive that follows the label.
func unpackBackup(r io.Reader, label Label, disk vfs.FS, dir string) (*store.Store, error) {
	s, err := store.Open(store.Config{FS: disk, Dir: dir, Cluster: label.Cluster, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	if err = s.Restore(r); err != nil {
		err = fmt.Errorf("%w: %v", ErrNotBackup, err)
	} else if index, term, e := s.Applied(); e != nil {
		err = e
	} else if index != label.Index || term != label.Term {
		err = fmt.Errorf("%w: its label says entry %d of term %d, its archive %d of %d", ErrNotBackup, label.Index, label.Term, index, term)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// viewOf returns what the state in a store says.
func viewOf(s *store.Store, own trust.Province) (*registry.View, error) {
	v, err := s.View()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	m, err := state.Load(own, v)
	if err != nil {
		return nil, err
	}
	return m.View(), nil
}
