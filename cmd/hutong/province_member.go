package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/hutong-project/hutong/cmd/internal/province"
)

type renewOutput struct {
	Written []string `json:"written"`
}

// provinceRenew gives the nodes new certificates.
func (a *app) provinceRenew() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use: "renew --dir DIR", Args: cobra.NoArgs,
		Short: "Make new certificates, good for two years, with which the nodes know each other",
		RunE: func(*cobra.Command, []string) error {
			passphrase, err := a.passphrase()
			if err != nil {
				return err
			}
			return changing(dir, province.Load, func(p *province.Province) error {
				written, err := p.Renew(passphrase, a.clock())
				if err != nil {
					return err
				}
				return a.emit(renewOutput{written}, func(w io.Writer) {
					for _, file := range written {
						fmt.Fprintf(w, "wrote %s; copy it to its node, which takes it up by itself\n", file)
					}
				})
			})
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "the province's folder")
	return require(c, "dir")
}

type addNodeOutput struct {
	Node   province.Node `json:"node"`
	Config string        `json:"config"`
}

// provinceAddNode makes what a node needs that is to join the running cluster.
func (a *app) provinceAddNode() *cobra.Command {
	var dir, host string
	var base int
	c := &cobra.Command{
		Use: "add-node --dir DIR", Args: cobra.NoArgs,
		Short: "Make the keys, the certificate and the configuration of a node that is to join the running cluster",
		RunE: func(*cobra.Command, []string) error {
			passphrase, err := a.passphrase()
			if err != nil {
				return err
			}
			return changing(dir, province.Load, func(p *province.Province) error {
				addresses, err := p.NextAddresses(host, base)
				if err != nil {
					return err
				}
				file, err := p.AddNode(addresses, passphrase, a.clock())
				if err != nil {
					return err
				}
				out := addNodeOutput{p.State.Nodes[len(p.State.Nodes)-1], file}
				return a.emit(out, func(w io.Writer) {
					fmt.Fprintf(w, "node %s at %s, peer\n  %s\n", out.Node.ID, out.Node.URL(), out.Node.Peer)
					fmt.Fprintf(w, "wrote %s; let it in with `hutong cluster join --config %s`\n", file, file)
					fmt.Fprintln(w, "Other provinces let it in once a trust list that names it is published.")
				})
			})
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "the province's folder")
	c.Flags().StringVar(&host, "host", "", "address of the node's machine (default: that of the first node)")
	c.Flags().IntVar(&base, "base-port", 0, "as of `hutong province init` (default: that of the first node)")
	return require(c, "dir")
}
