package nodetest

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// Ports are taken from below the range from which systems give ports to connections that go out (32768 and up on
// Linux): a port that is free now stays free unless another listener comes.
const firstPort, lastPort = 20000, 32000

// freePorts returns n ports of the loopback address that nobody listens on. A stranger can still take one before a node
// does; the node then says so.
func freePorts(n int) ([]int, error) {
	ports := make([]int, 0, n)
	for range 100 * n {
		if len(ports) == n {
			return ports, nil
		}
		port := firstPort + rand.IntN(lastPort-firstPort)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		defer l.Close() // all stay taken until the end, so they differ
		ports = append(ports, port)
	}
	return nil, fmt.Errorf("looking for %d free ports between %d and %d: found %d", n, firstPort, lastPort, len(ports))
}
