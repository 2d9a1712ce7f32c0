package sm2sig

import "github.com/emmansun/gmsm/sm2"

// ReferenceVerify is the library's own whole verification of a DER signature: user id, hash and curve, nothing of
// this package. It is what benchmarks and tests measure Verify against; it decides nothing else.
func ReferenceVerify(k *PublicKey, message, der []byte) bool {
	return k != nil && k.point != nil && sm2.VerifyASN1WithSM2(k.point, nil, message, der)
}

// DER returns the DER form of a raw signature, as Verify and ReferenceVerify take it, or nil for another length.
func DER(rs []byte) []byte {
	if len(rs) != RawSize {
		return nil
	}
	return appendDER(make([]byte, 0, maxDERSize), (*[RawSize]byte)(rs))
}
