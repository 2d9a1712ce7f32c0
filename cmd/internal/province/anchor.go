package province

import (
	"bytes"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hutong-project/hutong/cmd/internal/authority"
	"github.com/hutong-project/hutong/cmd/internal/folder"
	"github.com/hutong-project/hutong/node/keyfile"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/certs"
	"github.com/hutong-project/hutong/trust/list"
)

const (
	defaultHeartbeat = time.Second
	defaultExchange  = 10 * time.Second

	// certificateYears is how long an authority's certificate lasts. What it signed stays good after that: the time
	// of issue decides.
	certificateYears = 5
	year             = 365 * 24 * time.Hour

	// backdating lets a certificate begin before now, for signers whose clock is behind this one's.
	backdating = time.Hour
)

// ErrNoNational is returned when something needs the national list, which has not been taken in.
var ErrNoNational = errors.New("the folder has no national list yet; take it in with `hutong province nodes`")

// An AnchorGrant says what an authority is granted.
type AnchorGrant struct {
	Types    []string          // credential types, at least one
	Formats  []string          // empty: HT1
	Signer   list.SignerKind   // empty: self
	Coverage list.CoverageKind // empty: log
	Since    trust.Time        // zero: now
	Force    bool              // list it even when the national list does not grant the types: nodes will refuse the anchor
}

// AnchorAdd issues a certificate for the credential key of an authority's request and puts an anchor with it into the
// draft, and the province's CA where it is missing (with empty subjects: it speaks for nobody, but chains lead over
// it). A type that the national list does not grant the province is refused with OverClaim, unless Force is set.
func (p *Province) AnchorAdd(request []byte, g AnchorGrant, passphrase []byte, now trust.Time) (*list.Anchor, error) {
	r, _, err := authority.ReadRequest(request)
	if err != nil {
		return nil, err
	}
	if err := p.mayAdd(r, g); err != nil {
		return nil, err
	}
	since := g.Since
	if since.IsZero() {
		since = now
	}
	der, err := p.issueCertificate(r, passphrase, min(now, since))
	if err != nil {
		return nil, err
	}
	a := list.Anchor{
		ID: r.ID, Name: r.Name, Authority: r.Authority, Roles: []list.Role{list.RoleIssuer}, Certificate: der,
		CredentialTypes: slices.Clone(g.Types), Formats: slices.Clone(g.Formats), Status: list.Granted, Since: since,
		StatusSigner: list.SignerSelf, StatusCoverage: list.Coverage{Kind: list.CoverageLog, Since: since},
	}
	if len(a.Formats) == 0 {
		a.Formats = []string{"HT1"}
	}
	if g.Coverage == list.CoverageNone {
		a.StatusCoverage = list.Coverage{Kind: list.CoverageNone}
	}
	if g.Signer == list.SignerOperator {
		a.StatusSigner = list.SignerOperator
	} else {
		a.StatusKeys = []list.StatusKey{{Key: r.StatusKey}}
	}
	draft := p.Draft.clone()
	p.addCA(&draft, since)
	draft.insert(a)
	if err := p.saveDraft(draft, now); err != nil {
		return nil, err
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return &a, folder.Write(filepath.Join(p.dir, "certificates", r.ID+".pem"), block)
}

func (p *Province) mayAdd(r *authority.Request, g AnchorGrant) error {
	switch {
	case p.National == nil:
		return ErrNoNational
	case p.pending != nil:
		return ErrPending
	case r.Province != p.Code:
		return trust.Refuse(trust.ForeignProvince, "the request is for province %s, this folder is of %s", r.Province, p.Code)
	case p.Draft.find(r.ID) != nil:
		return fmt.Errorf("adding an anchor: there is one with id %s; a renewed certificate is a new anchor, so ask for another id", r.ID)
	case len(g.Types) == 0:
		return errors.New("adding an anchor: no credential type; name at least one")
	case g.Signer != "" && g.Signer != list.SignerSelf && g.Signer != list.SignerOperator:
		return fmt.Errorf("adding an anchor: signer %.20q, want %s or %s", g.Signer, list.SignerSelf, list.SignerOperator)
	case g.Coverage != "" && g.Coverage != list.CoverageLog && g.Coverage != list.CoverageNone:
		return fmt.Errorf("adding an anchor: coverage %.20q, want %s or %s", g.Coverage, list.CoverageLog, list.CoverageNone)
	}
	for _, t := range g.Types {
		if entry := p.Entry(); !g.Force && !entry.MayGrant(t) {
			return trust.Refuse(trust.OverClaim, "national list %d grants %s the types %q, not %q: every node would refuse the anchor; the coordinator widens the grant with `hutong national admit --type`",
				p.National.Sequence, p.Code, strings.Join(entry.Types, " "), t)
		}
	}
	return nil
}

// issueCertificate makes the end-entity certificate of an authority under the province's CA.
func (p *Province) issueCertificate(r *authority.Request, passphrase []byte, from trust.Time) ([]byte, error) {
	key, err := keyfile.LoadSM2(filepath.Join(p.dir, caKey), passphrase)
	if err != nil {
		return nil, err
	}
	t := certs.Template{
		CommonName: r.Name, Organization: r.Name, NotBefore: from.Add(-backdating), NotAfter: from.Add(certificateYears * year),
	}
	if !r.Province.Partner() {
		t.OrganizationCode = r.Authority
	}
	return certs.Issue(rand.Reader, t, r.CredentialKey, p.ca, key)
}

// addCA puts the province's CA certificate into the draft, once.
func (p *Province) addCA(d *Draft, since trust.Time) {
	if slices.ContainsFunc(d.Anchors, func(a list.Anchor) bool { return bytes.Equal(a.Certificate, p.ca.Raw) }) {
		return
	}
	id := string(p.Code) + "-ca"
	for n := 2; d.find(id) != nil; n++ { // a renewed CA certificate: the old one stays
		id = fmt.Sprintf("%s-ca-%d", p.Code, n)
	}
	d.insert(list.Anchor{
		ID: id, Name: p.NameZH + "证照签发机构认证中心", Authority: p.Authority, Roles: []list.Role{list.RoleIssuer}, Certificate: p.ca.Raw,
		Status: list.Granted, Since: since, StatusSigner: list.SignerSelf, StatusCoverage: list.Coverage{Kind: list.CoverageNone},
	})
}

// An AnchorChange says where an anchor is to stand.
type AnchorChange struct {
	Status           list.Status
	Reason           string
	Since            trust.Time // zero: now
	CompromisedSince trust.Time // zero: unchanged
	LastTrustedIndex uint64     // with CompromisedSince: the last log position that is still believed
}

// AnchorChange gives the anchor id of the draft another status; the one before goes into its history. Nothing is
// ever taken out of the list: what was issued before keeps its answer.
func (p *Province) AnchorChange(id string, c AnchorChange, now trust.Time) (*list.Anchor, error) {
	if p.pending != nil {
		return nil, ErrPending
	}
	draft := p.Draft.clone()
	a := draft.find(id)
	switch {
	case a == nil:
		return nil, fmt.Errorf("changing an anchor: there is none with id %.70q; there are %s", id, strings.Join(draft.ids(), " "))
	case a.Status == c.Status && c.CompromisedSince.IsZero():
		return nil, fmt.Errorf("changing anchor %s: it is %s already, since %s", id, a.Status, a.Since)
	}
	if a.Status != c.Status {
		since := c.Since
		if since.IsZero() {
			since = max(now, a.Since+1) // two changes within one second
		}
		if since <= a.Since {
			return nil, fmt.Errorf("changing anchor %s: since %s is not after %s, since when it is %s", id, since, a.Since, a.Status)
		}
		a.History = append(a.History, list.Period{Status: a.Status, Since: a.Since, Reason: a.Reason})
		a.Status, a.Since, a.Reason = c.Status, since, c.Reason
	}
	if !c.CompromisedSince.IsZero() {
		a.CompromisedSince, a.LastTrustedIndex = c.CompromisedSince, &c.LastTrustedIndex
	}
	changed := *a
	return &changed, p.saveDraft(draft, now)
}
