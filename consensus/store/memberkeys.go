package store

import "github.com/hutong-project/hutong/trust"

// MemberKey returns the key of the record of a node that joined the cluster or was removed from it.
func MemberKey(id string) []byte { return append([]byte{tableMember}, id...) }

// AllMembers are the bounds of the records of nodes.
func AllMembers() (lower, upper []byte) { return []byte{tableMember}, []byte{tableMember + 1} }

// TokenKey returns the key of a join token, which is known by its digest.
func TokenKey(d trust.Digest) []byte { return append([]byte{tableToken}, d[:]...) }

// AllTokens are the bounds of the join tokens.
func AllTokens() (lower, upper []byte) { return []byte{tableToken}, []byte{tableToken + 1} }
