package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"time"

	"github.com/hutong-project/hutong/node/client"
	"github.com/hutong-project/hutong/trust/statuslog"
)

const (
	// manyWriters is how many writers commit single events at once.
	manyWriters = 64
	smallBatch  = 1000
)

// MaxEvents bounds the events of `hutong bench registry`: their signed batches lie in memory.
const MaxEvents = 20_000_000

// RegistryOptions say how Registry measures.
type RegistryOptions struct {
	Binary   string // this program, which is started for each node
	Events   int    // in bulk batches, up to MaxEvents; the single events come on top
	Progress func(stage string)
}

// A RegistryReport is what `hutong bench registry` prints.
type RegistryReport struct {
	Bench   string          `json:"bench"`
	Figures RegistryFigures `json:"figures"`
	Ratios  RegistryRatios  `json:"ratios"`
}

// RegistryFigures are what was measured. All of it goes over HTTP to the leader of three processes but the look-ups,
// which are made in this process on the folder of a node that was stopped.
type RegistryFigures struct {
	FsyncP50 float64 `json:"fsync_p50_us"` // an append of 4 KiB and its fsync, beside the leader's data
	FsyncP99 float64 `json:"fsync_p99_us"`

	CommitP50          float64 `json:"commit_p50_us"` // one event of one writer, signed by the operator
	CommitP99          float64 `json:"commit_p99_us"`
	AuthorityCommitP50 float64 `json:"authority_commit_p50_us"` // the same, signed by its authority
	AuthorityCommitP99 float64 `json:"authority_commit_p99_us"`

	Singles          float64 `json:"single_events_per_s"`           // many writers, signed by the operator
	AuthoritySingles float64 `json:"authority_single_events_per_s"` // many writers, each an authority that signs
	Bulk             float64 `json:"bulk_events_per_s"`             // batches of 4,096
	SmallBulk        float64 `json:"bulk_1000_events_per_s"`        // batches of 1,000

	PresentRate float64 `json:"lookup_present_per_s"` // subjects with an event, on all cores
	PresentP50  float64 `json:"lookup_present_p50_us"`
	PresentP99  float64 `json:"lookup_present_p99_us"`
	AbsentRate  float64 `json:"lookup_absent_per_s"` // subjects without
	AbsentP50   float64 `json:"lookup_absent_p50_us"`
	AbsentP99   float64 `json:"lookup_absent_p99_us"`

	RSS           float64 `json:"rss_mib"`               // of the largest node, after the writes; 0: the system does not say
	PeakRSS       float64 `json:"rss_peak_mib"`          // at its highest
	BytesPerEvent float64 `json:"bytes_per_event"`       // a node's whole data folder after the bulk batches
	StateBytes    float64 `json:"state_bytes_per_event"` // without the Raft log and its snapshots
	Restart       float64 `json:"restart_s"`             // from the start of the process until it is ready, median of 3

	Events      int `json:"events"` // in the log at the end, the single ones included
	Leaves      int `json:"leaves"` // batches in the log at the end
	Nodes       int `json:"nodes"`
	Cores       int `json:"cores"` // GOMAXPROCS; the clients are on the same ones
	Writers     int `json:"writers"`
	BulkSenders int `json:"bulk_senders"`
}

// RegistryRatios relate commits of one writer to the floor that was measured between them.
type RegistryRatios struct {
	CommitP50          float64 `json:"commit_p50_over_fsync"` // median over median
	CommitP99          float64 `json:"commit_p99_over_fsync"` // 99th percentile over 99th percentile
	AuthorityCommitP50 float64 `json:"authority_commit_p50_over_fsync"`
	AuthorityCommitP99 float64 `json:"authority_commit_p99_over_fsync"`
}

// Registry measures a cluster of three real processes. Its folder is gone when it returns.
func Registry(ctx context.Context, o RegistryOptions) (_ *RegistryReport, err error) {
	if o.Events < 1 || o.Events > MaxEvents {
		return nil, fmt.Errorf("measuring a registry with %d events, want 1 to %d", o.Events, MaxEvents)
	}
	o.Progress("three nodes")
	t, err := newTrio(ctx, o.Binary, manyWriters)
	if err != nil {
		return nil, fmt.Errorf("preparing the benchmark: %w", err)
	}
	defer func() { err = errors.Join(err, t.close()) }()
	m := &registryRun{trio: t, handles: newHandles(), ledger: &ledger{}, options: o}
	m.report.Bench = "registry"
	for _, stage := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"bulk", m.writeBulk}, {"single events", m.writeSingles}, {"memory", m.weigh}, {"restart", m.restartOne}, {"look-ups", m.ask},
	} {
		o.Progress(stage.name)
		if err := stage.run(ctx); err != nil {
			return nil, fmt.Errorf("measuring %s: %w", stage.name, err)
		}
	}
	return &m.report, nil
}

// A registryRun is one measurement under way.
type registryRun struct {
	*trio
	handles *handles
	ledger  *ledger
	options RegistryOptions
	report  RegistryReport
}

// leading returns the leader's client and its folder.
func (m *registryRun) leading(ctx context.Context) (*client.Client, string, error) {
	i, err := m.leader(ctx)
	if err != nil {
		return nil, "", err
	}
	return m.clients[i], m.dataDir(i), nil
}

func (m *registryRun) dataDir(i int) string {
	return filepath.Join(m.province.Folder(), m.province.NodeConfig(i).DataDir)
}

// writeBulk sends half of the events in large batches and half in small ones. All are signed before.
func (m *registryRun) writeBulk(ctx context.Context) error {
	f := &m.report.Figures
	half := m.options.Events / 2
	for _, part := range []struct {
		events, size int
		rate         *float64
	}{{m.options.Events - half, statuslog.MaxEvents, &f.Bulk}, {half, smallBatch, &f.SmallBulk}} {
		pushes := plan(m.signers[:bulkSenders], m.handles, part.events, part.size)
		if err := sign(ctx, m.handles, pushes); err != nil {
			return err
		}
		c, _, err := m.leading(ctx)
		if err != nil {
			return err
		}
		rate, err := bulk(ctx, c, m.ledger, pushes)
		if err != nil {
			return err
		}
		*part.rate = whole(rate)
		if err := m.settled(ctx, m.ledger.leaves()); err != nil {
			return err
		}
	}
	return m.disk()
}

// disk measures what the bulk events take in the folder of a node, whose cluster runs.
func (m *registryRun) disk() error {
	all, err := diskBytes(m.dataDir(0))
	if err != nil {
		return err
	}
	state, err := diskBytes(filepath.Join(m.dataDir(0), "state"))
	if err != nil {
		return err
	}
	n := float64(m.options.Events)
	m.report.Figures.BytesPerEvent, m.report.Figures.StateBytes = tenths(float64(all)/n), tenths(float64(state)/n)
	return nil
}

func (m *registryRun) writeSingles(ctx context.Context) error {
	c, folder, err := m.leading(ctx)
	if err != nil {
		return err
	}
	alone, each := singles(m.options.Events)
	a, err := m.oneWriter(ctx, c, m.handles, m.ledger, folder, alone)
	if err != nil {
		return err
	}
	f := &m.report.Figures
	f.FsyncP50, f.FsyncP99 = microseconds(a.floor.percentiles())
	f.CommitP50, f.CommitP99 = microseconds(a.operator.percentiles())
	f.AuthorityCommitP50, f.AuthorityCommitP99 = microseconds(a.authority.percentiles())
	m.report.Ratios = RegistryRatios{
		CommitP50: tenths(f.CommitP50 / f.FsyncP50), CommitP99: tenths(f.CommitP99 / f.FsyncP99),
		AuthorityCommitP50: tenths(f.AuthorityCommitP50 / f.FsyncP50), AuthorityCommitP99: tenths(f.AuthorityCommitP99 / f.FsyncP99),
	}
	if f.Singles, err = m.manyOperated(ctx, c, m.handles, m.ledger, manyWriters, each); err != nil {
		return err
	}
	if f.AuthoritySingles, err = m.manySigned(ctx, c, m.handles, m.ledger, manyWriters, each); err != nil {
		return err
	}
	f.Singles, f.AuthoritySingles = whole(f.Singles), whole(f.AuthoritySingles)
	return m.settled(ctx, m.ledger.leaves())
}

func (m *registryRun) weigh(context.Context) error {
	f := &m.report.Figures
	for _, p := range m.processes {
		now, peak := memory(p.PID())
		f.RSS, f.PeakRSS = max(f.RSS, mib(now)), max(f.PeakRSS, mib(peak))
	}
	return nil
}

func (m *registryRun) restartOne(ctx context.Context) error {
	leader, err := m.leader(ctx)
	if err != nil {
		return err
	}
	took, err := m.restart(ctx, (leader+1)%trioNodes)
	m.report.Figures.Restart = thousandths(took.Seconds())
	return err
}

// ask stops the cluster and makes the look-ups on the folder of a node.
func (m *registryRun) ask(ctx context.Context) (err error) {
	m.stopAll()
	f := &m.report.Figures
	f.Events, f.Leaves = m.ledger.events(), int(m.ledger.leaves())
	f.Nodes, f.Cores, f.Writers, f.BulkSenders = trioNodes, runtime.GOMAXPROCS(0), manyWriters, bulkSenders
	r, err := openStopped(m.files[0])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	l, err := lookUp(ctx, r, m.handles, m.ledger)
	if err != nil {
		return err
	}
	f.PresentRate, f.AbsentRate = whole(l.presentRate), whole(l.absentRate)
	f.PresentP50, f.PresentP99 = fineMicroseconds(l.present.percentiles())
	f.AbsentP50, f.AbsentP99 = fineMicroseconds(l.absent.percentiles())
	return nil
}

func tenths(x float64) float64 { return float64(int64(10*x+0.5)) / 10 }

func mib(n int64) float64 { return tenths(float64(n) / (1 << 20)) }

func fineMicroseconds(p50, p99 time.Duration) (a, b float64) {
	return tenths(float64(p50.Nanoseconds()) / 1000), tenths(float64(p99.Nanoseconds()) / 1000)
}

// Print writes the report as a table of at most 80 columns.
func (r *RegistryReport) Print(w io.Writer) {
	f, q := r.Figures, r.Ratios
	fmt.Fprintf(w, "%-43s %9s %9s %7s %8s\n", "", "p50 µs", "p99 µs", "p50/×", "p99/×")
	latency := func(what string, p50, p99, over50, over99 float64) {
		fmt.Fprintf(w, "%-43s %9.0f %9.0f %7.1f %8.1f\n", what, p50, p99, over50, over99)
	}
	latency("fsync of a 4 KiB append (the floor, ×)", f.FsyncP50, f.FsyncP99, 1, 1)
	latency("one event, one writer, operator signs", f.CommitP50, f.CommitP99, q.CommitP50, q.CommitP99)
	latency("one event, one writer, authority signs", f.AuthorityCommitP50, f.AuthorityCommitP99, q.AuthorityCommitP50, q.AuthorityCommitP99)
	fmt.Fprintf(w, "\n%-43s %9s %9s %7s\n", "", "a second", "p50 µs", "p99 µs")
	rate := func(what string, perSecond float64) { fmt.Fprintf(w, "%-43s %9.0f\n", what, perSecond) }
	rate(fmt.Sprintf("single events, %d writers, operator signs", f.Writers), f.Singles)
	rate(fmt.Sprintf("single events, %d writers, authorities sign", f.Writers), f.AuthoritySingles)
	rate(fmt.Sprintf("events in batches of %d, %d authorities", statuslog.MaxEvents, f.BulkSenders), f.Bulk)
	rate(fmt.Sprintf("events in batches of %d, %d authorities", smallBatch, f.BulkSenders), f.SmallBulk)
	fmt.Fprintf(w, "%-43s %9.0f %9.1f %7.1f\n", "look-ups of a subject with an event", f.PresentRate, f.PresentP50, f.PresentP99)
	fmt.Fprintf(w, "%-43s %9.0f %9.1f %7.1f\n", "look-ups of a subject without", f.AbsentRate, f.AbsentP50, f.AbsentP99)
	fmt.Fprintf(w, "\n%-43s %9.0f, at most %.0f\n", "memory of a node, MiB", f.RSS, f.PeakRSS)
	fmt.Fprintf(w, "%-43s %9.0f, of them %.0f the state\n", "bytes an event in a node's folder", f.BytesPerEvent, f.StateBytes)
	fmt.Fprintf(w, "%-43s %9.2f\n", "seconds from a node's start until ready", f.Restart)
	fmt.Fprintf(w, "\n%d events in %d batches at the end; every answer was checked.\n", f.Events, f.Leaves)
	fmt.Fprintf(w, "%d nodes and their clients on the same %d cores.\n", f.Nodes, f.Cores)
}
