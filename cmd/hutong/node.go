package main

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/hutong-project/hutong/consensus/disk"
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
	var check, free bool
	c := &cobra.Command{
		Use:   "node --config FILE",
		Short: "Run one node of a province's cluster",
		Long: `Runs one node until it gets SIGINT or SIGTERM. Its log goes to standard error, one JSON object a line.
With --check it only says whether the configuration can be used. With --free-reserve it only removes the file that holds room
on the disk, for a node that stopped because the disk was full; a node makes it again once there is room.`,
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
			if free {
				return a.freeReserve(cfg)
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
	c.Flags().BoolVar(&free, "free-reserve", false, "remove the reserve file, to make room on a full disk, and end")
	return require(c, "config")
}

type freeReserveOutput struct {
	DataDir string `json:"dataDir"`
	Freed   int64  `json:"freedBytes"`
}

func (a *app) freeReserve(cfg *config.Config) error {
	freed, err := disk.FreeReserve(cfg.DataDir)
	if err != nil {
		return err
	}
	return a.emit(freeReserveOutput{cfg.DataDir, freed}, func(w io.Writer) {
		if freed == 0 {
			fmt.Fprintf(w, "%s holds no reserve; make room on its disk in another way\n", cfg.DataDir)
			return
		}
		fmt.Fprintf(w, "freed %d MiB in %s\n", freed>>20, cfg.DataDir)
	})
}
