package federation

import (
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/hutong-project/hutong/trust"
)

// A ProvinceStatus says how the federation stands with one province of the national list.
type ProvinceStatus struct {
	Province          trust.Province
	Local             bool // signed by this cluster
	Session, Sequence uint64
	Age               time.Duration // of the head held; negative: none is held
	// Lag is by how many numbers the head held is behind the highest validly signed one that was seen; of a newer
	// session, the whole of its number.
	Lag     uint64
	Source  peer.ID // who brought the head held; empty when this node did not take it in
	Pulling bool

	LastError   string // the last thing that went wrong with its data, bounded; it may be long past
	LastErrorAt trust.Time
	Refused     map[trust.RefusalCode]uint64 // since this node started

	// LastPush is its answer to our last push: accepted, have, refused, retry, unanswered; empty: none was tried.
	LastPush      string
	LastPushError string
	Peers         []PeerStatus
}

// A PeerStatus says how one admitted peer answers.
type PeerStatus struct {
	ID       peer.ID
	Province trust.Province // the one it is booked on
	Cluster  bool           // a node of the own cluster
	// Connected: there is a connection, and the last stream over it was answered.
	Connected bool
	LastOK    time.Time // the last answered stream; zero: none yet
	LastError string    // bounded; it may be long past
}

// Status returns how it stands with every province of the national list, in ascending order of code.
func (n *Node) Status() []ProvinceStatus {
	view := n.view()
	if view.National == nil {
		return nil
	}
	a := n.gate.current.Load()
	now := n.now()
	var all []ProvinceStatus
	for i := range view.National.Provinces {
		code := view.National.Provinces[i].Code
		page, pulling := n.provinces.show(code)
		s := ProvinceStatus{
			Province: code, Age: -1, Source: page.source, Pulling: pulling,
			LastError: page.lastError, LastErrorAt: page.lastErrorAt, Refused: page.refused,
		}
		if held := view.Provinces[code]; held != nil {
			s.Local = held.Local
			if held.Head != nil {
				s.Session, s.Sequence, s.Age = held.Head.Session, held.Head.Sequence, held.Head.Age(now)
			}
		}
		s.Lag = lag(page, s.Session, s.Sequence)
		s.LastPush, s.LastPushError = n.pushers.show(code)
		for _, id := range a.byCode[code] {
			s.Peers = append(s.Peers, n.peerStatus(a, id))
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(x, y ProvinceStatus) int {
		if x.Province < y.Province {
			return -1
		}
		return 1
	})
	return all
}

func lag(page provincePage, session, sequence uint64) uint64 {
	switch {
	case page.seenSession > session:
		return page.seenSequence
	case page.seenSession == session && page.seenSequence > sequence:
		return page.seenSequence - sequence
	}
	return 0
}

// Peers returns how every admitted peer answers, in ascending order of id.
func (n *Node) Peers() []PeerStatus {
	a := n.gate.current.Load()
	var all []PeerStatus
	for id := range a.peers {
		all = append(all, n.peerStatus(a, id))
	}
	slices.SortFunc(all, func(x, y PeerStatus) int {
		if x.ID < y.ID {
			return -1
		}
		return 1
	})
	return all
}

func (n *Node) peerStatus(a *admission, id peer.ID) PeerStatus {
	page := n.peers.show(id)
	home, _ := a.home(id)
	return PeerStatus{
		ID: id, Province: home, Cluster: a.cluster[id],
		Connected: n.connected(id) && page.lastOK.After(page.lastFailure),
		LastOK:    page.lastOK, LastError: page.lastError,
	}
}

func (p *pushers) show(code trust.Province) (lastAnswer, lastError string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.byTarget[code]; t != nil {
		return t.lastAnswer, t.lastError
	}
	return "", ""
}
