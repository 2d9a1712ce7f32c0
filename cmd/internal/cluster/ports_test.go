package cluster

import "testing"

func TestFreePortsDiffer(t *testing.T) {
	ports, err := FreePorts(9)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, p := range ports {
		if seen[p] || p == 0 {
			t.Errorf("FreePorts = %v, want nine different ones", ports)
		}
		seen[p] = true
	}
}
