package state

import (
	"errors"
	"fmt"

	"github.com/hutong-project/hutong/consensus/store"
	"github.com/hutong-project/hutong/trust"
)

var errEnough = errors.New("enough")

// collector gathers values until they are more than a number of bytes. The first one is always taken.
type collector struct {
	left   int
	values [][]byte
}

func (c *collector) add(_, value []byte) error {
	if len(c.values) > 0 && len(value) > c.left {
		return errEnough
	}
	c.left -= len(value)
	c.values = append(c.values, append([]byte(nil), value...))
	return nil
}

func (c *collector) scan(v *store.View, lower, upper []byte) ([][]byte, error) {
	if err := v.Scan(lower, upper, c.add); err != nil && err != errEnough {
		return nil, err
	}
	return c.values, nil
}

// NationalChain returns the national lists from a sequence on, as carried, as many as fit into maxBytes but at least
// one.
func NationalChain(v *store.View, from uint64, maxBytes int) ([][]byte, error) {
	c := collector{left: maxBytes}
	lists, err := c.scan(v, store.NationalKey(from), store.NationalEnd())
	if err != nil {
		return nil, fmt.Errorf("reading the national lists from %d: %w", from, err)
	}
	return lists, nil
}

// ListRaw returns a trust list as carried, or nil where it is not held. All lists ever adopted are held.
func ListRaw(v *store.View, p trust.Province, d trust.Digest) ([]byte, error) {
	raw, err := v.Load(store.ListKey(p, d))
	if err != nil {
		return nil, fmt.Errorf("reading trust list %s of %s: %w", d.Short(), p, err)
	}
	return raw, nil
}

// Leaves returns the leaves at [from, to) of a generation, as many as fit into maxBytes but at least one.
func Leaves(v *store.View, p trust.Province, generation, from, to uint64, maxBytes int) ([][]byte, error) {
	if from >= to {
		return nil, nil
	}
	c := collector{left: maxBytes}
	leaves, err := c.scan(v, store.LeafKey(p, generation, from), store.LeafKey(p, generation, to))
	if err != nil {
		return nil, fmt.Errorf("reading leaves %d to %d of %s: %w", from, to, p, err)
	}
	return leaves, nil
}
