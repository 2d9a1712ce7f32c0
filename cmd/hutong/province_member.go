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
