package certs_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/certs"
)

func list(authorities ...authority) (all []*certs.Certificate) {
	for _, a := range authorities {
		all = append(all, a.Certificate)
	}
	return all
}

func TestPath(t *testing.T) {
	root := newRoot(t, caTemplate("Root", -1))
	otherRoot := newRoot(t, caTemplate("Root", -1)) // the same name, another key
	sub := root.issue(t, caTemplate("Sub", -1))
	subZero := root.issue(t, caTemplate("Sub Zero", 0))
	deep := sub.issue(t, caTemplate("Deep", -1))
	underZero := subZero.issueCAAnyway(t, "Under Zero")
	leaf, zeroLeaf, deepLeaf := sub.issue(t, leafTemplate("Leaf")), subZero.issue(t, leafTemplate("Leaf")), deep.issue(t, leafTemplate("Leaf"))
	pinned := newRoot(t, leafTemplate("Pinned"))
	leafAsCA := authority{leaf.Certificate, leaf.key}.issueAnyway(t, "Under Leaf")

	for name, c := range map[string]struct {
		leaf                 authority
		intermediates, roots []*certs.Certificate
		want                 []*certs.Certificate // nil: no path
		why                  error
	}{
		"one CA":                         {leaf, list(deep, sub), list(root), list(leaf, sub, root), nil},
		"two CAs":                        {deepLeaf, list(sub, deep), list(root), list(deepLeaf, deep, sub, root), nil},
		"root repeated in intermediates": {leaf, list(root, sub, leaf), list(root), list(leaf, sub, root), nil},
		"right one of two roots":         {leaf, list(sub), list(otherRoot, root), list(leaf, sub, root), nil},
		"intermediate is the root":       {leaf, list(sub), list(sub), list(leaf, sub), nil},
		"path length 0 with a leaf":      {zeroLeaf, list(subZero), list(root), list(zeroLeaf, subZero, root), nil},
		"leaf is a CA":                   {sub, nil, list(root), list(sub, root), nil},
		"leaf is the root":               {root, nil, list(root), list(root), nil},
		"leaf is pinned":                 {pinned, list(sub), list(pinned, root), list(pinned), nil},
		"no intermediate":                {leaf, nil, list(root), nil, certs.ErrIssuerName},
		"no roots":                       {leaf, list(sub, root), nil, nil, nil},
		"other key under the same name":  {sub, nil, list(otherRoot), nil, certs.ErrSignature},
		"self-signed, not a root":        {pinned, list(pinned), list(root), nil, certs.ErrIssuerName},
		"path length 0 with a CA below":  {underZero.issue(t, leafTemplate("Leaf")), list(underZero, subZero), list(root), nil, nil},
		"end entity as issuer":           {leafAsCA, list(leaf, sub), list(root), nil, certs.ErrNotCA},
	} {
		got, err := certs.Path(c.leaf.Certificate, c.intermediates, c.roots)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: Path = %d certificates, %v, want %d", name, len(got), err, len(c.want))
		}
		if (c.want == nil) != errors.Is(err, certs.ErrNoPath) || c.why != nil && !errors.Is(err, c.why) {
			t.Errorf("%s: Path = %v, want ErrNoPath with %v", name, err, c.why)
		}
	}
}

// issueCAAnyway makes a CA certificate below a, whatever a's path length.
func (a authority) issueCAAnyway(t *testing.T, name string) authority {
	t.Helper()
	key := newKey(t)
	tbs := craftedFrom(a, key)
	tbs.subject = commonName(name)
	tbs.extensions = []extension{basicConstraintsCA, keyUsage(certs.KeyCertSign)}
	return authority{parse(t, tbs.sign(t, a.key)), key}
}

// issueAnyway makes an end entity below a, which may be no CA.
func (a authority) issueAnyway(t *testing.T, name string) authority {
	t.Helper()
	key := newKey(t)
	tbs := craftedFrom(a, key)
	tbs.subject = commonName(name)
	return authority{parse(t, tbs.sign(t, a.key)), key}
}

func TestPathLengthIsBounded(t *testing.T) {
	root := newRoot(t, caTemplate("Root", -1))
	chain := []authority{root}
	for i := range certs.MaxPathLength {
		chain = append(chain, chain[i].issue(t, caTemplate(fmt.Sprintf("CA %d", i), -1)))
	}
	for i, c := range chain {
		path, err := certs.Path(c.Certificate, list(chain...), list(root))
		if wantPath := i+1 <= certs.MaxPathLength; wantPath != (err == nil) || wantPath && len(path) != i+1 {
			t.Errorf("Path of %d certificates: got %d, %v", i+1, len(path), err)
		}
	}
}

func TestPathThroughCrossCertificates(t *testing.T) {
	a, b := newRoot(t, caTemplate("A", -1)), newRoot(t, caTemplate("B", -1))
	aByB, bByA := b.issueFor(t, caTemplate("A", -1), a.key), a.issueFor(t, caTemplate("B", -1), b.key)
	leaf := a.issue(t, leafTemplate("Leaf"))
	other := newRoot(t, caTemplate("Other", -1))
	if path, err := certs.Path(leaf.Certificate, list(aByB, bByA, a), list(b)); err != nil || len(path) != 3 {
		t.Errorf("Path over a cross certificate = %d certificates, %v, want 3", len(path), err)
	}
	if _, err := certs.Path(leaf.Certificate, list(aByB, bByA, a, b), list(other)); !errors.Is(err, certs.ErrNoPath) {
		t.Errorf("Path in a ring = %v, want ErrNoPath", err)
	}
}

// A hundred CAs that share a name hide no path, and cost no more than a signature each.
func TestPathAmongNamesakes(t *testing.T) {
	root := newRoot(t, caTemplate("Root", -1))
	var namesakes []*certs.Certificate
	var last authority
	for range 100 {
		last = root.issue(t, caTemplate("Same", -1))
		namesakes = append(namesakes, last.Certificate)
	}
	leaf := last.issueAnyway(t, "Leaf without key identifiers")
	if path, err := certs.Path(leaf.Certificate, namesakes, list(root)); err != nil || !slices.Equal(path, list(leaf, last, root)) {
		t.Errorf("Path among 100 namesakes = %d certificates, %v", len(path), err)
	}
	stranger := newRoot(t, caTemplate("Root", -1))
	if _, err := certs.Path(leaf.Certificate, namesakes, list(stranger)); !errors.Is(err, certs.ErrNoPath) {
		t.Errorf("Path among 100 namesakes to a stranger = %v, want ErrNoPath", err)
	}
}

// A hundred certificates of one name and one key all sign each other; the work is still bounded.
func TestPathAmongRenewals(t *testing.T) {
	key := newKey(t)
	var renewals []*certs.Certificate
	for range 100 {
		renewals = append(renewals, rootWithKey(t, caTemplate("Same", -1), key).Certificate)
	}
	leaf := authority{renewals[0], key}.issue(t, leafTemplate("Leaf"))
	other := newRoot(t, caTemplate("Same", -1))
	if _, err := certs.Path(leaf.Certificate, renewals, list(other)); !errors.Is(err, certs.ErrNoPath) {
		t.Errorf("Path = %v, want ErrNoPath", err)
	}
	if path, err := certs.Path(leaf.Certificate, renewals, renewals[99:]); err != nil || len(path) != 2 {
		t.Errorf("Path = %d certificates, %v, want 2", len(path), err)
	}
}

func TestPathGivesUpOnTooManyCandidates(t *testing.T) {
	key, signer := newKey(t), newKey(t)
	sample := rootWithKey(t, caTemplate("Same", -1), key)
	tbs := craftedFrom(sample, key)
	tbs.subject, tbs.extensions = sample.RawSubject, []extension{basicConstraintsCA}
	var many []*certs.Certificate
	for range 600 { // each with a key of its own that signed nothing here
		tbs.spki = newKey(t).Public().Bytes()
		many = append(many, parse(t, tbs.sign(t, signer)))
	}
	leaf := sample.issueAnyway(t, "Leaf")
	if _, err := certs.Path(leaf.Certificate, many, many[:1]); !errors.Is(err, certs.ErrTooManyCandidates) {
		t.Errorf("Path among 600 namesakes = %v, want ErrTooManyCandidates", err)
	}
}

func TestWindowsContain(t *testing.T) {
	root := newRoot(t, caTemplate("Root", -1))
	leaf := root.issue(t, leafTemplate("Leaf"))
	path := list(leaf, root)
	for _, c := range []struct {
		at  trust.Time
		bad *certs.Certificate
	}{
		{leaf.NotBefore - 1, leaf.Certificate},
		{leaf.NotBefore, nil},
		{leaf.NotAfter, nil},
		{leaf.NotAfter + 1, leaf.Certificate},
	} {
		if bad, ok := certs.WindowsContain(path, c.at); bad != c.bad || ok != (c.bad == nil) {
			t.Errorf("WindowsContain at %v = %v, %v", c.at, bad, ok)
		}
	}
	if bad, ok := certs.WindowsContain(path[1:], root.NotAfter+1); ok || bad != root.Certificate {
		t.Error("WindowsContain takes an expired root")
	}
}
