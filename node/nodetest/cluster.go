package nodetest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/hutong-project/hutong/node"
	"github.com/hutong-project/hutong/node/client"
	"github.com/hutong-project/hutong/node/config"
	"github.com/hutong-project/hutong/node/keyfile"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/sm2sig"
)

// Passphrase encrypts every key file of a federation.
const Passphrase = "nodetest"

// Files in a cluster's folder.
const (
	passphraseFile = "passphrase"
	tokensFile     = "access.yaml"
	operatorFile   = "operator.pem"
)

// A Cluster is the nodes of one province.
type Cluster struct {
	Province trust.Province
	Dir      string // of the cluster; each node has a folder below it
	Nodes    []*Node

	own    *Jurisdiction
	plan   ClusterPlan
	heads  []string // file names of the head keys
	logger *slog.Logger
}

// A Node is one node of a cluster. Start and Stop may alternate; the address of its interface stays.
type Node struct {
	Name       string // in the cluster
	ConfigFile string // what it is started from; it may be edited between Stop and Start
	Client     *client.Client

	address config.Member
	api     string
	logger  *slog.Logger

	mu     sync.Mutex // guards the fields below
	cancel context.CancelFunc
	ended  chan error
}

func (f *Federation) newCluster(plan ClusterPlan) (*Cluster, error) {
	plan.Nodes = max(plan.Nodes, 1)
	if plan.Heartbeat == 0 {
		plan.Heartbeat = DefaultHeartbeat
	}
	if plan.Exchange == 0 {
		plan.Exchange = DefaultExchange
	}
	c := &Cluster{Province: plan.Province, Dir: filepath.Join(f.plan.Dir, string(plan.Province)), plan: plan, logger: f.plan.Logger}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, err
	}
	err := errors.Join(
		keyfile.Write(c.file(passphraseFile), []byte(Passphrase+"\n")),
		keyfile.Write(c.file(tokensFile), []byte("tokens: []\n")),
	)
	if err != nil {
		return nil, err
	}
	if c.own, err = f.newJurisdiction(plan.Province, c); err != nil {
		return nil, err
	}
	if err := c.fillOwn(f.Root); err != nil {
		return nil, err
	}
	hosted := []*Jurisdiction{c.own}
	for _, p := range plan.Hosts {
		j, err := f.newJurisdiction(p.Code, c)
		if err != nil {
			return nil, err
		}
		j.entry.Host, j.entry.Anchoring, j.entry.Types, j.entry.Algorithms = plan.Province, national.Pinned, p.Types, p.Algorithms
		hosted = append(hosted, j)
	}
	if err := c.makeNodes(); err != nil {
		return nil, err
	}
	return c, c.saveKeys(hosted)
}

func (c *Cluster) file(name string) string { return filepath.Join(c.Dir, name) }

// fillOwn gives the province what a partner does not have: an operator key, and a CA with authorities below it.
func (c *Cluster) fillOwn(root *CA) (err error) {
	if c.plan.Types != nil {
		c.own.entry.Types = c.plan.Types
	}
	if c.own.OperatorKey, err = sm2sig.Generate(nil); err != nil {
		return err
	}
	if root != nil {
		if c.own.CA, err = root.Issue("测试省级认证中心 " + string(c.Province)); err != nil {
			return err
		}
	}
	for _, g := range c.plan.Authorities {
		if _, err := c.own.newAuthority(g, c.file(tokensFile)); err != nil {
			return err
		}
	}
	return nil
}

// saveKeys stores the head keys and the operator key: what the cluster holds online. Deriving the encryption keys is
// what takes the time, so it is done on all cores.
func (c *Cluster) saveKeys(hosted []*Jurisdiction) error {
	files := map[string]*sm2sig.PrivateKey{operatorFile: c.own.OperatorKey}
	names := []string{operatorFile}
	for _, j := range hosted {
		name := "head-" + string(j.Code) + ".pem"
		c.heads = append(c.heads, name)
		files[name], names = j.HeadKey, append(names, name)
	}
	return parallel(names, func(name string) error { return keyfile.SaveSM2(c.file(name), files[name], []byte(Passphrase)) })
}

func (c *Cluster) makeNodes() error {
	ports, err := freePorts(3 * c.plan.Nodes)
	if err != nil {
		return err
	}
	for i := range c.plan.Nodes {
		name := fmt.Sprintf("node-%d", i+1)
		dir := c.file(name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
		id, err := keyfile.NewIdentity(filepath.Join(dir, "peer.pem"), []byte(Passphrase))
		if err != nil {
			return err
		}
		n := &Node{Name: string(c.Province) + "/" + name, ConfigFile: filepath.Join(dir, "node.yaml"), logger: c.logger.With("node", string(c.Province)+"/"+name)}
		n.address = config.Member{
			ID: name, Address: fmt.Sprintf("127.0.0.1:%d", ports[3*i]),
			Peer: id.String(), P2P: fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", ports[3*i+1]),
		}
		n.api = fmt.Sprintf("127.0.0.1:%d", ports[3*i+2])
		if n.Client, err = client.New("http://" + n.api); err != nil {
			return err
		}
		c.own.entry.Peers = append(c.own.entry.Peers, national.Peer{ID: n.address.Peer, Addrs: []string{n.address.P2P}})
		c.Nodes = append(c.Nodes, n)
	}
	return nil
}

// configure writes the nodes' configurations, which pin the first national list.
func (c *Cluster) configure(pin trust.Digest) error {
	for _, n := range c.Nodes {
		text, err := yaml.Marshal(c.Config(n, pin))
		if err != nil {
			return err
		}
		if err := os.WriteFile(n.ConfigFile, text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// Config returns the configuration of n as it stands in its file, with paths relative to that.
func (c *Cluster) Config(n *Node, pin trust.Digest) config.Config {
	cfg := config.Config{
		Province: string(c.Province), NationalPin: pin.String(), Node: n.address.ID, DataDir: "data",
		Cluster:    config.Cluster{Bootstrap: true, Heartbeat: config.Duration(c.plan.Heartbeat)},
		Disk:       config.Disk{ReserveMiB: new(1)},
		Federation: config.Federation{Identity: "peer.pem", Exchange: config.Duration(c.plan.Exchange)},
		API:        config.API{Listen: n.api, Allow: []string{"127.0.0.0/8"}, Tokens: "../" + tokensFile},
		Keys:       config.Keys{Operator: "../" + operatorFile, PassphraseFile: "../" + passphraseFile},
		Log:        config.Log{Level: "info"},
	}
	for _, m := range c.Nodes {
		cfg.Cluster.Members = append(cfg.Cluster.Members, m.address)
	}
	for _, name := range c.heads {
		cfg.Keys.Head = append(cfg.Keys.Head, "../"+name)
	}
	return cfg
}

// API returns host and port of the node's HTTP interface.
func (n *Node) API() string { return n.api }

// Start opens the node from its configuration file and serves until Stop. It returns once the node listens.
func (n *Node) Start() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cancel != nil {
		return fmt.Errorf("starting %s: it runs", n.Name)
	}
	cfg, err := config.Load(n.ConfigFile)
	if err != nil {
		return fmt.Errorf("starting %s: %w", n.Name, err)
	}
	opened, err := node.Open(cfg, n.logger)
	if err != nil {
		return fmt.Errorf("starting %s: %w", n.Name, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- opened.Run(ctx) }()
	n.cancel, n.ended = cancel, ended
	return nil
}

// stopWithin is far longer than a node needs to end: past it, it hangs.
const stopWithin = 30 * time.Second

// Stop ends the node in order and waits for it. It returns what the node ended with; of a node that does not run, nil.
// A node that does not end is left alone, with an error.
func (n *Node) Stop() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cancel == nil {
		return nil
	}
	n.cancel()
	ended := n.ended
	n.cancel, n.ended = nil, nil
	n.Client.Close()
	timer := time.NewTimer(stopWithin)
	defer timer.Stop()
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("stopping %s: %w", n.Name, err)
		}
		return nil
	case <-timer.C:
		return fmt.Errorf("stopping %s: it has not ended after %v", n.Name, stopWithin)
	}
}

// Running reports whether the node was started and not stopped.
func (n *Node) Running() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cancel != nil
}

// WaitLeader waits until a running node says that it leads, and returns it.
func (c *Cluster) WaitLeader(ctx context.Context) (leader *Node, err error) {
	err = Until(ctx, "the cluster of "+string(c.Province)+" has a leader", func() (bool, error) {
		for _, n := range c.Nodes {
			if !n.Running() {
				continue
			}
			ask, cancel := context.WithTimeout(ctx, 2*time.Second)
			state, err := n.Client.Node(ask)
			cancel()
			if err != nil {
				return false, err
			}
			if state.Leading {
				leader = n
				return true, nil
			}
		}
		return false, nil
	})
	return leader, err
}
