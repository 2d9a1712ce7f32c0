package federation

import (
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/registry"
)

// maxPeers bounds the peers that one list can have admitted for one province.
const maxPeers = 64

// An admission says who may connect and for whom they speak. It does not change once made.
type admission struct {
	own     trust.Province
	cluster map[peer.ID]bool
	peers   map[peer.ID]*member
	byCode  map[trust.Province][]peer.ID // in the order of the lists, entry peers first; without this node
	targets []trust.Province             // whose clusters get our heads, in ascending order
}

// A member is an admitted peer.
type member struct {
	addrs []multiaddr.Multiaddr
	// provinces that name it, the first being the one that its streams and counters are booked on. A peer can speak
	// for several: a host's nodes are named by those it hosts, too.
	provinces []trust.Province
}

// admit works out the admission from what a cluster believes. Peers are admitted when they are of the own cluster, when
// the national list names them as entry peers of an admitted province, or when an admitted province's adopted trust
// list names them. Entry peers of a suspended or withdrawn province do not come back by another province's trust list;
// being named by its trust list, which it wrote itself, takes nothing from anyone.
func admit(view *registry.View, own trust.Province, self peer.ID, cluster []peer.AddrInfo) *admission {
	a := &admission{
		own:     own,
		cluster: make(map[peer.ID]bool),
		peers:   make(map[peer.ID]*member),
		byCode:  make(map[trust.Province][]peer.ID),
	}
	for _, info := range cluster {
		a.cluster[info.ID] = true
		a.add(info.ID, info.Addrs, own, self)
	}
	if view == nil || view.National == nil {
		return a
	}
	entries := view.National.Provinces
	barred := make(map[string]bool)
	for i := range entries {
		if entries[i].Status == national.Admitted {
			a.addListed(entries[i].Peers, entries[i].Code, self)
			continue
		}
		for _, p := range entries[i].Peers {
			barred[p.ID] = true
		}
	}
	admitted := make(map[trust.Province]bool)
	for i := range entries {
		code := entries[i].Code
		if entries[i].Status != national.Admitted {
			continue
		}
		admitted[code] = true
		if p := view.Provinces[code]; p != nil && p.List != nil {
			a.addListed(slices.DeleteFunc(slices.Clone(p.List.Peers), func(p national.Peer) bool { return barred[p.ID] }), code, self)
		}
	}
	for code := range admitted {
		if entry, _ := view.National.Province(code); entry.Signer() == code && code != own && len(a.byCode[code]) > 0 {
			a.targets = append(a.targets, code)
		}
	}
	slices.Sort(a.targets)
	return a
}

func (a *admission) addListed(peers []national.Peer, code trust.Province, self peer.ID) {
	for _, listed := range peers[:min(len(peers), maxPeers)] {
		id, err := peer.Decode(listed.ID)
		if err != nil {
			continue // lists are checked when read; one unreadable id takes nothing from the others
		}
		var addrs []multiaddr.Multiaddr
		for _, text := range listed.Addrs {
			if addr, err := multiaddr.NewMultiaddr(text); err == nil {
				addrs = append(addrs, addr)
			}
		}
		a.add(id, addrs, code, self)
	}
}

func (a *admission) add(id peer.ID, addrs []multiaddr.Multiaddr, code trust.Province, self peer.ID) {
	if id == self {
		return
	}
	m := a.peers[id]
	if m == nil {
		m = new(member)
		a.peers[id] = m
	}
	for _, addr := range addrs {
		if !multiaddr.Contains(m.addrs, addr) {
			m.addrs = append(m.addrs, addr)
		}
	}
	if !slices.Contains(m.provinces, code) {
		m.provinces = append(m.provinces, code)
		a.byCode[code] = append(a.byCode[code], id)
	}
}

// home returns the province that id's streams are booked on, and whether id is admitted at all.
func (a *admission) home(id peer.ID) (trust.Province, bool) {
	m := a.peers[id]
	if m == nil {
		return "", false
	}
	return m.provinces[0], true
}

// speaksFor reports whether id is one of code's own peers.
func (a *admission) speaksFor(id peer.ID, code trust.Province) bool {
	m := a.peers[id]
	return m != nil && slices.Contains(m.provinces, code)
}
