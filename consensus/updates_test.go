package consensus

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hutong-project/hutong/consensus/consensustest"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/head"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/registry"
	"github.com/hutong-project/hutong/trust/sm2sig"
	"github.com/hutong-project/hutong/trust/statuslog"
)

// codeOf returns the refusal's code, "" for nil and "error" for what is no refusal.
func codeOf(err error) trust.RefusalCode {
	if err == nil {
		return ""
	}
	if r, ok := trust.AsRefusal(err); ok {
		return r.Code
	}
	return "error"
}

func now() trust.Time { return trust.TimeOf(time.Now()) }

// update is what the federation would bring of everything that p has, as of its last head.
func update(p *consensustest.Province, l *list.Document, from uint64) registry.Update {
	h := p.Heads[len(p.Heads)-1]
	u := registry.Update{Province: p.Code, Head: h.Raw, From: from, Leaves: p.Leaves[from:h.Log.Size]}
	if l != nil {
		u.List = l.Raw
	}
	return u
}

func TestAdoptUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 3, nil)
		c.begin()
		p := c.world.Provinces[foreign]
		l := p.NextList(nil)
		event := consensustest.Revoked("a")
		p.Append(now(), p.Batch(1, event))
		p.NextHead(now(), nil)
		f := c.follower()
		for range 2 { // the second time it is no news
			if err := f.AdoptUpdate(t.Context(), update(p, l, 0)); err != nil {
				t.Fatal(err)
			}
		}
		checkEvents(t, f, foreign, event, 1)
		time.Sleep(time.Second)
		p.Append(now(), p.Batch(2, consensustest.Revoked("b")))
		p.NextHead(now(), nil)
		if err := f.AdoptUpdate(t.Context(), update(p, nil, 1)); err != nil {
			t.Fatal(err)
		}
		checkEvents(t, f, foreign, consensustest.Revoked("b"), 1)
		v := f.view().Provinces[foreign]
		if v.Log.Size != 2 || v.Log.Root != p.Tree.Root() || v.Head.Digest != p.Heads[1].Digest {
			t.Errorf("adopted log %d %s under head %d, want 2 %s under 2", v.Log.Size, v.Log.Root, v.Head.Sequence, p.Tree.Root())
		}
		leaves, err := f.Leaves(foreign, 0, 0, 100, 1<<20)
		if err != nil || fmt.Sprint(leaves) != fmt.Sprint(p.Leaves) {
			t.Errorf("Leaves() = %d leaves, %v, want those of the province", len(leaves), err)
		}
		raw, err := f.ListRaw(foreign, l.Digest)
		if err != nil || string(raw) != string(l.Raw) {
			t.Errorf("ListRaw() = %d bytes, %v, want the list as carried", len(raw), err)
		}
		c.checkEqual()
	})
}

func checkEvents(t *testing.T, m *node, p trust.Province, e statuslog.Event, want int) {
	t.Helper()
	d := m.Reading()
	defer d.Close()
	got, err := d.Events(p, e.Kind, e.Subject)
	if err != nil || len(got) != want {
		t.Errorf("Events(%s) on %s = %d events, %v, want %d", p, m.id, len(got), err, want)
	}
}

// Each bad update is refused with its reason and changes nothing; afterwards the good one is still adopted.
func TestAdoptUpdateRefuses(t *testing.T) {
	stranger := consensustest.Key("stranger")
	resign := func(h head.Head, k *sm2sig.PrivateKey) []byte { return consensustest.Must(h.Sign(k)) }
	cases := []struct {
		name string
		want trust.RefusalCode
		make func(c *cluster, p *consensustest.Province, good registry.Update) registry.Update
	}{
		{"no head", trust.Malformed, func(_ *cluster, _ *consensustest.Province, u registry.Update) registry.Update {
			u.Head = nil
			return u
		}},
		{"unknown province", trust.UnknownProvince, func(_ *cluster, _ *consensustest.Province, u registry.Update) registry.Update {
			u.Province = "990000"
			return u
		}},
		{"own province", trust.ForeignProvince, func(_ *cluster, _ *consensustest.Province, u registry.Update) registry.Update {
			u.Province = own
			return u
		}},
		{"hosted province", trust.ForeignProvince, func(_ *cluster, _ *consensustest.Province, u registry.Update) registry.Update {
			u.Province = hosted
			return u
		}},
		{"head by a stranger", trust.UnknownKey, func(_ *cluster, p *consensustest.Province, u registry.Update) registry.Update {
			u.Head = resign(p.Heads[1].Head, stranger)
			return u
		}},
		{"head by a list key", trust.UnknownKey, func(_ *cluster, p *consensustest.Province, u registry.Update) registry.Update {
			u.Head = resign(p.Heads[1].Head, p.ListKey())
			return u
		}},
		{"head from the future", trust.FromFuture, func(_ *cluster, p *consensustest.Province, u registry.Update) registry.Update {
			h := p.Heads[1].Head
			h.Issued = now() + 3600
			u.Head = resign(h, p.HeadKey())
			return u
		}},
		{"head too far ahead", trust.FastForward, func(_ *cluster, p *consensustest.Province, u registry.Update) registry.Update {
			h := p.Heads[1].Head
			h.Sequence = 1 << 40
			u.Head = resign(h, p.HeadKey())
			return u
		}},
		{"head in another session", trust.WrongSession, func(_ *cluster, p *consensustest.Province, u registry.Update) registry.Update {
			h := p.Heads[1].Head
			h.Session = 2
			u.Head = resign(h, p.HeadKey())
			return u
		}},
		{"list that the head does not pin", trust.DigestMismatch, func(_ *cluster, p *consensustest.Province, u registry.Update) registry.Update {
			u.List = p.Lists[0].Raw
			return u
		}},
		{"list missing", trust.Incomplete, func(_ *cluster, _ *consensustest.Province, u registry.Update) registry.Update {
			u.List = nil
			return u
		}},
		{"list by a stranger", trust.ThresholdMissed, func(_ *cluster, p *consensustest.Province, u registry.Update) registry.Update {
			l := p.Lists[1].List
			u.List = consensustest.Must(l.Sign(stranger))
			return u
		}},
		{"list from the future", trust.FromFuture, func(_ *cluster, p *consensustest.Province, u registry.Update) registry.Update {
			l := p.Lists[1].List
			l.Issued += 3600
			raw := consensustest.Must(l.Sign(p.ListKey()))
			h := p.Heads[1].Head
			h.TrustList.Digest = consensustest.Must(list.Read(raw)).Digest
			u.List, u.Head = raw, resign(h, p.HeadKey())
			return u
		}},
		{"leaf missing", trust.RootMismatch, func(_ *cluster, _ *consensustest.Province, u registry.Update) registry.Update {
			u.Leaves = u.Leaves[:len(u.Leaves)-1]
			return u
		}},
		{"leaf too many", trust.RootMismatch, func(_ *cluster, p *consensustest.Province, u registry.Update) registry.Update {
			u.Leaves = append(append([][]byte{}, u.Leaves...), u.Leaves[0])
			return u
		}},
		{"leaf changed", trust.RootMismatch, func(_ *cluster, p *consensustest.Province, u registry.Update) registry.Update {
			leaf := statuslog.Leaf{Position: 1, Recorded: now(), Signed: p.Batch(2, consensustest.Revoked("other"))}
			u.Leaves = [][]byte{leaf.Marshal()}
			return u
		}},
		{"gap before the leaves", trust.Incomplete, func(_ *cluster, _ *consensustest.Province, u registry.Update) registry.Update {
			u.From = 2
			return u
		}},
		{"other generation", trust.Incomplete, func(_ *cluster, _ *consensustest.Province, u registry.Update) registry.Update {
			u.Generation = 1
			return u
		}},
		{"leaf older than the head that lacked it", trust.Rollback, func(_ *cluster, p *consensustest.Province, u registry.Update) registry.Update {
			return withLeaf(p, u, p.Heads[0].Issued-1)
		}},
		{"leaf younger than its head", trust.FromFuture, func(_ *cluster, p *consensustest.Province, u registry.Update) registry.Update {
			return withLeaf(p, u, p.Heads[1].Issued+1)
		}},
	}
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 1, nil)
		c.begin()
		p := c.world.Provinces[foreign]
		first := p.NextList(nil)
		p.Append(now(), p.Batch(1, consensustest.Revoked("a")))
		p.NextHead(now(), nil)
		m := c.leader()
		if err := m.AdoptUpdate(t.Context(), update(p, first, 0)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		second := p.NextList(nil)
		p.Append(now(), p.Batch(2, consensustest.Revoked("b")))
		p.NextHead(now(), nil)
		good := update(p, second, 1)
		for _, tc := range cases {
			err := m.AdoptUpdate(t.Context(), tc.make(c, p, good))
			if got := codeOf(err); got != tc.want {
				t.Errorf("AdoptUpdate(%s) = %v, want %s", tc.name, err, tc.want)
			}
			v := m.view().Provinces[foreign]
			if v.Head.Sequence != 1 || v.Log.Size != 1 || v.List.Digest != first.Digest {
				t.Fatalf("after AdoptUpdate(%s): head %d, log %d, list %d; want 1, 1, 1", tc.name, v.Head.Sequence, v.Log.Size, v.List.Number)
			}
			checkEvents(t, m, foreign, consensustest.Revoked("other"), 0)
		}
		if err := m.AdoptUpdate(t.Context(), good); err != nil {
			t.Fatal(err)
		}
		if got := codeOf(m.AdoptUpdate(t.Context(), registry.Update{Province: foreign, Head: p.Heads[0].Raw, List: first.Raw})); got != trust.Rollback {
			t.Errorf("AdoptUpdate(the head before) = %q, want %q", got, trust.Rollback)
		}
	})
}

// withLeaf gives the update's one leaf another time, and the head that pins it.
func withLeaf(p *consensustest.Province, u registry.Update, recorded trust.Time) registry.Update {
	leaf := statuslog.Leaf{Position: 1, Recorded: recorded, Signed: p.Batch(2, consensustest.Revoked("b"))}.Marshal()
	tree := statuslog.NewTree()
	tree.Append(p.Leaves[0])
	tree.Append(leaf)
	h := p.Heads[1].Head
	h.Log.Root = tree.Root()
	u.Head, u.Leaves = consensustest.Must(h.Sign(p.HeadKey())), [][]byte{leaf}
	return u
}

// Two heads that cannot both stand are both kept, on every node, and the province goes on being judged by the first.
func TestEquivocationIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 3, nil)
		c.begin()
		p := c.world.Provinces[foreign]
		l := p.NextList(nil)
		first := p.NextHead(now(), nil)
		m := c.follower()
		if err := m.AdoptUpdate(t.Context(), update(p, l, 0)); err != nil {
			t.Fatal(err)
		}
		other := first.Head
		other.Issued++
		time.Sleep(2 * time.Second)
		raw := consensustest.Must(other.Sign(p.HeadKey()))
		if got := codeOf(m.AdoptUpdate(t.Context(), registry.Update{Province: foreign, Head: raw})); got != trust.Equivocation {
			t.Errorf("AdoptUpdate(another head 1) = %q, want %q", got, trust.Equivocation)
		}
		p.NextHead(now(), nil)
		if got := codeOf(m.AdoptUpdate(t.Context(), update(p, nil, 0))); got != trust.Equivocation {
			t.Errorf("AdoptUpdate(head 2 of a province that contradicted itself) = %q, want %q", got, trust.Equivocation)
		}
		c.checkEqual()
		for _, m := range c.nodes {
			v := m.view().Provinces[foreign]
			if v.Equivocation == nil || v.Equivocation.A.Digest != first.Digest || v.Head.Digest != first.Digest {
				t.Errorf("evidence on %s = %v, want both heads and the first in force", m.id, v.Equivocation)
			}
		}
		// A new session ends it.
		c.world.NextNational(func(l *national.List) {
			for i := range l.Provinces {
				if l.Provinces[i].Code == foreign {
					l.Provinces[i].Session = 2
					l.Provinces[i].LogState = &national.LogState{Root: statuslog.EmptyRoot()}
				}
			}
		})
		if err := m.AdoptNational(t.Context(), c.world.Raws()); err != nil {
			t.Fatal(err)
		}
		next := p.NextList(func(l *list.List) { l.Session, l.Number, l.Previous = 2, 1, trust.Digest{} })
		p.NextHead(now(), nil)
		if err := m.AdoptUpdate(t.Context(), update(p, next, 0)); err != nil {
			t.Fatal(err)
		}
		if v := m.view().Provinces[foreign]; v.Equivocation != nil || v.Head.Session != 2 {
			t.Errorf("after a new session: evidence %v, head of session %d; want none and 2", v.Equivocation, v.Head.Session)
		}
		c.checkEqual()
	})
}

// A log that is too large for one command goes in pieces, which count for nothing until the head is adopted.
func TestLargeLogIsStaged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 3, nil)
		c.begin()
		p := c.world.Provinces[foreign]
		l := p.NextList(nil)
		for number := range uint64(20) {
			var events []statuslog.Event
			for i := range 2500 {
				e := consensustest.Revoked(fmt.Sprintf("%d %d", number, i))
				e.Reason = "a reason that is long enough to fill the batch with bytes, 中文 included, up to about two hundred bytes each"
				events = append(events, e)
			}
			p.Append(now(), p.Batch(number+1, events...))
		}
		p.NextHead(now(), nil)
		m := c.leader()
		u := update(p, l, 0)
		// A first part, staged by hand, of a log that never comes.
		wrong := statuslog.Leaf{Position: 0, Recorded: now(), Signed: p.Batch(1, consensustest.Revoked("wrong"))}.Marshal()
		piece := u
		piece.Leaves = [][]byte{wrong}
		if err := m.StageLeaves(t.Context(), piece); err != nil {
			t.Fatal(err)
		}
		checkEvents(t, m, foreign, consensustest.Revoked("wrong"), 0)
		if err := m.AdoptUpdate(t.Context(), u); err != nil {
			t.Fatal(err)
		}
		if got := m.view().Provinces[foreign].Log.Size; got != 20 {
			t.Errorf("log size = %d, want 20", got)
		}
		checkEvents(t, m, foreign, consensustest.Revoked("19 2499"), 1)
		checkEvents(t, m, foreign, consensustest.Revoked("wrong"), 0)
		c.checkEqual()
	})
}

// A leaf whose key is not listed does not count; once a list names the key, it does, on every node alike.
func TestLeafCountsOnceItsKeyIsListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 3, nil)
		c.begin()
		p := c.world.Provinces[foreign]
		late := consensustest.Key("late")
		l := p.NextList(nil)
		event := consensustest.Revoked("a")
		batch := statuslog.Batch{Province: foreign, Authority: consensustest.Police, Number: 1, Time: now(), Events: []statuslog.Event{event}}
		p.Append(now(), consensustest.Must(batch.Sign(late)))
		p.NextHead(now(), nil)
		m := c.follower()
		if err := m.AdoptUpdate(t.Context(), update(p, l, 0)); err != nil {
			t.Fatal(err)
		}
		checkEvents(t, m, foreign, event, 0)
		if why := m.view().Provinces[foreign].NotCounting[0]; why != string(statuslog.NoKey) {
			t.Errorf("NotCounting[0] = %q, want %q", why, statuslog.NoKey)
		}
		time.Sleep(time.Second)
		l = p.NextList(func(l *list.List) {
			a := &l.Anchors[1]
			a.StatusKeys = append(append([]list.StatusKey{}, a.StatusKeys...), list.StatusKey{Key: late.Public()})
		})
		p.NextHead(now(), nil)
		if err := m.AdoptUpdate(t.Context(), update(p, l, 1)); err != nil {
			t.Fatal(err)
		}
		checkEvents(t, m, foreign, event, 1)
		time.Sleep(time.Second)
		l = p.NextList(func(l *list.List) {
			keys := append([]list.StatusKey{}, l.Anchors[1].StatusKeys...)
			keys[1] = list.StatusKey{Key: late.Public(), From: 5} // its span no longer holds position 0
			l.Anchors[1].StatusKeys = keys
		})
		p.NextHead(now(), nil)
		if err := m.AdoptUpdate(t.Context(), update(p, l, 1)); err != nil {
			t.Fatal(err)
		}
		checkEvents(t, m, foreign, event, 0)
		c.checkEqual()
		for _, m := range c.nodes { // memory follows from the database alone
			c.stop(m)
			c.start(m)
		}
		checkEvents(t, c.nodes[0], foreign, event, 0)
	})
}

// A second national list with one number is kept and contests the first, until one that continues the first comes.
func TestContestedNationalList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 3, nil)
		c.begin()
		m := c.follower()
		c.world.NextNational(func(l *national.List) { l.Operator = "one" })
		if err := m.AdoptNational(t.Context(), c.world.Raws()); err != nil {
			t.Fatal(err)
		}
		rival := c.world.Rival(func(l *national.List) { l.Operator = "two" })
		if got := codeOf(m.AdoptNational(t.Context(), [][]byte{rival.Raw})); got != trust.Equivocation {
			t.Errorf("AdoptNational(rival) = %q, want %q", got, trust.Equivocation)
		}
		v := m.view()
		if !v.Contested || v.National.Digest != c.world.National().Digest {
			t.Errorf("contested %v with list %s, want true with %s", v.Contested, v.National.Digest, c.world.National().Digest)
		}
		forged := c.world.National().List
		forged.Operator = "three"
		raw := consensustest.Must(forged.Sign(consensustest.Key("national 0"), consensustest.Key("stranger")))
		if got := codeOf(m.AdoptNational(t.Context(), [][]byte{raw})); got != trust.ThresholdMissed {
			t.Errorf("AdoptNational(one signature of two) = %q, want %q", got, trust.ThresholdMissed)
		}
		c.world.NextNational(func(l *national.List) {})
		if err := m.AdoptNational(t.Context(), c.world.Raws()); err != nil {
			t.Fatal(err)
		}
		if m.view().Contested {
			t.Errorf("still contested after a list that continues the own one")
		}
		chain, err := m.NationalChain(2, 1<<20)
		if err != nil || len(chain) != 2 {
			t.Errorf("NationalChain(2) = %d lists, %v, want 2", len(chain), err)
		}
		c.checkEqual()
	})
}

func TestWritesAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 3, nil)
		m := c.follower()
		p := c.world.Provinces[own]
		good := p.Batch(1, consensustest.Revoked("a"))
		if _, err := m.AppendBatch(t.Context(), good); codeOf(err) != trust.NotReady {
			t.Errorf("AppendBatch() before a national list = %v, want %s", err, trust.NotReady)
		}
		foreignList := c.world.NextNational(func(l *national.List) {})
		if err := m.AdoptNational(t.Context(), [][]byte{foreignList.Raw}); codeOf(err) != trust.NotPinned {
			t.Errorf("AdoptNational(not the pinned one) = %v, want %s", err, trust.NotPinned)
		}
		c.begin()
		batch := func(by *sm2sig.PrivateKey, change func(*statuslog.Batch)) []byte {
			b := statuslog.Batch{Province: own, Authority: consensustest.Police, Number: 1, Time: now(), Events: []statuslog.Event{consensustest.Revoked("a")}}
			change(&b)
			return consensustest.Must(b.Sign(by))
		}
		flipped := append([]byte{}, good...)
		flipped[len(flipped)-1] ^= 1
		for name, tc := range map[string]struct {
			signed []byte
			want   trust.RefusalCode
		}{
			"nonsense":              {[]byte("x"), trust.Malformed},
			"bit flipped":           {flipped, trust.BadSignature},
			"unlisted key":          {batch(consensustest.Key("stranger"), func(*statuslog.Batch) {}), trust.UnknownKey},
			"operator for police":   {batch(p.OperatorKey(), func(b *statuslog.Batch) { b.Operator = true }), trust.UnknownKey},
			"police for labour":     {batch(p.StatusKey(), func(b *statuslog.Batch) { b.Authority = consensustest.Labour }), trust.UnknownKey},
			"unknown authority":     {batch(p.StatusKey(), func(b *statuslog.Batch) { b.Authority = "11310000MB0000000X" }), trust.UnknownAuthority},
			"another province":      {c.world.Provinces[foreign].Batch(1, consensustest.Revoked("a")), trust.ForeignProvince},
			"from the future":       {batch(p.StatusKey(), func(b *statuslog.Batch) { b.Time = now() + 3600 }), trust.FromFuture},
			"number 2 first":        {batch(p.StatusKey(), func(b *statuslog.Batch) { b.Number = 2 }), trust.WrongNumber},
			"corrects what is none": {batch(p.StatusKey(), func(b *statuslog.Batch) { b.Events[0].Corrects = &statuslog.EventRef{Position: 9} }), trust.Malformed},
		} {
			if _, err := m.AppendBatch(t.Context(), tc.signed); codeOf(err) != tc.want {
				t.Errorf("AppendBatch(%s) = %v, want %s", name, err, tc.want)
			}
		}
		var number *NumberError
		if _, err := m.AppendBatch(t.Context(), batch(p.StatusKey(), func(b *statuslog.Batch) { b.Number = 7 })); !errors.As(err, &number) || number.Expected != 1 {
			t.Errorf("AppendBatch(number 7) = %v, want a NumberError that expects 1", err)
		}
		if _, err := m.AppendEvents(t.Context(), consensustest.Police, []statuslog.Event{consensustest.Revoked("a")}); codeOf(err) != trust.UnknownKey {
			t.Errorf("AppendEvents(an authority that signs itself) = %v, want %s", err, trust.UnknownKey)
		}
		if err := m.PublishList(t.Context(), c.world.Provinces[foreign].NextList(nil).Raw); codeOf(err) != trust.ForeignProvince {
			t.Errorf("PublishList(of another province) = %v, want %s", err, trust.ForeignProvince)
		}
		if err := m.PublishList(t.Context(), p.Lists[0].Raw); err != nil {
			t.Errorf("PublishList(the one in force) = %v, want no error", err)
		}
		l := p.Lists[0].List
		l.Number, l.Previous, l.Anchors = 2, p.Lists[0].Digest, l.Anchors[:1]
		if err := m.PublishList(t.Context(), consensustest.Must(l.Sign(p.ListKey()))); codeOf(err) != trust.WrongSuccession {
			t.Errorf("PublishList(without an anchor that was there) = %v, want %s", err, trust.WrongSuccession)
		}
		if got := m.view().Provinces[own].Log.Size; got != 0 {
			t.Errorf("log size after refusals only = %d, want 0", got)
		}
		c.checkEqual()
	})
}
