package node

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestMetricsAreDocumented holds docs/metrics.md to the names in the code.
func TestMetricsAreDocumented(t *testing.T) {
	code, err := os.ReadFile("../federation/metrics.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`counter\("([a-z_]+)"`).FindAllStringSubmatch(string(code), -1)
	if len(names) == 0 {
		t.Fatal("found no metric in federation/metrics.go: the test looks for the wrong thing")
	}
	if !strings.Contains(string(page), "`hutong_clock_offset_seconds`") {
		t.Error("docs/metrics.md does not list hutong_clock_offset_seconds")
	}
	for _, name := range names {
		if !strings.Contains(string(page), "`hutong_federation_"+name[1]+"`") {
			t.Errorf("docs/metrics.md does not list hutong_federation_%s", name[1])
		}
	}
}
