package access

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxClients bounds the limiters that are kept; when it is reached those that have rested longest go.
const maxClients = 10_000

// A Gate admits requests by client address and limits their rate. It may be used concurrently.
type Gate struct {
	allow     []netip.Prefix
	perSecond rate.Limit // zero: no limit
	burst     int

	mu      sync.Mutex
	clients map[netip.Addr]*client
}

type client struct {
	limiter *rate.Limiter
	seen    time.Time
}

// NewGate returns a gate that admits the address ranges in allow. perSecond 0 means no rate limit.
func NewGate(allow []string, perSecond float64, burst int) (*Gate, error) {
	g := &Gate{perSecond: rate.Limit(perSecond), burst: burst, clients: map[netip.Addr]*client{}}
	for _, a := range allow {
		p, err := netip.ParsePrefix(a)
		if err != nil {
			return nil, fmt.Errorf("reading the address range %q: %w", a, err)
		}
		g.allow = append(g.allow, p)
	}
	return g, nil
}

// Admit returns 0, or the status with which the request is to be refused: 403 or 429.
func (g *Gate) Admit(r *http.Request) int {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return http.StatusForbidden
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return http.StatusForbidden
	}
	addr = addr.Unmap().WithZone("")
	if !g.allowed(addr) {
		return http.StatusForbidden
	}
	if g.perSecond > 0 && !g.limiter(addr, time.Now()).Allow() {
		return http.StatusTooManyRequests
	}
	return 0
}

func (g *Gate) allowed(addr netip.Addr) bool {
	for _, p := range g.allow {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

func (g *Gate) limiter(addr netip.Addr, now time.Time) *rate.Limiter {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.clients[addr]
	if c == nil {
		if len(g.clients) >= maxClients {
			g.forget(now)
		}
		c = &client{limiter: rate.NewLimiter(g.perSecond, g.burst)}
		g.clients[addr] = c
	}
	c.seen = now
	return c.limiter
}

// forget drops who has not been seen for a minute, and everybody when that is nobody: memory stays bounded, and the
// worst a flood of addresses gains is a fresh burst. The caller holds mu.
func (g *Gate) forget(now time.Time) {
	for addr, c := range g.clients {
		if now.Sub(c.seen) > time.Minute {
			delete(g.clients, addr)
		}
	}
	if len(g.clients) >= maxClients {
		clear(g.clients)
	}
}
