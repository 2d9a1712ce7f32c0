package consensus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"time"

	"github.com/hashicorp/raft"

	"github.com/hutong-project/hutong/consensus/state"
	"github.com/hutong-project/hutong/trust"
)

const (
	// maxServers bounds the nodes of a cluster, those without a vote included.
	maxServers = 32
	// caughtUp is how many entries a node may be behind the leader when it gets a vote.
	caughtUp = 1000
	// reportWithin is how long a node has to say how far it is.
	reportWithin = 2 * time.Second
	// MaxTokenLife bounds how long a join token is good for.
	MaxTokenLife = 24 * time.Hour
)

// A NewMember is a node that wants to join. Peer and P2P are what the others need to reach it through the federation;
// this package only keeps them.
type NewMember struct {
	ID      string
	Address string // host:port of its Raft traffic
	Peer    string
	P2P     string
}

// op is what a change of the members does.
type op uint8

const (
	opJoin     op = 1
	opPromote  op = 2
	opDemote   op = 3
	opRemove   op = 4
	opTransfer op = 5
)

// change is a change of the members on its way to the leader.
type change struct {
	_      struct{} `cbor:",toarray"`
	Op     op
	Member NewMember    // of opJoin all of it, else its ID
	Token  trust.Digest // of opJoin
	Force  bool
}

// AddJoinToken makes the token with this digest good for one node to join, until expires.
func (r *Registry) AddJoinToken(ctx context.Context, digest trust.Digest, expires trust.Time) error {
	now := r.cfg.now()
	if expires <= now || expires > now.Add(MaxTokenLife) {
		return trust.Refuse(trust.Malformed, "a join token until %s, want at most %s from now", expires, MaxTokenLife)
	}
	_, err := r.write(ctx, func(*Reading) (any, error) {
		return &state.AddToken{Now: now, Token: digest, Expires: expires}, nil
	})
	return err
}

// Join lets a node in, without a vote, for the token with this digest. It may be repeated when the answer was lost.
// Refused are tokens that are unknown, expired or used, and ids, peers and addresses that are or were another node's.
func (r *Registry) Join(ctx context.Context, token trust.Digest, m NewMember) error {
	return r.change(ctx, change{Op: opJoin, Token: token, Member: m})
}

// Promote gives a node a vote. One that does not answer or has not caught up is refused unless forced.
func (r *Registry) Promote(ctx context.Context, id string, force bool) error {
	return r.change(ctx, change{Op: opPromote, Member: NewMember{ID: id}, Force: force})
}

// Demote takes a node's vote. Refused is, unless forced, what would leave no majority that answers.
func (r *Registry) Demote(ctx context.Context, id string, force bool) error {
	return r.change(ctx, change{Op: opDemote, Member: NewMember{ID: id}, Force: force})
}

// Remove takes a node out of the cluster for good: its id never comes back. A leader hands leadership over first.
// Refused is, unless forced, what would leave no majority that answers; the last node with a vote always.
func (r *Registry) Remove(ctx context.Context, id string, force bool) error {
	return r.change(ctx, change{Op: opRemove, Member: NewMember{ID: id}, Force: force})
}

// TransferLeader makes another node the leader: id, or where it is empty the one that is furthest.
func (r *Registry) TransferLeader(ctx context.Context, id string) error {
	return r.change(ctx, change{Op: opTransfer, Member: NewMember{ID: id}})
}

func (r *Registry) change(ctx context.Context, c change) error {
	reply, err := r.submit(ctx, request{Change: &c})
	if err != nil {
		return err
	}
	return reply.Err()
}

// changeMembers makes a change on the leader, one at a time. What is refused is a reply, so that it travels.
func (r *Registry) changeMembers(ctx context.Context, c change) (state.Reply, error) {
	select {
	case r.changing <- struct{}{}:
		defer func() { <-r.changing }()
	case <-ctx.Done():
		return state.Reply{}, fmt.Errorf("%w: another change of the members is under way: %v", ErrBusy, ctx.Err())
	}
	if err := r.verifyLeader(ctx); err != nil {
		return state.Reply{}, fmt.Errorf("%w: %v", ErrNoLeader, err)
	}
	var err error
	switch c.Op {
	case opJoin:
		err = r.join(ctx, c)
	case opPromote:
		err = r.promote(ctx, c)
	case opDemote:
		err = r.demote(ctx, c)
	case opRemove:
		err = r.remove(ctx, c)
	case opTransfer:
		err = r.transfer(ctx, c.Member.ID)
	default:
		return state.Reply{}, trust.Refuse(trust.Malformed, "a change of the members of kind %d", c.Op)
	}
	if refusal, ok := trust.AsRefusal(err); ok {
		return state.Reply{Outcome: state.Refused, Code: refusal.Code, Detail: refusal.Detail}, nil
	}
	return state.Reply{}, err
}

// A node's id is a file name, a host name and a part of a URI.
var nodeID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func (m NewMember) check(protected bool) error {
	_, port, err := net.SplitHostPort(m.Address)
	switch {
	case !nodeID.MatchString(m.ID):
		return trust.Refuse(trust.Malformed, "the id: want up to 64 letters, digits, dots, dashes")
	case err != nil || port == "0" || len(m.Address) > 255:
		return trust.Refuse(trust.Malformed, "the address of the Raft traffic: want host:port with a fixed port")
	case m.Peer == "" || len(m.Peer) > 128 || m.P2P == "" || len(m.P2P) > 255:
		return trust.Refuse(trust.Malformed, "peer and p2p: want a peer id and a multiaddress")
	case !protected && !Loopback(m.Address):
		return trust.Refuse(trust.Malformed, "a node on another machine in a cluster without TLS; %s", plainRemedy)
	}
	return nil
}

func (r *Registry) join(ctx context.Context, c change) error {
	m := c.Member
	if err := m.check(r.cfg.TLS != nil || r.cfg.Transport != nil); err != nil {
		return err
	}
	enrolled := state.Member{ID: m.ID, Address: m.Address, Peer: m.Peer, P2P: m.P2P}
	servers := r.raft.GetConfiguration().Configuration().Servers
	again := r.joined(enrolled) // the same node, whose answer was lost, if the token is the same
	for _, k := range r.servers() {
		if (string(k.ID) == m.ID || string(k.Address) == m.Address) && !again {
			return trust.Refuse(trust.MemberExists, "the id or the address are those of %s at %s; a node whose data was lost comes back under a new id", k.ID, k.Address)
		}
	}
	if len(servers) >= maxServers {
		return trust.Refuse(trust.MemberExists, "the cluster has %d nodes, at most %d may be", len(servers), maxServers)
	}
	command, err := state.Encode(&state.Enroll{Now: r.cfg.now(), Token: c.Token, Member: enrolled})
	if err != nil {
		return err
	}
	reply, err := r.propose(ctx, command)
	if err == nil {
		err = reply.Err()
	}
	if err != nil {
		return err
	}
	return r.configure(ctx, func() raft.Future {
		return r.raft.AddNonvoter(raft.ServerID(m.ID), raft.ServerAddress(m.Address), 0, r.patience())
	})
}

// joined reports whether this very node stands in the records of those that joined.
func (r *Registry) joined(m state.Member) bool {
	all, err := r.Directory()
	return err == nil && slices.Contains(all, m)
}

func (r *Registry) promote(ctx context.Context, c change) error {
	s, err := r.server(c.Member.ID)
	if err != nil || s.Suffrage == raft.Voter {
		return err
	}
	if !c.Force {
		d := r.Reading()
		here := d.View.Applied
		d.Close()
		there, err := r.askReport(ctx, c.Member.ID)
		if err != nil {
			return trust.Refuse(trust.Behind, "%s does not answer: is it running?", s.ID)
		}
		if there+caughtUp < here {
			return trust.Refuse(trust.Behind, "%s has applied %d of %d entries; try again later", s.ID, there, here)
		}
	}
	return r.configure(ctx, func() raft.Future { return r.raft.AddVoter(s.ID, s.Address, 0, r.patience()) })
}

func (r *Registry) demote(ctx context.Context, c change) error {
	s, err := r.server(c.Member.ID)
	if err != nil || s.Suffrage != raft.Voter {
		return err
	}
	if err := r.spare(ctx, s, c.Force); err != nil {
		return err
	}
	if string(s.ID) == r.cfg.NodeID {
		return r.handOn(ctx)
	}
	return r.configure(ctx, func() raft.Future { return r.raft.DemoteVoter(s.ID, 0, r.patience()) })
}

func (r *Registry) remove(ctx context.Context, c change) error {
	s, err := r.server(c.Member.ID)
	if err != nil && !r.leftHalfway(c.Member.ID) {
		return err
	}
	if err == nil {
		if s.Suffrage == raft.Voter {
			if err := r.spare(ctx, s, c.Force); err != nil {
				return err
			}
		}
		if string(s.ID) == r.cfg.NodeID {
			return r.handOn(ctx)
		}
		if err := r.configure(ctx, func() raft.Future { return r.raft.RemoveServer(s.ID, 0, r.patience()) }); err != nil {
			return err
		}
	}
	command, err := state.Encode(&state.Retire{Now: r.cfg.now(), ID: c.Member.ID})
	if err != nil {
		return err
	}
	_, err = r.propose(ctx, command)
	return err
}

// leftHalfway reports whether a node is out of Raft's configuration and has no record of that: the leader that removed
// it was lost in between.
func (r *Registry) leftHalfway(id string) bool {
	all, err := r.Directory()
	if err != nil {
		return false
	}
	for _, m := range all {
		if m.ID == id {
			return !m.Removed
		}
	}
	return slices.ContainsFunc(r.cfg.Members, func(m Member) bool { return m.ID == id })
}

// spare refuses to do without the vote of a node when no majority of the others answers.
func (r *Registry) spare(ctx context.Context, gone raft.Server, force bool) error {
	voters, answering := 0, 0
	for _, s := range r.raft.GetConfiguration().Configuration().Servers {
		if s.Suffrage != raft.Voter || s.ID == gone.ID {
			continue
		}
		voters++
		if string(s.ID) == r.cfg.NodeID {
			answering++
		} else if _, err := r.askReport(ctx, string(s.ID)); err == nil {
			answering++
		}
	}
	switch {
	case voters == 0:
		return trust.Refuse(trust.NoQuorum, "%s is the last node with a vote", gone.ID)
	case answering < voters/2+1 && !force:
		return trust.Refuse(trust.NoQuorum, "without %s, %d of %d nodes with a vote answer, want %d", gone.ID, answering, voters, voters/2+1)
	}
	return nil
}

// handOn makes another node leader, which then does what this one cannot do to itself.
func (r *Registry) handOn(ctx context.Context) error {
	if err := r.transfer(ctx, ""); err != nil {
		return err
	}
	return fmt.Errorf("%w: it has just been handed over", ErrNoLeader)
}

func (r *Registry) transfer(ctx context.Context, id string) error {
	if id == r.cfg.NodeID {
		return nil
	}
	move := func() raft.Future { return r.raft.LeadershipTransfer() }
	if id != "" {
		s, err := r.server(id)
		if err != nil {
			return err
		}
		if s.Suffrage != raft.Voter {
			return trust.Refuse(trust.NoQuorum, "%s has no vote and cannot lead", id)
		}
		move = func() raft.Future { return r.raft.LeadershipTransferToServer(s.ID, s.Address) }
	}
	return r.configure(ctx, move)
}

// configure has Raft do something and waits for it.
func (r *Registry) configure(ctx context.Context, do func() raft.Future) error {
	return r.ask(ctx, do, func() {})
}

// server returns a node of Raft's configuration.
func (r *Registry) server(id string) (raft.Server, error) {
	for _, s := range r.raft.GetConfiguration().Configuration().Servers {
		if string(s.ID) == id {
			return s, nil
		}
	}
	return raft.Server{}, trust.Refuse(trust.UnknownMember, "the cluster has no node %.100q", id)
}

// askReport returns how far another node has applied.
func (r *Registry) askReport(ctx context.Context, id string) (uint64, error) {
	if r.cfg.Forward == nil {
		return 0, errors.New("there is no way to other nodes")
	}
	ctx, cancel := context.WithTimeout(ctx, reportWithin)
	defer cancel()
	reply, err := r.forward(ctx, id, request{Report: true})
	return reply.Index, err
}

func (r *Registry) report() state.Reply {
	d := r.Reading()
	defer d.Close()
	return state.Reply{Index: d.View.Applied}
}
