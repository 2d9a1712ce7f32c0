package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/hutong-project/hutong/consensus"
	"github.com/hutong-project/hutong/trust"
)

// check reports every problem at once, so that a file is mended in one go.
func (c *Config) check() error {
	var p problems
	if _, err := trust.ParseProvince(c.Province); err != nil {
		p.add("province", "%.20q, want the cluster's code in quotes, such as \"310000\"", c.Province)
	}
	if _, err := trust.ParseDigest(c.NationalPin); err != nil {
		p.add("nationalPin", "%v; `hutong national sign` prints it", err)
	}
	if c.DataDir == "" {
		p.add("dataDir", "missing: name a folder for this node alone")
	}
	c.checkCluster(&p)
	if c.Federation.Identity == "" {
		p.add("federation.identity", "missing: name the file of this node's peer key")
	}
	if d := time.Duration(c.Federation.Exchange); d < 100*time.Millisecond || d > time.Hour {
		p.add("federation.exchange", "%v, want 100ms to 1h", d)
	}
	if d := time.Duration(c.Disk.Limit); d < time.Second || d > 10*time.Minute {
		p.add("disk.limit", "%v, want 1s to 10m", d)
	}
	if r := *c.Disk.ReserveMiB; r < 0 || r > 1<<20 {
		p.add("disk.reserveMiB", "%d, want 0 (none) to 1048576", r)
	}
	c.checkAPI(&p)
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, c.Log.Level) {
		p.add("log.level", "%.20q, want debug, info, warn or error", c.Log.Level)
	}
	return p.err()
}

// maxMembers bounds the nodes of a cluster, those without a vote included.
const maxMembers = 32

func (c *Config) checkCluster(p *problems) {
	if c.Node == "" {
		p.add("node", "missing: name one of cluster.members[].id")
	} else if !slices.ContainsFunc(c.Cluster.Members, func(m Member) bool { return m.ID == c.Node }) {
		p.add("node", "%.40q is not among cluster.members[].id", c.Node)
	}
	if n := len(c.Cluster.Members); n < 1 || n > maxMembers {
		p.add("cluster.members", "%d members, want 1 to %d (3 or 5 voters survive a loss)", n, maxMembers)
	}
	if d := time.Duration(c.Cluster.Heartbeat); d < 50*time.Millisecond || d > time.Minute {
		p.add("cluster.heartbeat", "%v, want 50ms to 1m", d)
	}
	c.checkTLS(p)
	seen := map[string]string{}
	for i, m := range c.Cluster.Members {
		at := fmt.Sprintf("cluster.members[%d]", i)
		if m.ID == "" {
			p.add(at+".id", "missing")
		}
		if _, port, err := net.SplitHostPort(m.Address); err != nil || port == "0" {
			p.add(at+".address", "%.60q, want host:port with a fixed port", m.Address)
		}
		if m.Peer == "" {
			p.add(at+".peer", "missing: the peer id that `hutong province init` printed")
		}
		if !strings.HasPrefix(m.P2P, "/") {
			p.add(at+".p2p", "%.60q, want a multiaddress such as /ip4/10.0.0.1/tcp/7201", m.P2P)
		}
		for _, v := range []string{m.ID, m.Address, m.Peer, m.P2P} {
			if other, twice := seen[v]; twice && v != "" {
				p.add(at, "%.60q stands in %s too", v, other)
			}
			seen[v] = at
		}
	}
}

// checkTLS lets only nodes on one machine do without.
func (c *Config) checkTLS(p *problems) {
	if _, err := trust.ParseDigest(c.Cluster.ID); c.Cluster.ID != "" && err != nil {
		p.add("cluster.id", "%v", err)
	}
	if t := c.Cluster.TLS; t != nil {
		for key, file := range map[string]string{"certificate": t.Certificate, "key": t.Key, "ca": t.CA} {
			if file == "" {
				p.add("cluster.tls."+key, "missing: name the file; `hutong province init` makes it")
			}
		}
		return
	}
	for i, m := range c.Cluster.Members {
		if _, _, err := net.SplitHostPort(m.Address); err == nil && !consensus.Loopback(m.Address) {
			p.add("cluster.tls", "missing, and cluster.members[%d] at %.60q is on another machine: name certificate, key and ca, which `hutong province init` and `hutong province nodes` make", i, m.Address)
			return
		}
	}
}

func (c *Config) checkAPI(p *problems) {
	if _, _, err := net.SplitHostPort(c.API.Listen); err != nil {
		p.add("api.listen", "%.60q, want host:port", c.API.Listen)
	}
	for i, a := range c.API.Allow {
		if _, err := netip.ParsePrefix(a); err != nil {
			p.add(fmt.Sprintf("api.allow[%d]", i), "%.60q, want an address range such as 10.0.0.0/8", a)
		}
	}
	if r := c.API.Rate; r.PerSecond < 0 || r.Burst < 0 || (r.PerSecond > 0 && r.Burst == 0) {
		p.add("api.rate", "perSecond %v with burst %d, want both positive, or perSecond 0 for no limit", r.PerSecond, r.Burst)
	}
}

type problems []error

func (p *problems) add(key, format string, args ...any) {
	*p = append(*p, fmt.Errorf("%s: %s", key, fmt.Sprintf(format, args...)))
}

func (p problems) err() error { return errors.Join(p...) }
