package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"hutong": main}) }

// TestScripts runs testdata/script: one file a behaviour.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", RequireExplicitExec: true, RequireUniqueNames: true, Cmds: scriptCommands(), Setup: setup,
	})
}

func setup(env *testscript.Env) error {
	env.Setenv("HUTONG_PASSPHRASE", "a passphrase of the tests")
	env.Setenv("POLICE", "11310000002420084Y")
	env.Setenv("LICENCE", "11100000000013338W011")
	return nil
}

// scriptCommands are the commands that scripts have beside testscript's own.
func scriptCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		// base NAME: sets $NAME to a base port for --base-port, and $NAME_API to the first node's address, $NAME_API2 ….
		"base": func(ts *testscript.TestScript, _ bool, args []string) {
			base := freeBase(ts.Fatalf, 3)
			ts.Setenv(args[0], strconv.Itoa(base))
			ts.Setenv(args[0]+"_API", fmt.Sprintf("http://127.0.0.1:%d", base+1001))
			ts.Setenv(args[0]+"_API2", fmt.Sprintf("http://127.0.0.1:%d", base+1002))
			ts.Setenv(args[0]+"_API3", fmt.Sprintf("http://127.0.0.1:%d", base+1003))
		},
		// code N PROGRAM ARG…: runs it and wants exit code N.
		"code": func(ts *testscript.TestScript, _ bool, args []string) {
			if want, got := number(ts, args[0]), exitOf(ts.Exec(args[1], args[2:]...)); got != want {
				ts.Fatalf("%v: exit code %d, want %d\n%s%s", args[1:], got, want, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
			}
		},
		// eventually N PROGRAM ARG…: runs it again and again until the exit code is N.
		"eventually": func(ts *testscript.TestScript, _ bool, args []string) {
			want, got := number(ts, args[0]), -1
			met := within(time.Minute, func() bool {
				got = exitOf(ts.Exec(args[1], args[2:]...))
				return got == want
			})
			if !met {
				ts.Fatalf("%v: exit code still %d after a minute, want %d\n%s%s", args[1:], got, want, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
			}
		},
		// setenv NAME: sets $NAME to what the last command printed.
		"setenv": func(ts *testscript.TestScript, _ bool, args []string) {
			text := ts.ReadFile("stdout")
			ts.Setenv(args[0], text[:max(0, len(text)-1)])
		},
		// replace FILE TEXT OTHER: replaces the first TEXT in a file.
		"replace": func(ts *testscript.TestScript, _ bool, args []string) {
			path := ts.MkAbs(args[0])
			before := ts.ReadFile(path)
			after := strings.Replace(before, args[1], args[2], 1)
			if before == after {
				ts.Fatalf("%s does not hold %q", args[0], args[1])
			}
			ts.Check(os.WriteFile(path, []byte(after), 0o600))
		},
	}
}

func number(ts *testscript.TestScript, s string) int {
	n, err := strconv.Atoi(s)
	ts.Check(err)
	return n
}

func exitOf(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	return -1
}

// within polls until met returns true, at most for so long.
func within(limit time.Duration, met func() bool) bool {
	poll := time.NewTicker(100 * time.Millisecond)
	defer poll.Stop()
	for end := time.Now().Add(limit); ; <-poll.C {
		if met() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}

// given are the ports that freeBase has given to a script of this run.
var given = struct {
	sync.Mutex
	ports map[int]bool
}{ports: map[int]bool{}}

// freeBase returns a base port under which the ports of n nodes are free, below the range from which the system gives
// ports to clients.
func freeBase(fatal func(string, ...any), n int) int {
	given.Lock()
	defer given.Unlock()
	for range 1000 {
		base := 10_000 + rand.IntN(20_000)
		if ports := portsOf(base, n); allFree(ports) {
			for _, port := range ports {
				given.ports[port] = true
			}
			return base
		}
	}
	fatal("no free ports found")
	return 0
}

func portsOf(base, n int) (ports []int) {
	for _, offset := range []int{0, 100, 1000} {
		for i := 1; i <= n; i++ {
			ports = append(ports, base+offset+i)
		}
	}
	return ports
}

// allFree reports whether nobody listens on the ports. given is locked.
func allFree(ports []int) bool {
	for _, port := range ports {
		if given.ports[port] {
			return false
		}
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}
