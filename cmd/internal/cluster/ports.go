package cluster

import (
	"fmt"
	"net"
)

// FreePorts returns n ports of the loopback address that nobody listens on. They are found by listening on all of them
// at once, so they differ; a stranger can still take one before a node does, and the node then says so.
func FreePorts(n int) ([]int, error) {
	ports := make([]int, n)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("looking for free ports: %w", err)
		}
		defer l.Close()
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}
