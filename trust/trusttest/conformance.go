// Package trusttest holds what tests of several packages share: where the conformance data lies.
//
// It is imported by tests only.
package trusttest

import (
	"os"
	"path/filepath"
	"testing"
)

// Conformance returns the folder of the conformance data: $HUTONG_CONFORMANCE, else ../shared/conformance beside
// the module's root. It skips the test, with a line that says so, where there is none.
func Conformance(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("HUTONG_CONFORMANCE")
	if dir == "" {
		dir = filepath.Join(moduleRoot(t), "..", "shared", "conformance")
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		t.Skipf("no conformance data at %s; set HUTONG_CONFORMANCE to its folder to run this test", dir)
	}
	return dir
}

func moduleRoot(t testing.TB) string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the working directory")
		}
		dir = parent
	}
}
