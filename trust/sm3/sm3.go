// Package sm3 is the hash of everything in Hutong: SM3 (GB/T 32905-2016, GM/T 0004) and HMAC-SM3 (GM/T 0042).
//
// It promises digests of the project's own types and keeps the library behind one door. It does not say what is
// hashed: prefixes that keep one use from passing for another stand where the use is.
package sm3

import (
	"crypto/hmac"
	"hash"

	"github.com/emmansun/gmsm/sm3"

	"github.com/hutong-project/hutong/trust"
)

// Sum returns the SM3 of the parts, one after the other. Nothing stands between the parts: a caller whose parts
// vary in length puts a separator or a length in, or two inputs share a digest. It is safe for concurrent use.
func Sum(parts ...[]byte) trust.Digest {
	if len(parts) == 1 {
		return sm3.Sum(parts[0])
	}
	h := sm3.New()
	for _, part := range parts {
		h.Write(part)
	}
	var d trust.Digest
	h.Sum(d[:0])
	return d
}

// New returns a running SM3, for input that comes in pieces. One hash serves one goroutine.
func New() hash.Hash { return sm3.New() }

// HMAC returns the HMAC-SM3 under key of the parts, one after the other, as Sum joins them. A key of any length
// is taken (one above 64 bytes is hashed first); whether it is long enough is the caller's to check.
func HMAC(key []byte, parts ...[]byte) [32]byte {
	h := hmac.New(sm3.New, key)
	for _, part := range parts {
		h.Write(part)
	}
	var mac [32]byte
	h.Sum(mac[:0])
	return mac
}
