package federation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/hutong-project/hutong/trust"
)

// publishedConversation lets a node of the own cluster learn from its leader what other provinces have confirmed: only
// the leader pushes heads.
var publishedConversation = conversation{"/hutong/published/1", 10 * time.Second, 0, 64, 256}

// publishedPatience is how long the leader waits for a confirmation before it answers that there is none yet.
const publishedPatience = 5 * time.Second

// A publishedRequest asks whether another province has confirmed a head that pins so much of an own log.
type publishedRequest struct {
	_          struct{} `cbor:",toarray"`
	Province   trust.Province
	Generation uint64
	Size       uint64
}

func (*publishedRequest) limit() int { return 64 }

func (m *publishedRequest) check() error {
	if err := checkIntegers(m.Generation, m.Size); err != nil {
		return err
	}
	return checkProvince(m.Province)
}

// A publishedAnswer says whether it has. False: not within publishedPatience.
type publishedAnswer struct {
	_         struct{} `cbor:",toarray"`
	Published bool
}

func (*publishedAnswer) limit() int   { return 64 }
func (*publishedAnswer) check() error { return nil }

// AskPublished asks the own cluster's leader what AwaitPublished waits for there. The answer may take some seconds;
// false means that no other province has confirmed it yet, or that the asked node does not lead.
func (n *Node) AskPublished(ctx context.Context, leader peer.ID, code trust.Province, generation, size uint64) (bool, error) {
	if !n.gate.current.Load().cluster[leader] {
		return false, fmt.Errorf("asking what is published: %s is not of the own cluster", leader)
	}
	var reply publishedAnswer
	if err := n.ask(ctx, leader, publishedConversation, &publishedRequest{Province: code, Generation: generation, Size: size}, &reply); err != nil {
		return false, fmt.Errorf("asking what is published: %w", err)
	}
	return reply.Published, nil
}

func (n *Node) servePublished(ctx context.Context, from caller, s network.Stream) error {
	if !n.gate.current.Load().cluster[from.id] {
		return fmt.Errorf("what is published is told to the own cluster: %w", errNotAdmitted)
	}
	var request publishedRequest
	if err := readFrame(s, s.Scope(), &request); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, publishedPatience)
	defer cancel()
	err := n.AwaitPublished(ctx, request.Province, request.Generation, request.Size)
	if errors.Is(err, ErrClosed) {
		return err
	}
	return writeFrame(s, &publishedAnswer{Published: err == nil})
}
