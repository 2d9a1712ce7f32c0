// Package notify tells the service manager that started a node how the node is: the protocol of sd_notify(3), which
// systemd speaks and others too.
//
// It promises that READY=1 is sent only after the node's own check of life passed, and that each WATCHDOG=1 stands for
// one such check: a node that hangs is not kept alive by a timer that still runs. Where no service manager listens, all
// of it does nothing.
//
// It does not pass file descriptors and does not reload.
package notify

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	writeWithin = time.Second      // a manager that does not read must not hold up the node
	askAgain    = time.Second      // pause between checks until the first one passes
	startStep   = 10 * time.Second // how often more time to start is asked for
	startExtra  = 30 * time.Second // how much is asked for each time; more than a step, so that one may be late
	startMost   = 30 * time.Minute // then opening counts as hung, and the manager's own limit applies
)

// A Service is the connection to the service manager. A nil Service tells nobody. It may be used concurrently.
type Service struct {
	conn     *net.UnixConn
	watchdog time.Duration // the manager acts when it heard no WATCHDOG=1 for so long; 0: it does not watch
	log      *slog.Logger
}

// Connect reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID from getenv. It returns nil and no error where no service
// manager waits for word. pid is this process: a watchdog that was meant for another one is not answered.
func Connect(getenv func(string) string, pid int, log *slog.Logger) (*Service, error) {
	socket := getenv("NOTIFY_SOCKET")
	if socket == "" {
		return nil, nil
	}
	if socket[0] != '/' && socket[0] != '@' {
		return nil, fmt.Errorf("reading NOTIFY_SOCKET: %.108q, want an absolute path or @ and an abstract name", socket)
	}
	watchdog, err := watchdogOf(getenv, pid)
	if err != nil {
		return nil, err
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("connecting to the service manager at NOTIFY_SOCKET: %w", err)
	}
	return &Service{conn: conn, watchdog: watchdog, log: log}, nil
}

func watchdogOf(getenv func(string) string, pid int) (time.Duration, error) {
	text := getenv("WATCHDOG_USEC")
	if text == "" {
		return 0, nil
	}
	if meant := getenv("WATCHDOG_PID"); meant != "" && meant != strconv.Itoa(pid) {
		return 0, nil
	}
	const most = int64(24 * time.Hour / time.Microsecond)
	usec, err := strconv.ParseInt(text, 10, 64)
	if err != nil || usec <= 0 || usec > most {
		return 0, fmt.Errorf("reading WATCHDOG_USEC: %.20q, want microseconds from 1 to %d", text, most)
	}
	return time.Duration(usec) * time.Microsecond, nil
}

// Starting asks for more time again and again until opened is called: a large registry takes long to open. It stops
// asking after half an hour.
func (s *Service) Starting() (opened func()) {
	if s == nil {
		return func() {}
	}
	return s.starting(startStep, startExtra, startMost)
}

func (s *Service) starting(step, extra, most time.Duration) (opened func()) {
	ctx, cancel := context.WithTimeout(context.Background(), most)
	var done sync.WaitGroup
	done.Go(func() {
		for {
			s.send("STATUS=opening the registry", extend(extra))
			if !pause(ctx, step) {
				return
			}
		}
	})
	return func() { cancel(); done.Wait() }
}

// Serving checks alive until it passes, sends READY=1, and from then on sends WATCHDOG=1 after each check that passes,
// three checks in the time that the manager allows. It returns when ctx ends, or after READY=1 where the manager does
// not watch. A check gets a context that ends before the next one is due; one that ignores it holds up the next.
func (s *Service) Serving(ctx context.Context, alive func(context.Context) error) {
	if s == nil {
		return
	}
	every := askAgain
	if s.watchdog > 0 {
		every = min(every, s.watchdog/3)
	}
	for !s.check(ctx, max(every, askAgain), alive) {
		if !pause(ctx, every) {
			return
		}
	}
	s.send("READY=1", "STATUS=serving", "WATCHDOG=1")
	if s.watchdog == 0 {
		return
	}
	every = s.watchdog / 3
	for pause(ctx, every) {
		if s.check(ctx, every, alive) {
			s.send("WATCHDOG=1")
		}
	}
}

func (s *Service) check(ctx context.Context, within time.Duration, alive func(context.Context) error) bool {
	bounded, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	err := alive(bounded)
	if err != nil && ctx.Err() == nil {
		s.log.Warn("the node's check of life did not pass: the service manager hears nothing", "error", err)
	}
	return err == nil && ctx.Err() == nil
}

// Stopping says that the node is on its way down and needs at most so long.
func (s *Service) Stopping(within time.Duration) {
	if s != nil {
		s.send("STOPPING=1", "STATUS=stopping", extend(within), "WATCHDOG=1")
	}
}

// Close ends the connection.
func (s *Service) Close() error {
	if s == nil {
		return nil
	}
	return s.conn.Close()
}

func extend(by time.Duration) string {
	return fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", by.Microseconds())
}

// send sends one datagram. A node goes on serving when its manager does not hear it.
func (s *Service) send(lines ...string) {
	err := s.conn.SetWriteDeadline(time.Now().Add(writeWithin))
	if err == nil {
		_, err = s.conn.Write([]byte(strings.Join(lines, "\n")))
	}
	if err != nil {
		s.log.Warn("the service manager was not told", "what", lines[0], "error", err)
	}
}

// pause waits and reports whether ctx still runs.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
