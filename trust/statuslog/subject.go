package statuslog

import (
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/sm3"
)

// HandleSize is the length in bytes of a credential's random handle.
const HandleSize = 16

// The prefixes that keep one kind of subject from passing for another. Each is followed by a zero byte.
const (
	handlePrefix      = "hutong/handle/v1\x00"
	identifierPrefix  = "hutong/identifier/v1\x00"
	certificatePrefix = "hutong/certificate/v1\x00"
	crlPrefix         = "hutong/crl/v1\x00"
)

// HandleSubject returns the subject of a credential that carries a random handle. Whoever parsed the credential
// has checked that the handle has HandleSize bytes.
func HandleSubject(handle []byte) trust.Subject {
	return trust.Subject(sm3.Sum([]byte(handlePrefix), handle))
}

// IdentifierSubject returns the subject of a credential that has an identifier only, under the province's subject
// key: without the key, serials could be counted through and ID numbers tried out. identifier holds the root and
// the check character; ASCII letters are taken in upper case whatever case they come in, nothing else is changed.
func IdentifierSubject(key []byte, identifier string) trust.Subject {
	upper := []byte(identifier)
	for i, c := range upper {
		if 'a' <= c && c <= 'z' {
			upper[i] = c - ('a' - 'A')
		}
	}
	return sm3.HMAC(key, []byte(identifierPrefix), upper)
}

// CertificateSubject returns the subject of a certificate. Both parts are whole DER elements as they stand in the
// certificate, the Name and the INTEGER with their tags and lengths, so that their border is in the bytes.
func CertificateSubject(issuerNameDER, serialDER []byte) trust.Subject {
	return trust.Subject(sm3.Sum([]byte(certificatePrefix), issuerNameDER, serialDER))
}

// CRLSubject returns the subject of the CRLs that the CA of that name issues (kind crl).
func CRLSubject(issuerNameDER []byte) trust.Subject {
	return trust.Subject(sm3.Sum([]byte(crlPrefix), issuerNameDER))
}
