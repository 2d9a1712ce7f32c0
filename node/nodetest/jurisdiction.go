package nodetest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/identifier"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/sm2sig"
)

// A Jurisdiction is a province or a partner: whoever publishes trust lists of its own.
type Jurisdiction struct {
	Code        trust.Province
	ListKeys    []*sm2sig.PrivateKey // one is enough
	HeadKey     *sm2sig.PrivateKey   // handed to the nodes of the cluster that signs its heads
	OperatorKey *sm2sig.PrivateKey   // nil for partners
	CA          *CA                  // below the federation's root; nil where the plan brought the roots, and for partners
	Authorities []*Authority
	Last        *list.Document // the list published last; nil: none

	entry   national.Province
	cluster *Cluster
}

func (f *Federation) newJurisdiction(code trust.Province, c *Cluster) (*Jurisdiction, error) {
	if f.members[code] != nil {
		return nil, fmt.Errorf("jurisdiction %s stands in the plan twice", code)
	}
	listPrivate, listKey, err := newKey(national.RoleList, code)
	if err != nil {
		return nil, err
	}
	headPrivate, headKey, err := newKey(national.RoleHead, code)
	if err != nil {
		return nil, err
	}
	zh, en, ok := identifier.ProvinceName(code)
	if !ok {
		zh, en = string(code), string(code)
	}
	j := &Jurisdiction{Code: code, ListKeys: []*sm2sig.PrivateKey{listPrivate}, HeadKey: headPrivate, cluster: c}
	j.entry = national.Province{
		Code: code, NameZH: zh, NameEN: en, Status: national.Admitted, Since: trust.TimeOf(time.Now()).Add(-30 * day),
		ListKeys: []national.Key{listKey}, ListThreshold: 1, HeadKeys: []national.Key{headKey}, Session: 1,
		Anchoring: national.Chained, Algorithms: []string{"SM2"}, Types: []string{"*"},
	}
	f.members[code] = j
	return j, nil
}

// Next returns the trust list that follows the last published one: the same anchors under the next number. The first
// one has the CA, which speaks for nobody and lets chains lead over it, and an anchor for each authority. Anchors must
// be in ascending order of their ids when it is signed.
func (j *Jurisdiction) Next() *list.List {
	now := trust.TimeOf(time.Now())
	l := &list.List{
		Version: list.FormatVersion, Province: j.Code, Session: j.entry.Session, Number: 1, Issued: now, NextUpdate: now.Add(7 * day),
		Anchors: []list.Anchor{}, SupplyPoints: []string{}, Peers: []national.Peer{},
	}
	if j.Last != nil {
		*l = j.Last.List
		l.Anchors = slices.Clone(l.Anchors)
		l.Number, l.Previous = l.Number+1, j.Last.Digest
		l.Issued, l.NextUpdate = max(now, l.Issued), now.Add(7*day)
		return l
	}
	if j.OperatorKey != nil {
		l.OperatorStatusKeys = []list.StatusKey{{Key: j.OperatorKey.Public()}}
	}
	if j.CA != nil {
		l.Anchors = append(l.Anchors, Pinned("ca", j.CA.Certificate.Raw))
	}
	for _, a := range j.Authorities {
		l.Anchors = append(l.Anchors, a.Anchor())
	}
	slices.SortFunc(l.Anchors, func(a, b list.Anchor) int { return cmp.Compare(a.ID, b.ID) })
	return l
}

// Pinned returns an anchor around a certificate that may issue nothing yet, granted since 2000, of an authority with
// the anchor's name, without a status log. The caller fills in what it is to grant.
func Pinned(id string, der []byte) list.Anchor {
	return list.Anchor{
		ID: id, Name: id, Authority: id, Roles: []list.Role{list.RoleIssuer}, Certificate: der,
		Subjects: []string{}, CredentialTypes: []string{}, Formats: []string{},
		Status: list.Granted, Since: trust.TimeOf(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)),
		StatusKeys: []list.StatusKey{}, StatusSigner: list.SignerSelf, StatusCoverage: list.Coverage{Kind: list.CoverageNone},
		History: []list.Period{},
	}
}

// Publish signs l and publishes it at the cluster. When it is taken it is the one that Next follows.
func (j *Jurisdiction) Publish(ctx context.Context, l *list.List) error {
	raw, err := l.Sign(j.ListKeys...)
	if err != nil {
		return fmt.Errorf("signing a trust list of %s: %w", j.Code, err)
	}
	d, err := list.Read(raw)
	if err != nil {
		return err
	}
	if _, err := j.cluster.Nodes[0].Client.PublishList(ctx, raw); err != nil {
		return fmt.Errorf("publishing a trust list of %s: %w", j.Code, err)
	}
	j.Last = d
	return nil
}

// PublishAll publishes the next trust list of every jurisdiction.
func (f *Federation) PublishAll(ctx context.Context) error {
	var all []*Jurisdiction
	for _, j := range f.members {
		all = append(all, j)
	}
	return parallel(all, func(j *Jurisdiction) error { return j.Publish(ctx, j.Next()) })
}

// WaitLists waits until the node at n holds the last published list of each jurisdiction, and a head with it.
func (f *Federation) WaitLists(ctx context.Context, n *Node) error {
	return Until(ctx, "all trust lists are at "+n.Name, func() (bool, error) {
		state, err := n.Client.Node(ctx)
		if err != nil {
			return false, err
		}
		held := 0
		for _, p := range state.Provinces {
			j := f.members[p.Province]
			if j != nil && j.Last != nil && p.ListDigest == j.Last.Digest && p.Sequence > 0 && p.Freshness == "fresh" {
				held++
			}
		}
		published := 0
		for _, j := range f.members {
			if j.Last != nil {
				published++
			}
		}
		return held == published, nil
	})
}
