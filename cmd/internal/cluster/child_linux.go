package cluster

import "syscall"

// childAttributes gives a node a process group of its own, so that a Ctrl-C at the terminal reaches the program alone that
// started it, which then stops the nodes in order; and has the system end the node when that program is killed.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
