// Package statuslog holds what issuing authorities say about their credentials after issue, and how it is read:
// the subjects that events speak of, the signed batch, the leaf and the Merkle tree of a province's log, which
// leaves count, and the fold of counting events into one status.
//
// It promises that a batch, a leaf and a stored tree have exactly one encoding, so that equal meaning has equal
// bytes and digests; that counting and folding depend on their arguments alone, and so come out alike on every
// node; and that a doubt never reads as valid. It does not decide who may append, keeps nothing, and says nothing
// about a credential as a whole: that is package verdict's work.
//
// Formats: docs/formats/status-batch.md and docs/formats/status-log.md. They rest on CBOR (RFC 8949, section 4.2.1),
// COSE_Sign1 (RFC 9052, typ header of RFC 9596), SM2 (GB/T 32918) and the Merkle tree of RFC 6962 with SM3.
package statuslog
