package httpapi

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/registry"
)

// A check is one reason for which a node may not be ready.
type check struct {
	name string
	bad  string // empty: passed
}

// readyz answers 200 when verdicts of this node can be relied on, else 503. With ?verbose it names each check, and one
// line a province that is for information only: one stale province takes no counter down.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	reading := s.cfg.Reader.Reading()
	defer reading.Close()
	var text strings.Builder
	status := http.StatusOK
	for _, c := range s.checks(reading.View) {
		if c.bad == "" {
			fmt.Fprintf(&text, "[+] %s ok\n", c.name)
			continue
		}
		fmt.Fprintf(&text, "[-] %s: %s\n", c.name, c.bad)
		status = http.StatusServiceUnavailable
	}
	if _, verbose := r.URL.Query()["verbose"]; verbose {
		if c := s.cfg.Certificate; c != nil {
			fmt.Fprintf(&text, "[i] certificate of the cluster until %s\n", trust.TimeOf(c.Expires()))
		}
		for _, p := range s.provinceStates(reading.View) {
			fmt.Fprintf(&text, "[i] province %s %s\n", p.Province, p.Freshness)
		}
	} else {
		text.Reset()
	}
	if status == http.StatusOK {
		text.WriteString("ready\n")
	} else {
		text.WriteString("not ready\n")
		w.Header().Set("Retry-After", "1")
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text.String()))
}

func (s *Server) checks(v *registry.View) []check {
	now := s.now()
	leader := check{name: "leader"}
	if id, _, _ := s.cfg.Reader.Leader(); id == "" {
		leader.bad = "the cluster has no leader"
	}
	caughtUp := check{name: "caught-up"}
	if !s.cfg.Reader.CaughtUp() {
		caughtUp.bad = "since its start this node has not yet had all that the cluster agreed on"
	}
	clock := check{name: "clock"}
	if behind(v, now) {
		clock.bad = fmt.Sprintf("this node's clock is behind the newest committed time %s", v.Newest)
	}
	all := []check{leader, caughtUp, settledCheck(v), clock, nationalCheck(v, now), othersCheck(v, now)}
	if s.cfg.Health != nil {
		health := s.cfg.Health.Health()
		if all[3].bad == "" {
			all[3].bad = health.Clock
		}
		all = append(all, check{name: "disk", bad: health.Disk})
	}
	return all
}

// settledCheck fails while the cluster may lack what it published.
func settledCheck(v *registry.View) check {
	c := check{name: "settled"}
	if v.Unsettled != nil {
		c.bad = unsettled(v)
	}
	return c
}

// unsettled says why the cluster is so and what it waits for; empty: it is not.
func unsettled(v *registry.View) string {
	switch u := v.Unsettled; {
	case u == nil:
		return ""
	case u.Trouble == "":
		return u.Why
	default:
		return u.Why + "; " + u.Trouble
	}
}

func nationalCheck(v *registry.View, now trust.Time) check {
	c := check{name: "national-list"}
	switch age := v.NationalAge(now); age.Freshness {
	case registry.Unavailable:
		c.bad = "none adopted yet"
	case registry.Expired:
		c.bad = "past grace: " + age.Part.String()
	}
	return c
}

// othersCheck fails when every other province is past maxHeadAge: then it is this node that is cut off. Lists do not
// enter into it: they age everywhere alike, and the national list has a check of its own.
func othersCheck(v *registry.View, now trust.Time) check {
	c := check{name: "federation"}
	if v.National == nil {
		return c // which has a check of its own
	}
	others := 0
	for _, code := range v.Codes() {
		p := v.Provinces[code]
		if p.Local || p.Entry == nil || p.Entry.Status != national.Admitted {
			continue
		}
		others++
		if p.Head != nil && now <= p.Head.Issued.Add(maxHeadAge(v, p)) {
			return c
		}
	}
	if others > 0 {
		c.bad = fmt.Sprintf("none of %d other provinces has a fresh head", others)
	}
	return c
}

func maxHeadAge(v *registry.View, p *registry.Province) time.Duration {
	return time.Duration(p.Entry.ClocksOf(v.National.List.Policy).MaxHeadAge) * time.Second
}

// behind reports whether now is further behind the newest committed time than the skew allows: then this node's clock
// is wrong, not the cluster's.
func behind(v *registry.View, now trust.Time) bool {
	skew := trust.Time(defaultSkew)
	if v.National != nil {
		skew = trust.Time(v.National.List.Policy.Skew)
	}
	return now+skew < v.Newest
}

const defaultSkew = 60 // seconds, until a national list says otherwise
