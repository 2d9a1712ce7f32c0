package consensus

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hutong-project/hutong/consensus/audit"
	"github.com/hutong-project/hutong/consensus/consensustest"
	"github.com/hutong-project/hutong/consensus/store"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/statuslog"
)

// audited starts a cluster that audits itself every minute, with a national list, trust lists of two numbers, a
// foreign province, a few batches and heads.
func audited(t *testing.T, n int) *cluster {
	c := startCluster(t, n, func(cfg *Config) { cfg.AuditEvery = time.Minute })
	c.begin()
	p := c.world.Provinces[own]
	m := c.leader()
	for number := range uint64(5) {
		if _, err := m.AppendBatch(t.Context(), p.Batch(number+1, consensustest.Revoked(fmt.Sprint(number)), consensustest.Revoked(fmt.Sprint("b", number)))); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.PublishList(t.Context(), p.NextList(nil).Raw); err != nil {
		t.Fatal(err)
	}
	f := c.world.Provinces[consensustest.Foreign]
	l := f.NextList(nil)
	f.Append(now(), f.Batch(1, consensustest.Revoked("f")))
	f.NextHead(now(), nil)
	if err := m.AdoptUpdate(t.Context(), update(f, l, 0)); err != nil {
		t.Fatal(err)
	}
	time.Sleep(10 * time.Second)
	c.settle()
	return c
}

// A sound state is audited whole, on every node, again and again.
func TestAuditOfASoundState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := audited(t, 3)
		time.Sleep(5 * time.Minute)
		for _, m := range c.nodes {
			if err := m.failed(); err != nil {
				t.Fatalf("%s stopped: %v", m.id, err)
			}
			// a national list by two of its keys and of the chain's, four trust lists, three heads, six batches
			if passes, signatures := m.auditor.Passes(), m.auditor.Signatures(); passes < 3 || signatures < 13*passes {
				t.Errorf("%s made %d passes over %d signatures, want 3 of at least 13", m.id, passes, signatures)
			}
		}
	})
}

// What was signed before a new session, and before keys were replaced, stays verified.
func TestAuditAcrossSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := audited(t, 1)
		m, p := c.nodes[0], c.world.Provinces[own]
		log := m.view().Provinces[own].Log
		c.newSession(own, national.LogState{Size: log.Size, Root: log.Root})
		next := p.NextList(func(l *list.List) { l.Session, l.Number, l.Previous = 2, 1, trust.Digest{} })
		if err := m.PublishList(t.Context(), next.Raw); err != nil {
			t.Fatal(err)
		}
		passes := m.auditor.Passes()
		time.Sleep(5 * time.Minute)
		if err := m.failed(); err != nil || m.auditor.Passes() < passes+3 {
			t.Errorf("after %d more passes the node stopped for %v, want 3 and no stop", m.auditor.Passes()-passes, err)
		}
	})
}

// One changed byte of whatever a verdict rests on stops the node that holds it, and names the entry.
func TestAuditNoticesAChangedByte(t *testing.T) {
	subject := consensustest.Revoked("1").Subject
	for name, test := range map[string]struct {
		key  func(c *cluster, m *node) []byte
		at   int // byte from the end; it is flipped
		want string
	}{
		"a batch's signature": {func(*cluster, *node) []byte { return store.LeafKey(own, 0, 3) }, 5, "the batch at position 3 of the log of 310000, generation 0: the signature of key"},
		"a batch's content":   {func(*cluster, *node) []byte { return store.LeafKey(own, 0, 3) }, 120, "the batch at position 3 of the log of 310000"},
		"a foreign batch":     {func(*cluster, *node) []byte { return store.LeafKey(consensustest.Foreign, 0, 0) }, 5, "the batch at position 0 of the log of 330000"},
		"a mark":              {func(*cluster, *node) []byte { return store.MarkKey(own, 0, 2) }, 3, "the batch at position 2 of the log of 310000"},
		"an event": {func(*cluster, *node) []byte {
			return store.EventKey(own, uint8(statuslog.KindCredential), subject, 1, 0)
		}, 5, "the batch at position 1 of the log of 310000, generation 0: event 0"},
		"the first national list": {func(*cluster, *node) []byte { return store.NationalKey(1) }, 300, "national list"},
		"an old trust list": {func(c *cluster, m *node) []byte {
			return store.ListKey(own, m.view().Provinces[own].List.List.Previous)
		}, 40, "trust list"},
		"the trust list in force": {func(c *cluster, m *node) []byte {
			return store.ListKey(own, m.view().Provinces[own].List.Digest)
		}, 40, "trust list"},
		"a foreign head": {func(*cluster, *node) []byte { return store.HeadKey(consensustest.Foreign) }, 40, "head"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := audited(t, 1)
				m := c.nodes[0]
				flip(t, m, test.key(c, m), test.at)
				c.eventually("the end of the node", func() bool { return m.failed() != nil })
				var stop *StopError
				var fault *audit.Fault
				err := m.failed()
				if !errors.As(err, &stop) || stop.Code != ExitState || !errors.As(err, &fault) {
					t.Fatalf("the node stopped for %v, want a fault of the audit and exit code %d", err, ExitState)
				}
				if !strings.Contains(fault.Error(), test.want) {
					t.Errorf("the fault is %q, want %q in it", fault, test.want)
				}
			})
		})
	}
}

// flip changes one byte of a stored value, counted from its end.
func flip(t *testing.T, m *node, key []byte, at int) {
	t.Helper()
	v, err := m.store.View()
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	value, err := v.Load(key)
	if err != nil || len(value) < at {
		t.Fatalf("the value of %q = %d bytes, %v, want at least %d", key, len(value), err, at)
	}
	changed := bytes.Clone(value)
	changed[len(changed)-at] ^= 1
	b := m.store.NewBatch()
	b.Set(key, changed)
	if err := b.Commit(); err != nil {
		t.Fatal(err)
	}
}

// After a restart the audit goes on where it was, and finds at once what it had found.
func TestAuditGoesOnAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rate := 10 // signatures a second: a pass takes a while
		c := startCluster(t, 1, func(cfg *Config) { cfg.AuditEvery, cfg.AuditRate = time.Minute, rate })
		c.begin()
		m, p := c.nodes[0], c.world.Provinces[own]
		const batches = 400
		for number := range uint64(batches) {
			if _, err := m.AppendBatch(t.Context(), p.Batch(number+1, consensustest.Revoked(fmt.Sprint(number)))); err != nil {
				t.Fatal(err)
			}
		}
		c.eventually("some of the audit", func() bool { return m.auditor.Signatures() > 250 })
		c.stop(m)
		c.start(m)
		c.leader()
		c.eventually("the rest of the audit", func() bool { return m.auditor.Passes() > 0 })
		if got := m.auditor.Signatures(); got > batches-100 {
			t.Errorf("after a restart the pass verified %d signatures, want only the rest of %d", got, batches)
		}
	})
}
