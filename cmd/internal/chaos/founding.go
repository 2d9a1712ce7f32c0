package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/hutong-project/hutong/cmd/internal/authority"
	nodeproc "github.com/hutong-project/hutong/cmd/internal/cluster"
	"github.com/hutong-project/hutong/cmd/internal/coordinator"
	"github.com/hutong-project/hutong/cmd/internal/folder"
	"github.com/hutong-project/hutong/cmd/internal/province"
	"github.com/hutong-project/hutong/node/access"
	"github.com/hutong-project/hutong/node/client"
	"github.com/hutong-project/hutong/node/config"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/identifier"
	"github.com/hutong-project/hutong/trust/list"
)

const (
	code       = trust.Province("310000")
	nodes      = 3
	typeCode   = "11100000000013127D001" // 居民身份证
	passphrase = "a passphrase of nobody"
	// heartbeat is short, so that a run of seconds has many elections.
	heartbeat = 300 * time.Millisecond
	listDays  = 7
)

// An issuer is an authority that speaks of its credentials.
type issuer struct {
	*authority.Authority
	token string
}

// found makes the folders of a coordinator, of one province and of two authorities, one of which signs what it says
// itself and one for which the cluster signs, starts the nodes and publishes the lists.
func found(ctx context.Context, dir, binary string) (c *cluster, err error) {
	c = &cluster{binary: binary}
	ports, err := nodeproc.FreePorts(3 * nodes)
	if err != nil {
		return nil, err
	}
	var addresses []province.Addresses
	for i := range nodes {
		addresses = append(addresses, province.Addresses{Host: "127.0.0.1", Raft: ports[3*i], P2P: ports[3*i+1], API: ports[3*i+2]})
	}
	p, err := province.Create(filepath.Join(dir, "province"), []byte(passphrase), province.Options{Code: code, Nodes: addresses})
	if err != nil {
		return nil, err
	}
	nationalList, err := c.admit(filepath.Join(dir, "national"), p)
	if err != nil {
		return nil, err
	}
	if c.signs, err = establish(p, filepath.Join(dir, "signs"), "issuer-1", "00000000", list.SignerSelf); err != nil {
		return nil, err
	}
	if c.signed, err = establish(p, filepath.Join(dir, "signed"), "issuer-2", "00000001", list.SignerOperator); err != nil {
		return nil, err
	}
	if err := c.start(p); err != nil {
		return c, err
	}
	return c, c.publish(ctx, p, nationalList)
}

// admit lets a coordinator with one key admit the province. The province's folder takes the list in.
func (c *cluster) admit(dir string, p *province.Province) ([]byte, error) {
	national, err := coordinator.Create(dir, []byte(passphrase), coordinator.Options{Operator: "Hutong chaos", Keys: 1, Threshold: 1}, now())
	if err != nil {
		return nil, err
	}
	request, err := os.ReadFile(filepath.Join(p.Folder(), province.RequestFile))
	if err != nil {
		return nil, err
	}
	if _, err := national.Admit(request, coordinator.Terms{Types: []string{typeCode}}, []byte(passphrase), now()); err != nil {
		return nil, err
	}
	if _, err := national.Sign(national.KeyFile(0), []byte(passphrase), now(), listDays); err != nil {
		return nil, err
	}
	signed, err := national.ToPublish()
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(national.CertificateFile(code))
	if err != nil {
		return nil, err
	}
	c.configs, err = p.Nodes(signed.Raw, ca)
	return signed.Raw, err
}

// establish makes an authority, puts it into the draft of the trust list and gives it a token.
func establish(p *province.Province, dir, id, body string, signer list.SignerKind) (*issuer, error) {
	organization, err := identifier.MakeUSCC("11", string(code), body)
	if err != nil {
		return nil, err
	}
	a, err := authority.Create(dir, []byte(passphrase), code, string(organization), "某机关", id)
	if err != nil {
		return nil, err
	}
	request, err := os.ReadFile(filepath.Join(dir, authority.RequestFile))
	if err != nil {
		return nil, err
	}
	terms := province.AnchorGrant{Types: []string{typeCode}, Signer: signer, Since: now() - 60}
	if _, err := p.AnchorAdd(request, terms, []byte(passphrase), now()); err != nil {
		return nil, err
	}
	token, err := access.AddToken(p.TokensFile(), id, string(organization))
	return &issuer{Authority: a, token: token}, err
}

// start writes the configurations and starts the nodes.
func (c *cluster) start(p *province.Province) error {
	for i, file := range c.configs {
		cfg := p.NodeConfig(i)
		cfg.Cluster.Heartbeat = config.Duration(heartbeat)
		text, err := yaml.Marshal(cfg)
		if err != nil {
			return err
		}
		if err := folder.Write(file, text); err != nil {
			return err
		}
		asked, err := client.New(p.State.Nodes[i].URL())
		if err != nil {
			return err
		}
		c.nodes = append(c.nodes, &node{number: i, id: p.State.Nodes[i].ID, config: file, client: asked})
		if err := c.nodes[i].begin(c.binary); err != nil {
			return err
		}
	}
	return nil
}

func (c *cluster) publish(ctx context.Context, p *province.Province, nationalList []byte) error {
	if err := c.until(ctx, "the national list to be taken", startWithin, func(ctx context.Context) error {
		_, err := c.nodes[0].client.PublishNational(ctx, nationalList)
		return err
	}); err != nil {
		return err
	}
	if _, err := p.ListSign(p.ListKeyFile(0), []byte(passphrase), now(), listDays); err != nil {
		return err
	}
	raw, err := p.ToPublish()
	if err != nil {
		return err
	}
	if err := c.until(ctx, "the trust list to be taken", startWithin, func(ctx context.Context) error {
		_, err := c.nodes[0].client.PublishList(ctx, raw)
		return err
	}); err != nil {
		return err
	}
	for _, n := range c.nodes {
		if err := c.until(ctx, "node "+n.id+" to be ready", startWithin, n.ready); err != nil {
			return err
		}
	}
	return nil
}

// until asks again and again until there is no error, at most for a while.
func (c *cluster) until(ctx context.Context, what string, within time.Duration, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		last := try(ctx)
		if last == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, errors.Join(ctx.Err(), last))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func now() trust.Time { return trust.TimeOf(time.Now()) }
