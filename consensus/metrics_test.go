package consensus

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hutong-project/hutong/consensus/consensustest"
)

// A node on a real disk tells each figure that the code names, and the page lists just those.
func TestMetrics(t *testing.T) {
	w := consensustest.New()
	cfg := onDisk(t, w, t.TempDir()+"/node")
	cfg.Reserve = 1 << 20
	r, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	waitLeader(t, t.Context(), r)
	if err := r.AdoptNational(t.Context(), w.Raws()); err != nil {
		t.Fatal(err)
	}
	if err := r.PublishList(t.Context(), w.Provinces[own].NextList(nil).Raw); err != nil {
		t.Fatal(err)
	}
	if _, err := r.AppendBatch(t.Context(), w.Provinces[own].Batch(1, consensustest.Revoked("a"))); err != nil {
		t.Fatal(err)
	}
	if err := r.raft.Snapshot().Error(); err != nil {
		t.Fatal(err)
	}
	metrics := prometheus.NewPedanticRegistry()
	if err := metrics.Register(r.Collector()); err != nil {
		t.Fatal(err)
	}
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			values[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	for name, want := range map[string]float64{
		"hutong_raft_leader": 1, "hutong_list_number " + string(own): 1, "hutong_log_size " + string(own): 1,
		"hutong_raft_last_contact_seconds": 0, "hutong_state_write_stalled": 0, "hutong_state_background_errors_total": 0,
		"hutong_equivocation " + string(own): 0,
	} {
		if got, ok := values[name]; !ok || got != want {
			t.Errorf("%s = %v, %v, want %v", name, got, ok, want)
		}
	}
	for _, name := range []string{"raft_term", "raft_commit_index", "raft_applied_index", "raft_log_file_bytes", "state_disk_bytes", "disk_free_bytes", "anchors " + string(own)} {
		if values["hutong_"+name] <= 0 {
			t.Errorf("hutong_%s = %v, want more than 0", name, values["hutong_"+name])
		}
	}
	if age, ok := values["hutong_raft_snapshot_age_seconds"]; !ok || age < 0 || age > 60 {
		t.Errorf("hutong_raft_snapshot_age_seconds = %v, %v, want a few seconds", age, ok)
	}
	checkMetricsPage(t)
}

// checkMetricsPage holds docs/metrics.md to the names in metrics.go.
func checkMetricsPage(t *testing.T) {
	code, err := os.ReadFile("metrics.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	var named []string
	for _, m := range regexp.MustCompile(`desc\("([a-z0-9_]+)"`).FindAllStringSubmatch(string(code), -1) {
		named = append(named, "hutong_"+m[1])
		if !strings.Contains(string(page), "`hutong_"+m[1]+"`") {
			t.Errorf("docs/metrics.md does not list hutong_%s", m[1])
		}
	}
	if len(named) < 20 {
		t.Fatalf("found %d metrics in metrics.go: the test looks for the wrong thing", len(named))
	}
	for _, m := range regexp.MustCompile("`(hutong_[a-z0-9_]+)`").FindAllStringSubmatch(string(page), -1) {
		if !strings.HasPrefix(m[1], "hutong_federation_") && m[1] != "hutong_clock_offset_seconds" && !slices.Contains(named, m[1]) {
			t.Errorf("docs/metrics.md lists %s, which metrics.go does not have", m[1])
		}
	}
}
