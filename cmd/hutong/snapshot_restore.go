package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/hutong-project/hutong/consensus"
	"github.com/hutong-project/hutong/node"
	"github.com/hutong-project/hutong/node/config"
)

type restoredOutput struct {
	File    string `json:"file"`
	DataDir string `json:"dataDir"`
	consensus.Label
}

func (a *app) snapshotRestore() *cobra.Command {
	var file string
	var how consensus.Restoring
	c := &cobra.Command{
		Use: "restore --config FILE SNAPSHOT", Args: cobra.ExactArgs(1),
		Short: "Make the data folder of a stopped node from a snapshot; do it for every member of the lost cluster",
		Long: `Makes the data folder of a stopped node from a snapshot. After the loss of a whole cluster: restore every node of
cluster.members from the same file, then start them; docs/backup.md has the procedure. The cluster starts unsettled: it
takes no events and signs nothing before it has taken back from the other provinces what it had published.`,
		RunE: func(_ *cobra.Command, args []string) error {
			cfg, err := config.Load(file)
			if err != nil {
				return err
			}
			snapshot, err := os.Open(args[0])
			if err != nil {
				return fmt.Errorf("restoring a snapshot: %w", err)
			}
			defer snapshot.Close()
			out := restoredOutput{File: args[0], DataDir: cfg.DataDir}
			log := slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
			if out.Label, err = node.Restore(cfg, snapshot, how, log); err != nil {
				return err
			}
			return a.emit(out, func(w io.Writer) {
				fmt.Fprintf(w, "%s holds the state of %s of %s, at entry %d; it is unsettled until the other provinces have been asked\n",
					out.DataDir, out.Province, out.Made, out.Index)
			})
		},
	}
	c.Flags().StringVar(&file, "config", "", "the node's configuration (YAML)")
	c.Flags().BoolVar(&how.Force, "force", false, "take a backup of another cluster of the same province, or lower numbers of the state that is there")
	c.Flags().BoolVar(&how.NoPeers, "no-peers", false, "state that no other province holds anything of this one: nobody is asked")
	return require(c, "config")
}
