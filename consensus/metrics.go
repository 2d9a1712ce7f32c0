package consensus

import (
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hutong-project/hutong/consensus/store"
	"github.com/hutong-project/hutong/trust/registry"
)

// Collector returns the registry's figures as Prometheus metrics; docs/metrics.md lists them. They are taken when
// asked for. A label is a province of the national list.
func (r *Registry) Collector() prometheus.Collector {
	c := &collector{r: r}
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		d := prometheus.NewDesc("hutong_"+name, help, labels, nil)
		c.all = append(c.all, d)
		return d
	}
	c.leader = desc("raft_leader", "1 while this node leads its cluster.")
	c.term = desc("raft_term", "Raft's term.")
	c.lastIndex = desc("raft_last_index", "The last entry in this node's Raft log.")
	c.commitIndex = desc("raft_commit_index", "The last entry that this node knows to be committed.")
	c.appliedIndex = desc("raft_applied_index", "The last entry whose effect is in this node's state.")
	c.lastContact = desc("raft_last_contact_seconds", "How long this node has not heard from its leader; 0 on the leader.")
	c.snapshotAge = desc("raft_snapshot_age_seconds", "Age of the newest snapshot.")
	c.logBytes = desc("raft_log_file_bytes", "Size of the file of the Raft log, which never shrinks by itself.")
	c.freeBytes = desc("raft_log_free_bytes", "Bytes in that file which are free.")
	c.inFlight = desc("writes_in_flight", "Writes that wait for Raft on this node.")

	c.stateBytes = desc("state_disk_bytes", "Size of the state's database.")
	c.l0Files = desc("state_l0_files", "Files of the state's database that were flushed and not compacted.")
	c.debt = desc("state_compaction_debt_bytes", "Bytes that compactions still have to rewrite.")
	c.backgroundErrors = desc("state_background_errors_total", "Flushes and compactions of the state that failed.")
	c.slowDisk = desc("state_slow_disk_total", "Operations on the state's files that took more than five seconds.")
	c.stalls = desc("state_write_stalls_total", "Times that writes of the state had to wait for flushes or compactions.")
	c.stalled = desc("state_write_stalled", "1 while writes of the state wait.")

	c.canary = desc("disk_canary_seconds", "How long the last synced test write took, or the one under way has been.")
	c.diskFree = desc("disk_free_bytes", "Room on the disk of the data directory.")
	c.reserve = desc("disk_reserve_bytes", "Bytes held in reserve for a full disk.")

	c.audited = desc("audit_signatures_total", "Stored signatures that were verified again since the start.")
	c.audits = desc("audit_passes_total", "Audits of everything that were completed since the start.")

	c.headAge = desc("head_age_seconds", "Age of the province's head.", "province")
	c.headSequence = desc("head_sequence", "Number of the province's head in its session.", "province")
	c.listNumber = desc("list_number", "Number of the province's trust list.", "province")
	c.anchors = desc("anchors", "Anchors of the province's trust list that count.", "province")
	c.refused = desc("anchors_refused", "Anchors of the province's trust list that were refused.", "province")
	c.logSize = desc("log_size", "Leaves of the province's status log.", "province")
	c.notCounting = desc("log_not_counting", "Leaves of the province's status log that do not count.", "province")
	c.equivocated = desc("equivocation", "1 while the province has contradicted itself in its session.", "province")
	return c
}

type collector struct {
	r   *Registry
	all []*prometheus.Desc

	leader, term, lastIndex, commitIndex, appliedIndex, lastContact, snapshotAge, logBytes, freeBytes, inFlight *prometheus.Desc
	stateBytes, l0Files, debt, backgroundErrors, slowDisk, stalls, stalled                                      *prometheus.Desc
	canary, diskFree, reserve, audited, audits                                                                  *prometheus.Desc
	headAge, headSequence, listNumber, anchors, refused, logSize, notCounting, equivocated                      *prometheus.Desc
}

// Describe is prometheus.Collector's.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range c.all {
		out <- d
	}
}

// Collect is prometheus.Collector's.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	s := sampler{out}
	c.collectRaft(s)
	c.collectDisk(s)
	d := c.r.Reading()
	defer d.Close()
	now := c.r.cfg.Clock()
	for _, code := range d.View.Codes() {
		c.collectProvince(s, d.View.Provinces[code], now)
	}
}

// A sampler sends single values.
type sampler struct{ out chan<- prometheus.Metric }

func (s sampler) gauge(d *prometheus.Desc, v float64, labels ...string) {
	s.out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func (s sampler) counter(d *prometheus.Desc, v uint64) {
	s.out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v))
}

func bit(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func (c *collector) collectRaft(s sampler) {
	r := c.r
	leading := r.raft.State() == raft.Leader
	s.gauge(c.leader, bit(leading))
	s.gauge(c.term, float64(r.raft.CurrentTerm()))
	s.gauge(c.lastIndex, float64(r.raft.LastIndex()))
	s.gauge(c.commitIndex, float64(r.raft.CommitIndex()))
	d := r.Reading()
	s.gauge(c.appliedIndex, float64(d.View.Applied))
	d.Close()
	if last := r.raft.LastContact(); leading {
		s.gauge(c.lastContact, 0)
	} else if !last.IsZero() {
		s.gauge(c.lastContact, time.Since(last).Seconds())
	}
	if taken := newestSnapshot(r.snapshots); !taken.IsZero() {
		s.gauge(c.snapshotAge, time.Since(taken).Seconds())
	}
	s.gauge(c.inFlight, float64(len(r.slots)))
	if logs, ok := r.logs.(*raftboltdb.BoltStore); ok {
		s.gauge(c.freeBytes, float64(logs.Stats().FreeAlloc))
		if info, err := os.Stat(logFile(r.cfg.Dir)); err == nil {
			s.gauge(c.logBytes, float64(info.Size()))
		}
	}
}

// newestSnapshot returns when the newest snapshot was made, which Raft writes into its id; zero where it is not known.
func newestSnapshot(snapshots raft.SnapshotStore) time.Time {
	list, err := snapshots.List()
	if err != nil || len(list) == 0 {
		return time.Time{}
	}
	id := list[0].ID
	ms, err := strconv.ParseInt(id[strings.LastIndexByte(id, '-')+1:], 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

func (c *collector) collectDisk(s sampler) {
	h, size := c.r.Health(), c.r.store.Size()
	s.gauge(c.stateBytes, float64(size.DiskBytes))
	s.gauge(c.l0Files, float64(size.L0Files))
	s.gauge(c.debt, float64(size.CompactionDebt))
	s.counter(c.backgroundErrors, h.Trouble.BackgroundErrors)
	s.counter(c.slowDisk, h.Trouble.SlowDisk)
	s.counter(c.stalls, h.Trouble.Stalls)
	s.gauge(c.stalled, bit(h.Trouble.Stalled))
	s.gauge(c.canary, h.Canary.Seconds())
	s.gauge(c.reserve, float64(h.Reserve))
	s.counter(c.audited, c.r.auditor.Signatures())
	s.counter(c.audits, c.r.auditor.Passes())
	if c.r.cfg.FS == nil {
		if usage, err := store.Disk.GetDiskUsage(c.r.cfg.Dir); err == nil {
			s.gauge(c.diskFree, float64(usage.AvailBytes))
		}
	}
}

func (c *collector) collectProvince(s sampler, p *registry.Province, now time.Time) {
	code := string(p.Code)
	if p.Head != nil {
		s.gauge(c.headAge, max(0, now.Sub(p.Head.Issued.Std()).Seconds()), code)
		s.gauge(c.headSequence, float64(p.Head.Sequence), code)
	}
	if p.List != nil {
		s.gauge(c.listNumber, float64(p.List.List.Number), code)
		s.gauge(c.anchors, float64(len(p.List.Anchors)), code)
		s.gauge(c.refused, float64(len(p.List.Refused)), code)
	}
	s.gauge(c.logSize, float64(p.Log.Size), code)
	s.gauge(c.notCounting, float64(len(p.NotCounting)), code)
	s.gauge(c.equivocated, bit(p.Equivocation != nil), code)
}
