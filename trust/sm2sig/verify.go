package sm2sig

import (
	"github.com/emmansun/gmsm/sm2"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/sm3"
)

// RawSize is the length in bytes of a raw signature: r and s, 32 bytes each, big-endian.
const RawSize = 64

// maxDERSize is the length of the longest signature in DER: both integers with a leading zero byte.
const maxDERSize = 72

// Verify reports whether der is a signature of message under k: a DER SEQUENCE of the integers r and s, in its
// only encoding, with r and s in [1, n−1]. The raw form is refused.
func (k *PublicKey) Verify(message, der []byte) bool {
	if k == nil || k.point == nil || len(der) > maxDERSize {
		return false
	}
	// ZA was computed when the key was read; the library would look it up and hash the same.
	return k.verifyHash(sm3.Sum(k.za[:], message), der)
}

// verifyHash checks der against e = SM3(ZA ‖ M).
func (k *PublicKey) verifyHash(e trust.Digest, der []byte) bool {
	return sm2.VerifyASN1(k.point, e[:], der)
}

// VerifyRaw reports whether rs is a signature of message under k: exactly 64 bytes r ‖ s, both in [1, n−1].
// The DER form is refused.
func (k *PublicKey) VerifyRaw(message, rs []byte) bool {
	if len(rs) != RawSize {
		return false
	}
	var buf [maxDERSize]byte
	return k.Verify(message, appendDER(buf[:0], (*[RawSize]byte)(rs)))
}

// appendDER appends the DER of a raw signature. A zero integer, which no signature has, keeps its one zero byte
// and is refused by the check of the range.
func appendDER(dst []byte, rs *[RawSize]byte) []byte {
	start := len(dst)
	dst = append(dst, 0x30, 0)
	for _, n := range [][]byte{rs[:RawSize/2], rs[RawSize/2:]} {
		for len(n) > 1 && n[0] == 0 {
			n = n[1:]
		}
		if n[0]&0x80 != 0 {
			dst = append(dst, 0x02, byte(len(n)+1), 0)
		} else {
			dst = append(dst, 0x02, byte(len(n)))
		}
		dst = append(dst, n...)
	}
	dst[start+1] = byte(len(dst) - start - 2)
	return dst
}
