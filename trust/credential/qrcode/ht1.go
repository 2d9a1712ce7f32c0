package qrcode

import (
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/credential"
	"github.com/hutong-project/hutong/trust/sm3"
)

// TypeHT1 is both the protected typ and the external_aad of an HT1 code, so that neither a status batch nor any
// other COSE message under the same algorithm number can pass for a credential, nor a credential for one of those.
const TypeHT1 = "application/vnd.hutong.qr+cwt"

// AlgorithmSM2 is the private COSE algorithm number of SM2-with-SM3 with a raw r ‖ s of 64 bytes.
const AlgorithmSM2 = -70001

// HT1Version is the one version of HT1's own claims.
const HT1Version = 1

// COSE header labels, CWT claim keys, and our own claim: one private key under which all that CWT has no name for
// stands, so that the long key is paid for once.
const (
	tagSign1 = 18
	tagCWT   = 61

	labelAlgorithm = 1
	labelCritical  = 2
	labelKID       = 4
	labelType      = 16
	labelX5Chain   = 33

	claimIssuer    = 1
	claimExpires   = 4
	claimNotBefore = 5
	claimIssued    = 6
	claimHutong    = -70001

	kindCredential   = 0
	kindPresentation = 1
	ownElements      = 7

	signatureSize = 64
)

// nint is CBOR's argument of a negative integer.
func nint(n int64) uint64 { return uint64(-1 - n) }

// readHT1 reads the one encoding that an HT1 COSE_Sign1 has.
func readHT1(cose []byte) (*credential.Credential, error) {
	r := reader{data: cose}
	r.exactly(majorTag, tagSign1, "the tag")
	r.exactly(majorArray, 4, "the count of COSE_Sign1's elements")
	protected := r.bytes(1, MaxInflated, "the protected header")
	r.exactly(majorMap, 0, "the count of unprotected labels")
	payload := r.bytes(1, MaxInflated, "the payload")
	signature := r.bytes(signatureSize, signatureSize, "the signature")
	r.end("the COSE_Sign1")
	if r.fault != "" {
		return nil, refuse(StageCOSE, "%s", r.fault)
	}

	// One allocation holds message and signature; all slices of the result point into it.
	kept, at, length := appendSigStructure(make([]byte, 0, len(cose)+64), protected, TypeHT1, payload)
	message := kept[:len(kept):len(kept)]
	kept = append(kept, signature...)
	c := &credential.Credential{
		Format:    FormatHT1,
		Algorithm: "SM2",
		KIDRule:   credential.KIDKey,
		Message:   message,
		Signature: kept[len(message):len(kept):len(kept)],
		Digest:    sm3.Sum(cose),
	}
	if fault := readProtected(c, message[at:at+length]); fault != "" {
		return nil, refuse(StageCOSE, "%s", fault)
	}
	if fault := readClaims(c, message[len(message)-len(payload):]); fault != "" {
		return nil, refuse(StageClaims, "%s", fault)
	}
	return c, nil
}

// appendSigStructure appends COSE's Sig_structure for a COSE_Sign1 (RFC 9052 section 4.4): the bytes that are signed.
// The protected header lies at dst[at:at+length] of the result, the payload at its end.
func appendSigStructure(dst, protected []byte, aad string, payload []byte) (out []byte, at, length int) {
	dst = appendHead(dst, majorArray, 4)
	dst = appendHead(dst, majorText, len("Signature1"))
	dst = append(dst, "Signature1"...)
	dst = appendHead(dst, majorBytes, len(protected))
	at = len(dst)
	dst = append(dst, protected...)
	dst = appendHead(dst, majorBytes, len(aad))
	dst = append(dst, aad...)
	dst = appendHead(dst, majorBytes, len(payload))
	return append(dst, payload...), at, len(protected)
}

// readProtected reads {1: -70001, 4: kid, 16: typ, ? 33: x5chain} and returns what is wrong, or "".
func readProtected(c *credential.Credential, protected []byte) string {
	r := reader{data: protected}
	labels := r.count(majorMap, 3, 4, "the protected header")
	r.exactly(majorUint, labelAlgorithm, "the first protected label")
	r.exactly(majorNint, nint(AlgorithmSM2), "the algorithm's negative number")
	r.exactly(majorUint, labelKID, "the second protected label")
	c.KID = r.bytes(KIDSize, KIDSize, "the kid")
	r.exactly(majorUint, labelType, "the third protected label")
	if from, to := r.span(majorText, 0, MaxInflated, "typ"); r.fault == "" && string(protected[from:to]) != TypeHT1 {
		r.fail("typ is another one, want %s", TypeHT1)
	}
	if labels == 4 {
		r.exactly(majorUint, labelX5Chain, "the fourth protected label")
		c.Chain = readChain(&r)
	}
	r.end("the protected header")
	return r.fault
}

// readChain reads an x5chain (RFC 9360): one certificate as a byte string, several as an array of them.
func readChain(r *reader) [][]byte {
	if r.is(majorBytes) {
		return [][]byte{r.bytes(1, MaxCertificate, "the x5chain certificate")}
	}
	chain := make([][]byte, r.count(majorArray, 2, MaxChain, "x5chain"))
	for i := range chain {
		chain[i] = r.bytes(1, MaxCertificate, "an x5chain certificate")
	}
	return chain
}

// readClaims reads the payload
//
//	{1: iss, ? 4: exp, ? 5: nbf, 6: iat, -70001: [version, kind, anchor, type, authority, handle, [*[name, value]]]}
//
// and returns what is wrong, or "".
func readClaims(c *credential.Credential, payload []byte) string {
	r := reader{data: payload, text: string(payload)}
	var claims Claims
	left := r.count(majorMap, 3, 5, "the claims")
	r.exactly(majorUint, claimIssuer, "the first claim key")
	claims.Province = trust.Province(r.string(1, 16, "iss"))
	// The keys stand in ascending order. Those that may be left out make up the difference.
	left -= 3
	key := r.head(majorUint, "a claim key")
	if left > 0 && key == claimExpires {
		claims.Expires = trust.Time(r.positive(maxTime, "exp"))
		key, left = r.head(majorUint, "a claim key"), left-1
	}
	if left > 0 && key == claimNotBefore {
		claims.NotBefore = trust.Time(r.positive(maxTime, "nbf"))
		key, left = r.head(majorUint, "a claim key"), left-1
	}
	if r.fault == "" && (left != 0 || key != claimIssued) {
		r.fail("claim key %d is unknown, repeated or out of order", key)
	}
	claims.Issued = trust.Time(r.positive(maxTime, "iat"))
	r.exactly(majorNint, nint(claimHutong), "the last claim key's negative number")

	r.exactly(majorArray, ownElements, "the count of HT1's own claims")
	r.exactly(majorUint, HT1Version, "the version")
	switch kind := r.head(majorUint, "the kind"); {
	case r.fault == "" && kind > kindPresentation:
		r.fail("kind %d is unknown", kind)
	default:
		claims.Presentation = kind == kindPresentation
	}
	claims.Anchor = r.string(1, MaxAnchor, "the anchor id")
	claims.Type = r.string(1, MaxType, "the credential type")
	claims.Authority = r.string(1, MaxAuthority, "the authority")
	handle := r.bytes(HandleSize, HandleSize, "the handle")
	copy(claims.Handle[:], handle)
	claims.Face = readFace(&r)
	r.end("the claims")
	if r.fault != "" {
		return r.fault
	}
	if fault := claims.fault(); fault != "" {
		return fault
	}

	c.Presentation, c.Province, c.Anchor = claims.Presentation, claims.Province, claims.Anchor
	c.Type, c.Authority, c.Handle = claims.Type, claims.Authority, handle
	c.Issued, c.NotBefore, c.Expires = claims.Issued, claims.NotBefore, claims.Expires
	c.Face = claims.Face
	return ""
}

func readFace(r *reader) []credential.Claim {
	n := r.count(majorArray, 0, MaxFace, "the face claims")
	if n == 0 {
		return nil
	}
	face := make([]credential.Claim, n)
	for i := range face {
		r.exactly(majorArray, 2, "the count of a face claim's parts")
		face[i].Name = r.string(1, MaxFaceName, "a face claim's name")
		face[i].Value = r.string(1, MaxFaceValue, "a face claim's value")
	}
	return face
}
