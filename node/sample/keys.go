package sample

import (
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/certs"
	"github.com/hutong-project/hutong/trust/identifier"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/sm2sig"
)

const (
	day  = 24 * time.Hour
	year = 365 * day
)

// keys is all that signs: made once, shown to nobody.
type keys struct {
	national, head, list, operator, root *sm2sig.PrivateKey

	begin      trust.Time // of the certificates and of all that is granted
	rootDER    []byte
	caDER      []byte
	issuers    []*Issuer
	neighbours []neighbour
}

type neighbour struct {
	code       trust.Province
	head, list *sm2sig.PrivateKey
}

// maker remembers the first error, so that many keys and certificates can be made in a row.
type maker struct{ err error }

func (m *maker) key() *sm2sig.PrivateKey {
	key, err := sm2sig.Generate(nil)
	if err != nil && m.err == nil {
		m.err = err
	}
	return key
}

func (m *maker) certificate(t certs.Template, of *sm2sig.PrivateKey, issuer []byte, by *sm2sig.PrivateKey) []byte {
	if m.err != nil {
		return nil
	}
	var der []byte
	if issuer == nil {
		der, m.err = certs.SelfSigned(rand.Reader, t, of)
		return der
	}
	parent, err := certs.Parse(issuer)
	if err == nil {
		der, err = certs.Issue(rand.Reader, t, of.Public(), parent, by)
	}
	m.err = err
	return der
}

func makeKeys(issuers int, neighbours []trust.Province) (*keys, error) {
	var m maker
	now := trust.TimeOf(time.Now())
	k := &keys{national: m.key(), head: m.key(), list: m.key(), operator: m.key(), root: m.key(), begin: now.Add(-year)}
	ca := m.key()
	template := certs.Template{CommonName: "sample root", CA: true, PathLen: -1, NotBefore: k.begin, NotAfter: now.Add(9 * year)}
	k.rootDER = m.certificate(template, k.root, nil, nil)
	template.CommonName = "sample provincial CA"
	k.caDER = m.certificate(template, ca, k.rootDER, k.root)
	for i := range issuers {
		authority, err := identifier.MakeUSCC("11", string(Code), fmt.Sprintf("%08d", i+1))
		if err != nil {
			return nil, err
		}
		is := &Issuer{Anchor: fmt.Sprintf("issuer-%02d", i+1), Authority: string(authority), Operated: i == issuers-1, key: m.key(), status: m.key()}
		template := certs.Template{
			CommonName: is.Anchor, OrganizationCode: is.Authority, NotBefore: k.begin, NotAfter: now.Add(5 * year),
		}
		is.certificate = m.certificate(template, is.key, k.caDER, ca)
		k.issuers = append(k.issuers, is)
	}
	for _, code := range slices.Sorted(slices.Values(neighbours)) {
		k.neighbours = append(k.neighbours, neighbour{code: code, head: m.key(), list: m.key()})
	}
	return k, m.err
}

// proved is a key in one role of one province.
func proved(key *sm2sig.PrivateKey, role national.Role, code trust.Province) ([]national.Key, error) {
	k, err := national.NewKey(key, role, code)
	return []national.Key{k}, err
}
