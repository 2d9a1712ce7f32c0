package store

import "github.com/cockroachdb/pebble/v2"

// comparer orders keys bytewise and tells Pebble that the filters of the event table are about (province, kind,
// subject): asking for a subject that no event speaks of then costs a filter and no block. In all other tables
// the whole key is the prefix. The name is written into the database: another layout needs another name.
var comparer = func() *pebble.Comparer {
	c := *pebble.DefaultComparer
	c.Name = "hutong.registry.1"
	c.Split = split
	c.ImmediateSuccessor = immediateSuccessor
	return &c
}()

func split(key []byte) int {
	if len(key) > eventPrefix && key[0] == tableEvent {
		return eventPrefix
	}
	return len(key)
}

// immediateSuccessor appends the smallest key that is larger than the prefix a and is a prefix itself.
func immediateSuccessor(dst, a []byte) []byte {
	if len(a) != eventPrefix || a[0] != tableEvent {
		return append(append(dst, a...), 0)
	}
	// A longer key would have a as its prefix: count up, and drop the bytes that run over. The first byte
	// never does.
	end := len(a)
	for a[end-1] == 0xff {
		end--
	}
	dst = append(dst, a[:end]...)
	dst[len(dst)-1]++
	return dst
}
