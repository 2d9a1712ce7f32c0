// Package store keeps the state of a cluster's registry on disk: a Pebble database that always knows which Raft
// entry it has applied last, and that can be replaced as a whole by a snapshot while readers go on.
//
// It promises:
//   - the applied index and term are in the same Pebble batch as the data they stand for (Batch.Commit);
//   - a snapshot archive holds only what Pebble has synced, and says which entry it stands at;
//   - a restored database is complete and synced in a directory of its own before the pointer file CURRENT names
//     it, so that a crash at any moment leaves the old state or the new one, never a mixture;
//   - a reader's View stays as it was until it is released, even across a restore.
//
// It does not know what the keys mean beyond their layout (keys.go), runs no Raft and verifies no signature.
//
// Commits are not synced one by one: what an unsynced tail loses is replayed from the Raft log, which is synced
// and is never cut past what this package has synced (see Checkpoint).
package store
