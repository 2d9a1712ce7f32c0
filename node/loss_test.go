package node_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hutong-project/hutong/consensus"
	"github.com/hutong-project/hutong/consensus/store"
	"github.com/hutong-project/hutong/node"
	"github.com/hutong-project/hutong/node/access"
	"github.com/hutong-project/hutong/node/client"
	"github.com/hutong-project/hutong/node/config"
	"github.com/hutong-project/hutong/node/httpapi"
	"github.com/hutong-project/hutong/node/nodetest"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/head"
	"github.com/hutong-project/hutong/trust/statuslog"
	"github.com/hutong-project/hutong/trust/strictjson"
)

// TestLosingACluster: a province loses all three nodes while batches come in, and comes back from an old backup. What
// was published is there again, byte for byte at its position; no two heads that anybody ever saw contradict each
// other; and the province goes on.
func TestLosingACluster(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	f := start(t, ctx, nodetest.Plan{Clusters: []nodetest.ClusterPlan{
		{Province: home, Nodes: 3, Types: []string{licence}, Authorities: []nodetest.Grant{{ID: "police", Types: []string{licence}}}},
		{Province: elsewhere}, {Province: "440000"},
	}})
	if err := f.PublishAll(ctx); err != nil {
		t.Fatal(err)
	}
	l := &loss{t: t, f: f, police: f.Jurisdiction(home).Authorities[0]}
	for _, n := range []*nodetest.Node{l.witness(1), l.witness(2)} {
		if err := f.WaitLists(ctx, n); err != nil {
			t.Fatal(err)
		}
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	l.watch(watching)

	l.push(ctx)
	backup := l.backup(ctx)
	load, stopLoad := context.WithCancel(ctx)
	var group sync.WaitGroup
	group.Go(func() { l.load(load) })
	l.push(ctx)
	l.until(ctx, "load since the backup that others hold", func() bool { return l.heldBy(ctx, l.witness(1)) >= 20 })
	l.loseAll()
	stopLoad()
	group.Wait()
	_, old, err := consensus.InspectBackup(bytes.NewReader(backup), store.Disk, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	l.survived = max(l.heldBy(ctx, l.witness(1)), l.heldBy(ctx, l.witness(2)))
	if had := old.Provinces[home].Log.Size; had+10 > l.survived {
		t.Errorf("the backup has %d of %d leaves that others hold, want it to lack some", had, l.survived)
	}
	l.restore(backup)

	for _, n := range f.Clusters[0].Nodes {
		if err := n.Start(); err != nil {
			t.Fatal(err)
		}
	}
	l.until(ctx, "the cluster is settled", func() bool {
		state, err := f.Clusters[0].Nodes[0].Client.Node(ctx)
		return err == nil && state.Leader != "" && state.Unsettled == ""
	})
	l.checkPublished(ctx)
	l.push(ctx)
	if got := l.heldBy(ctx, l.witness(1)); got <= l.survived {
		t.Errorf("leaves that another province holds after the next batch = %d, want more than %d", got, l.survived)
	}
	stop()
	l.checkHeads()
}

// loss is what the test knows of the province that is lost.
type loss struct {
	t      *testing.T
	f      *nodetest.Federation
	police *nodetest.Authority

	survived uint64 // leaves that other provinces hold of the lost cluster

	pushing sync.Mutex // batches have numbers

	mu      sync.Mutex
	taken   []taken
	unknown uint64                          // batches that may have been taken while the nodes stopped
	heads   map[trust.Digest]*head.Document // every head of home that any node ever showed
}

// taken is a batch that the cluster gave a receipt for.
type taken struct {
	position uint64
	signed   []byte
}

func (l *loss) witness(i int) *nodetest.Node { return l.f.Clusters[i].Nodes[0] }

// heldBy returns how much of the province's log a node of another one holds.
func (l *loss) heldBy(ctx context.Context, n *nodetest.Node) uint64 {
	l.t.Helper()
	state, err := n.Client.Node(ctx)
	if err != nil {
		l.t.Fatal(err)
	}
	for _, p := range state.Provinces {
		if p.Province == home {
			return p.Log.Size
		}
	}
	return 0
}

func (l *loss) until(ctx context.Context, what string, done func() bool) {
	l.t.Helper()
	if err := nodetest.Until(ctx, what, func() (bool, error) { return done(), nil }); err != nil {
		_, text, _ := l.f.Clusters[0].Nodes[0].Client.Ready(context.WithoutCancel(ctx))
		l.t.Fatalf("%v: %s", err, text)
	}
}

func (l *loss) batch() []byte {
	l.t.Helper()
	signed, err := l.police.Batch(nodetest.Change(l.police.Claims().Handle, statuslog.StatusRevoked))
	if err != nil {
		l.t.Fatal(err)
	}
	return signed
}

// push has a batch published, if need be under the number that the cluster expects: what it never published is gone.
func (l *loss) push(ctx context.Context) {
	l.t.Helper()
	l.pushing.Lock()
	defer l.pushing.Unlock()
	signed := l.batch()
	l.until(ctx, "a batch is published", func() bool {
		receipt, err := l.f.Clusters[0].Nodes[0].Client.PushPublished(ctx, l.police.Token, signed)
		l.keep(receipt, signed, err)
		var problem *client.ProblemError
		if errors.As(err, &problem) && problem.Expected > 0 {
			b := l.police.Unsigned(nodetest.Change(l.police.Claims().Handle, statuslog.StatusRevoked))
			b.Number = problem.Expected
			if signed, err = b.Sign(l.police.StatusKey); err != nil {
				l.t.Fatal(err)
			}
			return false
		}
		return err == nil
	})
}

func (l *loss) keep(receipt httpapi.Receipt, signed []byte, err error) {
	if err != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken = append(l.taken, taken{receipt.Position, signed})
}

// load pushes batches until the cluster is gone.
func (l *loss) load(ctx context.Context) {
	for ctx.Err() == nil {
		l.pushing.Lock()
		signed := l.batch()
		receipt, err := l.f.Clusters[0].Nodes[0].Client.PushBatch(ctx, l.police.Token, signed)
		l.pushing.Unlock()
		l.keep(receipt, signed, err)
		if err != nil {
			l.unknown++
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// backup is yesterday's.
func (l *loss) backup(ctx context.Context) []byte {
	l.t.Helper()
	c := l.f.Clusters[0]
	token, err := access.AddOperatorToken(filepath.Join(c.Dir, "access.yaml"), "operator")
	if err != nil {
		l.t.Fatal(err)
	}
	var file bytes.Buffer
	l.until(ctx, "a backup", func() bool {
		file.Reset()
		_, err := c.Nodes[1].Client.Snapshot(ctx, token, &file)
		return err == nil
	})
	return file.Bytes()
}

// loseAll stops every node of the province at once and deletes what they held.
func (l *loss) loseAll() {
	l.t.Helper()
	var group sync.WaitGroup
	for _, n := range l.f.Clusters[0].Nodes {
		group.Go(func() { _ = n.Stop() })
	}
	group.Wait()
	for _, n := range l.f.Clusters[0].Nodes {
		if err := os.RemoveAll(filepath.Join(filepath.Dir(n.ConfigFile), "data")); err != nil {
			l.t.Fatal(err)
		}
	}
}

func (l *loss) restore(backup []byte) {
	l.t.Helper()
	for _, n := range l.f.Clusters[0].Nodes {
		cfg, err := config.Load(n.ConfigFile)
		if err != nil {
			l.t.Fatal(err)
		}
		if _, err := node.Restore(cfg, bytes.NewReader(backup), consensus.Restoring{}, slog.New(slog.DiscardHandler)); err != nil {
			l.t.Fatal(err)
		}
	}
}

// watch collects every head of the province that any running node shows, until ctx ends.
func (l *loss) watch(ctx context.Context) {
	l.heads = map[trust.Digest]*head.Document{}
	for _, c := range l.f.Clusters {
		for _, n := range c.Nodes {
			go func() {
				for ctx.Err() == nil {
					l.look(ctx, n)
					select {
					case <-ctx.Done():
					case <-time.After(20 * time.Millisecond):
					}
				}
			}()
		}
	}
}

// look keeps the head of the province that a node shows. A node that does not run shows none.
func (l *loss) look(ctx context.Context, n *nodetest.Node) {
	answer, err := n.Client.Raw(ctx, "/v1/heads")
	if err != nil {
		return
	}
	var heads []httpapi.HeadState
	if err := strictjson.Unmarshal(answer, &heads); err != nil {
		return
	}
	for _, h := range heads {
		if d, err := head.Read(h.Envelope); err == nil && d.Province == home {
			l.mu.Lock()
			l.heads[d.Digest] = d
			l.mu.Unlock()
		}
	}
}

// checkPublished sends every batch again that others hold: the cluster answers with the receipt that it gave before.
func (l *loss) checkPublished(ctx context.Context) {
	l.t.Helper()
	found := uint64(0)
	for _, b := range l.taken {
		if b.position >= l.survived {
			continue
		}
		receipt, err := l.f.Clusters[0].Nodes[0].Client.PushBatch(ctx, l.police.Token, b.signed)
		if err != nil || receipt.Position != b.position {
			l.t.Errorf("after the restore the batch at position %d stands at %d, %v", b.position, receipt.Position, err)
		}
		found++
	}
	if found+l.unknown < l.survived {
		l.t.Errorf("published batches that were looked for = %d, want all %d", found, l.survived)
	}
}

func (l *loss) checkHeads() {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.heads) < 5 {
		l.t.Errorf("heads that were seen = %d, want enough to contradict each other", len(l.heads))
	}
	for _, a := range l.heads {
		for _, b := range l.heads {
			if why, yes := head.Contradicts(a, b); yes {
				l.t.Fatalf("two heads contradict each other: %s", why)
			}
		}
	}
}
