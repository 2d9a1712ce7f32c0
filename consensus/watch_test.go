package consensus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/hashicorp/raft"

	"github.com/hutong-project/hutong/consensus/consensustest"
)

// ailing makes nodes of a cluster whose disks can be made bad, and notes how their processes end.
type ailing struct {
	mu    sync.Mutex
	hung  map[string]chan struct{} // by node: syncs of the canary wait for it
	full  map[string]bool          // by node: the Raft log takes no more
	exits map[string]int
}

func newAiling() *ailing {
	return &ailing{hung: map[string]chan struct{}{}, full: map[string]bool{}, exits: map[string]int{}}
}

func (a *ailing) edit(cfg *Config) {
	id := cfg.NodeID
	cfg.FS = errorfs.Wrap(cfg.FS, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileSync && strings.HasSuffix(op.Path, "canary") {
			a.mu.Lock()
			hung := a.hung[id]
			a.mu.Unlock()
			if hung != nil {
				<-hung
			}
		}
		return nil
	}))
	cfg.Logs = fullLogs{cfg.Logs, func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.full[id]
	}}
	cfg.Exit = func(code int) {
		a.mu.Lock()
		defer a.mu.Unlock()
		if _, twice := a.exits[id]; !twice {
			a.exits[id] = code
		}
	}
}

func (a *ailing) exit(id string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.exits[id]
}

// fullLogs is a Raft log on a disk that may have no room.
type fullLogs struct {
	LogStore
	full func() bool
}

// StoreLogs is raft.LogStore's.
func (f fullLogs) StoreLogs(l []*raft.Log) error {
	if f.full() {
		return fmt.Errorf("write log.db: %w", syscall.ENOSPC)
	}
	return f.LogStore.StoreLogs(l)
}

// A leader whose disk hangs goes on sending heartbeats, so that nobody else would stand for election
// (hashicorp/raft#503, #666). It hands over, and its process ends, within seconds.
func TestHungDisk(t *testing.T) {
	for _, leading := range []bool{true, false} {
		t.Run(fmt.Sprintf("leading=%v", leading), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAiling()
				c := startCluster(t, 3, a.edit)
				m := c.leader()
				if !leading {
					m = c.follower()
				}
				release := make(chan struct{})
				defer close(release)
				a.mu.Lock()
				a.hung[m.id] = release
				a.mu.Unlock()
				begin := time.Now()
				c.eventually("doubt", func() bool { return m.Health().Disk != "" })
				c.eventually("the end of the process", func() bool { return a.exit(m.id) != 0 })
				if got := a.exit(m.id); got != ExitDiskHung {
					t.Errorf("exit code %d, want %d", got, ExitDiskHung)
				}
				if took := time.Since(begin); took > 10*time.Second {
					t.Errorf("the process ended after %s, want 10 s at most", took)
				}
				if _, _, self := m.Leader(); self {
					t.Error("it led until its process ended, want another leader before")
				}
				if _, err := m.AppendBatch(t.Context(), nil); err == nil {
					t.Error("AppendBatch() on the stopped node succeeded")
				}
				if err := m.failed(); err == nil || !strings.Contains(err.Error(), "dmesg") {
					t.Errorf("it stopped for %v, want the remedy in it", err)
				}
			})
		})
	}
}

// A full disk ends the process before anything is acknowledged, and the cluster goes on without it.
func TestFullRaftLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAiling()
		c := startCluster(t, 3, a.edit)
		c.begin()
		m := c.leader()
		a.mu.Lock()
		a.full[m.id] = true
		a.mu.Unlock()
		signed := c.world.Provinces[own].Batch(1, consensustest.Revoked("a"))
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if receipt, err := m.AppendBatch(ctx, signed); !errors.Is(err, ErrUnknownOutcome) && !errors.Is(err, ErrStopped) && !errors.Is(err, ErrNoLeader) {
			t.Errorf("AppendBatch() on a full disk = %+v, %v, want an error that promises nothing", receipt, err)
		}
		c.eventually("the end of the process", func() bool { return a.exit(m.id) != 0 })
		if got := a.exit(m.id); got != ExitDiskFull {
			t.Fatalf("exit code %d, want %d", got, ExitDiskFull)
		}
		if err := m.failed(); err == nil || !strings.Contains(err.Error(), "--free-reserve") {
			t.Errorf("it stopped for %v, want the remedy in it", err)
		}
		c.cut(m) // as its process is gone
		if _, err := c.leader().AppendBatch(t.Context(), signed); err != nil {
			t.Errorf("AppendBatch() on the others = %v", err)
		}
	})
}
