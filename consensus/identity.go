package consensus

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hutong-project/hutong/consensus/store"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/sm3"
	"github.com/hutong-project/hutong/trust/strictjson"
)

const (
	identityFile   = "identity.json"
	identityFormat = 1
	maxIdentity    = 4 << 10
)

// identity is what a data directory says of itself, so that it cannot be taken for another one's. It is written
// once before anything else, and once more when the cluster was bootstrapped.
type identity struct {
	Format   int            `json:"format"`
	Cluster  trust.Digest   `json:"cluster"`
	Province trust.Province `json:"province"`
	Pin      trust.Digest   `json:"pin"`
	Node     string         `json:"node"`
	// Begun: Raft has had a state here. From then on the directory is never bootstrapped again, even if that
	// state should be lost: a node that forgot its votes could vote twice.
	Begun bool `json:"begun"`
}

// clusterID names a cluster by what never changes: its province, its pin, and the random value that was made with its
// configuration, or the nodes that it was started with where there is none.
func clusterID(c *Config) trust.Digest {
	if !c.Founded.IsZero() {
		return sm3.Sum([]byte("hutong/cluster/v2\x00"), []byte(c.Own), []byte{0}, c.Pin[:], c.Founded[:])
	}
	ids := make([]string, 0, len(c.Members))
	for _, m := range c.Members {
		ids = append(ids, m.ID)
	}
	slices.Sort(ids)
	parts := [][]byte{[]byte("hutong/cluster/v1\x00"), []byte(c.Own), {0}, c.Pin[:]}
	for _, id := range ids {
		parts = append(parts, []byte(id), []byte{0})
	}
	return sm3.Sum(parts...)
}

// claim returns the identity of the directory, which is written first where the directory is empty.
func claim(c *Config, disk vfs.FS) (identity, error) {
	want := identity{Format: identityFormat, Cluster: clusterID(c), Province: c.Own, Pin: c.Pin, Node: c.NodeID}
	if err := disk.MkdirAll(c.Dir, 0o700); err != nil {
		return want, fmt.Errorf("making the data directory: %w", err)
	}
	if c.FS == nil {
		if err := checkPrivate(c.Dir); err != nil {
			return want, err
		}
	}
	raw, err := store.ReadFile(disk, disk.PathJoin(c.Dir, identityFile), maxIdentity)
	if errors.Is(err, fs.ErrNotExist) {
		names, err := disk.List(c.Dir)
		if err != nil {
			return want, fmt.Errorf("listing the data directory: %w", err)
		}
		names = slices.DeleteFunc(names, func(n string) bool { return n == identityFile+".new" })
		if len(names) > 0 {
			return want, fmt.Errorf("%w: %s holds %s and %d more, but no %s; name an empty directory, or the one of this node",
				ErrWrongDir, c.Dir, names[0], len(names)-1, identityFile)
		}
		return want, writeIdentity(c, disk, want)
	}
	if err != nil {
		return want, fmt.Errorf("reading the identity of the data directory: %w", err)
	}
	var have identity
	if err := strictjson.Unmarshal(raw, &have); err != nil {
		return want, fmt.Errorf("%w: %s in %s: %v; restore the file, or start this node with an empty directory under a new id",
			ErrWrongDir, identityFile, c.Dir, err)
	}
	return have, have.check(want, c.Dir)
}

func (have identity) check(want identity, dir string) error {
	const remedy = "correct the configuration, or name another directory"
	switch {
	case have.Format != want.Format:
		return fmt.Errorf("%w: %s has format %d, want %d; start it with the version of the program that wrote it", ErrWrongDir, dir, have.Format, want.Format)
	case have.Province != want.Province:
		return fmt.Errorf("%w: %s is of province %s, want %s; %s", ErrWrongDir, dir, have.Province, want.Province, remedy)
	case have.Pin != want.Pin:
		return fmt.Errorf("%w: %s started from national list %s, the configuration pins %s; %s", ErrWrongDir, dir, have.Pin.Short(), want.Pin.Short(), remedy)
	case have.Node != want.Node:
		return fmt.Errorf("%w: %s is of node %q, want %q; %s", ErrWrongDir, dir, have.Node, want.Node, remedy)
	case have.Cluster != want.Cluster:
		return fmt.Errorf("%w: %s is of cluster %s, the configuration is of cluster %s (cluster.id or, without one, the ids of its members); %s", ErrWrongDir, dir, have.Cluster.Short(), want.Cluster.Short(), remedy)
	}
	return nil
}

func writeIdentity(c *Config, disk vfs.FS, id identity) error {
	raw, err := strictjson.Marshal(id)
	if err != nil {
		return fmt.Errorf("writing the identity of the data directory: %w", err)
	}
	return store.WriteFile(disk, c.Dir, identityFile, append(raw, '\n'))
}

// checkPrivate refuses a directory that others may look into: the registry names peers and authorities.
func checkPrivate(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("looking at the data directory: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("%w: %s can be read by others (mode %04o); run chmod 0700 %s", ErrWrongDir, dir, mode, dir)
	}
	return nil
}
