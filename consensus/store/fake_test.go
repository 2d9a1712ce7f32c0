package store

import (
	"errors"
	"io"
	"math/rand/v2"
)

func newRNG(seed int) *rand.Rand { return rand.New(rand.NewPCG(uint64(seed), 1)) }

// crashingReader calls crash after left bytes and then fails.
type crashingReader struct {
	r     io.Reader
	left  int
	crash func()
}

func (c *crashingReader) Read(b []byte) (int, error) {
	if c.left <= 0 {
		c.crash()
		return 0, errors.New("the archive was cut off")
	}
	n, err := c.r.Read(b[:min(len(b), c.left)])
	c.left -= n
	return n, err
}
