package consensus

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/hutong-project/hutong/consensus/consensustest"
	"github.com/hutong-project/hutong/trust"
)

// testCA is the CA of a cluster under test.
type testCA struct {
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
}

func newTestCA(t testing.TB) *testCA {
	t.Helper()
	ca := &testCA{key: consensustest.Must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der := consensustest.Must(x509.CreateCertificate(rand.Reader, template, template, ca.key.Public(), ca.key))
	ca.certificate = consensustest.Must(x509.ParseCertificate(der))
	return ca
}

// shown is what a node shows and whom it believes. It may be changed.
type shown struct {
	mu          sync.Mutex
	certificate tls.Certificate
	roots       *x509.CertPool
}

func (s *shown) Current() (*tls.Certificate, *x509.CertPool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.certificate
	return &c, s.roots, nil
}

// issue makes the credentials of a node. change edits the certificate before it is signed.
func (ca *testCA) issue(t testing.TB, id string, change func(*x509.Certificate)) *shown {
	t.Helper()
	key := consensustest.Must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(time.Hour),
		URIs:        []*url.URL{NodeURI(own, id)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if change != nil {
		change(template)
	}
	der := consensustest.Must(x509.CreateCertificate(rand.Reader, template, ca.certificate, key.Public(), ca.key))
	roots := x509.NewCertPool()
	roots.AddCert(ca.certificate)
	return &shown{certificate: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots: roots}
}

// end opens one end of the traffic of a node, and closes it with the test.
func end(t testing.TB, c Credentials, members *[]raft.Server) *mutual {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return &mutual{Listener: l, own: own, credentials: c, members: func() []raft.Server { return *members }}
}

// talk sends a byte from one end to the other and back, and returns what each of them met with.
func talk(t testing.TB, from, to *mutual) (dialled, accepted error) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		c, err := to.Accept()
		if err != nil {
			done <- err
			return
		}
		defer c.Close()
		b := make([]byte, 1)
		if _, err = io.ReadFull(c, b); err == nil {
			_, err = c.Write(b)
		}
		done <- err
	}()
	c, err := from.Dial(raft.ServerAddress(to.Listener.Addr().String()), 5*time.Second)
	if err == nil {
		_, err = c.Write([]byte{7})
		if err == nil {
			_, err = io.ReadFull(c, make([]byte, 1))
		}
		c.Close()
	}
	return err, <-done
}

// Who has no good certificate of a member of this cluster gets nothing across, whichever end it is.
func TestMutualRefuses(t *testing.T) {
	ca, other := newTestCA(t), newTestCA(t)
	named := func(uris ...*url.URL) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.URIs = uris }
	}
	for _, test := range []struct {
		name string
		bad  *shown
		says string
	}{
		{"another cluster's certificate", func() *shown {
			s := other.issue(t, "n2", nil)
			s.roots = ca.issue(t, "n2", nil).roots
			return s
		}(), "unknown authority"},
		{"an expired certificate", ca.issue(t, "n2", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), "expired"},
		{"a certificate that is not yet good", ca.issue(t, "n2", func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }), "not yet valid"},
		{"the certificate of no member", ca.issue(t, "n7", nil), "n7"},
		{"another province's certificate", ca.issue(t, "n2", named(NodeURI(foreign, "n2"))), string(foreign)},
		{"a certificate without a name", ca.issue(t, "n2", named()), "0 names"},
		{"a certificate with two names", ca.issue(t, "n2", named(NodeURI(own, "n2"), NodeURI(own, "n1"))), "2 names"},
		{"a certificate with a name of another kind", ca.issue(t, "n2", named(&url.URL{Scheme: "https", Host: string(own), Path: "/n2"})), "https"},
		{"a certificate for another use", ca.issue(t, "n2", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection} }), "incompatible key usage"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var members []raft.Server
			good, bad := end(t, ca.issue(t, "n1", nil), &members), end(t, test.bad, &members)
			members = []raft.Server{
				{ID: "n1", Address: raft.ServerAddress(good.Listener.Addr().String())},
				{ID: "n2", Address: raft.ServerAddress(bad.Listener.Addr().String())},
			}
			if err, _ := talk(t, good, bad); !errors.Is(err, errStranger) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("Dial(a node with %s) = %v, want errStranger with %q", test.name, err, test.says)
			}
			dialled, accepted := talk(t, bad, good)
			if !errors.Is(accepted, errStranger) || !strings.Contains(accepted.Error(), test.says) {
				t.Errorf("reading from a node with %s = %v, want errStranger with %q", test.name, accepted, test.says)
			}
			if dialled == nil {
				t.Errorf("a node with %s had an answer", test.name)
			}
		})
	}
}

// The certificate has to be that of the member at the address: one member cannot take another's place.
func TestMutualRefusesAnotherMember(t *testing.T) {
	ca := newTestCA(t)
	var members []raft.Server
	n1, n2, n3 := end(t, ca.issue(t, "n1", nil), &members), end(t, ca.issue(t, "n2", nil), &members), end(t, ca.issue(t, "n3", nil), &members)
	at := func(m *mutual) raft.ServerAddress { return raft.ServerAddress(m.Listener.Addr().String()) }
	members = []raft.Server{{ID: "n1", Address: at(n1)}, {ID: "n2", Address: at(n2)}, {ID: "n3", Address: at(n3)}}
	if dialled, accepted := talk(t, n1, n2); dialled != nil || accepted != nil {
		t.Errorf("talk(n1, n2) = %v, %v, want no error", dialled, accepted)
	}
	members[1].Address, members[2].Address = at(n3), at(n2)
	if err, _ := talk(t, n1, n2); !errors.Is(err, errStranger) || !strings.Contains(err.Error(), "want n3") {
		t.Errorf("Dial(the address of n3, where n2 is) = %v, want errStranger that names n3", err)
	}
	if _, err := n1.Dial("127.0.0.1:1", time.Second); !errors.Is(err, errStranger) {
		t.Errorf("Dial(nobody's address) = %v, want errStranger", err)
	}
	members = members[:2] // n2, with a good certificate, was removed
	members[1] = raft.Server{ID: "n3", Address: at(n3)}
	if _, accepted := talk(t, n2, n1); !errors.Is(accepted, errStranger) || !strings.Contains(accepted.Error(), "n2") {
		t.Errorf("reading from a removed member = %v, want errStranger that names it", accepted)
	}
}

// A node that is removed loses the connections that it has, too.
func TestMutualEndsWithTheMembership(t *testing.T) {
	ca := newTestCA(t)
	var mu sync.Mutex
	var members []raft.Server
	n1, n2 := end(t, ca.issue(t, "n1", nil), &members), end(t, ca.issue(t, "n2", nil), &members)
	members = []raft.Server{{ID: "n1", Address: raft.ServerAddress(n1.Listener.Addr().String())}, {ID: "n2"}}
	n1.members = func() []raft.Server {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(members)
	}
	heard := make(chan error)
	go func() {
		c, err := n1.Accept()
		for err == nil {
			_, err = io.ReadFull(c, make([]byte, 1))
			heard <- err
		}
	}()
	c, err := n2.Dial(members[0].Address, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	say := func() error {
		if _, err := c.Write([]byte{7}); err != nil {
			t.Fatal(err)
		}
		return <-heard
	}
	if err := say(); err != nil {
		t.Errorf("reading from a member = %v, want no error", err)
	}
	mu.Lock()
	members = members[:1]
	mu.Unlock()
	if err := say(); !errors.Is(err, errStranger) {
		t.Errorf("reading from a node that was removed = %v, want errStranger", err)
	}
}

// Without TLS, without a certificate, or with an older TLS nothing comes in.
func TestMutualRefusesPlainClients(t *testing.T) {
	ca := newTestCA(t)
	var members []raft.Server
	n1 := end(t, ca.issue(t, "n1", nil), &members)
	members = []raft.Server{{ID: "n1", Address: raft.ServerAddress(n1.Listener.Addr().String())}}
	address := n1.Listener.Addr().String()
	for name, dial := range map[string]func() (net.Conn, error){
		"plain TCP":      func() (net.Conn, error) { return net.Dial("tcp", address) },
		"no certificate": func() (net.Conn, error) { return tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true}) },
		"TLS 1.2": func() (net.Conn, error) {
			own, _, _ := n1.credentials.Current()
			return tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*own}})
		},
	} {
		done := make(chan error, 1)
		go func() {
			c, err := n1.Accept()
			if err == nil {
				defer c.Close()
				_, err = io.ReadFull(c, make([]byte, 1))
			}
			done <- err
		}()
		if c, err := dial(); err == nil {
			_, _ = c.Write([]byte("\x00an AppendEntries of Raft"))
			_, _ = io.ReadAll(c)
			c.Close()
		}
		if err := <-done; err == nil {
			t.Errorf("a client with %s was heard, want an error", name)
		}
	}
}

// A renewed certificate is shown with the next connection; the CA can be replaced, too.
func TestMutualTakesUpNewCertificates(t *testing.T) {
	ca, next := newTestCA(t), newTestCA(t)
	var members []raft.Server
	first, second := ca.issue(t, "n1", nil), ca.issue(t, "n2", nil)
	n1, n2 := end(t, first, &members), end(t, second, &members)
	members = []raft.Server{
		{ID: "n1", Address: raft.ServerAddress(n1.Listener.Addr().String())},
		{ID: "n2", Address: raft.ServerAddress(n2.Listener.Addr().String())},
	}
	renewed := next.issue(t, "n2", nil)
	second.mu.Lock()
	second.certificate = renewed.certificate
	second.mu.Unlock()
	if err, _ := talk(t, n1, n2); !errors.Is(err, errStranger) {
		t.Errorf("Dial(a node under a new CA) = %v, want errStranger", err)
	}
	first.mu.Lock()
	first.roots.AddCert(next.certificate)
	first.mu.Unlock()
	if err, accepted := talk(t, n1, n2); err != nil || accepted != nil {
		t.Errorf("talk() with both CAs believed = %v, %v, want no error", err, accepted)
	}
}

// Three nodes under TLS elect, write, and take the old leader back.
func TestThreeNodesOverTLS(t *testing.T) {
	w, ca := consensustest.New(), newTestCA(t)
	nodes := wires{}
	var members []Member
	for _, id := range []string{"n1", "n2", "n3"} {
		l := consensustest.Must(net.Listen("tcp", "127.0.0.1:0"))
		defer l.Close()
		members = append(members, Member{ID: id, Address: l.Addr().String()})
		l.Close()
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var running sync.WaitGroup
	for _, m := range members {
		cfg := onDisk(t, w, filepath.Join(t.TempDir(), "node"))
		cfg.NodeID, cfg.Bind, cfg.Members, cfg.Forward = m.ID, m.Address, members, nodes
		cfg.HeartbeatTimeout, cfg.TLS, cfg.Founded = 150*time.Millisecond, ca.issue(t, m.ID, nil), trust.Digest{5}
		r, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		nodes[m.ID] = r
	}
	for _, r := range nodes {
		running.Go(func() { r.Run(ctx) })
	}
	leader := leaderOf(t, ctx, nodes)
	if err := nodes[leader].AdoptNational(ctx, w.Raws()); err != nil {
		t.Fatal(err)
	}
	d := nodes[leader].Reading()
	applied := d.View.Applied
	d.Close()
	for id, r := range nodes {
		if err := r.waitApplied(ctx, applied); err != nil {
			t.Errorf("%s did not get what was written: %v", id, err)
		}
	}
	for _, r := range nodes {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	running.Wait()
}

// Without certificates a cluster stays on one machine.
func TestPlainTrafficStaysOnOneMachine(t *testing.T) {
	cfg := onDisk(t, consensustest.New(), filepath.Join(t.TempDir(), "node"))
	cfg.Members = append(cfg.Members, Member{ID: "n2", Address: "192.0.2.1:7101"})
	if _, err := Open(cfg); err == nil || !strings.Contains(err.Error(), "cluster.tls") || !strings.Contains(err.Error(), "192.0.2.1") {
		t.Errorf("Open(a member elsewhere, no TLS) = %v, want an error with the address and the remedy", err)
	}
	for address, want := range map[string]bool{
		"127.0.0.1:1": true, "127.9.9.9:1": true, "[::1]:1": true, "localhost:1": true,
		"0.0.0.0:1": false, "10.0.0.1:1": false, "[::]:1": false, "localhost.example:1": false, "127.0.0.1": false, ":1": false,
	} {
		if got := Loopback(address); got != want {
			t.Errorf("Loopback(%q) = %v, want %v", address, got, want)
		}
	}
}
