package node

import (
	"log/slog"

	"github.com/hutong-project/hutong/node/clustertls"
	"github.com/hutong-project/hutong/node/config"
	"github.com/hutong-project/hutong/node/httpapi"
)

// openCertificate opens what the node shows the others of its cluster, nil where the configuration names nothing.
func openCertificate(cfg *config.Config, passphrase []byte, log *slog.Logger) (*clustertls.Files, error) {
	t := cfg.Cluster.TLS
	if t == nil {
		return nil, nil
	}
	return clustertls.Open(clustertls.Config{
		Province: cfg.Code(), Node: cfg.Node, Certificate: t.Certificate, Key: t.Key, CA: t.CA,
		Passphrase: passphrase, Logger: log.With("part", "consensus"),
	})
}

// certificateOf is f as the HTTP interface shows it.
func certificateOf(f *clustertls.Files) httpapi.Certificate {
	if f == nil {
		return nil
	}
	return f
}
