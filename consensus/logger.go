package consensus

import (
	"context"
	"io"
	"log/slog"

	"github.com/hashicorp/go-hclog"
)

// raftLogger passes what Raft warns of to l. Everything below is Raft talking to itself.
func raftLogger(l *slog.Logger) hclog.Logger {
	i := hclog.NewInterceptLogger(&hclog.LoggerOptions{Name: "raft", Level: hclog.Warn, Output: io.Discard})
	i.RegisterSink(sink{l})
	return i
}

type sink struct{ l *slog.Logger }

// Accept is called by hclog for every message, whatever its level.
func (s sink) Accept(_ string, level hclog.Level, msg string, args ...any) {
	switch level {
	case hclog.Error:
		s.l.Log(context.Background(), slog.LevelError, "raft: "+msg, args...)
	case hclog.Warn:
		s.l.Log(context.Background(), slog.LevelWarn, "raft: "+msg, args...)
	}
}
