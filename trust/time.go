package trust

import (
	"fmt"
	"time"
)

// A Time is a moment in whole seconds since 1970-01-01T00:00:00Z. All signed forms use it: in JSON as RFC 3339
// in UTC with a Z and no fraction, in CBOR as the integer. Zero means "absent" where a format allows that.
// Times before year 1 or after 9999 are refused when read.
type Time int64

const timeLayout = "2006-01-02T15:04:05Z"

// TimeOf drops the fraction of a second of t.
func TimeOf(t time.Time) Time { return Time(t.Unix()) }

// Std returns t as the standard library's time, in UTC.
func (t Time) Std() time.Time { return time.Unix(int64(t), 0).UTC() }

// Add returns t moved by d, whose fraction of a second is dropped.
func (t Time) Add(d time.Duration) Time { return t + Time(d/time.Second) }

// Sub returns t − u.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t-u) * time.Second }

// IsZero reports whether t is absent.
func (t Time) IsZero() bool { return t == 0 }

// String returns the JSON text form.
func (t Time) String() string { return t.Std().Format(timeLayout) }

// MarshalText returns the JSON text form.
func (t Time) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads the one accepted text form.
func (t *Time) UnmarshalText(text []byte) error {
	v, err := ParseTime(string(text))
	*t = v
	return err
}

// ParseTime reads the one accepted text form, such as 2026-11-22T08:00:00Z.
func ParseTime(s string) (Time, error) {
	std, err := time.Parse(timeLayout, s)
	if err != nil || std.Format(timeLayout) != s {
		return 0, fmt.Errorf("reading a time: %.40q, want RFC 3339 in UTC with whole seconds, such as 2026-11-22T08:00:00Z", s)
	}
	return TimeOf(std), nil
}

// China is the zone in which dates without a time run (UTC+8, no daylight saving).
var China = time.FixedZone("UTC+8", 8*60*60)
