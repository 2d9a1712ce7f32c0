// Package disk watches the disk under a node's data directory and keeps room on it for a rescue.
//
// A Canary writes and syncs a small file again and again, on a goroutine of its own: Raft's heartbeats run beside its
// disk writes, so a leader whose disk hangs would keep its lease and answer nobody. A reserve is a file of a fixed size
// that an operator removes when the disk is full, so that the node has room to start and shrink.
//
// The package decides that a disk is bad. What follows from it, handing over and ending the process, is consensus's.
package disk
