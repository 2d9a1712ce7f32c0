package main

import (
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/hutong-project/hutong/node"
	"github.com/hutong-project/hutong/node/config"
)

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
			if check {
				_, err := fmt.Fprintf(a.out, "%s: node %s of %s can be configured so\n", file, cfg.Node, cfg.Province)
				return err
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
