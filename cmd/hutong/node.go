package main

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/hutong-project/hutong/node"
	"github.com/hutong-project/hutong/node/config"
	"github.com/hutong-project/hutong/trust"
)

type nodeCheckOutput struct {
	Config   string         `json:"config"`
	Node     string         `json:"node"`
	Province trust.Province `json:"province"`
}

// node runs one node of a province's cluster.
func (a *app) node() *cobra.Command {
	var file string
	var check bool
	c := &cobra.Command{
		Use:   "node --config FILE",
		Short: "Run one node of a province's cluster",
		Long: `Runs one node until it gets SIGINT or SIGTERM. Its log goes to standard error, one JSON object a line.
With --check it only says whether the configuration can be used.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := config.Load(file)
			if err != nil {
				return err
			}
			if a.passphraseFile != "" {
				cfg.Keys.PassphraseFile = a.passphraseFile
			}
			if check {
				return a.emit(nodeCheckOutput{file, cfg.Node, cfg.Code()}, func(w io.Writer) {
					fmt.Fprintf(w, "%s can be used: node %s of %s\n", file, cfg.Node, cfg.Province)
				})
			}
			var level slog.Level
			if err := level.UnmarshalText([]byte(cfg.Log.Level)); err != nil {
				return err
			}
			log := slog.New(slog.NewJSONHandler(a.err, &slog.HandlerOptions{Level: level}))
			return node.Run(c.Context(), cfg, log.With("node", cfg.Node))
		},
	}
	c.Flags().StringVar(&file, "config", "", "the node's configuration (YAML)")
	c.Flags().BoolVar(&check, "check", false, "check the configuration and end")
	return require(c, "config")
}
