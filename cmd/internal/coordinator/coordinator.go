// Package coordinator is the folder of the national coordinator: the keys of the national list, the national root, and
// the list that is being made.
//
//	keys/national-1.pem …       sign national lists; each belongs to another person, who can keep it elsewhere
//	keys/root.pem, root.pem     the national root: key and certificate
//	draft.json                  the national list as it will be signed next
//	pending.json                the list that is being signed; its content is fixed
//	national.json               the newest list with all its signatures, to be given to provinces
//	published/                  the lists that were published, as carried
//	certificates/310000-ca.pem  the CA certificate of each province that was admitted
//
// It promises that a key is never overwritten, that what was fixed by a first signature stays until it is published
// or discarded, and that every list which it lets be signed follows the last published one. It prints nothing and
// knows no network.
package coordinator

import (
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hutong-project/hutong/cmd/internal/folder"
	"github.com/hutong-project/hutong/node/keyfile"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/certs"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/sm2sig"
)

const (
	draftFile       = "draft.json"
	pendingFile     = "pending.json"
	newestFile      = "national.json"
	rootCertificate = "root.pem"
	rootKey         = "keys/root.pem"

	year       = 365 * 24 * time.Hour
	rootYears  = 30
	caYears    = 20
	backdating = time.Hour // lets a certificate begin before now, for machines whose clock is behind
)

// Options say what a new folder is for. Zero Keys and Threshold mean 2 of 3, a zero Policy the default one.
type Options struct {
	Operator  string // for people
	Keys      int
	Threshold int
	Policy    national.Policy
	Since     trust.Time // from when on the root is in force; zero: now
}

// A Draft is what of the national list its coordinator decides.
type Draft struct {
	Operator  string              `json:"operator"`
	Keys      []national.Key      `json:"keys"`
	Threshold int                 `json:"threshold"`
	Roots     [][]byte            `json:"roots"`
	Provinces []national.Province `json:"provinces"` // in ascending order of Code
	Policy    national.Policy     `json:"policy"`
}

// A Coordinator is a loaded folder. It is used by one goroutine at a time.
type Coordinator struct {
	Draft Draft

	dir     string
	root    *certs.Certificate
	last    *national.Document // the last published list; nil: none
	pending *national.Document // nil: none
}

// Create makes the folder dir with new keys, encrypted under passphrase, and a national root.
func Create(dir string, passphrase []byte, o Options, now trust.Time) (*Coordinator, error) {
	if o.Keys == 0 && o.Threshold == 0 {
		o.Keys, o.Threshold = 3, 2
	}
	if o.Threshold < 1 || o.Threshold > o.Keys || o.Keys > 9 {
		return nil, fmt.Errorf("creating a coordinator: threshold %d of %d keys, want at most 9 keys and a threshold they can reach", o.Threshold, o.Keys)
	}
	if err := national.CheckText("operator", o.Operator); err != nil {
		return nil, err
	}
	if o.Policy == (national.Policy{}) {
		o.Policy = national.DefaultPolicy()
	}
	if o.Since.IsZero() {
		o.Since = now
	}
	if err := folder.Create(dir, "keys", "published", "certificates"); err != nil {
		return nil, err
	}
	if err := makeFolder(dir, passphrase, o); err != nil {
		return nil, fmt.Errorf("creating %s: %w", dir, err)
	}
	return Load(dir)
}

func makeFolder(dir string, passphrase []byte, o Options) error {
	draft := Draft{Operator: o.Operator, Threshold: o.Threshold, Policy: o.Policy, Provinces: []national.Province{}}
	for i := range o.Keys {
		private, err := newKey(filepath.Join(dir, keyFile(i)), passphrase)
		if err != nil {
			return err
		}
		key, err := national.NewKey(private, national.RoleNational, "")
		if err != nil {
			return err
		}
		draft.Keys = append(draft.Keys, key)
	}
	root, err := newKey(filepath.Join(dir, rootKey), passphrase)
	if err != nil {
		return err
	}
	der, err := certs.SelfSigned(rand.Reader, certs.Template{
		CommonName: o.Operator + "根证书", Organization: o.Operator, CA: true, PathLen: -1,
		NotBefore: o.Since.Add(-backdating), NotAfter: o.Since.Add(rootYears * year),
	}, root)
	if err != nil {
		return err
	}
	draft.Roots = [][]byte{der}
	return errors.Join(
		folder.Write(filepath.Join(dir, rootCertificate), encodePEM(der)),
		folder.WriteJSON(filepath.Join(dir, draftFile), draft), // last: without it the folder is not loaded
	)
}

func newKey(path string, passphrase []byte) (*sm2sig.PrivateKey, error) {
	key, err := sm2sig.Generate(nil)
	if err != nil {
		return nil, err
	}
	return key, keyfile.SaveSM2(path, key, passphrase)
}

func keyFile(i int) string { return fmt.Sprintf("keys/national-%d.pem", i+1) }

// KeyFile returns the path of the i-th key of the national list, counted from 0.
func (c *Coordinator) KeyFile(i int) string { return filepath.Join(c.dir, keyFile(i)) }

// CertificateFile returns the path of a province's CA certificate.
func (c *Coordinator) CertificateFile(code trust.Province) string {
	return filepath.Join(c.dir, "certificates", string(code)+"-ca.pem")
}

func encodePEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// Load reads the folder dir. It opens no key.
func Load(dir string) (*Coordinator, error) {
	c := &Coordinator{dir: dir}
	if err := folder.ReadJSON(filepath.Join(dir, draftFile), &c.Draft); err != nil {
		return nil, fmt.Errorf("loading a coordinator's folder: %w; make one with `hutong national init`", err)
	}
	if err := c.load(); err != nil {
		return nil, fmt.Errorf("loading %s: %w", dir, err)
	}
	return c, nil
}

func (c *Coordinator) load() error {
	data, err := folder.Read(filepath.Join(c.dir, rootCertificate))
	if err != nil {
		return err
	}
	chain, err := certs.ParsePEM(data)
	if err != nil {
		return fmt.Errorf("reading %s: %w", rootCertificate, err)
	}
	c.root = chain[0]
	if c.last, err = c.lastPublished(); err != nil {
		return err
	}
	if folder.Exists(filepath.Join(c.dir, pendingFile)) {
		c.pending, err = c.readList(pendingFile)
	}
	return err
}

func (c *Coordinator) readList(file string) (*national.Document, error) {
	path := filepath.Join(c.dir, file)
	raw, err := folder.Read(path)
	if err != nil {
		return nil, err
	}
	d, err := national.Read(raw)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return d, nil
}

func publishedFile(sequence uint64) string { return fmt.Sprintf("published/%06d.json", sequence) }

// lastPublished returns the published list with the highest number, nil when there is none.
func (c *Coordinator) lastPublished() (*national.Document, error) {
	entries, err := os.ReadDir(filepath.Join(c.dir, "published"))
	if err != nil {
		return nil, err
	}
	highest := uint64(0)
	for _, e := range entries {
		var sequence uint64
		if _, err := fmt.Sscanf(e.Name(), "%d.json", &sequence); err == nil && strings.HasSuffix(e.Name(), ".json") {
			highest = max(highest, sequence)
		}
	}
	if highest == 0 {
		return nil, nil
	}
	return c.readList(publishedFile(highest))
}
