package node

import (
	"io"
	"log/slog"

	"github.com/hutong-project/hutong/consensus"
	"github.com/hutong-project/hutong/node/config"
)

// Restore makes the data folder of a stopped node from a backup: see consensus.Restore. It needs none of the node's keys.
func Restore(cfg *config.Config, backup io.Reader, how consensus.Restoring, log *slog.Logger) (consensus.Label, error) {
	return consensus.Restore(registryConfig(cfg, keys{}, &forwarder{}, log), backup, how)
}
