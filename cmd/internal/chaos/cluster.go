package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	nodeproc "github.com/hutong-project/hutong/cmd/internal/cluster"
	"github.com/hutong-project/hutong/node/client"
	"github.com/hutong-project/hutong/node/httpapi"
	"github.com/hutong-project/hutong/trust"
)

// startWithin bounds the wait for a node or the cluster to come up.
const startWithin = 30 * time.Second

// A cluster is the running province.
type cluster struct {
	binary  string
	configs []string
	nodes   []*node
	signs   *issuer // signs what it says
	signed  *issuer // the cluster signs for it
}

// A node is one of the cluster's processes, through all its lives.
type node struct {
	number int
	id     string
	config string
	client *client.Client

	life atomic.Int64
	most atomic.Uint64 // the longest log that it has shown or acknowledged in all its lives

	turn    sync.Mutex // held by who does something to the process
	process *nodeproc.Process
	down    bool // the process was ended on purpose
}

// begin starts the process. The caller has the turn, or nobody else knows the node yet.
func (n *node) begin(binary string) error {
	n.life.Add(1)
	p, err := nodeproc.Start(binary, n.config, passphrase)
	if err != nil {
		return err
	}
	n.process, n.down = p, false
	return nil
}

// now returns the node's present life.
func (n *node) now() life { return life(n.life.Load()) }

// showed remembers that the node has shown a log of this size.
func (n *node) showed(size uint64) {
	for {
		was := n.most.Load()
		if size <= was || n.most.CompareAndSwap(was, size) {
			return
		}
	}
}

// ready returns why the node does not say that it is ready.
func (n *node) ready(ctx context.Context) error {
	ok, text, err := n.client.Ready(ctx)
	if err == nil && !ok {
		err = fmt.Errorf("not ready: %s", strings.TrimSpace(text))
	}
	return err
}

// log returns what the node says of itself, and of the log.
func (n *node) log(ctx context.Context) (httpapi.NodeState, httpapi.LogState, error) {
	state, err := n.client.Node(ctx)
	if err != nil {
		return state, httpapi.LogState{}, err
	}
	for _, p := range state.Provinces {
		if p.Province == code {
			return state, p.Log, nil
		}
	}
	return state, httpapi.LogState{}, fmt.Errorf("node %s does not know its own province", n.id)
}

// stopped reports whether the system has stopped the process, as SIGSTOP does.
func (n *node) stopped() (bool, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", n.process.PID()))
	if err != nil {
		return false, err
	}
	_, after, found := strings.Cut(string(stat), ") ")
	return found && strings.HasPrefix(after, "T"), nil
}

// leader returns the node that says it leads, or nil.
func (c *cluster) leader(ctx context.Context) *node {
	ctx, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	found := make(chan *node, len(c.nodes))
	for _, n := range c.nodes {
		go func() {
			state, err := n.client.Node(ctx)
			if err == nil && state.Leading {
				found <- n
				return
			}
			found <- nil
		}()
	}
	for range c.nodes {
		if n := <-found; n != nil {
			return n
		}
	}
	return nil
}

// ended returns an error when a node has ended that nobody ended.
func (c *cluster) ended() error {
	for _, n := range c.nodes {
		n.turn.Lock()
		down, p := n.down, n.process
		n.turn.Unlock()
		if down || p == nil {
			continue
		}
		if err := p.Ended(); err != nil {
			return err
		}
	}
	return nil
}

// An agreement is the state that all nodes have in common.
type agreement struct {
	applied  uint64
	sequence uint64 // of the own head
	log      httpapi.LogState
	digest   trust.Digest // of the trust list
}

// agree waits until all nodes are ready and hold the same state.
func (c *cluster) agree(ctx context.Context, within time.Duration) (a agreement, err error) {
	err = c.until(ctx, "all nodes to hold the same state", within, func(ctx context.Context) error {
		if err := c.ended(); err != nil {
			return err
		}
		var all []agreement
		for _, n := range c.nodes {
			if err := n.ready(ctx); err != nil {
				return fmt.Errorf("node %s: %w", n.id, err)
			}
			state, log, err := n.log(ctx)
			if err != nil {
				return err
			}
			found := agreement{applied: state.Applied, log: log}
			for _, p := range state.Provinces {
				if p.Province == code {
					found.sequence, found.digest = p.Sequence, p.ListDigest
				}
			}
			all = append(all, found)
		}
		for _, other := range all[1:] {
			if other != all[0] {
				return fmt.Errorf("nodes differ: %+v and %+v", all[0], other)
			}
		}
		a = all[0]
		return nil
	})
	return a, err
}

// close stops all nodes. A node that does not end in order is an error.
func (c *cluster) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), nodeproc.StopWithin)
	defer cancel()
	var stopping sync.WaitGroup
	failures := make([]error, len(c.nodes))
	for i, n := range c.nodes {
		n.client.Close()
		if n.process == nil {
			continue
		}
		_ = n.process.Continue() // it may be stopped, or gone
		stopping.Go(func() {
			n.process.Stop(ctx)
			if exit := n.process.Exit(); !n.down && !exit.Success() {
				failures[i] = fmt.Errorf("node %s did not end in order: %s", n.id, exit)
			}
		})
	}
	stopping.Wait()
	return errors.Join(failures...)
}
