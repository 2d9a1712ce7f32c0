// Package trust is the ground floor of Hutong: the value types that every signed form shares.
//
// The packages below it hold what is signed (statement, national, list, head, statuslog), the credential
// formats (credential/…) and how they are judged (verdict). Bytes and a time go in, values come out: nothing
// under trust does I/O, reads a clock or starts a goroutine.
//
// The types here exist so that one 32-byte string cannot be passed for another: a Digest, a KeyID and a
// Subject are different types, a Province is not any string, and a Time has whole seconds and no zone.
package trust
