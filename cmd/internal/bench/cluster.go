package bench

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hutong-project/hutong/cmd/internal/cluster"
	"github.com/hutong-project/hutong/cmd/internal/coordinator"
	"github.com/hutong-project/hutong/cmd/internal/province"
	"github.com/hutong-project/hutong/node/client"
	"github.com/hutong-project/hutong/node/config"
	"github.com/hutong-project/hutong/node/sample"
	"github.com/hutong-project/hutong/trust"
)

const (
	trioNodes    = 3
	startWithin  = time.Minute
	titleType    = "11100000MB03271699001" // 不动产权证, a credential type to grant
	grantedSince = 600                     // how long ago, in seconds, the authorities were granted it
	listDays     = 7
)

// A trio is a province whose cluster is three processes of this program with real folders, and its authorities.
type trio struct {
	dir         string
	binary      string
	passphrase  string
	coordinator *coordinator.Coordinator
	province    *province.Province
	files       []string // the nodes' configurations
	processes   []*cluster.Process
	clients     []*client.Client
	signers     []*signer // authorities that sign their batches, one for each writer
	operated    *signer   // the authority whose batches the cluster's operator key signs
}

// newTrio makes the folders below the temporary folder, starts the nodes and publishes the lists.
func newTrio(ctx context.Context, binary string, writers int) (_ *trio, err error) {
	dir, err := os.MkdirTemp("", "hutong-bench-")
	if err != nil {
		return nil, err
	}
	var secret [16]byte
	_, _ = rand.Read(secret[:]) // never fails: crypto/rand stops the program instead
	t := &trio{dir: dir, binary: binary, passphrase: hex.EncodeToString(secret[:])}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.close())
		}
	}()
	national, err := t.establish()
	if err != nil {
		return nil, fmt.Errorf("making the folders: %w", err)
	}
	for i := range t.files {
		if err := t.start(i); err != nil {
			return nil, err
		}
	}
	if err := t.adopt(ctx, "the national list", func(ctx context.Context, c *client.Client) error {
		_, err := c.PublishNational(ctx, national)
		return err
	}); err != nil {
		return nil, err
	}
	if err := t.enrol(writers); err != nil {
		return nil, fmt.Errorf("listing the authorities: %w", err)
	}
	if err := t.publish(ctx); err != nil {
		return nil, fmt.Errorf("publishing the trust list: %w", err)
	}
	return t, t.settled(ctx, 0)
}

func (t *trio) pass() []byte { return []byte(t.passphrase) }

func now() trust.Time { return trust.TimeOf(time.Now()) }

// establish lets the coordinator admit the province and returns the national list.
func (t *trio) establish() (nationalList []byte, err error) {
	if t.coordinator, err = coordinator.Create(filepath.Join(t.dir, "national"), t.pass(), coordinator.Options{
		Operator: "Hutong bench", Keys: 1, Threshold: 1,
	}, now()); err != nil {
		return nil, err
	}
	nodes, err := cluster.Loopback(trioNodes)
	if err != nil {
		return nil, err
	}
	folder := filepath.Join(t.dir, string(sample.Code))
	if t.province, err = province.Create(folder, t.pass(), province.Options{Code: sample.Code, Nodes: nodes}); err != nil {
		return nil, err
	}
	request, err := os.ReadFile(filepath.Join(folder, province.RequestFile))
	if err != nil {
		return nil, err
	}
	if _, err := t.coordinator.Admit(request, coordinator.Terms{Types: []string{titleType}}, t.pass(), now()); err != nil {
		return nil, err
	}
	if _, err := t.coordinator.Sign(t.coordinator.KeyFile(0), t.pass(), now(), listDays); err != nil {
		return nil, err
	}
	list, err := t.coordinator.ToPublish()
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(t.coordinator.CertificateFile(sample.Code))
	if err != nil {
		return nil, err
	}
	t.files, err = cluster.Configure(t.province, list.Raw, ca, func(cfg *config.Config) { cfg.Log.Level = "warn" })
	if err != nil {
		return nil, err
	}
	for _, n := range t.province.State.Nodes {
		c, err := client.New(n.URL())
		if err != nil {
			return nil, err
		}
		t.clients = append(t.clients, c)
	}
	t.processes = make([]*cluster.Process, len(t.files))
	return list.Raw, nil
}

// publish signs the draft of the trust list and has the cluster adopt it.
func (t *trio) publish(ctx context.Context) error {
	if _, err := t.province.ListSign(t.province.ListKeyFile(0), t.pass(), now(), listDays); err != nil {
		return err
	}
	raw, err := t.province.ToPublish()
	if err != nil {
		return err
	}
	if err := t.adopt(ctx, "the trust list", func(ctx context.Context, c *client.Client) error {
		_, err := c.PublishList(ctx, raw)
		return err
	}); err != nil {
		return err
	}
	return t.province.Published()
}

func (t *trio) start(i int) (err error) {
	t.processes[i], err = cluster.Start(t.binary, t.files[i], t.passphrase)
	return err
}

func (t *trio) stop(i int) {
	ctx, cancel := context.WithTimeout(context.Background(), cluster.StopWithin)
	defer cancel()
	t.clients[i].Close()
	t.processes[i].Stop(ctx)
	t.processes[i] = nil
}

func (t *trio) stopAll() {
	var stopping sync.WaitGroup
	for i, p := range t.processes {
		if p != nil {
			stopping.Go(func() { t.stop(i) })
		}
	}
	stopping.Wait()
}

func (t *trio) close() error {
	t.stopAll()
	return os.RemoveAll(t.dir)
}

// leader returns the index of the node that leads.
func (t *trio) leader(ctx context.Context) (int, error) {
	for i, c := range t.clients {
		if state, err := c.Node(ctx); err == nil && state.Leading {
			return i, nil
		}
	}
	return 0, errors.New("no node leads")
}

// adopt hands a list to the leader, again while there is none.
func (t *trio) adopt(ctx context.Context, what string, hand func(context.Context, *client.Client) error) error {
	return t.until(ctx, "the cluster to take "+what, func(ctx context.Context) error {
		i, err := t.leader(ctx)
		if err != nil {
			return err
		}
		return hand(ctx, t.clients[i])
	})
}

// settled waits until every node is ready, has applied what the leader has, and has a head over all leaves.
func (t *trio) settled(ctx context.Context, leaves uint64) error {
	for i, c := range t.clients {
		what := fmt.Sprintf("node %d to be ready with %d leaves", i+1, leaves)
		if err := t.until(ctx, what, func(ctx context.Context) error {
			if ready, text, err := c.Ready(ctx); err != nil || !ready {
				return errors.Join(err, errors.New(text))
			}
			state, err := c.Node(ctx)
			if err != nil {
				return err
			}
			for _, p := range state.Provinces {
				if p.Province == sample.Code && p.Log.Size == leaves && p.Log.NotCounting == 0 && p.List > 0 && len(p.Refused) == 0 {
					return nil
				}
			}
			return fmt.Errorf("it believes %+v", state.Provinces)
		}); err != nil {
			return err
		}
	}
	return nil
}

// until tries again and again, and ends early when a node has ended by itself.
func (t *trio) until(ctx context.Context, what string, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		for _, p := range t.processes {
			if p == nil {
				continue // not started, or stopped by the benchmark
			}
			if err := p.Ended(); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, errors.Join(ctx.Err(), err))
		case <-time.After(2 * time.Millisecond):
		}
	}
}
