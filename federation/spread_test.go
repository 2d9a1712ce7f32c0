package federation

import (
	"testing"
	"time"
)

// A new head reaches every other province by push, with its list and leaves, long before an exchange would bring it.
func TestPushSpreads(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, codes...)
		w.startAll()
		later(time.Second)
		w.at["310000"].reg.cut(leaf(0, 100), leaf(1, 100))
		later(100 * time.Millisecond)
		for _, at := range []int{1, 2, 3} {
			w.holds(codes[at], "310000")
		}
		w.at["310000"].reg.cut(leaf(2, 100))
		later(100 * time.Millisecond)
		for _, at := range []int{1, 2, 3} {
			w.holds(codes[at], "310000")
			if got := w.at[codes[at]].counted("fetched_bytes_total", "kind=log"); got > 300 {
				t.Errorf("%s fetched %d bytes of leaves, want those of the second head to come with the push", codes[at], got)
			}
		}
		if got := w.at["310000"].counted("pushes_total", "answer=accepted"); got != 6 {
			t.Errorf("pushes accepted = %d, want 6: two heads, three provinces", got)
		}
	})
}
