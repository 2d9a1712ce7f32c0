package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"time"

	nodeproc "github.com/hutong-project/hutong/cmd/internal/cluster"
)

// A fault is something that is done to a node and undone.
type fault string

const (
	kill     fault = "kill"     // SIGKILL, and started again
	stop     fault = "stop"     // SIGTERM, and started again
	freeze   fault = "freeze"   // SIGSTOP, and continued
	blackout fault = "blackout" // SIGKILL of all nodes at once, and all started again
)

// A tally is what was done to the nodes, and how they bore it.
type tally struct {
	mu       sync.Mutex
	fired    map[fault]int
	leaders  int             // faults that hit the leader
	first    time.Duration   // when the first fault fired; 0: none yet
	recovery []time.Duration // from the start of a process until it was ready
	rejoined []error         // nodes that said they were ready and had forgotten what they had shown
}

// A tormentor does things to nodes until its context ends.
type tormentor struct {
	*cluster
	*history
	*tally
	rng *rand.Rand
}

// torment goes on until ctx ends. An error means that a fault did not fire, or that a node did not bear it.
func (t *tormentor) torment(ctx context.Context) error {
	for t.wait(ctx, 100, 900) {
		if t.rng.IntN(25) == 0 {
			if err := t.blackOut(ctx); err != nil {
				return err
			}
			continue
		}
		n, leads := t.victim(ctx)
		if !n.turn.TryLock() {
			continue // somebody else is at it
		}
		kind := []fault{kill, kill, freeze, freeze, freeze, stop}[t.rng.IntN(6)]
		err := t.inflict(ctx, kind, n)
		n.turn.Unlock()
		if err != nil {
			return fmt.Errorf("%s of node %s: %w", kind, n.id, err)
		}
		if leads {
			t.tally.mu.Lock()
			t.leaders++
			t.tally.mu.Unlock()
		}
	}
	return nil
}

// victim is the leader in half of the cases, where there is one.
func (t *tormentor) victim(ctx context.Context) (n *node, leads bool) {
	leader := t.leader(ctx)
	if leader != nil && t.rng.IntN(2) == 0 {
		return leader, true
	}
	n = t.nodes[t.rng.IntN(len(t.nodes))]
	return n, n == leader
}

// inflict does one thing to a node and undoes it, also when ctx ends meanwhile.
func (t *tormentor) inflict(ctx context.Context, kind fault, n *node) error {
	switch kind {
	case freeze:
		return t.freeze(ctx, n)
	case stop:
		// A process that does not serve yet may not yet catch the signal either.
		if err := t.until(ctx, "it to serve", startWithin, func(ctx context.Context) error {
			_, err := n.client.Node(ctx)
			return errors.Join(err, n.process.Ended())
		}); err != nil {
			return t.unless(ctx, err)
		}
		if err := ended(n); err != nil {
			return err
		}
	default:
		if err := killed(n); err != nil {
			return err
		}
	}
	t.count(kind)
	t.wait(ctx, 0, 800)
	return t.revive(ctx, n)
}

// unless returns err, or nil when it comes from the end of ctx.
func (t *tormentor) unless(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// killed kills the node's process and makes sure that this is what ended it.
func killed(n *node) error {
	if err := n.process.Ended(); err != nil {
		return err
	}
	n.down = true
	n.process.Kill()
	if status, ok := n.process.Exit().Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != syscall.SIGKILL {
		return fmt.Errorf("it ended with %s: %w", n.process.Exit(), ErrVoid)
	}
	return nil
}

// ended stops the node's process in order, which must succeed.
func ended(n *node) error {
	if err := n.process.Ended(); err != nil {
		return err
	}
	n.down = true
	ctx, cancel := context.WithTimeout(context.Background(), nodeproc.StopWithin)
	defer cancel()
	n.process.Stop(ctx)
	if exit := n.process.Exit(); !exit.Success() {
		return fmt.Errorf("it did not end in order: %s", exit)
	}
	return nil
}

// freeze stops the process for a while and makes sure that the system did.
func (t *tormentor) freeze(ctx context.Context, n *node) error {
	if err := n.process.Pause(); err != nil {
		return err
	}
	defer n.process.Continue()
	until := time.Now().Add(time.Second)
	for {
		if err := n.process.Ended(); err != nil {
			return err
		}
		stopped, err := n.stopped()
		if err != nil {
			return err
		}
		if stopped {
			break
		}
		if time.Now().After(until) {
			return fmt.Errorf("the process runs on: %w", ErrVoid)
		}
		time.Sleep(time.Millisecond)
	}
	t.count(freeze)
	t.wait(ctx, 50, 1800)
	return nil
}

// blackOut kills all nodes at once. Nodes that somebody else is at are waited for.
func (t *tormentor) blackOut(ctx context.Context) error {
	for _, n := range t.nodes {
		n.turn.Lock()
		defer n.turn.Unlock()
	}
	for _, n := range t.nodes {
		if err := killed(n); err != nil {
			return err
		}
	}
	t.count(blackout)
	for _, n := range t.nodes {
		if err := t.revive(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// revive starts the node again, and looks that it does not say it is ready before it shows what it had shown.
func (t *tormentor) revive(ctx context.Context, n *node) error {
	most := n.most.Load()
	if err := n.begin(t.binary); err != nil {
		return err
	}
	go t.watch(ctx, n, n.now(), most)
	return nil
}

func (t *tormentor) watch(ctx context.Context, n *node, l life, most uint64) {
	begun := time.Now()
	for ctx.Err() == nil && n.now() == l {
		if n.ready(ctx) != nil {
			time.Sleep(2 * time.Millisecond)
			continue
		}
		took := time.Since(begun)
		_, log, err := n.log(ctx)
		if err != nil || n.now() != l {
			return
		}
		t.tally.mu.Lock()
		defer t.tally.mu.Unlock()
		if log.Size < most {
			t.rejoined = append(t.rejoined, fmt.Errorf("node %s, life %d, said it was ready with %d batches; it had shown %d", n.id, l, log.Size, most))
		}
		t.recovery = append(t.recovery, took)
		return
	}
}

func (t *tormentor) count(kind fault) {
	t.tally.mu.Lock()
	defer t.tally.mu.Unlock()
	t.fired[kind]++
	if t.first == 0 {
		t.first = t.history.now()
	}
}

// wait waits between least and most milliseconds and reports whether ctx goes on.
func (t *tormentor) wait(ctx context.Context, least, most int) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(time.Duration(least+t.rng.IntN(most-least)) * time.Millisecond):
		return true
	}
}
