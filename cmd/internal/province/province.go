// Package province is the folder of a province's operator: the keys of its trust lists, heads, operator batches and
// certificates, the nodes of its cluster, and the trust list that is being made.
//
//	keys/list-1.pem …      sign trust lists; can be kept offline
//	keys/head.pem          signs heads; every node has it
//	keys/operator.pem      signs status batches for authorities that cannot; every node has it
//	keys/ca.pem            signs the certificates of the issuing authorities
//	node-1/peer.pem …      each node's name in the federation
//	keys/cluster-ca.pem    signs the certificates with which the nodes know each other; can be kept offline
//	cluster-ca.pem         its certificate; node-1/cluster.pem and cluster-key.pem … are the nodes'
//	access.yaml            who may push status changes (digests of tokens)
//	province.json          what the folder is: code, nodes, addresses
//	request.json           what the national coordinator is asked for, signed with all keys that it names
//	national.json, ca.pem  what the coordinator gave in return
//	node-1.yaml …          the configuration of each node
//	draft.json             the trust list as it will be signed next
//	pending.json           the list that is being signed; its content is fixed
//	published/             the lists that were published, as carried
//	certificates/          the authorities' certificates
//
// It promises that a key is never overwritten, that what was fixed by a first signature stays until it is published
// or discarded, and that nothing which stood in a published list is forgotten. It prints nothing and knows no network.
package province

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/hutong-project/hutong/cmd/internal/folder"
	"github.com/hutong-project/hutong/node/keyfile"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/certs"
	"github.com/hutong-project/hutong/trust/identifier"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/sm2sig"
)

// The files of the folder.
const (
	RequestFile   = "request.json"
	NationalFile  = "national.json"
	TokensFile    = "access.yaml"
	caCertificate = "ca.pem"
	stateFile     = "province.json"
	draftFile     = "draft.json"
	pendingFile   = "pending.json"

	headKey     = "keys/head.pem"
	operatorKey = "keys/operator.pem"
	caKey       = "keys/ca.pem"
)

// Options say what province a new folder is for. Zero ListKeys and ListThreshold mean 1.
type Options struct {
	Code          trust.Province // of GB/T 2260
	Nodes         []Addresses    // 1 to 9: see Layout
	ListKeys      int
	ListThreshold int
	Authority     string // 统一社会信用代码 of the operator, under which its CA stands in the list; empty: the code
}

// A State is what a folder is; all of it may be shown.
type State struct {
	Version   int                 `json:"formatVersion"` // 1
	Code      trust.Province      `json:"code"`
	NameZH    string              `json:"nameZh"`
	NameEN    string              `json:"nameEn"`
	Authority string              `json:"authority"`
	ListKeys  int                 `json:"listKeys"` // files keys/list-1.pem …
	Operator  []*sm2sig.PublicKey `json:"operatorKeys"`
	Nodes     []Node              `json:"nodes"`
	ClusterID trust.Digest        `json:"clusterId,omitzero"` // random; folders of the first versions have none
	Founding  int                 `json:"founding,omitzero"`  // how many of Nodes the cluster is started with; 0: all
}

// A Province is a loaded folder. It is used by one goroutine at a time.
type Province struct {
	State
	Request  Request
	Digest   trust.Digest       // of the request, to compare by another way than the file's
	National *national.Document // nil until Nodes has taken one in
	Draft    Draft

	dir     string
	ca      *certs.Certificate // nil until Nodes has taken it in
	last    *list.Document     // the last published list; nil: none
	pending *list.Document     // nil: none
}

// Create makes the folder dir with new keys, encrypted under passphrase. A code that GB/T 2260 does not have is
// refused with trust.UnknownProvince.
func Create(dir string, passphrase []byte, o Options) (*Province, error) {
	s, err := o.state()
	if err != nil {
		return nil, err
	}
	o.ListKeys, o.ListThreshold = max(o.ListKeys, 1), max(o.ListThreshold, 1)
	if o.ListThreshold > o.ListKeys || o.ListKeys > 9 {
		return nil, fmt.Errorf("creating a province: list threshold %d of %d keys, want at most 9 keys and a threshold they can reach", o.ListThreshold, o.ListKeys)
	}
	subfolders := []string{"keys", "published", "certificates"}
	for i := range s.Nodes {
		subfolders = append(subfolders, nodeName(i))
	}
	if err := folder.Create(dir, subfolders...); err != nil {
		return nil, err
	}
	if err := makeFolder(dir, passphrase, s, o); err != nil {
		return nil, fmt.Errorf("creating %s: %w", dir, err)
	}
	return Load(dir)
}

func (o Options) state() (*State, error) {
	zh, en, ok := identifier.ProvinceName(o.Code)
	if !ok {
		return nil, trust.Refuse(trust.UnknownProvince, "%.20q is no province of GB/T 2260; codes look like 310000", o.Code)
	}
	s := &State{Version: 1, Code: o.Code, NameZH: zh, NameEN: en, Authority: o.Authority, ListKeys: max(o.ListKeys, 1),
		ClusterID: newClusterID(), Founding: len(o.Nodes)}
	if s.Authority == "" {
		s.Authority = string(o.Code)
	} else if _, err := identifier.ParseUSCC(s.Authority); err != nil {
		return nil, fmt.Errorf("creating a province: authority %.40q is no 统一社会信用代码: %w", s.Authority, err)
	}
	if n := len(o.Nodes); n < 1 || n > 9 {
		return nil, fmt.Errorf("creating a province: %d nodes, want 1 to 9 (3 or 5 survive a loss)", n)
	}
	for i, a := range o.Nodes {
		s.Nodes = append(s.Nodes, Node{ID: fmt.Sprintf("%s-%d", o.Code, i+1), Addresses: a})
	}
	return s, nil
}

// makeFolder makes the keys and writes what names them.
func makeFolder(dir string, passphrase []byte, s *State, o Options) error {
	newKey := func(file string) (*sm2sig.PrivateKey, error) {
		key, err := sm2sig.Generate(nil)
		if err != nil {
			return nil, err
		}
		return key, keyfile.SaveSM2(filepath.Join(dir, file), key, passphrase)
	}
	r := Request{Version: 1, Code: s.Code, NameZH: s.NameZH, NameEN: s.NameEN, Authority: s.Authority, ListThreshold: o.ListThreshold}
	var signers []*sm2sig.PrivateKey
	proved := func(file string, role national.Role) (national.Key, error) {
		key, err := newKey(file)
		if err != nil {
			return national.Key{}, err
		}
		signers = append(signers, key)
		return national.NewKey(key, role, s.Code)
	}
	for i := range o.ListKeys {
		key, err := proved(listKeyFile(i), national.RoleList)
		if err != nil {
			return err
		}
		r.ListKeys = append(r.ListKeys, key)
	}
	head, err := proved(headKey, national.RoleHead)
	if err != nil {
		return err
	}
	r.HeadKeys = []national.Key{head}
	ca, err := newKey(caKey)
	if err != nil {
		return err
	}
	r.CAKey, signers = ca.Public(), append(signers, ca)
	operator, err := newKey(operatorKey)
	if err != nil {
		return err
	}
	s.Operator = []*sm2sig.PublicKey{operator.Public()}
	for i := range s.Nodes {
		id, err := keyfile.NewIdentity(filepath.Join(dir, peerFile(i)), passphrase)
		if err != nil {
			return err
		}
		s.Nodes[i].Peer = id.String()
	}
	if err := makeCertificates(dir, passphrase, s, time.Now()); err != nil {
		return err
	}
	r.Peers = s.peers()
	raw, err := folder.SignRequest(RequestType, r, signers...)
	if err != nil {
		return err
	}
	return errors.Join(
		folder.Write(filepath.Join(dir, RequestFile), raw),
		folder.Write(filepath.Join(dir, TokensFile), []byte("tokens: []\n")),
		folder.WriteJSON(filepath.Join(dir, draftFile), s.firstDraft()),
		folder.WriteJSON(filepath.Join(dir, stateFile), s), // last: without it the folder is not loaded
	)
}

func listKeyFile(i int) string { return fmt.Sprintf("keys/list-%d.pem", i+1) }

// ListKeyFile returns the path of the i-th list key, counted from 0.
func (p *Province) ListKeyFile(i int) string { return filepath.Join(p.dir, listKeyFile(i)) }

// TokensFile returns the path of the file of access tokens.
func (p *Province) TokensFile() string { return filepath.Join(p.dir, TokensFile) }

// Load reads the folder dir. It opens no key.
func Load(dir string) (*Province, error) {
	p := &Province{dir: dir}
	if err := folder.ReadJSON(filepath.Join(dir, stateFile), &p.State); err != nil {
		return nil, fmt.Errorf("loading a province's folder: %w; make one with `hutong province init`", err)
	}
	if err := p.load(); err != nil {
		return nil, fmt.Errorf("loading %s: %w", dir, err)
	}
	return p, nil
}

func (p *Province) load() error {
	raw, err := folder.Read(filepath.Join(p.dir, RequestFile))
	if err != nil {
		return err
	}
	r, digest, err := ReadRequest(raw)
	if err != nil {
		return err
	}
	if r.Code != p.Code {
		return fmt.Errorf("%s is of %s, %s of %s", RequestFile, r.Code, stateFile, p.Code)
	}
	p.Request, p.Digest = *r, digest
	if err := folder.ReadJSON(filepath.Join(p.dir, draftFile), &p.Draft); err != nil {
		return err
	}
	if path := filepath.Join(p.dir, NationalFile); folder.Exists(path) {
		if raw, err = folder.Read(path); err != nil {
			return err
		}
		if p.National, err = p.readNational(raw); err != nil {
			return fmt.Errorf("reading %s: %w", path, err)
		}
		if p.ca, err = p.readCertificate(); err != nil {
			return err
		}
	}
	if p.last, err = p.lastPublished(); err != nil {
		return err
	}
	p.pending, err = p.readList(pendingFile)
	return err
}

// readList returns the list in a file of the folder, nil when there is none.
func (p *Province) readList(file string) (*list.Document, error) {
	path := filepath.Join(p.dir, file)
	if !folder.Exists(path) {
		return nil, nil
	}
	raw, err := folder.Read(path)
	if err != nil {
		return nil, err
	}
	d, err := list.Read(raw)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return d, nil
}

func (p *Province) readCertificate() (*certs.Certificate, error) {
	data, err := os.ReadFile(filepath.Join(p.dir, caCertificate))
	if err != nil {
		return nil, err
	}
	chain, err := certs.ParsePEM(data)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", caCertificate, err)
	}
	return chain[0], p.checkCertificate(chain[0])
}

// checkCertificate: the CA certificate is of the folder's CA key and chains to a national root.
func (p *Province) checkCertificate(c *certs.Certificate) error {
	if !bytes.Equal(c.RawSPKI, p.Request.CAKey.Bytes()) {
		return fmt.Errorf("the CA certificate is for key %s, want %s of %s", c.KeyID().Short(), p.Request.CAKey.ID().Short(), caKey)
	}
	if _, err := certs.Path(c, nil, p.National.Roots); err != nil {
		return trust.Refuse(trust.NotChained, "the CA certificate: %v of the national list", err)
	}
	return nil
}
