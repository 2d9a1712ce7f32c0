package httpapi

import (
	"context"
	"strconv"
	"time"

	"github.com/hutong-project/hutong/consensus"
	"github.com/hutong-project/hutong/trust"
)

// Consistency makes readings as new as a question wishes.
type Consistency interface {
	// Linearize returns when readings hold everything that any node had acknowledged before the call.
	Linearize(ctx context.Context) error
	// WaitApplied returns when readings hold the entry at index.
	WaitApplied(ctx context.Context, index uint64) error
}

// A wish says how new the registry must be that a question is answered from. The zero value takes it as it is here.
type wish struct {
	linearizable bool
	index        uint64 // of a receipt
}

// catchUpWithin bounds how long a question waits for its wish.
const catchUpWithin = 5 * time.Second

// readWish reads the parameters consistency (local or linearizable) and index; empty ones are absent.
func readWish(consistency, index string) (w wish, err error) {
	switch consistency {
	case "", "local":
	case "linearizable":
		w.linearizable = true
	default:
		return w, trust.Refuse(trust.Malformed, "consistency: want local or linearizable")
	}
	if index != "" {
		if w.index, err = strconv.ParseUint(index, 10, 53); err != nil {
			return w, trust.Refuse(trust.Malformed, "index: want the index of a receipt")
		}
	}
	return w, nil
}

// reading returns one that is as new as wished. The error is that of a cluster that cannot be asked, or of a node that
// is too far behind: both are a 503.
func (s *Server) reading(ctx context.Context, w wish) (*consensus.Reading, error) {
	if w != (wish{}) {
		ctx, cancel := context.WithTimeout(ctx, catchUpWithin)
		defer cancel()
		if w.linearizable {
			if err := s.cfg.Consistency.Linearize(ctx); err != nil {
				return nil, err
			}
		}
		if err := s.cfg.Consistency.WaitApplied(ctx, w.index); err != nil {
			return nil, err
		}
	}
	return s.cfg.Reader.Reading(), nil
}
