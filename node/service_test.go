package node_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hutong-project/hutong/node"
	"github.com/hutong-project/hutong/node/config"
	"github.com/hutong-project/hutong/node/nodetest"
)

// TestServiceManager: a node under a service manager says that it is ready when it answers, that it lives while it
// does, and that it stops before it stops answering.
func TestServiceManager(t *testing.T) {
	f, err := nodetest.New(nodetest.Plan{Dir: t.TempDir(), Clusters: []nodetest.ClusterPlan{{Province: home}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Errorf("Close() = %v, want nil", err)
		}
	})
	dir, err := os.MkdirTemp("", "hutong") // short enough for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { manager.Close() })
	if err := manager.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	// hear reads until something is said that starts with want, and returns it.
	hear := func(want string) string {
		t.Helper()
		data := make([]byte, 4096)
		for {
			n, err := manager.Read(data)
			if err != nil {
				t.Fatalf("waiting for %s: %v", want, err)
			}
			if text := string(data[:n]); strings.HasPrefix(text, want) {
				return text
			}
		}
	}
	t.Setenv("NOTIFY_SOCKET", socket)
	t.Setenv("WATCHDOG_USEC", "600000")

	n := f.Clusters[0].Nodes[0]
	cfg, err := config.Load(n.ConfigFile)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- node.Run(ctx, cfg, slog.New(slog.DiscardHandler)) }()

	if got := hear("STATUS="); !strings.Contains(got, "EXTEND_TIMEOUT_USEC=") {
		t.Errorf("while it opens the node says %q, want it to ask for time", got)
	}
	hear("READY=1")
	answer, err := http.Get("http://" + cfg.API.Listen + "/livez")
	if err != nil {
		t.Fatalf("once it said READY=1: %v", err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("once it said READY=1, GET /livez = %d, want %d", answer.StatusCode, http.StatusOK)
	}
	hear("WATCHDOG=1")
	hear("WATCHDOG=1")
	cancel()
	if got := hear("STOPPING=1"); !strings.Contains(got, "EXTEND_TIMEOUT_USEC=") {
		t.Errorf("when it stops the node says %q, want it to ask for time", got)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("Run() = %v, want nil", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("Run() has not returned a minute after its context ended")
	}
}
