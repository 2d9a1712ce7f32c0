package consensus

import (
	"errors"

	"github.com/hutong-project/hutong/consensus/state"
)

// The errors that are no refusals. A refusal (trust.Refusal, NumberError) is an answer; these are not.
var (
	// ErrNoLeader is returned when the cluster has no leader that this node can reach. Nothing was changed.
	ErrNoLeader = errors.New("the cluster has no leader")
	// ErrUnknownOutcome is returned when a write was handed over and the answer did not come: the leader was lost,
	// or the caller's time ran out. It may have taken effect, or still take effect.
	ErrUnknownOutcome = errors.New("the outcome of the write is unknown")
	// ErrBusy is returned when too many writes are under way, or the state moved each time a write was verified.
	// Nothing was changed.
	ErrBusy = errors.New("the cluster is busy")
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("the registry is closed")
	// ErrStopped is returned when the node has stopped itself; Run returns why.
	ErrStopped = errors.New("the node has stopped")
	// ErrWrongDir is returned by Open for a data directory that is not this node's.
	ErrWrongDir = errors.New("the data directory cannot be used")
)

// A NumberError is returned when a status batch's number is not the one expected.
type NumberError = state.NumberError

// A Receipt says where a status batch stands in the log.
type Receipt = state.Receipt
