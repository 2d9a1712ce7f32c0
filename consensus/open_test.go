package consensus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"

	"github.com/hutong-project/hutong/consensus/consensustest"
	"github.com/hutong-project/hutong/consensus/state"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/statuslog"
)

// onDisk returns the configuration of the only node of a cluster, on a real disk and a real port.
func onDisk(t testing.TB, w *consensustest.World, dir string) Config {
	t.Helper()
	cfg, err := alone(w, dir)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func alone(w *consensustest.World, dir string) (Config, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return Config{}, err
	}
	defer l.Close()
	address := l.Addr().String()
	begin := time.Now()
	return Config{
		Dir: dir, NodeID: "n1", Bind: address, Members: []Member{{ID: "n1", Address: address}}, Bootstrap: true,
		Own: own, Pin: w.Chain[0].Digest, Logger: slog.New(slog.DiscardHandler),
		Clock:            func() time.Time { return consensustest.Start.Std().Add(time.Since(begin)) },
		HeartbeatTimeout: 60 * time.Millisecond,
	}, nil
}

// A node on a real disk keeps what it acknowledged across a restart, and keeps it from others.
func TestRealDiskAndPort(t *testing.T) {
	w := consensustest.New()
	dir := filepath.Join(t.TempDir(), "node")
	cfg := onDisk(t, w, dir)
	signed := w.Provinces[own].Batch(1, consensustest.Revoked("a"))
	var first Receipt
	for round := range 3 {
		r, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		waitLeader(t, ctx, r)
		if round == 0 {
			if err := r.AdoptNational(ctx, w.Raws()); err != nil {
				t.Fatal(err)
			}
			if err := r.PublishList(ctx, w.Provinces[own].NextList(nil).Raw); err != nil {
				t.Fatal(err)
			}
		}
		receipt, err := r.AppendBatch(ctx, signed)
		if err != nil {
			t.Fatal(err)
		}
		if receipt.Index = 0; round == 0 {
			first = receipt
		} else if receipt != first {
			t.Errorf("receipt after restart %d = %+v, want %+v", round, receipt, first)
		}
		if round == 1 {
			if err := r.raft.Snapshot().Error(); err != nil {
				t.Fatal(err)
			}
		}
		cancel()
		for range 2 {
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := r.AppendBatch(t.Context(), signed); !errors.Is(err, ErrClosed) {
			t.Errorf("AppendBatch() after Close = %v, want ErrClosed", err)
		}
	}
	checkPrivateFiles(t, dir)
}

// checkPrivateFiles: the directory is the owner's alone, and so is each file that is not inside a closed folder.
func checkPrivateFiles(t *testing.T, dir string) {
	t.Helper()
	files := 0
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		files++
		inSnapshots := strings.Contains(path, "snapshots")
		if mode := info.Mode().Perm(); mode&0o077 != 0 && !inSnapshots {
			t.Errorf("mode of %s = %04o, want none for others", path, mode)
		}
		return nil
	})
	if err != nil || files < 8 {
		t.Errorf("walked %d files, %v, want at least 8", files, err)
	}
}

func waitLeader(t *testing.T, ctx context.Context, r *Registry) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, _, self := r.Leader(); self {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("no leader")
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	w := consensustest.New()
	dir := filepath.Join(t.TempDir(), "node")
	good := onDisk(t, w, dir)
	r, err := Open(good)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(good); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("Open(a directory in use) = %v, want an error that says so", err)
	}
	taken := onDisk(t, w, filepath.Join(t.TempDir(), "other"))
	taken.Bind, taken.Members = good.Bind, good.Members
	if _, err := Open(taken); err == nil || !strings.Contains(err.Error(), good.Bind) {
		t.Errorf("Open(a port in use) = %v, want an error that names %s", err, good.Bind)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Config){
		"another province": func(c *Config) { c.Own = foreign },
		"another pin":      func(c *Config) { c.Pin = trust.Digest{1} },
		"another node": func(c *Config) {
			c.NodeID, c.Members = "n2", []Member{{ID: "n2", Address: c.Bind}}
		},
		"another cluster": func(c *Config) { c.Members = append(c.Members, Member{ID: "n9", Address: "127.0.0.1:1"}) },
		"strange files": func(c *Config) {
			c.Dir = filepath.Join(t.TempDir(), "strange")
			os.Mkdir(c.Dir, 0o700)
			os.WriteFile(filepath.Join(c.Dir, "letter.txt"), nil, 0o600)
		},
		"open to others": func(c *Config) {
			c.Dir = filepath.Join(t.TempDir(), "open")
			os.Mkdir(c.Dir, 0o755)
		},
		"Raft log lost": func(c *Config) {
			if err := os.Remove(filepath.Join(c.Dir, "raft", "log.db")); err != nil {
				t.Fatal(err)
			}
		},
		"damaged identity": func(c *Config) {
			c.Dir = filepath.Join(t.TempDir(), "damaged")
			os.Mkdir(c.Dir, 0o700)
			os.WriteFile(filepath.Join(c.Dir, identityFile), []byte(`{"format":1}`), 0o600)
		},
	} {
		cfg := good
		change(&cfg)
		if name == "Raft log lost" {
			defer func() {
				if _, err := Open(cfg); !errors.Is(err, ErrWrongDir) {
					t.Errorf("Open(Raft log lost) = %v, want ErrWrongDir", err)
				}
			}()
			continue
		}
		if _, err := Open(cfg); !errors.Is(err, ErrWrongDir) {
			t.Errorf("Open(%s) = %v, want ErrWrongDir", name, err)
		}
	}
	var empty Config
	if _, err := Open(empty); err == nil || strings.Count(err.Error(), "\n") < 4 {
		t.Errorf("Open(empty configuration) = %v, want all faults", err)
	}
}

// A restart does not bootstrap, and a node that was never bootstrapped waits.
func TestNoBootstrapNoLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 1, func(cfg *Config) { cfg.Bootstrap = false })
		time.Sleep(time.Minute)
		if id, _, _ := c.nodes[0].Leader(); id != "" {
			t.Errorf("leader of a cluster that was never bootstrapped = %q, want none", id)
		}
	})
}

// A command of a newer version stops the node: it would no longer be what the others are.
func TestUnknownCommandStopsTheNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 1, nil)
		c.begin()
		m := c.leader()
		before := m.view().Applied
		command := consensustest.Must(state.Encode(&state.CutHead{Now: now(), Province: own}))
		command[1]++ // the version
		if _, err := m.propose(t.Context(), command); !errors.Is(err, ErrUnknownOutcome) || !errors.Is(err, ErrStopped) {
			t.Errorf("propose(newer command) = %v, want ErrUnknownOutcome and ErrStopped", err)
		}
		if err := <-m.ran; !errors.Is(err, state.ErrUnknown) {
			t.Errorf("Run() = %v, want ErrUnknown", err)
		}
		m.ran <- nil
		if got := m.view().Applied; got > before+4 {
			t.Errorf("applied after the node stopped = %d, want what it was (%d)", got, before)
		}
		if _, err := m.AppendBatch(t.Context(), c.world.Provinces[own].Batch(1, consensustest.Revoked("a"))); !errors.Is(err, ErrStopped) {
			t.Errorf("AppendBatch() on a stopped node = %v, want ErrStopped", err)
		}
	})
}

// A node that stopped between receiving a snapshot and restoring it does not hide what only the snapshot has.
func TestSnapshotNewerThanStateIsRestored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 1, func(cfg *Config) { cfg.TrailingLogs = 1 })
		c.begin()
		m := c.leader()
		c.settle()
		behind := m.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))})
		p := c.world.Provinces[own]
		for number := range uint64(10) {
			if _, err := m.AppendBatch(t.Context(), p.Batch(number+1, consensustest.Revoked(fmt.Sprint(number)))); err != nil {
				t.Fatal(err)
			}
		}
		if err := m.raft.Snapshot().Error(); err != nil {
			t.Fatal(err)
		}
		c.stop(m)
		m.fs = behind
		c.start(m)
		if got := m.view().Provinces[own].Log.Size; got != 10 {
			t.Errorf("log size after the start = %d, want 10", got)
		}
	})
}

// Commands and requests are read strictly: no other bytes are one.
func FuzzCommand(f *testing.F) {
	for _, body := range []any{
		&state.CutHead{Now: 1, Province: own}, &state.AppendBatches{Now: 2, Batches: [][]byte{{1}}},
		&state.AdoptNational{Raws: [][]byte{{1}, nil}}, &state.StageLeaves{Province: foreign, Unverified: []uint64{1}},
		&state.PublishList{Raw: []byte("x")}, &state.SignHead{Raw: []byte("y")}, &state.AdoptUpdate{}, &state.RecordEquivocation{},
		&state.AddToken{Now: 1}, &state.Enroll{Member: state.Member{ID: "n4"}}, &state.Retire{ID: "n4"},
	} {
		f.Add(consensustest.Must(state.Encode(body)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		body, err := state.Decode(b)
		if err != nil {
			return
		}
		again, err := state.Encode(body)
		if err != nil {
			t.Fatalf("Encode(Decode(%x)) = %v", b, err)
		}
		if back, err := state.Decode(again); err != nil || !bytes.Equal(consensustest.Must(state.Encode(back)), again) {
			t.Errorf("Decode(Encode(x)) differs for %x: %v", b, err)
		}
	})
}

func FuzzForwarded(f *testing.F) {
	f.Add(consensustest.Must(wireEncoder.Marshal(request{Version: 1, Position: true})))
	f.Add(consensustest.Must(wireEncoder.Marshal(request{Version: 1, Authority: "x", Events: []statuslog.Event{consensustest.Revoked("a")}})))
	closed := &Registry{done: make(chan struct{})}
	close(closed.done)
	f.Fuzz(func(t *testing.T, b []byte) {
		reply, err := closed.ApplyForwarded(context.Background(), b)
		if (reply == nil) == (err == nil) {
			t.Errorf("ApplyForwarded(%x) = %x, %v, want one of the two", b, reply, err)
		}
	})
}

var _ raft.BatchingFSM = fsm{}
