package coordinator

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/hutong-project/hutong/cmd/internal/folder"
	"github.com/hutong-project/hutong/cmd/internal/province"
	"github.com/hutong-project/hutong/node/keyfile"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/certs"
	"github.com/hutong-project/hutong/trust/identifier"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/sm2sig"
)

// Terms are what a province is admitted to.
type Terms struct {
	Types []string   // patterns of the types that it may grant; empty: every type, or what it has when it is replaced
	Since trust.Time // from when on it belongs; zero: now. Not used when it is replaced
}

// An Admission is what Admit did.
type Admission struct {
	Entry           national.Province
	Digest          trust.Digest // of the request: what the province reads out when it is asked by another way
	Certificate     []byte       // DER of the province's CA certificate
	CertificateFile string
	Replaced        bool // the province stood in the draft before
}

// Admit puts the province of a request into the draft, or replaces its keys, peers and names there; its status,
// session and past stay. It issues the province's CA certificate under the national root; one that is there for the
// same key stays. A code that GB/T 2260 does not have is refused with UnknownProvince.
func (c *Coordinator) Admit(request []byte, t Terms, passphrase []byte, now trust.Time) (*Admission, error) {
	if c.pending != nil {
		return nil, ErrPending
	}
	r, digest, err := province.ReadRequest(request)
	if err != nil {
		return nil, err
	}
	if _, _, known := identifier.ProvinceName(r.Code); !known {
		return nil, trust.Refuse(trust.UnknownProvince, "%s is no province of GB/T 2260", r.Code)
	}
	if t.Since.IsZero() {
		t.Since = now
	}
	a := &Admission{Digest: digest, CertificateFile: c.CertificateFile(r.Code)}
	old := c.entry(r.Code)
	a.Replaced = old != nil
	a.Entry = entryOf(r, old, t)
	draft := c.Draft
	draft.Provinces = put(draft.Provinces, a.Entry)
	if err := c.check(draft, now); err != nil {
		return nil, err
	}
	if a.Certificate, err = c.caCertificate(r, passphrase, min(now, t.Since)); err != nil {
		return nil, err
	}
	return a, c.saveDraft(draft, now)
}

func entryOf(r *province.Request, old *national.Province, t Terms) national.Province {
	e := national.Province{
		Status: national.Admitted, Since: t.Since, History: []national.Period{}, Session: 1,
		Anchoring: national.Chained, Algorithms: []string{string(certs.SM2)}, Types: []string{"*"},
	}
	if old != nil {
		e = *old
	}
	e.Code, e.NameZH, e.NameEN = r.Code, r.NameZH, r.NameEN
	e.ListKeys, e.ListThreshold, e.HeadKeys, e.Peers = r.ListKeys, r.ListThreshold, r.HeadKeys, r.Peers
	if len(t.Types) > 0 {
		e.Types = t.Types
	}
	return e
}

// entry returns the province's entry in the draft, nil when it has none.
func (c *Coordinator) entry(code trust.Province) *national.Province {
	for i := range c.Draft.Provinces {
		if c.Draft.Provinces[i].Code == code {
			return &c.Draft.Provinces[i]
		}
	}
	return nil
}

// put returns provinces with e in its place; provinces itself stays as it is.
func put(provinces []national.Province, e national.Province) []national.Province {
	provinces = slices.Clone(provinces)
	at, found := slices.BinarySearchFunc(provinces, e.Code, func(p national.Province, code trust.Province) int { return cmp.Compare(p.Code, code) })
	if found {
		provinces[at] = e
		return provinces
	}
	return slices.Insert(provinces, at, e)
}

// caCertificate returns the certificate of the province's CA key, which it issues unless there is one.
func (c *Coordinator) caCertificate(r *province.Request, passphrase []byte, from trust.Time) ([]byte, error) {
	path := c.CertificateFile(r.Code)
	if folder.Exists(path) {
		data, err := folder.Read(path)
		if err != nil {
			return nil, err
		}
		held, err := certs.ParsePEM(data)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
		if bytes.Equal(held[0].RawSPKI, r.CAKey.Bytes()) {
			return held[0].Raw, nil
		}
		// Another key: the old certificate stays beside, lists of the past need it.
		aside := filepath.Join(c.dir, "certificates", fmt.Sprintf("%s-ca.%s.pem", r.Code, held[0].SerialText))
		if err := os.Rename(path, aside); err != nil {
			return nil, err
		}
	}
	key, err := c.openRoot(passphrase)
	if err != nil {
		return nil, err
	}
	der, err := certs.Issue(rand.Reader, certs.Template{
		CommonName: r.NameZH + "证照签发机构认证中心", Organization: r.NameZH, CA: true, PathLen: 0,
		NotBefore: from.Add(-backdating), NotAfter: from.Add(caYears * year),
	}, r.CAKey, c.root, key)
	if err != nil {
		return nil, err
	}
	return der, folder.Write(path, encodePEM(der))
}

func (c *Coordinator) openRoot(passphrase []byte) (*sm2sig.PrivateKey, error) {
	return keyfile.LoadSM2(filepath.Join(c.dir, rootKey), passphrase)
}

// A Change says where a province is to stand.
type Change struct {
	Status   national.Status
	Reason   string
	LastHead *national.HeadRef // of a withdrawn province: the last head that still counts
}

// Change gives a province of the draft another status; the one before goes into its history. A withdrawal is for
// ever. It returns the entry as it stands now.
func (c *Coordinator) Change(code trust.Province, change Change, now trust.Time) (*national.Province, error) {
	if c.pending != nil {
		return nil, ErrPending
	}
	old := c.entry(code)
	switch {
	case old == nil:
		return nil, trust.Refuse(trust.UnknownProvince, "%s is not in the list; admit it first", code)
	case old.Status == national.Withdrawn:
		return nil, trust.Refuse(trust.WrongSuccession, "%s is withdrawn since %s, and a withdrawal is for ever", code, old.Since)
	case old.Status == change.Status:
		return nil, fmt.Errorf("changing %s: it is %s already, since %s", code, old.Status, old.Since)
	case change.Status == national.Withdrawn && change.LastHead == nil:
		return nil, errors.New("withdrawing a province: the last head that still counts is needed")
	}
	e := *old
	e.History = append(slices.Clone(old.History), national.Period{Status: old.Status, Since: old.Since, Reason: old.Reason})
	e.Status, e.Reason, e.LastHead = change.Status, change.Reason, change.LastHead
	e.Since = max(now, old.Since+1) // two changes within one second
	draft := c.Draft
	draft.Provinces = put(draft.Provinces, e)
	return &e, c.saveDraft(draft, now)
}
