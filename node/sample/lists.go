package sample

import (
	"slices"
	"time"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/sm2sig"
)

func (p *Province) firstNational(cfg Config) ([]byte, error) {
	now := trust.TimeOf(time.Now())
	l := &national.List{
		Version: national.FormatVersion, Sequence: 1, Issued: now, NextUpdate: now.Add(30 * day), Operator: "sample",
		Threshold: 1, Roots: [][]byte{p.made.rootDER}, Policy: cfg.Policy,
	}
	var err error
	if l.Keys, err = proved(p.made.national, national.RoleNational, ""); err != nil {
		return nil, err
	}
	if err := p.admit(l, Code, p.made.list, p.made.head); err != nil {
		return nil, err
	}
	for _, n := range p.made.neighbours {
		if err := p.admit(l, n.code, n.list, n.head); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(l.Provinces, func(a, b national.Province) int {
		if a.Code < b.Code {
			return -1
		}
		return 1
	})
	raw, err := l.Sign(p.made.national)
	if err != nil {
		return nil, err
	}
	doc, err := national.Read(raw)
	if err != nil {
		return nil, err
	}
	p.pin = doc.Digest
	return raw, nil
}

func (p *Province) admit(l *national.List, code trust.Province, listKey, headKey *sm2sig.PrivateKey) error {
	entry := national.Province{
		Code: code, NameZH: "示例", NameEN: "sample", Status: national.Admitted, Since: p.made.begin, History: []national.Period{},
		ListThreshold: 1, Session: 1, Peers: []national.Peer{}, Anchoring: national.Chained, Algorithms: []string{"SM2"}, Types: []string{"*"},
	}
	var err error
	if entry.ListKeys, err = proved(listKey, national.RoleList, code); err != nil {
		return err
	}
	if entry.HeadKeys, err = proved(headKey, national.RoleHead, code); err != nil {
		return err
	}
	l.Provinces = append(l.Provinces, entry)
	return nil
}

// NextNational returns the envelope of a national list that follows the one in force.
func (p *Province) NextNational() ([]byte, error) {
	reading := p.Registry.Reading()
	defer reading.Close()
	l := reading.View.National.List
	l.Sequence, l.Previous = l.Sequence+1, reading.View.National.Digest
	return l.Sign(p.made.national)
}

// TrustList returns the envelope of the province's trust list with that number; previous is the digest of the one
// before, zero for number 1. change, where given, is applied before it is signed.
func (p *Province) TrustList(number uint64, previous trust.Digest, change func(*list.List)) ([]byte, error) {
	now := trust.TimeOf(time.Now())
	l := &list.List{
		Version: list.FormatVersion, Province: Code, Session: 1, Number: number, Issued: now, NextUpdate: now.Add(7 * day),
		Previous: previous, OperatorStatusKeys: []list.StatusKey{{Key: p.made.operator.Public()}},
		SupplyPoints: []string{}, Peers: []national.Peer{},
	}
	l.Anchors = append(l.Anchors, p.anchor("ca", "sample CA", p.Issuers[0].Authority, p.made.caDER))
	for _, is := range p.Issuers {
		a := p.anchor(is.Anchor, "示例签发机构", is.Authority, is.certificate)
		a.CredentialTypes = []string{CredentialType}
		a.StatusKeys = []list.StatusKey{{Key: is.status.Public()}}
		if is.Operated {
			a.StatusKeys, a.StatusSigner = []list.StatusKey{}, list.SignerOperator
		}
		l.Anchors = append(l.Anchors, a)
	}
	if change != nil {
		change(l)
	}
	return l.Sign(p.made.list)
}

func (p *Province) anchor(id, name, authority string, certificate []byte) list.Anchor {
	return list.Anchor{
		ID: id, Name: name, Authority: authority, Roles: []list.Role{list.RoleIssuer}, Certificate: certificate,
		Subjects: []string{}, CredentialTypes: []string{}, Formats: []string{"HT1"},
		Status: list.Granted, Since: p.made.begin, StatusKeys: []list.StatusKey{}, StatusSigner: list.SignerSelf,
		StatusCoverage: list.Coverage{Kind: list.CoverageLog, Since: p.made.begin}, History: []list.Period{},
	}
}
