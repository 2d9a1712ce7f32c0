// Package nodetest builds whole federations inside one process, for tests and measurements of the node: a national
// coordinator, provinces with clusters of any number of nodes, jurisdictions that they host, and issuing authorities.
//
// Every part is the real one: node.Open from a configuration file, keys freshly made and encrypted in files, Raft and
// libp2p over TCP on the loopback address, state on disk below the plan's folder. Nothing is faked, and nothing that a
// federation made stays outside that folder.
//
// It is imported by tests and measurements only. It makes no assertions: what goes wrong is an error.
package nodetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/certs"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/sm2sig"
)

// A Plan says what federation to build.
type Plan struct {
	Dir      string          // an empty folder that is the federation's alone
	Clusters []ClusterPlan   // at least one
	Roots    [][]byte        // DER of the national roots; none: one is made, and each cluster's province gets a CA under it
	Policy   national.Policy // zero: DefaultPolicy
	Logger   *slog.Logger    // nil: nothing is logged
}

// A ClusterPlan is one province that has nodes.
type ClusterPlan struct {
	Province    trust.Province
	Nodes       int           // 0: one
	Types       []string      // patterns that it may grant; none: *
	Authorities []Grant       // issuing authorities that it is to have
	Hosts       []Partner     // jurisdictions without nodes
	Heartbeat   time.Duration // of Raft; 0: DefaultHeartbeat
	Exchange    time.Duration // of the federation; 0: DefaultExchange
}

// A Partner is a jurisdiction without nodes: pinned anchors, and the algorithms of its credentials.
type Partner struct {
	Code       trust.Province
	Types      []string
	Algorithms []string
}

// Times that suit a federation of many nodes on few cores: short, and long enough that a busy machine elects nobody
// in vain.
const (
	DefaultHeartbeat = 400 * time.Millisecond
	DefaultExchange  = 500 * time.Millisecond
)

// DefaultPolicy returns the design's policy with a head every 2 s.
func DefaultPolicy() national.Policy {
	p := national.DefaultPolicy()
	p.Clocks.HeadInterval = 2
	return p
}

// A Federation is what a Plan describes, running.
type Federation struct {
	Coordinator *Coordinator
	Root        *CA        // nil where the plan brought the roots
	Clusters    []*Cluster // in the order of the plan

	plan    Plan
	members map[trust.Province]*Jurisdiction
}

// Start builds the federation: it makes all keys and the first national list, starts every node, waits for leaders, and
// publishes the national list at each cluster. Trust lists are for the caller to publish. When it fails, what was
// started is stopped.
func Start(ctx context.Context, plan Plan) (*Federation, error) {
	f, err := New(plan)
	if err != nil {
		return nil, err
	}
	if err := f.start(ctx); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// New builds the federation as Start does, and starts no node.
func New(plan Plan) (*Federation, error) {
	if plan.Policy == (national.Policy{}) {
		plan.Policy = DefaultPolicy()
	}
	if plan.Logger == nil {
		plan.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	f := &Federation{plan: plan, members: map[trust.Province]*Jurisdiction{}}
	roots := plan.Roots
	if roots == nil {
		var err error
		if f.Root, err = newRoot(); err != nil {
			return nil, err
		}
		roots = [][]byte{f.Root.Certificate.Raw}
	}
	var err error
	if f.Coordinator, err = newCoordinator(roots, plan.Policy); err != nil {
		return nil, err
	}
	for _, p := range plan.Clusters {
		c, err := f.newCluster(p)
		if err != nil {
			return nil, fmt.Errorf("building the cluster of %s: %w", p.Province, err)
		}
		f.Clusters = append(f.Clusters, c)
	}
	raw, err := f.Coordinator.sign(f.entries())
	if err != nil {
		return nil, err
	}
	for _, c := range f.Clusters {
		if err := c.configure(raw.Digest); err != nil {
			return nil, fmt.Errorf("configuring the cluster of %s: %w", c.Province, err)
		}
	}
	return f, nil
}

// entries returns the entries of the first national list.
func (f *Federation) entries() []national.Province {
	var all []national.Province
	for _, m := range f.members {
		all = append(all, m.entry)
	}
	slices.SortFunc(all, func(a, b national.Province) int {
		if a.Code < b.Code {
			return -1
		}
		return 1
	})
	return all
}

func (f *Federation) start(ctx context.Context) error {
	var nodes []*Node
	for _, c := range f.Clusters {
		nodes = append(nodes, c.Nodes...)
	}
	if err := parallel(nodes, func(n *Node) error { return n.Start() }); err != nil {
		return err
	}
	return parallel(f.Clusters, func(c *Cluster) error {
		if _, err := c.WaitLeader(ctx); err != nil {
			return err
		}
		if _, err := c.Nodes[0].Client.PublishNational(ctx, f.Coordinator.Current.Raw); err != nil {
			return fmt.Errorf("publishing the national list at %s: %w", c.Province, err)
		}
		return nil
	})
}

// Jurisdiction returns the province or partner with this code, or nil.
func (f *Federation) Jurisdiction(code trust.Province) *Jurisdiction { return f.members[code] }

// Amend signs the national list that follows the current one: change gets a copy of its entries, whose History and
// other slices it must replace rather than write to. The caller publishes the result.
func (f *Federation) Amend(change func(*national.List)) (*national.Document, error) {
	return f.Coordinator.follow(change)
}

// Close stops every node that runs, in no order, and waits for all of them. It may be called again.
func (f *Federation) Close() error {
	var nodes []*Node
	for _, c := range f.Clusters {
		nodes = append(nodes, c.Nodes...)
	}
	return parallel(nodes, (*Node).Stop)
}

// A Coordinator signs national lists: two of its three keys are needed.
type Coordinator struct {
	Keys    []*sm2sig.PrivateKey
	Current *national.Document
}

const coordinatorThreshold = 2

func newCoordinator(roots [][]byte, policy national.Policy) (*Coordinator, error) {
	c := &Coordinator{}
	l := national.List{Version: national.FormatVersion, Operator: "国家协调机构(测试)", Threshold: coordinatorThreshold, Roots: roots, Policy: policy}
	for range 3 {
		private, key, err := newKey(national.RoleNational, "")
		if err != nil {
			return nil, err
		}
		c.Keys, l.Keys = append(c.Keys, private), append(l.Keys, key)
	}
	c.Current = &national.Document{List: l} // number 0: nothing has been signed
	return c, nil
}

func (c *Coordinator) sign(entries []national.Province) (*national.Document, error) {
	return c.follow(func(l *national.List) { l.Provinces = entries })
}

func (c *Coordinator) follow(change func(*national.List)) (*national.Document, error) {
	l := c.Current.List
	l.Provinces = slices.Clone(l.Provinces)
	l.Previous = c.Current.Digest
	l.Sequence++
	l.Issued = trust.TimeOf(time.Now())
	l.NextUpdate = l.Issued.Add(30 * day)
	change(&l)
	raw, err := l.Sign(c.Keys[:coordinatorThreshold]...)
	if err != nil {
		return nil, err
	}
	d, err := national.Read(raw)
	if err != nil {
		return nil, err
	}
	c.Current = d
	return d, nil
}

// A CA issues certificates.
type CA struct {
	Certificate *certs.Certificate
	Key         *sm2sig.PrivateKey
}

const day = 24 * time.Hour

// span is the validity of certificates: it reaches back so that credentials can be issued in the past.
func span() (notBefore, notAfter trust.Time) {
	now := trust.TimeOf(time.Now())
	return now.Add(-400 * day), now.Add(3650 * day)
}

func newRoot() (*CA, error) {
	key, err := sm2sig.Generate(rand.Reader)
	if err != nil {
		return nil, err
	}
	from, until := span()
	der, err := certs.SelfSigned(rand.Reader, certs.Template{CommonName: "测试国家根", NotBefore: from, NotAfter: until, CA: true, PathLen: -1}, key)
	if err != nil {
		return nil, err
	}
	return newCA(der, key)
}

// NewRoot returns a root that stands in no list.
func NewRoot() (*CA, error) { return newRoot() }

// Issue makes a CA below ca.
func (ca *CA) Issue(name string) (*CA, error) {
	key, err := sm2sig.Generate(rand.Reader)
	if err != nil {
		return nil, err
	}
	from, until := span()
	der, err := certs.Issue(rand.Reader, certs.Template{CommonName: name, NotBefore: from, NotAfter: until, CA: true, PathLen: -1}, key.Public(), ca.Certificate, ca.Key)
	if err != nil {
		return nil, err
	}
	return newCA(der, key)
}

func newCA(der []byte, key *sm2sig.PrivateKey) (*CA, error) {
	c, err := certs.Parse(der)
	if err != nil {
		return nil, err
	}
	return &CA{Certificate: c, Key: key}, nil
}

func newKey(role national.Role, code trust.Province) (*sm2sig.PrivateKey, national.Key, error) {
	private, err := sm2sig.Generate(rand.Reader)
	if err != nil {
		return nil, national.Key{}, err
	}
	public, err := national.NewKey(private, role, code)
	return private, public, err
}

// parallel runs do for each item at once and waits for all.
func parallel[T any](items []T, do func(T) error) error {
	errs := make([]error, len(items))
	var group sync.WaitGroup
	for i, item := range items {
		group.Go(func() { errs[i] = do(item) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// Until asks every 20 ms whether condition holds. The error is condition's, or says what was waited for when ctx ends.
func Until(ctx context.Context, what string, condition func() (bool, error)) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		done, err := condition()
		if err != nil || done {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: %w", what, ctx.Err())
		}
	}
}
