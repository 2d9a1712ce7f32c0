package clustertls

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"time"

	"github.com/hutong-project/hutong/consensus"
	"github.com/hutong-project/hutong/trust"
)

const (
	// authorityYears is how long the CA lasts. It is replaced by adding a second one to the file of CA certificates.
	authorityYears = 20
	// DefaultDays is how long a node's certificate is good for.
	DefaultDays = 730
	// slack is how far before its making a certificate begins, for clocks that are behind.
	slack = time.Hour

	certificateType = "CERTIFICATE"
)

// An Authority is the CA of one cluster.
type Authority struct {
	Key         *ecdsa.PrivateKey
	Certificate *x509.Certificate
}

// NewKey makes a key for an authority or a node.
func NewKey() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

// NewAuthority makes the CA of a province's cluster, with a new key.
func NewAuthority(p trust.Province, now time.Time) (*Authority, error) {
	key, err := NewKey()
	if err != nil {
		return nil, fmt.Errorf("making the CA of a cluster: %w", err)
	}
	t := template("Hutong cluster "+string(p), now, now.AddDate(authorityYears, 0, 0))
	t.IsCA, t.BasicConstraintsValid, t.MaxPathLenZero = true, true, true
	t.KeyUsage = x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("making the CA of a cluster: %w", err)
	}
	c, err := x509.ParseCertificate(der)
	return &Authority{Key: key, Certificate: c}, err
}

// Issue makes the certificate of the node id, for its public key. It returns PEM.
func (a *Authority) Issue(p trust.Province, id string, public *ecdsa.PublicKey, now, until time.Time) ([]byte, error) {
	t := template(id, now, until)
	t.URIs = []*url.URL{consensus.NodeURI(p, id)}
	t.KeyUsage = x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	der, err := x509.CreateCertificate(rand.Reader, t, a.Certificate, public, a.Key)
	if err != nil {
		return nil, fmt.Errorf("making the certificate of node %s: %w", id, err)
	}
	return encode(der), nil
}

// PEM returns the CA's certificate.
func (a *Authority) PEM() []byte { return encode(a.Certificate.Raw) }

func template(name string, from, until time.Time) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)) // the reader never fails
	return &x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(1)), Subject: pkix.Name{CommonName: name},
		NotBefore: from.Add(-slack), NotAfter: until,
	}
}

func encode(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: certificateType, Bytes: der})
}

var errNoCertificates = errors.New("want one or more PEM blocks CERTIFICATE and nothing else")

// Parse reads certificates in PEM.
func Parse(data []byte) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	for len(bytes.TrimSpace(data)) > 0 {
		block, rest := pem.Decode(data)
		if block == nil || block.Type != certificateType {
			return nil, errNoCertificates
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		all, data = append(all, c), rest
	}
	if len(all) == 0 {
		return nil, errNoCertificates
	}
	return all, nil
}
