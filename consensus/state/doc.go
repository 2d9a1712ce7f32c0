// Package state is what a cluster agrees on: the commands that change the registry, and the machine that applies
// them.
//
// It promises that applying the same commands in the same order gives the same bytes on every node, so a command
// carries the time at which it was proposed, and applying reads no clock, no random number, no local setting. Two
// things are fixed for the life of a cluster and so count as part of the state: its own province and its pin.
//
// Signatures are verified by the proposer, before a command enters the log. What a verification rested on goes
// into the command as the digest of the national list that named the keys; when the state has another one by the
// time the command is applied, the command is refused as Moved, nothing is changed and the proposer verifies
// again. Everything that depends on the state, and nothing that does not, is checked when a command is applied:
// floors, numbers, spans, digests, tree roots, times. (The rule of succession of national lists includes their
// thresholds, which are so verified twice; such lists are rare.)
//
// It runs no Raft, keeps no files of its own (package store does) and talks to nobody.
package state
