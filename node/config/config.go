// Package config reads a node's configuration file.
//
// It promises that a configuration which loads can be used: unknown and repeated keys are refused with line and
// column, all other problems are reported at once, each with the key, what stands there and what to write. It reads
// nothing but the file itself: keys and tokens are opened by who uses them.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/hutong-project/hutong/trust"
)

// MaxBytes bounds a configuration file.
const MaxBytes = 1 << 20

// A Config is what one node of a province's cluster is told. Paths are relative to the file's own folder.
type Config struct {
	Province    string     `yaml:"province"`    // GB/T 2260 code of the cluster, such as "310000"
	NationalPin string     `yaml:"nationalPin"` // SM3 of the payload of the national list to start from
	Node        string     `yaml:"node"`        // this node's id in the cluster
	DataDir     string     `yaml:"dataDir"`     // created when absent, mode 0700
	Cluster     Cluster    `yaml:"cluster"`
	Disk        Disk       `yaml:"disk,omitempty"`
	Federation  Federation `yaml:"federation"`
	API         API        `yaml:"api"`
	Keys        Keys       `yaml:"keys"`
	Log         Log        `yaml:"log"`
}

// Cluster is the node's Raft side.
type Cluster struct {
	Bootstrap bool     `yaml:"bootstrap"`     // form the cluster from Members when the data folder is empty
	ID        string   `yaml:"id,omitempty"`  // 64 hexadecimal digits made once for the cluster; none: the ids of Members stand for it
	Members   []Member `yaml:"members"`       // the nodes of the cluster when this was written, this one included
	TLS       *TLS     `yaml:"tls,omitempty"` // between the nodes; none is refused unless all are on this machine
	Heartbeat Duration `yaml:"heartbeat"`     // Raft heartbeat and election timeout; default 1s
}

// TLS names the files with which the nodes of the cluster know each other. They are read again when they change.
type TLS struct {
	Certificate string `yaml:"certificate"` // PEM, with the node's id
	Key         string `yaml:"key"`         // encrypted PEM, mode 0600
	CA          string `yaml:"ca"`          // PEM
}

// Disk says how the disk under DataDir is watched.
type Disk struct {
	Limit      Duration `yaml:"limit,omitempty"`      // how long it may hang or fail before the node gives up; default 5s
	ReserveMiB *int     `yaml:"reserveMiB,omitempty"` // room kept for a rescue; default 64, 0 for none
}

// Reserve returns the bytes kept for a rescue.
func (d Disk) Reserve() int64 { return int64(*d.ReserveMiB) << 20 }

// A Member is one node of the cluster.
type Member struct {
	ID      string `yaml:"id"`
	Address string `yaml:"address"` // host:port of the Raft transport
	Peer    string `yaml:"peer"`    // libp2p peer id
	P2P     string `yaml:"p2p"`     // multiaddress of its federation listener, such as /ip4/127.0.0.1/tcp/7201
}

// Federation is the node's libp2p side.
type Federation struct {
	Identity string   `yaml:"identity"` // encrypted PEM file of the node's Ed25519 key
	Exchange Duration `yaml:"exchange"` // interval of the exchange with random peers; default 10s
}

// API is the node's HTTP side.
type API struct {
	Listen string   `yaml:"listen"` // host:port
	Allow  []string `yaml:"allow"`  // address ranges that may ask; default: loopback only
	Tokens string   `yaml:"tokens"` // file of access tokens (their SM3 only); none: nobody may push events
	Rate   Rate     `yaml:"rate"`
}

// Rate limits requests by client address. Zero PerSecond switches it off.
type Rate struct {
	PerSecond float64 `yaml:"perSecond"`
	Burst     int     `yaml:"burst"`
}

// Keys names the files of the signing keys that the cluster holds online.
type Keys struct {
	Head           []string `yaml:"head"`           // head keys of the province and of those that it hosts
	Operator       string   `yaml:"operator"`       // operator status key; none: operator-signed events are refused
	PassphraseFile string   `yaml:"passphraseFile"` // else the environment's HUTONG_PASSPHRASE
}

// Log says how much is logged.
type Log struct {
	Level string `yaml:"level"` // debug, info, warn or error; default info
}

// A Duration is written as Go does: "300ms", "10s".
type Duration time.Duration

// UnmarshalYAML reads a duration.
func (d *Duration) UnmarshalYAML(text []byte) error {
	var s string
	if err := yaml.Unmarshal(text, &s); err != nil {
		return err
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("%.20q is not a duration such as 10s", s)
	}
	*d = Duration(v)
	return nil
}

// MarshalYAML writes a duration.
func (d Duration) MarshalYAML() ([]byte, error) {
	return []byte(time.Duration(d).String()), nil
}

// Load reads and checks the file at path. The Config it returns has its defaults filled in and its paths made
// absolute against the file's folder.
func Load(path string) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening the configuration: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	cfg, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	cfg.resolve(dir)
	return cfg, nil
}

// Parse reads and checks a configuration. Paths stay as written.
func Parse(data []byte) (*Config, error) {
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("the file is over %d bytes", MaxBytes)
	}
	dec := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict())
	var cfg Config
	if err := dec.Decode(&cfg); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the file is empty")
		}
		return nil, err
	}
	// A second document after "---" would be ignored in silence.
	if err := dec.Decode(new(Config)); !errors.Is(err, io.EOF) {
		return nil, errors.New("the file holds more than one YAML document")
	}
	cfg.fill()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	return &cfg, nil
}

// Code returns the province's code; it has been checked.
func (c *Config) Code() trust.Province { return trust.Province(c.Province) }

// Pin returns the digest of the national list to start from; it has been checked.
func (c *Config) Pin() trust.Digest {
	d, _ := trust.ParseDigest(c.NationalPin)
	return d
}

// Founded returns the random value that tells the cluster from others; it has been checked. Zero: there is none.
func (c *Config) Founded() trust.Digest {
	d, _ := trust.ParseDigest(c.Cluster.ID)
	return d
}

// Self returns the member that this node is.
func (c *Config) Self() Member {
	for _, m := range c.Cluster.Members {
		if m.ID == c.Node {
			return m
		}
	}
	return Member{}
}

func (c *Config) fill() {
	set := func(d *Duration, v time.Duration) {
		if *d == 0 {
			*d = Duration(v)
		}
	}
	set(&c.Cluster.Heartbeat, time.Second)
	set(&c.Disk.Limit, 5*time.Second)
	if c.Disk.ReserveMiB == nil {
		c.Disk.ReserveMiB = new(64)
	}
	set(&c.Federation.Exchange, 10*time.Second)
	if c.API.Allow == nil {
		c.API.Allow = []string{"127.0.0.0/8", "::1/128"}
	}
	if c.Log.Level == "" {
		c.Log.Level = "info"
	}
}

func (c *Config) resolve(dir string) {
	abs := func(p *string) {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
	abs(&c.DataDir)
	abs(&c.Federation.Identity)
	abs(&c.API.Tokens)
	abs(&c.Keys.Operator)
	abs(&c.Keys.PassphraseFile)
	if t := c.Cluster.TLS; t != nil {
		abs(&t.Certificate)
		abs(&t.Key)
		abs(&t.CA)
	}
	for i := range c.Keys.Head {
		abs(&c.Keys.Head[i])
	}
}
