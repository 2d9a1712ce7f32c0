package registry

import (
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/statuslog"
)

// A StatusReader reads the status logs that belong to one View: the View and the reader must come from one state, or a
// verdict would mix two.
type StatusReader interface {
	// Events returns what the counting leaves of p's log, as far as the View's head pins it, say about a subject: in
	// log order, of all authorities together. No events is an empty answer; an error means that the log could not be
	// read, and then nothing is known about the subject. It is safe for concurrent use.
	Events(p trust.Province, kind statuslog.Kind, s trust.Subject) ([]statuslog.Entry, error)
}
