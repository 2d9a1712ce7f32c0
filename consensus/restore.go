package consensus

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"

	"github.com/hutong-project/hutong/consensus/state"
	"github.com/hutong-project/hutong/consensus/store"
	"github.com/hutong-project/hutong/trust/registry"
)

// ErrRestore is returned when a sound backup is not restored here. With Force, only another province's backup is refused.
var ErrRestore = errors.New("the backup is not restored")

// A Restoring says how a backup is brought back.
type Restoring struct {
	Force   bool // take another cluster's backup of the same province; lower the floors of a state that is there
	NoPeers bool // the operator states that no other province holds anything of this one
}

// Restore makes the data directory of a stopped node from a backup. The node, and every other of cfg.Members that was
// restored from the same backup, starts as a member of one cluster that goes on after the backup's last entry, unsettled. A
// state that was there is moved to Dir.before-restore, whose earlier content is removed; the new one is built
// beside it and moved into place at the end, so that a crash leaves the one or the other.
//
// Errors wrap ErrNotBackup for a damaged file, ErrRestore for one that is refused, and ErrWrongDir for a directory that
// is another node's. The same backup gives the same state on every node.
func Restore(cfg Config, file io.Reader, how Restoring) (Label, error) {
	cfg, err := cfg.filled()
	if err != nil {
		return Label{}, err
	}
	disk := cfg.FS
	if disk == nil {
		disk = store.Disk
	}
	label, err := ReadLabel(file)
	if err != nil {
		return label, err
	}
	if err := label.check(&cfg, how); err != nil {
		return label, err
	}
	fresh := cfg
	fresh.Dir = cfg.Dir + ".restoring"
	if err := disk.RemoveAll(fresh.Dir); err != nil {
		return label, fmt.Errorf("restoring a backup: %w", err)
	}
	if err := restoreInto(&fresh, disk, file, label, how); err != nil {
		return label, errors.Join(err, disk.RemoveAll(fresh.Dir))
	}
	there, err := compareFloors(&cfg, &fresh, disk, how)
	if err != nil {
		return label, errors.Join(err, disk.RemoveAll(fresh.Dir))
	}
	if there {
		before := cfg.Dir + ".before-restore"
		if err := disk.RemoveAll(before); err != nil {
			return label, fmt.Errorf("restoring a backup: %w", err)
		}
		if err := store.MoveDir(disk, cfg.Dir, before); err != nil {
			return label, fmt.Errorf("restoring a backup: %w", err)
		}
	} else if err := disk.RemoveAll(cfg.Dir); err != nil {
		return label, fmt.Errorf("restoring a backup: %w", err)
	}
	return label, store.MoveDir(disk, fresh.Dir, cfg.Dir)
}

// check refuses a backup that is of somebody else.
func (l Label) check(c *Config, how Restoring) error {
	switch want := clusterID(c); {
	case l.Province != c.Own:
		return fmt.Errorf("%w: it is of province %s, the configuration of %s", ErrRestore, l.Province, c.Own)
	case l.Pin != c.Pin:
		return fmt.Errorf("%w: its cluster started from national list %s, the configuration pins %s", ErrRestore, l.Pin.Short(), c.Pin.Short())
	case l.Cluster != want && !how.Force:
		return fmt.Errorf("%w: it is of cluster %s, the configured members make cluster %s; --force takes it, where the members are new ones on purpose",
			ErrRestore, l.Cluster.Short(), want.Short())
	}
	return nil
}

// restoreInto makes a data directory from nothing: the state, marked as unsettled, and a Raft log that begins with it.
func restoreInto(c *Config, disk vfs.FS, file io.Reader, label Label, how Restoring) error {
	id, err := claim(c, disk)
	if err != nil {
		return err
	}
	dir := disk.PathJoin(c.Dir, "state")
	s, err := unpackBackup(file, label, disk, dir)
	if err != nil {
		return err
	}
	members := (&Registry{cfg: *c}).members()
	b := s.NewBatch()
	b.Set(membersKey, raft.EncodeConfiguration(members))
	state.MarkUnsettled(b, label.Made, fmt.Sprintf("its state was restored from a backup of %s", label.Made), how.NoPeers)
	err = b.Commit()
	if err := errors.Join(err, s.Close()); err != nil {
		return fmt.Errorf("marking the restored state: %w", err)
	}
	if err := beginLog(c, disk, dir, id, label, members); err != nil {
		return fmt.Errorf("making the Raft log of the restored state: %w", err)
	}
	id.Begun = true
	return writeIdentity(c, disk, id)
}

// beginLog makes a Raft log that holds nothing but a snapshot: the restored state. All members get the same, so none of
// them needs to be bootstrapped, and no majority of them can begin without it.
func beginLog(c *Config, disk vfs.FS, dir string, id identity, label Label, members raft.Configuration) error {
	s, err := store.Open(store.Config{FS: disk, Dir: dir, Cluster: id.Cluster, Logger: c.Logger})
	if err != nil {
		return err
	}
	defer s.Close()
	r := &Registry{cfg: *c}
	defer func() {
		for _, end := range slices.Backward(r.closers) {
			end()
		}
	}()
	logs, err := r.openLogs()
	if err != nil {
		return err
	}
	snapshots, err := r.openSnapshots()
	if err != nil {
		return err
	}
	// The name of Raft's own entry for the term: a later term than that of the snapshot has to follow.
	if err := logs.SetUint64([]byte("CurrentTerm"), label.Term); err != nil {
		return err
	}
	checkpoint, err := s.Checkpoint() // syncs what was restored
	if err != nil {
		return err
	}
	_, names := raft.NewInmemTransport("")
	sink, err := snapshots.Create(raft.SnapshotVersionMax, label.Index, label.Term, members, label.Index, names)
	if err == nil {
		if _, err = checkpoint.WriteTo(sink); err != nil {
			err = errors.Join(err, sink.Cancel())
		} else {
			err = sink.Close()
		}
	}
	return errors.Join(err, checkpoint.Remove())
}

// compareFloors reports whether there is a state, and refuses to bring back one whose floors lie below its own.
func compareFloors(c, fresh *Config, disk vfs.FS, how Restoring) (there bool, err error) {
	names, err := disk.List(c.Dir)
	if err != nil || len(names) == 0 {
		return false, nil
	}
	if _, err := claim(c, disk); err != nil && !how.Force {
		return true, err
	}
	if !slices.Contains(names, "state") {
		return true, nil
	}
	held, err := viewIn(c, disk)
	if err != nil {
		if errors.Is(err, syscall.EAGAIN) || strings.Contains(err.Error(), "lock held") {
			return true, fmt.Errorf("%w: the node of %s is running; stop it first", ErrRestore, c.Dir)
		}
		if how.Force {
			return true, nil
		}
		return true, fmt.Errorf("%w: the state in %s cannot be read; --force moves it away: %w", ErrRestore, c.Dir, err)
	}
	backup, err := viewIn(fresh, disk)
	if err != nil {
		return true, err
	}
	if why := lowers(held, backup); why != "" && !how.Force {
		return true, fmt.Errorf("%w: %s; --force restores it all the same", ErrRestore, why)
	}
	return true, nil
}

func viewIn(c *Config, disk vfs.FS) (*registry.View, error) {
	s, err := store.Open(store.Config{FS: disk, Dir: disk.PathJoin(c.Dir, "state"), Cluster: clusterID(c), Logger: c.Logger})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return viewOf(s, c.Own)
}

// lowers says which number of held would fall if next took its place; empty: none.
func lowers(held, next *registry.View) string {
	if held.National != nil && (next.National == nil || next.National.Sequence < held.National.Sequence) {
		return fmt.Sprintf("it would lower the national list below %d", held.National.Sequence)
	}
	for _, code := range held.Codes() {
		h, n := held.Provinces[code], next.Provinces[code]
		if h.Head != nil && (n == nil || n.Head == nil || n.Head.Session < h.Head.Session || n.Head.Session == h.Head.Session && n.Head.Sequence < h.Head.Sequence) {
			return fmt.Sprintf("it would lower the head of %s below %d of session %d", code, h.Head.Sequence, h.Head.Session)
		}
		if h.List != nil && (n.List == nil || n.List.Session == h.List.Session && n.List.Number < h.List.Number) {
			return fmt.Sprintf("it would lower the trust list of %s below version %d", code, h.List.Number)
		}
		if h.Local && n.Log.Size < h.Log.Size && n.Log.Generation == h.Log.Generation {
			return fmt.Sprintf("it would drop leaves of the log of %s from %d on", code, n.Log.Size)
		}
	}
	return ""
}
