package node_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hutong-project/hutong/consensus"
	"github.com/hutong-project/hutong/node/config"
	"github.com/hutong-project/hutong/node/keyfile"
	"github.com/hutong-project/hutong/node/nodetest"
)

// TestStartRefused: what a node finds wrong when it starts, it says, with what to do; and then nothing has changed, so
// that it starts once that is mended.
func TestStartRefused(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	f, err := nodetest.New(nodetest.Plan{Dir: t.TempDir(), Clusters: []nodetest.ClusterPlan{{Province: home}, {Province: elsewhere}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Errorf("Close() = %v, want nil", err)
		}
	})
	// Both have a data folder, and the other one's node runs.
	n, other := f.Clusters[0].Nodes[0], f.Clusters[1].Nodes[0]
	if err := errors.Join(n.Start(), other.Start(), n.Stop()); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(n.ConfigFile)
	if err != nil {
		t.Fatal(err)
	}
	otherCfg, err := config.Load(other.ConfigFile)
	if err != nil {
		t.Fatal(err)
	}
	head := cfg.Keys.Head[0]
	p2p := strings.Split(cfg.Self().P2P, "/")
	for _, test := range []struct {
		name  string
		spoil func(t *testing.T) (mend func())
		want  error  // in the error's chain; nil: not looked at
		says  string // in the error's text
	}{
		{"the port of the interface is in use", listener(n.API()), syscall.EADDRINUSE, "api.listen"},
		{"the port of Raft is in use", listener(cfg.Self().Address), nil, "address already in use"},
		{"the port of the federation is in use", listener("127.0.0.1:" + p2p[len(p2p)-1]), nil, "address already in use"},
		{"a data folder of another cluster", edited(n, "dataDir: data", "dataDir: "+foreignData(t, otherCfg)), consensus.ErrWrongDir, string(elsewhere)},
		{"a data folder from another national list", edited(n, cfg.NationalPin, strings.Repeat("f", 64)), consensus.ErrWrongDir, "national list"},
		{"a data folder that is not one", edited(n, "dataDir: data", "dataDir: .."), consensus.ErrWrongDir, "empty directory"},
		{"a data folder that others can read", mode(cfg.DataDir, 0o755), consensus.ErrWrongDir, "chmod"},
		{"a head key that others can read", mode(head, 0o644), keyfile.ErrExposed, "chmod 600 " + head},
		{"a head key that the group can read", mode(head, 0o640), keyfile.ErrExposed, head},
		{"a passphrase that others can read", mode(cfg.Keys.PassphraseFile, 0o604), keyfile.ErrExposed, cfg.Keys.PassphraseFile},
		{"access tokens that others can read", mode(cfg.API.Tokens, 0o644), keyfile.ErrExposed, cfg.API.Tokens},
		{"a wrong passphrase", content(cfg.Keys.PassphraseFile, "another\n"), nil, "passphrase"},
		{"a head key that is none", content(head, "not a key\n"), nil, head},
		{"no head key", content(head, ""), nil, head},
		{"the peer key of another node", content(cfg.Federation.Identity, read(t, otherCfg.Federation.Identity)), nil, "cluster.members"},
		{"an unknown key in the configuration", edited(n, "dataDir:", "datadir: x\ndataDir:"), nil, "datadir"},
	} {
		t.Run(test.name, func(t *testing.T) {
			mend := test.spoil(t)
			err := n.Start()
			mend()
			switch {
			case err == nil:
				t.Fatalf("Start() = nil, want an error; stopping it: %v", n.Stop())
			case test.want != nil && !errors.Is(err, test.want):
				t.Errorf("Start() = %v, want %v", err, test.want)
			case !strings.Contains(err.Error(), test.says):
				t.Errorf("Start() = %v, want a text with %q", err, test.says)
			}
			if text := err.Error(); strings.Contains(text, nodetest.Passphrase+"\n") || strings.Contains(text, "PRIVATE KEY-----") {
				t.Errorf("Start() = %v, which tells a secret", err)
			}
		})
	}
	if err := n.Start(); err != nil {
		t.Fatalf("Start() once all is mended = %v, want nil", err)
	}
	if _, err := f.Clusters[0].WaitLeader(ctx); err != nil {
		t.Error(err)
	}
	if err := n.Start(); err == nil {
		t.Error("Start() of a node that runs = nil, want an error")
	}
}

// foreignData copies the identity of another cluster's data folder into a new one.
func foreignData(t *testing.T, other *config.Config) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(other.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Type().IsRegular() {
			if err := os.WriteFile(filepath.Join(dir, e.Name()), []byte(read(t, filepath.Join(other.DataDir, e.Name()))), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// listener takes a port.
func listener(address string) func(t *testing.T) func() {
	return func(t *testing.T) func() {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		return func() { l.Close() }
	}
}

// mode gives a file or folder other permissions.
func mode(path string, perm os.FileMode) func(t *testing.T) func() {
	return func(t *testing.T) func() {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, perm); err != nil {
			t.Fatal(err)
		}
		return func() { os.Chmod(path, info.Mode().Perm()) }
	}
}

// content gives a file another content.
func content(path, text string) func(t *testing.T) func() {
	return func(t *testing.T) func() {
		before := read(t, path)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return func() { os.WriteFile(path, []byte(before), 0o600) }
	}
}

// edited changes the configuration of a node.
func edited(n *nodetest.Node, old, text string) func(t *testing.T) func() {
	return func(t *testing.T) func() {
		before := read(t, n.ConfigFile)
		if !strings.Contains(before, old) {
			t.Fatalf("the configuration of %s has no %q", n.Name, old)
		}
		return content(n.ConfigFile, strings.Replace(before, old, text, 1))(t)
	}
}
