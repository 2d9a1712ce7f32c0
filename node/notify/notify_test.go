package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const pid = 4711

// A manager is a service manager's end of the socket.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
	env  map[string]string
}

func newManager(t *testing.T, name string) *manager {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &manager{t, conn, map[string]string{"NOTIFY_SOCKET": name}}
}

// inFolder returns a manager on a socket in a folder whose path is short enough for one.
func inFolder(t *testing.T) *manager {
	t.Helper()
	dir, err := os.MkdirTemp("", "notify")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return newManager(t, filepath.Join(dir, "s"))
}

func (m *manager) connect() *Service {
	m.t.Helper()
	s, err := Connect(func(name string) string { return m.env[name] }, pid, slog.New(slog.DiscardHandler))
	if err != nil {
		m.t.Fatalf("Connect(%v) = %v, want nil", m.env, err)
	}
	if s == nil {
		m.t.Fatalf("Connect(%v) = nil, want a service", m.env)
	}
	m.t.Cleanup(func() { s.Close() })
	return s
}

// next returns the next datagram, or "" when none comes within so long.
func (m *manager) next(within time.Duration) string {
	m.t.Helper()
	if err := m.conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		m.t.Fatal(err)
	}
	data := make([]byte, 4096)
	n, err := m.conn.Read(data)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return ""
	}
	if err != nil {
		m.t.Fatal(err)
	}
	return string(data[:n])
}

func (m *manager) want(text string) {
	m.t.Helper()
	if got := m.next(10 * time.Second); got != text {
		m.t.Errorf("the manager heard %q, want %q", got, text)
	}
}

// serve runs Serving until the test ends or stop is called.
func serve(t *testing.T, s *Service, alive func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { s.Serving(ctx, alive); close(done) }()
	stop = func() {
		cancel()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Error("Serving() still runs 10s after its context ended")
		}
	}
	t.Cleanup(stop)
	return stop
}

func well(context.Context) error { return nil }

func TestLife(t *testing.T) {
	for _, kind := range []string{"path", "abstract"} {
		t.Run(kind, func(t *testing.T) {
			var m *manager
			if kind == "path" {
				m = inFolder(t)
			} else {
				m = newManager(t, fmt.Sprintf("@hutong-notify-%d-%d", os.Getpid(), time.Now().UnixNano()))
			}
			m.env["WATCHDOG_USEC"], m.env["WATCHDOG_PID"] = "60000", fmt.Sprint(pid)
			s := m.connect()
			opened := s.Starting()
			m.want("STATUS=opening the registry\nEXTEND_TIMEOUT_USEC=30000000")
			opened()
			stop := serve(t, s, well)
			m.want("READY=1\nSTATUS=serving\nWATCHDOG=1")
			m.want("WATCHDOG=1")
			m.want("WATCHDOG=1")
			stop()
			for m.next(time.Millisecond) != "" { // what was sent before stop
			}
			s.Stopping(20 * time.Second)
			m.want("STOPPING=1\nSTATUS=stopping\nEXTEND_TIMEOUT_USEC=20000000\nWATCHDOG=1")
		})
	}
}

// TestReadyAfterCheck: a node that does not answer is not ready, and one that stops answering is not kept alive.
func TestReadyAfterCheck(t *testing.T) {
	m := inFolder(t)
	m.env["WATCHDOG_USEC"] = "90000"
	s := m.connect()
	asked, answers := make(chan struct{}), make(chan error)
	serve(t, s, func(ctx context.Context) error {
		select {
		case asked <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case err := <-answers:
			return err
		case <-t.Context().Done():
			return t.Context().Err()
		}
	})
	sick := errors.New("no answer")
	answer := func(err error) { t.Helper(); <-asked; answers <- err }
	silent := func(when string) {
		t.Helper()
		<-asked // so what the answer before led to has been sent
		if got := m.next(time.Millisecond); got != "" {
			t.Errorf("%s the manager heard %q, want nothing", when, got)
		}
		answers <- sick
	}
	answer(sick)
	silent("after a check that failed")
	silent("after a second check that failed")
	answer(nil)
	m.want("READY=1\nSTATUS=serving\nWATCHDOG=1")
	answer(sick)
	silent("after the serving node failed a check")
	silent("after it failed another one")
	answer(nil)
	m.want("WATCHDOG=1")
}

// TestHungCheck: a check that does not come back keeps the manager waiting, however often it is due.
func TestHungCheck(t *testing.T) {
	m := inFolder(t)
	m.env["WATCHDOG_USEC"] = "30000"
	s := m.connect()
	hang, hung, calls := make(chan struct{}), make(chan struct{}), 0
	serve(t, s, func(context.Context) error {
		if calls++; calls == 2 {
			close(hung)
			<-hang
		}
		return nil
	})
	t.Cleanup(func() { close(hang) }) // before serve's own, which waits
	m.want("READY=1\nSTATUS=serving\nWATCHDOG=1")
	<-hung
	if got := m.next(200 * time.Millisecond); got != "" {
		t.Errorf("while the check hangs the manager heard %q, want nothing", got)
	}
}

func TestStartingAsksAgainUpToItsLimit(t *testing.T) {
	m := inFolder(t)
	s := m.connect()
	opened := s.starting(time.Millisecond, time.Minute, 50*time.Millisecond)
	m.want("STATUS=opening the registry\nEXTEND_TIMEOUT_USEC=60000000")
	m.want("STATUS=opening the registry\nEXTEND_TIMEOUT_USEC=60000000")
	deadline := time.Now().Add(10 * time.Second)
	for m.next(200*time.Millisecond) != "" {
		if time.Now().After(deadline) {
			t.Fatal("it still asks for time 10s after its limit of 50ms")
		}
	}
	opened()
}

// TestUnwatched: without a watchdog, or with one for another process, READY=1 is all there is.
func TestUnwatched(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"no watchdog":                {},
		"a watchdog for another one": {"WATCHDOG_USEC": "30000", "WATCHDOG_PID": "4712"},
	} {
		t.Run(name, func(t *testing.T) {
			m := inFolder(t)
			for k, v := range env {
				m.env[k] = v
			}
			m.connect().Serving(t.Context(), well) // returns by itself
			m.want("READY=1\nSTATUS=serving\nWATCHDOG=1")
			if got := m.next(time.Millisecond); got != "" {
				t.Errorf("then the manager heard %q, want nothing", got)
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	s, err := Connect(func(string) string { return "" }, pid, slog.New(slog.DiscardHandler))
	if s != nil || err != nil {
		t.Fatalf("Connect(no NOTIFY_SOCKET) = %v, %v, want nil, nil", s, err)
	}
	s.Starting()()
	s.Serving(t.Context(), func(context.Context) error { t.Error("a check nobody asked for"); return nil })
	s.Stopping(time.Second)
	if err := s.Close(); err != nil {
		t.Errorf("Close() = %v, want nil", err)
	}
}

func TestConnectRefuses(t *testing.T) {
	m := inFolder(t)
	for _, test := range []struct {
		socket, usec, says string
	}{
		{"relative/socket", "", "NOTIFY_SOCKET"},
		{"vsock:2:1234", "", "NOTIFY_SOCKET"},
		{m.env["NOTIFY_SOCKET"] + "-gone", "", "NOTIFY_SOCKET"},
		{m.env["NOTIFY_SOCKET"], "0", "WATCHDOG_USEC"},
		{m.env["NOTIFY_SOCKET"], "-5", "WATCHDOG_USEC"},
		{m.env["NOTIFY_SOCKET"], "30s", "WATCHDOG_USEC"},
		{m.env["NOTIFY_SOCKET"], "9223372036854775807", "WATCHDOG_USEC"},
	} {
		env := map[string]string{"NOTIFY_SOCKET": test.socket, "WATCHDOG_USEC": test.usec}
		s, err := Connect(func(name string) string { return env[name] }, pid, slog.New(slog.DiscardHandler))
		if s != nil || err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("Connect(%v) = %v, %v, want nil and an error about %s", env, s, err, test.says)
		}
	}
}

// TestDeafManager: a manager that does not read neither stops the node nor holds it up for long.
func TestDeafManager(t *testing.T) {
	m := inFolder(t)
	s := m.connect()
	m.conn.Close()
	s.Serving(t.Context(), well)
	s.Stopping(time.Second)
}
