// Package head holds the head: what a province's cluster signs at least every headInterval to pin its trust list and
// its status log and to prove that it is alive. docs/formats/head.md specifies it to the byte. It is the timestamp and
// snapshot of TUF 1.0 and the checkpoint of a transparency log in one.
//
// It promises that a Document which Read returned obeys every rule about one head alone, that CheckFollows lets no
// number fall or run ahead of time, and that Contradicts finds everything that two heads alone can prove against
// their signer.
//
// It does not fetch or compare what a head pins; whoever holds list and log does that. It reads no clock.
package head
