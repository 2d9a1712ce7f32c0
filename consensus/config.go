package consensus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/sm2sig"
)

// A Member is one node of the cluster.
type Member struct {
	ID      string // never used again for another node, or for the same one after its data was lost
	Address string // host:port of its Raft traffic
}

// A Forwarder carries a write from a follower to the leader. It is used by many goroutines.
type Forwarder interface {
	// Forward hands command to the node leaderID of the own cluster, whose Registry.ApplyForwarded answers, and
	// returns that answer. An error means that the outcome is unknown.
	Forward(ctx context.Context, leaderID string, command []byte) ([]byte, error)
}

// A LogStore holds a node's Raft log and its vote.
type LogStore interface {
	raft.LogStore
	raft.StableStore
}

// Config says what a node of the cluster is. It is copied by Open. Durations of zero get their defaults.
type Config struct {
	Dir       string   // of this node alone; created where missing
	NodeID    string   // one of Members
	Bind      string   // host:port to listen on
	Advertise string   // host:port under which the others reach this node; empty: Bind
	Members   []Member // all nodes of the cluster as it is first started, this one included
	Bootstrap bool     // make a new cluster of Members when Dir is empty; a restart never does

	Own         trust.Province       // whose registry it is
	Pin         trust.Digest         // of the first national list
	HeadKeys    []*sm2sig.PrivateKey // for the own and hosted provinces; used when the national list names them
	OperatorKey *sm2sig.PrivateKey   // signs status events for authorities that cannot; nil: none

	// Witnesses say what other provinces hold of this one; nil: nobody is asked, and an unsettled cluster stays so unless
	// an operator stated that there are none.
	Witnesses Witnesses
	// Founded tells this cluster from others of the same province and pin: a random value made with its configuration.
	// Zero stands for the ids of Members.
	Founded trust.Digest
	// TLS protects the traffic between the nodes. Nil: none, which is refused unless all members are on this machine.
	TLS Credentials
	// PeerClock returns how far this node's clock is behind the median of the other provinces'; false where that is
	// not known. It is called by many goroutines and must not wait; nil: never known.
	PeerClock func() (behind time.Duration, known bool)

	Forward Forwarder // nil: writes on a follower return ErrNoLeader
	Logger  *slog.Logger
	Clock   func() time.Time // nil: time.Now

	HeartbeatTimeout  time.Duration // 1 s; how long a follower waits for its leader
	ElectionTimeout   time.Duration // as HeartbeatTimeout
	SnapshotInterval  time.Duration // 2 min; how often a snapshot is thought of
	SnapshotThreshold uint64        // 8192 entries since the last one
	TrailingLogs      uint64        // 10240 entries kept after a snapshot, for followers that are behind

	DiskLimit   time.Duration // 5 s; how long the disk may hang or fail before the process ends
	CanaryEvery time.Duration // 1 s; how often the disk is tried
	Reserve     int64         // bytes of the disk kept for a rescue; 0: none

	AuditRate  int           // 500; signatures a second that are verified again in the background; below 0: none
	AuditEvery time.Duration // 6 h; pause between two audits of everything

	// Exit ends the process when the disk is bad; nil: os.Exit. It must not return.
	Exit func(code int)

	// For tests; nil: the real ones.
	FS        vfs.FS
	Transport raft.Transport
	Logs      LogStore
	Snapshots raft.SnapshotStore
}

// filled checks c and returns it with defaults. All faults are reported at once.
func (c Config) filled() (Config, error) {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if c.Dir == "" {
		fault("Dir: is empty")
	}
	if !c.Own.Valid() {
		fault("Own: %q is no province code", c.Own)
	}
	if c.Pin.IsZero() {
		fault("Pin: the digest of the first national list is missing")
	}
	if c.Logger == nil {
		fault("Logger: is missing")
	}
	seen, self := map[string]bool{}, false
	for _, m := range c.Members {
		if m.ID == "" || m.Address == "" {
			fault("Members: %q at %q, want an id and an address", m.ID, m.Address)
		}
		if seen[m.ID] || seen[m.Address] {
			fault("Members: %q at %q stands twice", m.ID, m.Address)
		}
		seen[m.ID], seen[m.Address] = true, true
		self = self || m.ID == c.NodeID
	}
	if !self {
		fault("NodeID: %q is not among the %d members", c.NodeID, len(c.Members))
	}
	if c.Transport == nil {
		if _, _, err := net.SplitHostPort(c.Bind); err != nil {
			fault("Bind: %v", err)
		}
	}
	if c.TLS == nil && c.Transport == nil {
		for _, m := range c.Members {
			if m.Address != "" && !Loopback(m.Address) {
				fault("TLS: is missing, and member %s at %s is on another machine; %s", m.ID, m.Address, plainRemedy)
			}
		}
	}
	c.defaults()
	if c.HeartbeatTimeout < 10*time.Millisecond || c.ElectionTimeout < c.HeartbeatTimeout {
		fault("HeartbeatTimeout %s, ElectionTimeout %s: want at least 10 ms, and the second not below the first", c.HeartbeatTimeout, c.ElectionTimeout)
	}
	if err := errors.Join(faults...); err != nil {
		return c, fmt.Errorf("checking the configuration of the registry: %w", err)
	}
	return c, nil
}

func (c *Config) defaults() {
	if c.Advertise == "" {
		c.Advertise = c.Bind
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Exit == nil {
		c.Exit = os.Exit
	}
	set(&c.HeartbeatTimeout, time.Second)
	set(&c.ElectionTimeout, c.HeartbeatTimeout)
	set(&c.SnapshotInterval, 2*time.Minute)
	set(&c.SnapshotThreshold, 8192)
	set(&c.TrailingLogs, 10240)
	set(&c.DiskLimit, 5*time.Second)
	set(&c.CanaryEvery, time.Second)
	set(&c.AuditRate, 500)
	set(&c.AuditEvery, 6*time.Hour)
}

func set[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// now returns the proposer's time.
func (c *Config) now() trust.Time { return trust.TimeOf(c.Clock()) }

// raft returns the settings of the library. The lease is shorter than the heartbeat, so that a leader that is cut
// off steps down before another one can be elected.
func (c *Config) raft() *raft.Config {
	rc := raft.DefaultConfig()
	rc.LocalID = raft.ServerID(c.NodeID)
	rc.HeartbeatTimeout = c.HeartbeatTimeout
	rc.ElectionTimeout = c.ElectionTimeout
	rc.LeaderLeaseTimeout = c.HeartbeatTimeout / 2
	rc.CommitTimeout = min(rc.CommitTimeout, c.HeartbeatTimeout/10)
	rc.SnapshotInterval = c.SnapshotInterval
	rc.SnapshotThreshold = c.SnapshotThreshold
	rc.TrailingLogs = c.TrailingLogs
	rc.BatchApplyCh = true // what is proposed together is written together
	rc.NoSnapshotRestoreOnStart = true
	rc.NoLegacyTelemetry = true
	rc.Logger = raftLogger(c.Logger)
	return rc
}
