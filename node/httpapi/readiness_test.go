package httpapi

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/head"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/registry"
)

// TestReady holds the rules of readiness: own registry, clock, national list past grace, every other province past
// maxHeadAge. One stale province takes no counter down.
func TestReady(t *testing.T) {
	const now = trust.Time(1_800_000_000)
	policy := national.DefaultPolicy()
	maxAge := trust.Time(policy.Clocks.MaxHeadAge)
	grace := trust.Time(policy.Clocks.Grace)
	for _, c := range []struct {
		name   string
		change func(v *registry.View)
		leader string
		failed string // the one check that fails; "": ready
	}{
		{"all is well", func(*registry.View) {}, "a", ""},
		{"no leader", func(*registry.View) {}, "", "leader"},
		{"not caught up since its start", func(*registry.View) {}, "a", "caught-up"},
		{"nothing adopted", func(v *registry.View) { *v = registry.View{Own: v.Own} }, "a", "national-list"},
		{"national list at its nextUpdate", nextUpdate(now), "a", ""},
		{"national list stale", nextUpdate(now - 1), "a", ""},
		{"national list at the end of grace", nextUpdate(now - grace), "a", ""},
		{"national list past grace", nextUpdate(now - grace - 1), "a", "national-list"},
		{"national list contested", func(v *registry.View) { v.Contested = true }, "a", ""},
		{"clock behind by the skew", func(v *registry.View) { v.Newest = now + trust.Time(policy.Skew) }, "a", ""},
		{"clock behind by more", func(v *registry.View) { v.Newest = now + trust.Time(policy.Skew) + 1 }, "a", "clock"},
		{"one other stale", issued(now-maxAge-1, "330000"), "a", ""},
		{"both others at maxHeadAge", issued(now-maxAge, "330000", "440000"), "a", ""},
		{"both others past it", issued(now-maxAge-1, "330000", "440000"), "a", "federation"},
		{"nothing had of one other", without("330000"), "a", ""},
		{"nothing had of both others", without("330000", "440000"), "a", "federation"},
		{"stale trust lists of both others", listsUntil(now-1, "330000", "440000"), "a", ""},
		{"the own head old", issued(now-maxAge-1, "310000"), "a", ""},
		{"no others", func(v *registry.View) { delete(v.Provinces, "330000"); delete(v.Provinces, "440000") }, "a", ""},
		{"the others hosted here", func(v *registry.View) {
			without("330000", "440000")(v)
			v.Provinces["330000"].Local, v.Provinces["440000"].Local = true, true
		}, "a", ""},
		{"one withdrawn and fresh, the other stale", func(v *registry.View) {
			v.Provinces["330000"].Entry.Status = national.Withdrawn
			issued(now-maxAge-1, "440000")(v)
		}, "a", "federation"},
		{"none admitted", func(v *registry.View) {
			without("330000", "440000")(v)
			v.Provinces["330000"].Entry.Status = national.Withdrawn
			v.Provinces["440000"].Entry.Status = national.Suspended
		}, "a", ""},
		{"an own clock in one entry", func(v *registry.View) {
			issued(now-maxAge-1, "330000", "440000")(v)
			clocks := policy.Clocks
			clocks.MaxHeadAge++
			v.Provinces["330000"].Entry.Clocks = &clocks
		}, "a", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := beliefs(now)
			c.change(&v)
			f := open(t).frontWith(t, func(cfg *Config) {
				cfg.Reader = picture{view: registry.New(v), leader: c.leader, behind: c.failed == "caught-up"}
				cfg.Clock = func() time.Time { return now.Std() }
			})
			status, word := http.StatusOK, "ready\n"
			if c.failed != "" {
				status, word = http.StatusServiceUnavailable, "not ready\n"
			}
			brief := f.send(request{path: "/readyz"})
			if brief.Code != status || brief.Body.String() != word {
				t.Errorf("GET /readyz = %d %q, want %d %q", brief.Code, brief.Body, status, word)
			}
			if got := brief.Header().Get("Retry-After"); (got != "") != (c.failed != "") {
				t.Errorf("Retry-After %q with %q", got, word)
			}
			verbose := f.send(request{path: "/readyz?verbose"})
			if verbose.Code != status || !strings.HasSuffix(verbose.Body.String(), word) {
				t.Errorf("GET /readyz?verbose = %d %q, want %d and %q at its end", verbose.Code, verbose.Body, status, word)
			}
			for _, name := range []string{"leader", "caught-up", "clock", "national-list", "federation"} {
				line := "[+] " + name + " ok\n"
				if name == c.failed {
					line = "[-] " + name + ": "
				}
				if !strings.Contains(verbose.Body.String(), line) {
					t.Errorf("verbose says %q, want a line %q", verbose.Body, line)
				}
			}
			for code := range v.Provinces {
				if !strings.Contains(verbose.Body.String(), "[i] province "+string(code)+" ") {
					t.Errorf("verbose says %q, want a line of province %s", verbose.Body, code)
				}
			}
		})
	}
}

// beliefs is a view in which all is well at now: 310000, whose cluster it is, and two others.
func beliefs(now trust.Time) registry.View {
	n := &national.Document{}
	n.List = national.List{Sequence: 1, NextUpdate: now + 86400, Policy: national.DefaultPolicy()}
	v := registry.View{Own: "310000", National: n, Newest: now, Provinces: map[trust.Province]*registry.Province{}}
	for _, code := range []trust.Province{"310000", "330000", "440000"} {
		h, l := &head.Document{}, &list.Evaluated{Document: &list.Document{}}
		h.Head = head.Head{Province: code, Sequence: 1, Issued: now, NationalList: head.NationalRef{Sequence: 1}}
		l.Document.List = list.List{Province: code, Number: 1, NextUpdate: now + 86400}
		v.Provinces[code] = &registry.Province{
			Code: code, Entry: &national.Province{Code: code, Status: national.Admitted}, Head: h, List: l, Local: code == v.Own,
		}
	}
	return v
}

func nextUpdate(at trust.Time) func(*registry.View) {
	return func(v *registry.View) { v.National.List.NextUpdate = at }
}

func issued(at trust.Time, codes ...trust.Province) func(*registry.View) {
	return func(v *registry.View) {
		for _, code := range codes {
			v.Provinces[code].Head.Head.Issued = at
		}
	}
}

func without(codes ...trust.Province) func(*registry.View) {
	return func(v *registry.View) {
		for _, code := range codes {
			v.Provinces[code].Head, v.Provinces[code].List = nil, nil
		}
	}
}

func listsUntil(at trust.Time, codes ...trust.Province) func(*registry.View) {
	return func(v *registry.View) {
		for _, code := range codes {
			v.Provinces[code].List.Document.List.NextUpdate = at
		}
	}
}
