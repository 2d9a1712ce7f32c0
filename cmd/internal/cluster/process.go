package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/hutong-project/hutong/node/keyfile"
)

// StopWithin bounds an orderly stop of one node; after that it is killed.
const StopWithin = 15 * time.Second

// A Process is one node: this program again, as `hutong node --config FILE`.
type Process struct {
	name string
	log  string // file of what it prints
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended and its exit is known
}

// Start runs a node whose keys open with passphrase. Its output goes to a file beside its configuration.
func Start(binary, config, passphrase string) (*Process, error) {
	name := filepath.Base(filepath.Dir(config)) + "/" + filepath.Base(config)
	p := &Process{name: name, log: config + ".log", done: make(chan struct{})}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("starting node %s: %w", name, err)
	}
	defer out.Close()
	p.cmd = exec.Command(binary, "node", "--config", config)
	p.cmd.Env = append(os.Environ(), keyfile.PassphraseVariable+"="+passphrase)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = childAttributes()
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting node %s: %w", name, err)
	}
	go func() {
		_ = p.cmd.Wait() // the exit status stands in cmd.ProcessState
		close(p.done)
	}()
	return p, nil
}

// Ended returns an error that shows the end of its log when the node has stopped by itself.
func (p *Process) Ended() error {
	select {
	case <-p.done:
		return fmt.Errorf("node %s ended: %s; the end of its log:\n%s", p.name, p.cmd.ProcessState, tail(p.log))
	default:
		return nil
	}
}

// Kill ends the node as a power cut would.
func (p *Process) Kill() {
	_ = p.cmd.Process.Signal(syscall.SIGKILL) // it may be gone already
	<-p.done
}

// Stop asks the node to end in order, and kills it when that takes too long.
func (p *Process) Stop(ctx context.Context) {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-ctx.Done():
		p.Kill()
	}
}

// Pause stops the node as SIGSTOP does: it holds its connections and does nothing.
func (p *Process) Pause() error { return p.cmd.Process.Signal(syscall.SIGSTOP) }

// Continue lets a paused node go on.
func (p *Process) Continue() error { return p.cmd.Process.Signal(syscall.SIGCONT) }

// Exit returns how the process ended, or nil while it runs.
func (p *Process) Exit() *os.ProcessState {
	select {
	case <-p.done:
		return p.cmd.ProcessState
	default:
		return nil
	}
}

// PID returns the process id of the node.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// tail returns the last lines of a file.
func tail(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	const most = 2000
	if len(data) > most {
		data = data[len(data)-most:]
	}
	return string(data)
}
