package federation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/hutong-project/hutong/trust"
)

var errNotAdmitted = errors.New("peer is not admitted")

// A caller is the admitted peer at the other end of a stream and the province that its streams are booked on.
type caller struct {
	id   peer.ID
	home trust.Province
}

// serve answers c's streams. A stream of a peer that is not admitted, or beyond the bounds, is reset unread; one that
// handle returns an error for is reset, counted, and disturbs no other.
func (n *Node) serve(c conversation, handle func(context.Context, caller, network.Stream) error) {
	n.host.SetStreamHandler(c.id, func(s network.Stream) {
		if !n.begin() {
			_ = s.Reset()
			return
		}
		defer n.running.Done()
		id := s.Conn().RemotePeer()
		home, admitted := n.gate.current.Load().home(id)
		if !admitted {
			n.turnAway(s, turnedNotAdmitted)
			return
		}
		leave, ok := n.streams.enter(c, id, home)
		if !ok {
			n.turnAway(s, turnedBusy)
			return
		}
		defer leave()
		ctx, release := guard(n.ctx, s, c.patience)
		defer release()
		if err := handle(ctx, caller{id, home}, s); err != nil {
			reason := reasonFor(ctx, err)
			n.turnAway(s, reason)
			n.log.Debug("resetting a stream", "protocol", c.id, "peer", id, "province", home, "reason", reason, "error", err)
			return
		}
		_ = s.Close()
		n.peers.book(id, nil, time.Now())
	})
}

func (n *Node) turnAway(s network.Stream, reason string) {
	n.metrics.turned.WithLabelValues(reason).Inc()
	_ = s.Reset()
}

func reasonFor(ctx context.Context, err error) string {
	if refusal, ok := trust.AsRefusal(err); ok {
		if refusal.Code == trust.TooLarge {
			return turnedOversize
		}
		return turnedMalformed
	}
	switch {
	case errors.Is(err, errNotAdmitted):
		return turnedNotAdmitted
	case errors.Is(err, ErrBusy):
		return turnedBusy
	case errors.Is(ctx.Err(), context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return turnedSlow
	}
	return turnedBroken
}

// guard bounds a stream in time: at the deadline, or when ctx ends, it is reset, which ends every read and write. The
// deadline is set on the stream, too, because a reset may have to wait for a connection that takes nothing.
func guard(ctx context.Context, s network.Stream, patience time.Duration) (bounded context.Context, release func()) {
	bounded, cancel := context.WithTimeout(ctx, patience)
	deadline, _ := bounded.Deadline()
	_ = s.SetDeadline(deadline)
	stop := context.AfterFunc(bounded, func() { _ = s.Reset() })
	return bounded, func() {
		stop()
		cancel()
	}
}

// talk opens a stream of c to id, lets say use it, and books the outcome: a peer counts as connected when say got its
// answer. ctx and c.patience bound it.
func (n *Node) talk(ctx context.Context, id peer.ID, c conversation, say func(context.Context, network.Stream) error) error {
	if !n.begin() {
		return ErrClosed
	}
	defer n.running.Done()
	ctx, cancel := n.within(ctx, c.patience)
	defer cancel()
	if _, admitted := n.gate.current.Load().home(id); !admitted {
		return fmt.Errorf("calling %s: %w", id, errNotAdmitted)
	}
	err := n.openAndSay(ctx, id, c, say)
	n.peers.book(id, err, time.Now())
	if err != nil {
		return fmt.Errorf("calling %s for %s: %w", id, c.id, err)
	}
	return nil
}

func (n *Node) openAndSay(ctx context.Context, id peer.ID, c conversation, say func(context.Context, network.Stream) error) error {
	s, err := n.host.NewStream(network.WithDialPeerTimeout(ctx, dialTimeout), id, c.id)
	if err != nil {
		return err
	}
	ctx, release := guard(ctx, s, c.patience)
	defer release()
	if err := say(ctx, s); err != nil {
		_ = s.Reset()
		if ctx.Err() != nil {
			err = fmt.Errorf("%w: %w", ctx.Err(), err)
		}
		return err
	}
	_ = s.Close()
	return nil
}

// ask sends one request and reads its one answer.
func (n *Node) ask(ctx context.Context, id peer.ID, c conversation, request, reply message) error {
	return n.talk(ctx, id, c, func(_ context.Context, s network.Stream) error {
		if err := writeFrame(s, request); err != nil {
			return err
		}
		if err := s.CloseWrite(); err != nil {
			return err
		}
		return readFrame(c.awaken(s), s.Scope(), reply)
	})
}

// awaken returns a reader of s that resets s when its first byte does not come within c.silence.
func (c conversation) awaken(s network.Stream) io.Reader {
	if c.silence == 0 {
		return s
	}
	return &expectant{s, time.AfterFunc(c.silence, func() { _ = s.Reset() })}
}

type expectant struct {
	network.Stream
	alarm *time.Timer
}

func (e *expectant) Read(p []byte) (int, error) {
	n, err := e.Stream.Read(p)
	e.alarm.Stop()
	return n, err
}

// within returns ctx bounded by patience and by the node's own life.
func (n *Node) within(ctx context.Context, patience time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	stop := context.AfterFunc(n.ctx, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

// streamCounts counts the streams that peers hold open. The zero value is ready.
type streamCounts struct {
	mu   sync.Mutex
	open map[streamKey]int
}

// A streamKey is a peer, or a province, in one conversation.
type streamKey struct {
	conversation string
	who          string
}

// enter books one stream, unless the peer or its province is at its bound.
func (s *streamCounts) enter(c conversation, id peer.ID, home trust.Province) (leave func(), ok bool) {
	byPeer := streamKey{string(c.id), string(id)}
	byProvince := streamKey{string(c.id), "province " + string(home)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[byPeer] >= c.perPeer || s.open[byProvince] >= c.perProvince {
		return nil, false
	}
	if s.open == nil {
		s.open = make(map[streamKey]int)
	}
	s.open[byPeer]++
	s.open[byProvince]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, key := range []streamKey{byPeer, byProvince} {
			if s.open[key]--; s.open[key] == 0 {
				delete(s.open, key)
			}
		}
	}, true
}
