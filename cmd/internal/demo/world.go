package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/hutong-project/hutong/cmd/internal/authority"
	"github.com/hutong-project/hutong/cmd/internal/coordinator"
	"github.com/hutong-project/hutong/cmd/internal/folder"
	"github.com/hutong-project/hutong/cmd/internal/province"
	"github.com/hutong-project/hutong/node/access"
	"github.com/hutong-project/hutong/node/client"
	"github.com/hutong-project/hutong/node/config"
	"github.com/hutong-project/hutong/node/keyfile"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/identifier"
)

const (
	nodesEach = 3
	// heartbeat is short, so that the loss of a leader is seen within the patience of somebody who watches.
	heartbeat = 400 * time.Millisecond
	exchange  = 2 * time.Second
)

// The cast: three provinces, in each an authority that may issue what it issues. The codes are made up, with right check
// characters, except for those of the ministries that define the types.
var cast = []struct {
	code           trust.Province
	short          string
	name           string
	kind, typeCode string
}{
	{"310000", "上海", "上海市公安局", "居民身份证", typeIdentity},
	{"330000", "浙江", "浙江省住房和城乡建设厅", "二级建造师", typeBuilder},
	{"440000", "广东", "广东省自然资源厅", "不动产权证", typeTitle},
}

// Credential types (证照类型代码).
const (
	typeIdentity = "11100000000013127D001" // 居民身份证
	typeBuilder  = "11100000000013338W001" // 二级建造师注册证书
	typeTitle    = "11100000MB03271699001" // 不动产权证
)

// A world is a running federation in one folder.
type world struct {
	dir         string
	binary      string
	passphrase  string
	coordinator *coordinator.Coordinator
	members     []*member
}

// A member is one province with its authority and its nodes.
type member struct {
	code      trust.Province
	short     string
	kind      string
	typeCode  string
	province  *province.Province
	authority *authority.Authority
	token     string
	processes []*process
	clients   []*client.Client
}

// newWorld makes all folders and keys. Nothing runs yet.
func newWorld(dir, binary, passphrase string) (*world, error) {
	w := &world{dir: dir, binary: binary, passphrase: passphrase}
	var err error
	if w.coordinator, err = coordinator.Create(filepath.Join(dir, "national"), w.pass(), coordinator.Options{
		Operator: "Hutong demo", Keys: 3, Threshold: 2,
	}, now()); err != nil {
		return nil, err
	}
	for _, c := range cast {
		m := &member{code: c.code, short: c.short, kind: c.kind, typeCode: c.typeCode}
		if err := w.establish(m, c.name); err != nil {
			return nil, fmt.Errorf("establishing %s: %w", c.code, err)
		}
		w.members = append(w.members, m)
	}
	return w, nil
}

// establish makes the folders of one province and of its authority.
func (w *world) establish(m *member, name string) error {
	ports, err := freePorts(3 * nodesEach)
	if err != nil {
		return err
	}
	var nodes []province.Addresses
	for i := range nodesEach {
		nodes = append(nodes, province.Addresses{Host: "127.0.0.1", Raft: ports[3*i], P2P: ports[3*i+1], API: ports[3*i+2]})
	}
	dir := filepath.Join(w.dir, string(m.code))
	if m.province, err = province.Create(dir, w.pass(), province.Options{Code: m.code, Nodes: nodes}); err != nil {
		return err
	}
	code, err := identifier.MakeUSCC("11", string(m.code), "00000000")
	if err != nil {
		return err
	}
	if m.authority, err = authority.Create(filepath.Join(dir, "issuer"), w.pass(), m.code, string(code), name, "issuer-1"); err != nil {
		return err
	}
	m.token, err = access.AddToken(m.province.TokensFile(), "issuer-1", string(code))
	return err
}

func (w *world) pass() []byte { return []byte(w.passphrase) }

// launch writes the configurations of a province's nodes and starts them.
func (w *world) launch(m *member, nationalList, ca []byte) error {
	files, err := m.province.Nodes(nationalList, ca)
	if err != nil {
		return err
	}
	for i, file := range files {
		cfg := m.province.NodeConfig(i)
		cfg.Cluster.Heartbeat, cfg.Federation.Exchange = config.Duration(heartbeat), config.Duration(exchange)
		cfg.Disk.ReserveMiB = new(1) // nine nodes share the visitor's disk
		text, err := yaml.Marshal(cfg)
		if err != nil {
			return err
		}
		if err := folder.Write(file, text); err != nil {
			return err
		}
		p, err := start(w.binary, file, keyfile.PassphraseVariable, w.passphrase)
		if err != nil {
			return err
		}
		m.processes = append(m.processes, p)
		c, err := client.New(m.province.State.Nodes[i].URL())
		if err != nil {
			return err
		}
		m.clients = append(m.clients, c)
	}
	return nil
}

// until asks again and again until ok, at most for a while, and ends early when a node has ended that nobody killed.
func (w *world) until(ctx context.Context, what string, within time.Duration, ok func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var last error
	for {
		done, err := ok(ctx)
		if done {
			return nil
		}
		if f := (final{}); errors.As(err, &f) {
			return f.error
		}
		if err != nil {
			last = err
		}
		if err := w.ended(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, errors.Join(ctx.Err(), last))
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// final is an error that waiting does not mend.
type final struct{ error }

// ended returns an error when a node has ended that the story did not kill.
func (w *world) ended() error {
	for _, m := range w.members {
		for _, p := range m.processes {
			if p == nil {
				continue // killed by the story
			}
			if err := p.ended(); err != nil {
				return err
			}
		}
	}
	return nil
}

// close stops all nodes at once and removes the folder.
func (w *world) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	var stopping sync.WaitGroup
	for _, m := range w.members {
		for _, c := range m.clients {
			c.Close()
		}
		for _, p := range m.processes {
			if p != nil {
				stopping.Go(func() { p.stop(ctx) })
			}
		}
	}
	stopping.Wait()
	return os.RemoveAll(w.dir)
}

// leader returns the index of the node that leads m's cluster.
func (m *member) leader(ctx context.Context) (int, error) {
	for i, c := range m.clients {
		if m.processes[i] == nil {
			continue
		}
		state, err := c.Node(ctx)
		if err == nil && state.Leading {
			return i, nil
		}
	}
	return 0, errors.New("no node leads")
}

// counter returns a node of m that runs and does not lead, as a service counter would find it.
func (m *member) counter(ctx context.Context) *client.Client {
	leader, err := m.leader(ctx)
	for i, c := range m.clients {
		if m.processes[i] != nil && (err != nil || i != leader) {
			return c
		}
	}
	return m.clients[0]
}

func now() trust.Time { return trust.TimeOf(time.Now()) }
