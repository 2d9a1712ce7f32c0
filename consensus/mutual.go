package consensus

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/hashicorp/raft"

	"github.com/hutong-project/hutong/trust"
)

// Credentials prove to the other nodes of a cluster which one this is. They are used by many goroutines.
type Credentials interface {
	// Current returns the certificate to show and the authorities to ask for. It is called for every handshake, so
	// that renewed files need no restart.
	Current() (*tls.Certificate, *x509.CertPool, error)
}

// NodeURI is the name that a node's certificate carries: hutong-node://<province>/<id>.
func NodeURI(p trust.Province, id string) *url.URL {
	return &url.URL{Scheme: nodeScheme, Host: string(p), Path: "/" + id}
}

const nodeScheme = "hutong-node"

// errStranger is returned when what is at the other end of a connection is not the node that it has to be.
var errStranger = errors.New("the other end is not the node that it has to be")

// mutual is TCP under TLS 1.3, with a certificate from both ends. Who dials makes sure that it has reached the member
// whose address it dialled; who listens, that a member dialled. Handshakes are not resumed: each one looks anew.
type mutual struct {
	net.Listener
	advertise   string
	own         trust.Province
	credentials Credentials
	members     func() []raft.Server // the newest that this node knows
	recheck     time.Duration        // how long a connection is trusted before its member is looked up again
}

// memberRecheck is how long a node that was removed may still use a connection that it has.
const memberRecheck = time.Second

// Addr returns the address under which the other nodes reach this one.
func (m *mutual) Addr() net.Addr { return address(m.advertise) }

// Dial connects to the member at an address, and to nobody else.
func (m *mutual) Dial(to raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	want, err := m.memberAt(to)
	if err != nil {
		return nil, err
	}
	c, err := m.settings(x509.ExtKeyUsageServerAuth, func(id string) error {
		if id != want {
			return fmt.Errorf("%w: %s is at %s, want %s", errStranger, id, to, want)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: timeout}, Config: c}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	conn, err := dialer.DialContext(ctx, "tcp", string(to))
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", want, err)
	}
	return conn, nil
}

// Accept returns the next connection. Its handshake takes place with the first read, which is not on the goroutine
// that accepts: who says nothing keeps nobody waiting.
func (m *mutual) Accept() (net.Conn, error) {
	raw, err := m.Listener.Accept()
	if err != nil {
		return nil, err
	}
	a := &accepted{from: m}
	a.Conn = tls.Server(raw, &tls.Config{
		MinVersion: tls.VersionTLS13,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return m.settings(x509.ExtKeyUsageClientAuth, func(id string) error {
				a.id, a.checked = id, time.Now()
				return m.checkMember(id)
			})
		},
	})
	return a, nil
}

// settings returns those of one handshake. check gets the id of a certificate that has been verified.
func (m *mutual) settings(usage x509.ExtKeyUsage, check func(id string) error) (*tls.Config, error) {
	certificate, roots, err := m.credentials.Current()
	if err != nil {
		return nil, fmt.Errorf("opening the certificate of the cluster: %w", err)
	}
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		Certificates:           []tls.Certificate{*certificate},
		ClientAuth:             tls.RequireAnyClientCert,
		InsecureSkipVerify:     true, // the names are no host names: VerifyConnection verifies, on both sides
		SessionTicketsDisabled: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			id, err := m.verify(s.PeerCertificates, roots, usage)
			if err != nil {
				return err
			}
			return check(id)
		},
	}, nil
}

// verify returns the id of the node of this cluster whose certificate it is.
func (m *mutual) verify(chain []*x509.Certificate, roots *x509.CertPool, usage x509.ExtKeyUsage) (string, error) {
	if len(chain) == 0 {
		return "", fmt.Errorf("%w: it shows no certificate", errStranger)
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{usage}})
	if err != nil {
		return "", fmt.Errorf("%w: %w", errStranger, err)
	}
	return nodeOf(chain[0], m.own)
}

// nodeOf returns the id in a certificate. A certificate with no name, several, or another province's is nobody's.
func nodeOf(c *x509.Certificate, own trust.Province) (string, error) {
	if len(c.URIs) != 1 {
		return "", fmt.Errorf("%w: its certificate has %d names, want 1", errStranger, len(c.URIs))
	}
	u := c.URIs[0]
	id := strings.TrimPrefix(u.Path, "/")
	if id == "" || *u != *NodeURI(own, id) {
		return "", fmt.Errorf("%w: its certificate is for %.100q, want %s", errStranger, u, NodeURI(own, "…"))
	}
	return id, nil
}

// checkMember refuses who has a certificate of the cluster and is not, or no longer, in it.
func (m *mutual) checkMember(id string) error {
	for _, s := range m.members() {
		if string(s.ID) == id {
			return nil
		}
	}
	return fmt.Errorf("%w: %.100q is no member of the cluster", errStranger, id)
}

func (m *mutual) memberAt(to raft.ServerAddress) (string, error) {
	for _, s := range m.members() {
		if s.Address == to {
			return string(s.ID), nil
		}
	}
	return "", fmt.Errorf("%w: no member is at %s", errStranger, to)
}

// accepted is a connection from another node. Its handshake is bounded in time, and it ends when the node is removed.
// One goroutine reads from it.
type accepted struct {
	*tls.Conn
	from    *mutual
	shaken  bool
	id      string
	checked time.Time // when id was last found to be a member
}

// Read makes the handshake first.
func (a *accepted) Read(b []byte) (int, error) {
	if !a.shaken {
		ctx, cancel := context.WithTimeout(context.Background(), transportTimeout)
		defer cancel()
		if err := a.HandshakeContext(ctx); err != nil {
			return 0, err
		}
		a.shaken = true
	}
	n, err := a.Conn.Read(b)
	if err != nil {
		return n, err
	}
	// After the read, which may have waited for long: what came from a node that is no member any more is not used.
	if now := time.Now(); now.Sub(a.checked) >= a.from.recheck {
		if err := a.from.checkMember(a.id); err != nil {
			return 0, err
		}
		a.checked = now
	}
	return n, nil
}
