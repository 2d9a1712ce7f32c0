package consensus

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"

	"github.com/hutong-project/hutong/consensus/consensustest"
)

// TestRestoreRefuses: a backup that is another's, is damaged, or would lower what is there, leaves the directory alone.
func TestRestoreRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 1, nil)
		c.begin()
		c.push(1, "first")
		m := c.published()
		backup := backupOf(t, m)
		c.push(2, "second")
		c.published()
		c.stop(m)
		config := func(change func(*Config)) Config {
			cfg := c.config(m)
			change(&cfg)
			return cfg
		}
		there := names(t, m.fs)
		cut := backup[:len(backup)-1]
		flip := bytes.Clone(backup)
		flip[len(flip)/2] ^= 1
		for _, test := range []struct {
			name   string
			backup []byte
			how    Restoring
			change func(*Config)
			want   error
		}{
			{"another province", backup, Restoring{Force: true}, func(c *Config) { c.Own = consensustest.Foreign }, ErrRestore},
			{"another pin", backup, Restoring{Force: true}, func(c *Config) { c.Pin[0] ^= 1 }, ErrRestore},
			{"another cluster", backup, Restoring{}, func(c *Config) {
				c.Dir, c.Members = "elsewhere", append(slices.Clone(c.Members), Member{ID: "n2", Address: "n2"})
			}, ErrRestore},
			{"another node's directory", backup, Restoring{}, func(c *Config) {
				c.NodeID, c.Members = "n9", []Member{{ID: "n9", Address: "n9"}}
			}, ErrRestore},
			{"below what is there", backup, Restoring{}, func(*Config) {}, ErrRestore},
			{"cut short", cut, Restoring{Force: true}, func(*Config) {}, ErrNotBackup},
			{"a flipped bit", flip, Restoring{Force: true}, func(*Config) {}, ErrNotBackup},
			{"nothing", nil, Restoring{Force: true}, func(*Config) {}, ErrNotBackup},
			{"no identity", backup, Restoring{}, func(c *Config) { c.Dir = "strange" }, ErrWrongDir},
		} {
			if test.name == "no identity" {
				if err := m.fs.MkdirAll("strange/things", 0o700); err != nil {
					t.Fatal(err)
				}
				there = names(t, m.fs)
			}
			if _, err := Restore(config(test.change), bytes.NewReader(test.backup), test.how); !errors.Is(err, test.want) {
				t.Errorf("%s: Restore() = %v, want %v", test.name, err, test.want)
			}
			if got := names(t, m.fs); !slices.Equal(got, there) {
				t.Errorf("%s: after a refusal there are %q, want %q", test.name, got, there)
			}
		}
		c.start(m)
		if got := m.view().Provinces[consensustest.Own].Log.Size; got != 2 {
			t.Errorf("after the refusals the log has %d leaves, want 2", got)
		}
		c.stop(m)

		m.logs, m.snapshots = raft.NewInmemStore(), raft.NewInmemSnapshotStore() // which Restore makes anew on a disk
		if _, err := Restore(config(func(*Config) {}), bytes.NewReader(backup), Restoring{Force: true, NoPeers: true}); err != nil {
			t.Fatalf("Restore(forced) = %v, want no error", err)
		}
		if got := names(t, m.fs); !slices.Contains(got, "data.before-restore") {
			t.Errorf("after a forced restore there are %q, want the state from before among them", got)
		}
		c.start(m)
		c.settled()
		if got := c.push(2, "second again"); got.Position != 1 {
			t.Errorf("position after a forced restore = %d, want 1", got.Position)
		}
	})
}

// names returns what lies in the root of a file system.
func names(t *testing.T, fs vfs.FS) []string {
	t.Helper()
	all := must(t, fs.List, "")
	slices.Sort(all)
	return all
}
