package province

import (
	"crypto/ecdsa"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/hutong-project/hutong/cmd/internal/folder"
	"github.com/hutong-project/hutong/node/clustertls"
	"github.com/hutong-project/hutong/node/config"
	"github.com/hutong-project/hutong/node/keyfile"
	"github.com/hutong-project/hutong/trust"
)

const (
	clusterKey = "keys/cluster-ca.pem" // signs the certificates of the nodes; can be kept offline
	clusterCA  = "cluster-ca.pem"
)

func certificateFile(i int) string    { return nodeName(i) + "/cluster.pem" }
func certificateKeyFile(i int) string { return nodeName(i) + "/cluster-key.pem" }

// newClusterID returns the random value that tells a cluster from every other one.
func newClusterID() (d trust.Digest) {
	_, _ = rand.Read(d[:]) // never fails: crypto/rand stops the program instead
	return d
}

// makeCertificates makes the CA of the cluster and a certificate for each node.
func makeCertificates(dir string, passphrase []byte, s *State, now time.Time) error {
	ca, err := clustertls.NewAuthority(s.Code, now)
	if err != nil {
		return err
	}
	err = errors.Join(
		keyfile.SaveECDSA(filepath.Join(dir, clusterKey), ca.Key, passphrase),
		folder.Write(filepath.Join(dir, clusterCA), ca.PEM()),
	)
	for i := range s.Nodes {
		if err != nil {
			return err
		}
		err = makeCertificate(dir, passphrase, s, ca, i, now)
	}
	return err
}

// makeCertificate makes the key and the certificate of the i-th node.
func makeCertificate(dir string, passphrase []byte, s *State, ca *clustertls.Authority, i int, now time.Time) error {
	key, err := clustertls.NewKey()
	if err != nil {
		return err
	}
	if err := keyfile.SaveECDSA(filepath.Join(dir, certificateKeyFile(i)), key, passphrase); err != nil {
		return err
	}
	return certify(dir, s, ca, i, &key.PublicKey, now)
}

func certify(dir string, s *State, ca *clustertls.Authority, i int, public *ecdsa.PublicKey, now time.Time) error {
	text, err := ca.Issue(s.Code, s.Nodes[i].ID, public, now, now.AddDate(0, 0, clustertls.DefaultDays))
	if err != nil {
		return err
	}
	return folder.Write(filepath.Join(dir, certificateFile(i)), text)
}

// openAuthority opens the CA of the cluster.
func (p *Province) openAuthority(passphrase []byte) (*clustertls.Authority, error) {
	text, err := folder.Read(filepath.Join(p.dir, clusterCA))
	if err != nil {
		return nil, fmt.Errorf("opening the CA of the cluster: %w", err)
	}
	certificates, err := clustertls.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", clusterCA, err)
	}
	key, err := keyfile.LoadECDSA(filepath.Join(p.dir, clusterKey), passphrase)
	if err != nil {
		return nil, err
	}
	for _, c := range certificates {
		if public, ok := c.PublicKey.(*ecdsa.PublicKey); ok && public.Equal(key.Public()) {
			return &clustertls.Authority{Key: key, Certificate: c}, nil
		}
	}
	return nil, fmt.Errorf("opening the CA of the cluster: no certificate in %s is for the key in %s", clusterCA, clusterKey)
}

// Renew gives each node a new certificate for the key that it has, and returns the files that it replaced. Running
// nodes take them up with their next connection.
func (p *Province) Renew(passphrase []byte, now time.Time) (written []string, err error) {
	ca, err := p.openAuthority(passphrase)
	if err != nil {
		return nil, err
	}
	for i := range p.State.Nodes {
		key, err := keyfile.LoadECDSA(filepath.Join(p.dir, certificateKeyFile(i)), passphrase)
		if err != nil {
			return written, err
		}
		if err := certify(p.dir, &p.State, ca, i, &key.PublicKey, now); err != nil {
			return written, err
		}
		written = append(written, filepath.Join(p.dir, certificateFile(i)))
	}
	return written, nil
}

// tls returns the section of the i-th node's configuration; nil for a folder that was made without certificates.
func (p *Province) tls(i int) *config.TLS {
	if !folder.Exists(filepath.Join(p.dir, certificateFile(i))) {
		return nil
	}
	return &config.TLS{Certificate: certificateFile(i), Key: certificateKeyFile(i), CA: clusterCA}
}

// NextAddresses returns where the next node would listen: on the ports that follow those of the others, and on host,
// which when it is empty is that of the first node. base 0 stands for the base port of the first node.
func (p *Province) NextAddresses(host string, base int) (Addresses, error) {
	if host == "" {
		host = p.State.Nodes[0].Host
	}
	if base == 0 {
		base = p.State.Nodes[0].Raft - 1
	}
	all, err := Layout([]string{host}, base, len(p.State.Nodes)+1)
	if err != nil {
		return Addresses{}, err
	}
	return all[len(all)-1], nil
}

// AddNode makes a node that is to join the running cluster: its keys, its certificate and its configuration, which
// never starts a cluster. Its id is one that was never used. It returns the file of the configuration.
func (p *Province) AddNode(a Addresses, passphrase []byte, now time.Time) (file string, err error) {
	if p.National == nil {
		return "", errors.New("adding a node: the cluster has not been founded; run `hutong province nodes` first")
	}
	if p.State.ClusterID.IsZero() {
		return "", errors.New("adding a node: the folder is of a first version, whose clusters are named by the nodes that they were started with; nobody can join")
	}
	for _, n := range p.State.Nodes {
		if n.Host == a.Host && (n.Raft == a.Raft || n.P2P == a.P2P || n.API == a.API) {
			return "", fmt.Errorf("adding a node: node %s has ports of %s:%d, %d, %d; choose another --base-port", n.ID, a.Host, a.Raft, a.P2P, a.API)
		}
	}
	ca, err := p.openAuthority(passphrase)
	if err != nil {
		return "", err
	}
	i := len(p.State.Nodes)
	if err := folder.Create(filepath.Join(p.dir, nodeName(i))); err != nil {
		return "", err
	}
	id, err := keyfile.NewIdentity(filepath.Join(p.dir, peerFile(i)), passphrase)
	if err != nil {
		return "", err
	}
	s := p.State
	s.Nodes = append(append([]Node{}, s.Nodes...), Node{ID: fmt.Sprintf("%s-%d", p.Code, i+1), Peer: id.String(), Addresses: a})
	if err := makeCertificate(p.dir, passphrase, &s, ca, i, now); err != nil {
		return "", err
	}
	if err := folder.WriteJSON(filepath.Join(p.dir, stateFile), &s); err != nil {
		return "", err
	}
	p.State = s
	file = filepath.Join(p.dir, yamlFile(i))
	return file, p.writeConfig(i)
}
