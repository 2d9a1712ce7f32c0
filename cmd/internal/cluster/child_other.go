//go:build !linux

package cluster

import "syscall"

// childAttributes gives a node a process group of its own, so that a Ctrl-C at the terminal reaches the program alone that
// started it, which then stops the nodes in order.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
