package federation

import (
	"context"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/registry"
)

// Beliefs is what the cluster believes, as this node has applied it. Safe for concurrent use.
type Beliefs interface {
	// View returns the newest applied view; never nil.
	View() *registry.View
	// Changed returns a channel that is closed at the next change of View or of Leading. Who takes the channel first
	// and reads the view then misses nothing.
	Changed() <-chan struct{}
	// Leading reports whether this node leads its cluster. Two nodes that both think so for a while do no harm.
	Leading() bool
}

// Holdings hands out what the cluster holds, for other provinces to fetch. What is not held gives an empty answer and
// no error. The results are not changed by anyone. Safe for concurrent use.
type Holdings interface {
	// NationalChain returns the consecutive national lists from number from on, as many as fit into maxBytes but at
	// least one if it is held. A contested number gives the list in force.
	NationalChain(from uint64, maxBytes int) ([][]byte, error)
	// ListRaw returns the envelope of p's trust list with that digest.
	ListRaw(p trust.Province, digest trust.Digest) ([]byte, error)
	// Leaves returns leaves of p's log from index from on, to excluded, as many as fit into maxBytes but at least one
	// if it is held.
	Leaves(p trust.Province, generation, from, to uint64, maxBytes int) ([][]byte, error)
}

// Adopter takes what was fetched. Every method checks all of its input again and either adopts it for the whole
// cluster, durably, or changes nothing: a *trust.Refusal says which check failed, any other error that it could not be
// decided. On a follower the leader does the work. Safe for concurrent use.
type Adopter interface {
	// AdoptNational takes consecutive national lists. What is held already is no news and no error. A list with a
	// number that is held and another content makes the list contested.
	AdoptNational(ctx context.Context, chain [][]byte) error
	// AdoptUpdate takes a head with what it pins and the view lacks. Of an own or hosted province it takes heads only
	// while the view is unsettled; a bare one makes it so. Leaves staged before and leaves of the update
	// count as one run.
	AdoptUpdate(ctx context.Context, update registry.Update) error
	// StageLeaves keeps leaves of an update whose whole run would be too large for one call: the update as far as it
	// has come, with its head, its list and some leaves. A call continues what was staged, or begins anew where the log
	// ends. Staged leaves count for nothing until an update with a head that pins them, and the list under which they
	// were verified, is adopted.
	StageLeaves(ctx context.Context, update registry.Update) error
}

// A Registry is the cluster's registry as the federation needs it. The federation never closes it.
type Registry interface {
	Beliefs
	Holdings
	Adopter
}
