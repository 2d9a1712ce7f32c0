package main

import (
	"fmt"
	"time"

	"github.com/hutong-project/hutong/trust"
)

// optionalTime reads a flag's time: RFC 3339 in any zone, whole seconds. Empty gives zero.
func optionalTime(flag, value string) (trust.Time, error) {
	if value == "" {
		return 0, nil
	}
	t, err := time.Parse(time.RFC3339, value)
	if err != nil || t.Nanosecond() != 0 {
		return 0, fmt.Errorf("--%s %.40q, want a time such as 2026-11-22T08:00:00Z or 2026-11-22T16:00:00+08:00", flag, value)
	}
	return trust.TimeOf(t), nil
}
