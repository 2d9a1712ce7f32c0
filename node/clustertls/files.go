package clustertls

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/hutong-project/hutong/consensus"
	"github.com/hutong-project/hutong/node/keyfile"
	"github.com/hutong-project/hutong/trust"
)

const maxBytes = 64 << 10

// Config says whose certificate it is and where it lies. All fields are needed.
type Config struct {
	Province    trust.Province
	Node        string // id in the cluster
	Certificate string // PEM file: the node's certificate, and what stands between it and the CA
	Key         string // encrypted PEM file, mode 0600
	CA          string // PEM file: one certificate, or several while the CA is being replaced
	Passphrase  []byte
	Logger      *slog.Logger
}

// Files are the credentials of a node in files, which are read again when they have changed. While the new ones do not
// fit together, because they are being replaced or by mistake, the old ones stay in use and the log says why.
type Files struct {
	cfg Config

	mu          sync.Mutex
	seen        []stamp // of the files as they were last looked at
	certificate *tls.Certificate
	roots       *x509.CertPool
}

// A stamp tells one state of a file from the next.
type stamp struct {
	modified time.Time
	size     int64
}

var _ consensus.Credentials = (*Files)(nil)

// Open reads the files. An error says which file is not what it has to be.
func Open(cfg Config) (*Files, error) {
	f := &Files{cfg: cfg}
	f.mu.Lock()
	defer f.mu.Unlock()
	seen, err := f.look()
	if err == nil {
		err = f.read()
	}
	if err != nil {
		return nil, fmt.Errorf("opening the certificate of node %s: %w", cfg.Node, err)
	}
	f.seen = seen
	return f, nil
}

// Current is consensus.Credentials.Current.
func (f *Files) Current() (*tls.Certificate, *x509.CertPool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refresh()
	return f.certificate, f.roots, nil
}

// Expires returns when the certificate in use stops being good.
func (f *Files) Expires() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refresh()
	return f.certificate.Leaf.NotAfter
}

// refresh reads files that have changed, once for each change. The caller holds mu.
func (f *Files) refresh() {
	seen, err := f.look()
	if err == nil && slices.Equal(seen, f.seen) {
		return
	}
	if err == nil {
		err = f.read()
	}
	if err != nil {
		if !slices.Equal(seen, f.seen) {
			f.cfg.Logger.Error("the new certificate of the cluster cannot be used; the old one stays in use", "error", err)
		}
	} else {
		f.cfg.Logger.Info("the certificate of the cluster was renewed", "until", f.certificate.Leaf.NotAfter)
	}
	f.seen = seen
}

// look returns the stamps of the files; none where one is missing.
func (f *Files) look() ([]stamp, error) {
	var seen []stamp
	for _, path := range []string{f.cfg.Certificate, f.cfg.Key, f.cfg.CA} {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		seen = append(seen, stamp{info.ModTime(), info.Size()})
	}
	return seen, nil
}

// read takes in the files when they fit together. The caller holds mu.
func (f *Files) read() error {
	chain, err := readCertificates(f.cfg.Certificate)
	if err != nil {
		return err
	}
	authorities, err := readCertificates(f.cfg.CA)
	if err != nil {
		return err
	}
	key, err := keyfile.LoadECDSA(f.cfg.Key, f.cfg.Passphrase)
	if err != nil {
		return err
	}
	leaf := chain[0]
	if public, ok := leaf.PublicKey.(*ecdsa.PublicKey); !ok || !public.Equal(key.Public()) {
		return fmt.Errorf("the certificate in %s is for another key than the one in %s", f.cfg.Certificate, f.cfg.Key)
	}
	want := consensus.NodeURI(f.cfg.Province, f.cfg.Node)
	if len(leaf.URIs) != 1 || *leaf.URIs[0] != *want {
		return fmt.Errorf("the certificate in %s is for %v, want %s", f.cfg.Certificate, leaf.URIs, want)
	}
	roots := x509.NewCertPool()
	for _, c := range authorities {
		roots.AddCert(c)
	}
	if err := checkChain(chain, roots); err != nil {
		return fmt.Errorf("the certificate in %s does not stand under the CA in %s, or not now (`hutong province renew` makes a new one): %w", f.cfg.Certificate, f.cfg.CA, err)
	}
	served := &tls.Certificate{PrivateKey: key, Leaf: leaf}
	for _, c := range chain {
		served.Certificate = append(served.Certificate, c.Raw)
	}
	f.certificate, f.roots = served, roots
	return nil
}

func checkChain(chain []*x509.Certificate, roots *x509.CertPool) error {
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	return err
}

func readCertificates(path string) ([]*x509.Certificate, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxBytes))
	if err != nil {
		return nil, err
	}
	all, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return all, nil
}
