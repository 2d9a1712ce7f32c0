package province

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/goccy/go-yaml"

	"github.com/hutong-project/hutong/cmd/internal/folder"
	"github.com/hutong-project/hutong/node/config"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/certs"
	"github.com/hutong-project/hutong/trust/national"
)

// Addresses say where one node listens, and where the others find it.
type Addresses struct {
	Host string `json:"host"` // IP address or DNS name
	API  int    `json:"api"`  // port of the HTTP interface
	Raft int    `json:"raft"` // port of the cluster's traffic
	P2P  int    `json:"p2p"`  // port of the federation
}

// A Node is one node of the cluster. Its number is its place in the list, from 1.
type Node struct {
	ID   string `json:"id"`   // in the cluster
	Peer string `json:"peer"` // libp2p peer id
	Addresses
}

// Layout returns the addresses of n nodes: node i has the ports base + i (Raft), base + 100 + i (federation) and
// base + 1000 + i (HTTP). hosts has one entry for all nodes, or one for each.
func Layout(hosts []string, base, n int) ([]Addresses, error) {
	if len(hosts) != 1 && len(hosts) != n {
		return nil, fmt.Errorf("laying out nodes: %d hosts for %d nodes, want one for all or one for each", len(hosts), n)
	}
	if base < 1 || base+1000+n > 65535 {
		return nil, fmt.Errorf("laying out nodes: base port %d, want 1 to %d", base, 65535-1000-n)
	}
	nodes := make([]Addresses, 0, n)
	for i := 1; i <= n; i++ {
		host := hosts[0]
		if len(hosts) > 1 {
			host = hosts[i-1]
		}
		nodes = append(nodes, Addresses{Host: host, Raft: base + i, P2P: base + 100 + i, API: base + 1000 + i})
	}
	return nodes, nil
}

// Multiaddr returns the address of the node's federation listener.
func (a Addresses) Multiaddr() string {
	kind := "dns"
	if ip, err := netip.ParseAddr(a.Host); err == nil {
		kind = "ip6"
		if ip.Is4() {
			kind = "ip4"
		}
	}
	return fmt.Sprintf("/%s/%s/tcp/%d", kind, a.Host, a.P2P)
}

// URL returns the address of the node's HTTP interface.
func (a Addresses) URL() string { return "http://" + a.hostPort(a.API) }

func (a Addresses) hostPort(port int) string { return net.JoinHostPort(a.Host, strconv.Itoa(port)) }

func nodeName(i int) string { return fmt.Sprintf("node-%d", i+1) }
func peerFile(i int) string { return nodeName(i) + "/peer.pem" }
func yamlFile(i int) string { return nodeName(i) + ".yaml" }

func (s *State) peers() []national.Peer {
	peers := make([]national.Peer, len(s.Nodes))
	for i, n := range s.Nodes {
		peers[i] = national.Peer{ID: n.Peer, Addrs: []string{n.Multiaddr()}}
	}
	return peers
}

// Nodes takes in the national list and the CA certificate (PEM) that the coordinator gave, and writes the nodes'
// configurations with that list's digest as the pin. A configuration that is there stays as it is. It may be called
// again with a newer list. It returns the files that it wrote.
//
// Refused are: a list that its own keys did not sign, that lacks this province or has other keys for it, and a
// certificate of another key or under another root.
func (p *Province) Nodes(nationalList, caPEM []byte) (written []string, err error) {
	d, err := p.readNational(nationalList)
	if err != nil {
		return nil, err
	}
	if p.National != nil && d.Sequence < p.National.Sequence {
		return nil, trust.Refuse(trust.Rollback, "national list %d, below %d, which the folder has", d.Sequence, p.National.Sequence)
	}
	chain, err := certs.ParsePEM(caPEM)
	if err != nil {
		return nil, fmt.Errorf("reading the CA certificate: %w", err)
	}
	p.National, p.ca = d, chain[0]
	if err := p.checkCertificate(p.ca); err != nil {
		return nil, err
	}
	err = errors.Join(
		folder.Write(filepath.Join(p.dir, caCertificate), caPEM),
		folder.Write(filepath.Join(p.dir, NationalFile), nationalList),
	)
	if err != nil {
		return nil, err
	}
	for i := range p.State.Nodes {
		path := filepath.Join(p.dir, yamlFile(i))
		if folder.Exists(path) {
			continue
		}
		if err := p.writeConfig(i); err != nil {
			return written, err
		}
		written = append(written, path)
	}
	return written, nil
}

// founding returns how many nodes the cluster is started with. Those after them join.
func (p *Province) founding() int {
	if p.State.Founding == 0 {
		return len(p.State.Nodes)
	}
	return p.State.Founding
}

// writeConfig writes the configuration of the i-th node.
func (p *Province) writeConfig(i int) error {
	path := filepath.Join(p.dir, yamlFile(i))
	text, err := yaml.Marshal(p.NodeConfig(i))
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if _, err := config.Parse(text); err != nil {
		return fmt.Errorf("writing %s: it would not load: %w", path, err)
	}
	return folder.Write(path, text)
}

// NodeConfig returns the configuration of the i-th node, counted from 0; its paths are relative to the folder. The
// national list must have been taken in.
func (p *Province) NodeConfig(i int) config.Config {
	c := config.Config{
		Province: string(p.Code), NationalPin: p.National.Digest.String(), Node: p.State.Nodes[i].ID,
		DataDir:    nodeName(i) + "/data",
		Cluster:    config.Cluster{Bootstrap: i < p.founding(), TLS: p.tls(i)},
		Federation: config.Federation{Identity: peerFile(i)},
		API: config.API{
			Listen: p.State.Nodes[i].hostPort(p.State.Nodes[i].API), Allow: []string{"127.0.0.0/8", "::1/128"}, Tokens: TokensFile,
		},
		Keys: config.Keys{Head: []string{headKey}, Operator: operatorKey},
		Log:  config.Log{Level: "info"},
	}
	if !p.State.ClusterID.IsZero() {
		c.Cluster.ID = p.State.ClusterID.String()
	}
	for j, n := range p.State.Nodes {
		if j >= p.founding() && j != i { // joined later: the registry knows them
			continue
		}
		c.Cluster.Members = append(c.Cluster.Members, config.Member{
			ID: n.ID, Address: n.hostPort(n.Raft), Peer: n.Peer, P2P: n.Multiaddr(),
		})
	}
	c.Cluster.Heartbeat, c.Federation.Exchange = config.Duration(defaultHeartbeat), config.Duration(defaultExchange)
	return c
}

// Folder returns the path of the folder, against which the paths of NodeConfig stand.
func (p *Province) Folder() string { return p.dir }

// readNational reads a national list and checks that it is complete and has this province under these keys.
func (p *Province) readNational(raw []byte) (*national.Document, error) {
	d, err := national.Read(raw)
	if err != nil {
		return nil, err
	}
	if err := d.CheckPinned(d.Digest); err != nil { // the pin is made from it: what is asked is its own threshold
		return nil, err
	}
	entry, ok := d.Province(p.Code)
	if !ok {
		return nil, trust.Refuse(trust.UnknownProvince, "national list %d has no province %s; the coordinator admits it with `hutong national admit`", d.Sequence, p.Code)
	}
	sameKeys := func(a, b []national.Key) bool {
		return slices.EqualFunc(a, b, func(x, y national.Key) bool { return x.Key.Equal(y.Key) })
	}
	if !sameKeys(entry.ListKeys, p.Request.ListKeys) || !sameKeys(entry.HeadKeys, p.Request.HeadKeys) || entry.ListThreshold != p.Request.ListThreshold {
		return nil, trust.Refuse(trust.UnknownKey, "national list %d has other keys for %s than %s; was another request admitted?", d.Sequence, p.Code, RequestFile)
	}
	return d, nil
}

// Entry returns the province's entry in the national list; nil while there is none.
func (p *Province) Entry() *national.Province {
	if p.National == nil {
		return nil
	}
	entry, _ := p.National.Province(p.Code)
	return entry
}
