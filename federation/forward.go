package federation

import (
	"context"
	"fmt"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/hutong-project/hutong/trust"
)

// A ForwardHandler carries out a command that another node of the own cluster handed over because this node leads. A
// *trust.Refusal travels back with its code, any other error as text.
type ForwardHandler func(ctx context.Context, command []byte) (reply []byte, err error)

// OnForward sets who carries out forwarded commands. Until it is called, they are answered with an error.
func (n *Node) OnForward(handle ForwardHandler) { n.forwarded.Store(&handle) }

// Forward hands a command, up to 25 MiB, to another node of the own cluster and returns its reply, up to 1 MiB. A
// refusal comes back as a *trust.Refusal. After any other error it is not known whether the command was carried out.
func (n *Node) Forward(ctx context.Context, to peer.ID, command []byte) ([]byte, error) {
	if !n.gate.current.Load().cluster[to] {
		return nil, fmt.Errorf("forwarding a command: %s is not of the own cluster", to)
	}
	var reply forwardAnswer
	if err := n.ask(ctx, to, forwardConversation, &forwardRequest{Command: command}, &reply); err != nil {
		return nil, fmt.Errorf("forwarding a command: %w", err)
	}
	switch reply.Outcome {
	case outcomeRefused:
		return nil, &trust.Refusal{Code: trust.RefusalCode(reply.Code), Detail: reply.Detail}
	case outcomeFailed:
		return nil, fmt.Errorf("forwarding a command: leader says: %s", reply.Detail)
	}
	return reply.Reply, nil
}

func (n *Node) serveForward(ctx context.Context, from caller, s network.Stream) error {
	if !n.gate.current.Load().cluster[from.id] {
		return fmt.Errorf("forwarding is for the own cluster: %w", errNotAdmitted)
	}
	var request forwardRequest
	if err := readFrame(s, s.Scope(), &request); err != nil {
		return err
	}
	handle := n.forwarded.Load()
	if handle == nil {
		return writeFrame(s, &forwardAnswer{Outcome: outcomeFailed, Detail: "node takes no commands yet"})
	}
	reply, err := (*handle)(ctx, request.Command)
	return writeFrame(s, forwardAnswerOf(reply, err))
}

func forwardAnswerOf(reply []byte, err error) *forwardAnswer {
	switch refusal, refused := trust.AsRefusal(err); {
	case refused:
		return &forwardAnswer{Outcome: outcomeRefused, Code: string(refusal.Code), Detail: clip(refusal.Detail, maxDetail)}
	case err != nil:
		return &forwardAnswer{Outcome: outcomeFailed, Detail: clip(err.Error(), maxDetail)}
	case len(reply) > maxReply:
		return &forwardAnswer{Outcome: outcomeFailed, Detail: fmt.Sprintf("reply of %d bytes, want at most %d", len(reply), maxReply)}
	}
	return &forwardAnswer{Outcome: outcomeDone, Reply: reply}
}
