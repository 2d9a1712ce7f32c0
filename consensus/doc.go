// Package consensus is the registry of one cluster: what the nodes of a province believe, kept equal on all of them
// by Raft (hashicorp/raft over raft-boltdb) and held in Pebble.
//
// It promises:
//   - one way in: whatever changes the registry, of the own province or a foreign one, is one Raft command;
//   - a write that returned without an error is durable on a majority of the cluster and visible on the node that
//     took it; one that returned ErrUnknownOutcome may or may not have happened, and repeating it is safe where the
//     method says so;
//   - a Reading is one moment: its View and its events belong together, and stay while it is open;
//   - a head is signed only after the cluster has agreed on its bytes, so a deposed leader can repeat what was
//     agreed and nothing else;
//   - a node whose disk's state is unknown, or which would do something else than its peers, stops.
//
// It does not talk to other provinces (federation does), check who may call it, or judge credentials. Traffic
// between the nodes is not yet protected: the addresses in Config must be reachable by the cluster only.
//
// docs/consensus.md describes commands, keys and invariants; the subpackages state (commands and what they do) and
// store (Pebble) the two layers below.
package consensus
