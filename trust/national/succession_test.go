package national_test

import (
	"testing"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/national"
)

func TestFirstListIsPinned(t *testing.T) {
	l := list1()
	good := signed(t, l, 0, 2)
	for _, test := range []struct {
		name string
		d    *national.Document
		pin  trust.Digest
		want trust.RefusalCode
	}{
		{"pinned and signed", good, good.Digest, ""},
		{"another pin", good, trust.Digest{1}, trust.NotPinned},
		{"no pin", good, trust.Digest{}, trust.NotPinned},
		{"unsigned", signed(t, l), good.Digest, trust.ThresholdMissed},
		{"one signature", signed(t, l, 1), good.Digest, trust.ThresholdMissed},
		{"a province's key", signed(t, l, 1, 10), good.Digest, trust.ThresholdMissed},
	} {
		if got := codeOf(test.d.CheckPinned(test.pin)); got != test.want {
			t.Errorf("%s: CheckPinned() = %q, want %q", test.name, got, test.want)
		}
	}
}

func TestNextListFollows(t *testing.T) {
	first := signed(t, list1(), 0, 1)
	if err := signed(t, next(first), 1, 2).CheckFollows(first); err != nil {
		t.Errorf("CheckFollows(first) = %v, want nil", err)
	}
}
