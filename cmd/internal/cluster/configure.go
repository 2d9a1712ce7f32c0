package cluster

import (
	"github.com/goccy/go-yaml"

	"github.com/hutong-project/hutong/cmd/internal/folder"
	"github.com/hutong-project/hutong/cmd/internal/province"
	"github.com/hutong-project/hutong/node/config"
)

// Loopback returns the addresses of n nodes on free ports of the loopback address.
func Loopback(n int) ([]province.Addresses, error) {
	ports, err := FreePorts(3 * n)
	if err != nil {
		return nil, err
	}
	var nodes []province.Addresses
	for i := range n {
		nodes = append(nodes, province.Addresses{Host: "127.0.0.1", Raft: ports[3*i], P2P: ports[3*i+1], API: ports[3*i+2]})
	}
	return nodes, nil
}

// Configure has p take in the national list and its CA certificate and writes the configurations of its nodes, each
// as adjust leaves it. It returns their files, in the order of the nodes.
func Configure(p *province.Province, nationalList, ca []byte, adjust func(*config.Config)) ([]string, error) {
	files, err := p.Nodes(nationalList, ca)
	if err != nil {
		return nil, err
	}
	for i, file := range files {
		cfg := p.NodeConfig(i)
		adjust(&cfg)
		text, err := yaml.Marshal(cfg)
		if err != nil {
			return nil, err
		}
		if err := folder.Write(file, text); err != nil {
			return nil, err
		}
	}
	return files, nil
}
