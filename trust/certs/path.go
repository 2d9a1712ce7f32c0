package certs

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/hutong-project/hutong/trust"
)

const (
	// MaxPathLength is the most certificates in a path, leaf and root included. Real chains have two to four.
	MaxPathLength = 6
	// maxSignatureChecks bounds the work for one path: about a tenth of a second.
	maxSignatureChecks = 512
)

// Errors of Path.
var (
	// ErrNoPath is returned when no chain of signatures leads from the leaf to a root.
	ErrNoPath = errors.New("no path to a root")
	// ErrTooManyCandidates is returned when so many certificates share names that the search was given up: whether
	// there is a path is not known.
	ErrTooManyCandidates = errors.New("too many certificates share the issuer's name")
)

// Path returns a shortest chain of signatures leaf … root, where every issuer is a CA within its path length. Time is
// not judged: see WindowsContain. A leaf that is one of the roots, byte for byte, is a path of one.
//
// The search goes breadth first from the leaf and visits each certificate once, so loops cannot occur. Visiting once
// is enough: a path length limits only what stands below a CA, and the first visit has the fewest certificates below.
// A signature is checked once for each pair of certificate and issuer key, however many CAs share that key.
func Path(leaf *Certificate, intermediates, roots []*Certificate) ([]*Certificate, error) {
	if isOneOf(leaf, roots) {
		return []*Certificate{leaf}, nil
	}
	if err := leaf.checkCritical(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoPath, err)
	}
	s := search{visited: map[trust.Digest]bool{leaf.digest: true}, checked: make(map[signatureCheck]bool)}
	why := ErrIssuerName
	level := [][]*Certificate{{leaf}}
	for length := 2; length <= MaxPathLength && len(level) > 0; length++ {
		var next [][]*Certificate
		for _, below := range level {
			child := below[len(below)-1]
			for _, parent := range slices.Concat(likelyFirst(child, roots), likelyFirst(child, intermediates)) {
				if s.visited[parent.digest] {
					continue
				}
				err := s.checkStep(below, parent)
				if errors.Is(err, ErrTooManyCandidates) {
					return nil, err
				}
				if err != nil {
					// The reason nearest to a path is worth more than "the name is another one".
					if len(below) == 1 && !errors.Is(err, ErrIssuerName) {
						why = err
					}
					continue
				}
				path := append(slices.Clone(below), parent)
				if isOneOf(parent, roots) {
					return path, nil
				}
				s.visited[parent.digest] = true
				next = append(next, path)
				why = errors.New("its issuer's own issuer is not among the roots")
			}
		}
		level = next
	}
	return nil, fmt.Errorf("%w: %w", ErrNoPath, why)
}

type search struct {
	visited map[trust.Digest]bool
	checked map[signatureCheck]bool // the result of each signature that was checked
}

type signatureCheck struct {
	child trust.Digest
	key   trust.KeyID
}

// checkStep returns nil if parent may stand above the certificates of below and signed the last of them.
func (s *search) checkStep(below []*Certificate, parent *Certificate) error {
	child := below[len(below)-1]
	if err := child.checkIssuer(parent); err != nil {
		return err
	}
	if between := len(below) - 1; parent.PathLen >= 0 && between > parent.PathLen {
		return fmt.Errorf("%w: its path length allows %d CAs below, got %d", ErrNotCA, parent.PathLen, between)
	}
	pair := signatureCheck{child.digest, parent.keyID}
	good, done := s.checked[pair]
	if !done {
		if len(s.checked) == maxSignatureChecks {
			return fmt.Errorf("%w: gave up after %d signatures", ErrTooManyCandidates, maxSignatureChecks)
		}
		good = child.VerifiesUnder(parent)
		s.checked[pair] = good
	}
	if !good {
		return ErrSignature
	}
	return nil
}

// likelyFirst returns the certificates that name themselves child's issuer, those with the key identifier that child
// asks for in front. The identifier only orders the search; a wrong one hides no issuer.
func likelyFirst(child *Certificate, from []*Certificate) []*Certificate {
	var likely, others []*Certificate
	for _, c := range from {
		if !bytes.Equal(c.RawSubject, child.RawIssuer) {
			continue
		}
		if len(child.AuthorityKeyID) > 0 && bytes.Equal(c.SubjectKeyID, child.AuthorityKeyID) {
			likely = append(likely, c)
		} else {
			others = append(others, c)
		}
	}
	return append(likely, others...)
}

func isOneOf(c *Certificate, list []*Certificate) bool {
	return slices.ContainsFunc(list, func(other *Certificate) bool { return bytes.Equal(c.Raw, other.Raw) })
}

// WindowsContain reports whether at lies in the validity of every certificate of path, and if not, which is the first
// that was not in force.
func WindowsContain(path []*Certificate, at trust.Time) (bad *Certificate, ok bool) {
	for _, c := range path {
		if !c.InForce(at) {
			return c, false
		}
	}
	return nil, true
}
