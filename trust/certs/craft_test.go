package certs_test

import (
	stdasn1 "encoding/asn1"
	"slices"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/hutong-project/hutong/trust/certs"
	"github.com/hutong-project/hutong/trust/sm2sig"
)

// A crafted is a certificate built by hand, to make what no library would.
type crafted struct {
	version      int    // 0 for v1; −1 leaves it out
	serial       []byte // content of the INTEGER
	algorithm    []byte // whole AlgorithmIdentifier
	outer        []byte // the unsigned one, if it is to differ
	issuer       []byte
	subject      []byte
	validity     []byte
	spki         []byte
	extensions   []extension
	afterTBS     []byte // inside tbsCertificate, at its end
	afterOutside []byte // inside the certificate, after the signature
}

type extension struct {
	oid      string
	critical bool
	value    []byte
}

var (
	sm2WithSM3         = sequence(oid(1, 2, 156, 10197, 1, 501))
	basicConstraintsCA = extension{"2.5.29.19", true, sequence([]byte{1, 1, 0xff})}
)

func craftedFrom(issuer authority, key *sm2sig.PrivateKey) crafted {
	return crafted{version: 2, serial: []byte{5}, algorithm: sm2WithSM3, issuer: issuer.RawSubject, subject: commonName("Crafted"),
		validity: sequence(utcTime("260101000000Z"), utcTime("270101000000Z")), spki: key.Public().Bytes()}
}

func (c crafted) sign(t testing.TB, key *sm2sig.PrivateKey) []byte {
	t.Helper()
	var content [][]byte
	if c.version >= 0 {
		content = append(content, element(0xa0, element(2, []byte{byte(c.version)})))
	}
	content = append(content, element(2, c.serial), c.algorithm, c.issuer, c.validity, c.subject, c.spki)
	if len(c.extensions) > 0 {
		var all [][]byte
		for _, e := range c.extensions {
			id, err := stdasn1.Marshal(parseOID(e.oid))
			if err != nil {
				t.Fatal(err)
			}
			parts := [][]byte{id}
			if e.critical {
				parts = append(parts, []byte{1, 1, 0xff})
			}
			all = append(all, sequence(append(parts, element(4, e.value))...))
		}
		content = append(content, element(0xa3, sequence(all...)))
	}
	tbs := sequence(append(content, c.afterTBS)...)
	signature, err := key.Sign(tbs)
	if err != nil {
		t.Fatal(err)
	}
	outer := c.algorithm
	if c.outer != nil {
		outer = c.outer
	}
	return sequence(tbs, outer, element(3, append([]byte{0}, signature...)), c.afterOutside)
}

func keyUsage(usage certs.KeyUsage) extension {
	var b [2]byte
	for i := range 9 {
		if usage&(1<<i) != 0 {
			b[i/8] |= 0x80 >> (i % 8)
		}
	}
	return extension{"2.5.29.15", true, element(3, append([]byte{7}, b[:]...))}
}

func commonName(name string) []byte {
	return sequence(element(0x31, sequence(oid(2, 5, 4, 3), element(12, []byte(name)))))
}

func utcTime(text string) []byte { return element(23, []byte(text)) }

func oid(arcs ...int) []byte {
	der, err := stdasn1.Marshal(stdasn1.ObjectIdentifier(arcs))
	if err != nil {
		panic(err)
	}
	return der
}

func parseOID(text string) (id stdasn1.ObjectIdentifier) {
	arc := 0
	for _, c := range text + "." {
		if c == '.' {
			id, arc = append(id, arc), 0
			continue
		}
		arc = arc*10 + int(c-'0')
	}
	return id
}

func sequence(parts ...[]byte) []byte { return element(0x30, slices.Concat(parts...)) }

func element(tag byte, content []byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(asn1.Tag(tag), func(b *cryptobyte.Builder) { b.AddBytes(content) })
	return b.BytesOrPanic()
}
