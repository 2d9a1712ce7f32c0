package list

import (
	"slices"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/certs"
)

// A chainer finds the paths of one list's anchors. It knows the list's CA certificates by subject name, so that
// thousands of anchors are not all searched for each path, and finds the path of each CA once.
type chainer struct {
	roots  []*certs.Certificate
	byName map[string][]*certs.Certificate       // CAs, each once
	paths  map[trust.Digest][]*certs.Certificate // of CAs that were asked for; nil: there is none
}

func newChainer(roots []*certs.Certificate) *chainer {
	return &chainer{roots: roots, byName: make(map[string][]*certs.Certificate), paths: make(map[trust.Digest][]*certs.Certificate)}
}

// add takes c as one that may stand between an anchor and a root. What is no CA is passed over.
func (ch *chainer) add(c *certs.Certificate) {
	name := string(c.RawSubject)
	same := func(other *certs.Certificate) bool { return other.Digest() == c.Digest() }
	if c.CA && !slices.ContainsFunc(ch.byName[name], same) {
		ch.byName[name] = append(ch.byName[name], c)
	}
}

// path returns a path from c to a root. All CAs must have been added before.
func (ch *chainer) path(c *certs.Certificate) ([]*certs.Certificate, error) {
	if !c.CA {
		if path, ok := ch.short(c); ok {
			return path, nil
		}
	}
	return certs.Path(c, ch.above(c), ch.roots)
}

// short puts an end entity on top of a path that is known already: one signature instead of the whole path's. Where
// that does not give a path, the full search decides.
func (ch *chainer) short(leaf *certs.Certificate) ([]*certs.Certificate, bool) {
	near := slices.Clone(ch.roots)
	for _, ca := range ch.byName[string(leaf.RawIssuer)] {
		if len(ch.pathOfCA(ca)) > 0 {
			near = append(near, ca)
		}
	}
	step, err := certs.Path(leaf, nil, near)
	if err != nil || len(step) != 2 {
		return nil, false
	}
	path := append([]*certs.Certificate{leaf}, ch.pathOfCA(step[1])...)
	for i, ca := range path[1:] { // i CAs stand between ca and the leaf
		if ca.PathLen >= 0 && i > ca.PathLen {
			return nil, false
		}
	}
	return path, len(path) <= certs.MaxPathLength
}

// pathOfCA returns the path of a CA, or nil where there is none.
func (ch *chainer) pathOfCA(ca *certs.Certificate) []*certs.Certificate {
	path, known := ch.paths[ca.Digest()]
	if !known {
		path, _ = certs.Path(ca, ch.above(ca), ch.roots) // an error is the same as no path: the full search tells why
		ch.paths[ca.Digest()] = path
	}
	return path
}

// above returns the CAs that could stand in a path from c upwards, by their names.
func (ch *chainer) above(c *certs.Certificate) []*certs.Certificate {
	var found []*certs.Certificate
	seen := map[string]bool{}
	names := []string{string(c.RawIssuer)}
	for len(names) > 0 {
		name := names[0]
		names = names[1:]
		if seen[name] {
			continue
		}
		seen[name] = true
		for _, ca := range ch.byName[name] {
			found = append(found, ca)
			names = append(names, string(ca.RawIssuer))
		}
	}
	return found
}
