// Package chaos tries a province's cluster on real processes: clients write and read over HTTP while nodes are killed,
// stopped and continued, and what the clients saw must be what one log, which loses nothing, could have shown them.
//
// Run brings up one province of three nodes, on loopback and real folders, drives it, heals it, and returns a Report.
// Every operation is recorded with the times of its call and its return; what the client cannot know stays unknown.
// The writes are checked against a model by a linearizability checker (porcupine); local reads, which may be old, are
// checked one by one against the log that all nodes hold in the end. A run that proves nothing, because there was too
// little load or a fault that did not really happen, is void, which is an error.
//
// What it does not do: lose what the operating system has taken (that needs a power cut; the tests of consensus/store
// do it with file systems in memory), fill disks, or tell lies from a node.
package chaos
