package federation

import (
	"context"

	"github.com/libp2p/go-libp2p/core/network"
)

// serveNational, serveList and serveLog hand out what this cluster holds of anyone: every document certifies itself,
// so a relay is as good as its author.

func (n *Node) serveNational(_ context.Context, _ caller, s network.Stream) error {
	var request nationalRequest
	if err := readFrame(s, s.Scope(), &request); err != nil {
		return err
	}
	lists, err := n.cfg.Registry.NationalChain(request.From, chainBytes)
	if err != nil {
		return err
	}
	return writeFrame(s, &nationalAnswer{Lists: fitting(lists, chainBytes)})
}

func (n *Node) serveList(_ context.Context, _ caller, s network.Stream) error {
	var request listRequest
	if err := readFrame(s, s.Scope(), &request); err != nil {
		return err
	}
	raw, err := n.cfg.Registry.ListRaw(request.Province, request.Digest)
	if err != nil {
		return err
	}
	if err := reserve(s, len(raw)); err != nil {
		return err
	}
	return writeFrame(s, &listAnswer{List: raw})
}

func (n *Node) serveLog(_ context.Context, _ caller, s network.Stream) error {
	var request logRequest
	if err := readFrame(s, s.Scope(), &request); err != nil {
		return err
	}
	if err := reserve(s, leavesBytes); err != nil {
		return err
	}
	to := min(request.To, request.From+maxElements)
	leaves, err := n.cfg.Registry.Leaves(request.Province, request.Generation, request.From, to, leavesBytes)
	if err != nil {
		return err
	}
	return writeFrame(s, &logAnswer{Leaves: fitting(leaves, leavesBytes)})
}

// fitting returns the longest beginning of items that stays within max bytes.
func fitting(items [][]byte, max int) [][]byte {
	size := 0
	for i, item := range items {
		if size += len(item); size > max || i == maxElements {
			return items[:i]
		}
	}
	return items
}

// reserve books memory for an answer on the stream until it ends.
func reserve(s network.Stream, size int) error {
	if err := s.Scope().ReserveMemory(size, memoryPriority); err != nil {
		return ErrBusy
	}
	return nil
}
