package state

import (
	"github.com/hutong-project/hutong/consensus/store"
	"github.com/hutong-project/hutong/trust"
)

// Limits of join tokens.
const (
	maxTokens = 64
	// remembered is how long a token that has expired is told from one that never was, in seconds.
	remembered = 7 * 24 * 3600
)

// A Member is a node that joined a running cluster, or any node that was removed. Nodes that the cluster was started
// with stand in no record: their configurations name them.
type Member struct {
	_       struct{} `cbor:",toarray"`
	ID      string
	Address string // host:port of its Raft traffic
	Peer    string // libp2p peer id
	P2P     string // multiaddress of its federation listener
	Removed bool   // for good: an id never comes back
}

// token is a join token as it is kept.
type token struct {
	_       struct{} `cbor:",toarray"`
	Expires trust.Time
	UsedBy  *Member // nil: not used yet
}

// AddToken makes a token good for one node to join.
type AddToken struct {
	_       struct{} `cbor:",toarray"`
	Now     trust.Time
	Token   trust.Digest
	Expires trust.Time
}

// Enroll uses a token and records the node that joins with it.
type Enroll struct {
	_      struct{} `cbor:",toarray"`
	Now    trust.Time
	Token  trust.Digest
	Member Member
}

// Retire records that a node was removed.
type Retire struct {
	_   struct{} `cbor:",toarray"`
	Now trust.Time
	ID  string
}

// Members returns the records of all nodes that joined or were removed, in the order of their ids.
func Members(v store.Reader) ([]Member, error) {
	var all []Member
	lower, upper := store.AllMembers()
	err := v.Scan(lower, upper, func(_, value []byte) error {
		var m Member
		err := decode(value, &m)
		all = append(all, m)
		return err
	})
	return all, err
}

func (m *Machine) addToken(b *store.Batch, c *AddToken) error {
	held, err := m.forgetTokens(b)
	if err != nil {
		return err
	}
	if held >= maxTokens {
		return trust.Refuse(trust.BadToken, "%d join tokens wait to be used or forgotten, at most %d may", held, maxTokens)
	}
	b.Set(store.TokenKey(c.Token), encode(token{Expires: c.Expires}))
	return nil
}

// forgetTokens drops tokens that expired long ago and returns how many are left.
func (m *Machine) forgetTokens(b *store.Batch) (held int, err error) {
	var old [][]byte
	lower, upper := store.AllTokens()
	err = b.Scan(lower, upper, func(key, value []byte) error {
		var t token
		if err := decode(value, &t); err != nil {
			return err
		}
		if t.Expires+remembered < m.newest {
			old = append(old, append([]byte{}, key...))
		} else if t.Expires >= m.newest && t.UsedBy == nil {
			held++
		}
		return nil
	})
	for _, key := range old {
		b.Delete(key)
	}
	return held, err
}

func (m *Machine) enroll(b *store.Batch, c *Enroll) error {
	key := store.TokenKey(c.Token)
	raw, err := b.Load(key)
	if err != nil {
		return err
	}
	if raw == nil {
		return trust.Refuse(trust.BadToken, "this cluster made no such join token")
	}
	var t token
	if err := decode(raw, &t); err != nil {
		return err
	}
	all, err := Members(b)
	if err != nil {
		return err
	}
	if t.UsedBy != nil {
		if *t.UsedBy == c.Member && has(all, c.Member) {
			return nil // the same node, whose answer was lost
		}
		return trust.Refuse(trust.BadToken, "the join token was used by %s; each is good for one node", t.UsedBy.ID)
	}
	if t.Expires < m.newest {
		return trust.Refuse(trust.BadToken, "the join token expired %s", t.Expires)
	}
	for _, other := range all {
		switch {
		case other.ID == c.Member.ID:
			return trust.Refuse(trust.MemberExists, "%s is the id of a node that is or was in the cluster; a node whose data was lost comes back under a new id", other.ID)
		case !other.Removed && (other.Peer == c.Member.Peer || other.Address == c.Member.Address || other.P2P == c.Member.P2P):
			return trust.Refuse(trust.MemberExists, "peer or address are those of %s", other.ID)
		}
	}
	t.UsedBy = &c.Member
	b.Set(key, encode(t))
	b.Set(store.MemberKey(c.Member.ID), encode(c.Member))
	return nil
}

func has(all []Member, want Member) bool {
	for _, m := range all {
		if m == want {
			return true
		}
	}
	return false
}

func (m *Machine) retire(b *store.Batch, c *Retire) error {
	key := store.MemberKey(c.ID)
	raw, err := b.Load(key)
	if err != nil {
		return err
	}
	gone := Member{ID: c.ID}
	if raw != nil {
		if err := decode(raw, &gone); err != nil {
			return err
		}
	}
	gone.Removed = true
	b.Set(key, encode(gone))
	return nil
}
