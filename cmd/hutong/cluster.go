package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/hutong-project/hutong/cmd/internal/folder"
	"github.com/hutong-project/hutong/node/client"
	"github.com/hutong-project/hutong/node/config"
	"github.com/hutong-project/hutong/node/httpapi"
)

// cluster changes who is in a province's cluster.
func (a *app) cluster() *cobra.Command {
	return group("cluster", "The nodes of a cluster: who they are, who joins, who goes",
		a.clusterMembers(), a.clusterToken(), a.clusterJoin(),
		a.clusterChange("promote", "Give a node a vote, once it has caught up", true, "also when it does not answer or is behind"),
		a.clusterChange("demote", "Take a node's vote; it goes on reading and judging", true, "also when no majority answers afterwards"),
		a.clusterChange("remove", "Take a node out for good: its id never comes back", true, "also when no majority answers afterwards"),
		a.clusterChange("transfer-leader", "Make a node the leader, or whichever is furthest", false, ""))
}

// through are the flags of a command that speaks to a node with a token.
type through struct{ node, tokenFile string }

func (t *through) flags(c *cobra.Command, whose string) {
	c.Flags().StringVar(&t.node, "node", "", "address of any node of the cluster, such as http://127.0.0.1:8101")
	c.Flags().StringVar(&t.tokenFile, "token-file", "", "file with "+whose+" (else the environment's "+tokenVariable+")")
}

// do calls f with a client and the token.
func (t *through) do(f func(n *client.Client, token string) error) error {
	text, err := token(t.tokenFile)
	if err != nil {
		return err
	}
	n, err := client.New(t.node)
	if err != nil {
		return err
	}
	defer n.Close()
	return f(n, text)
}

const operators = "an operator's access token"

func (a *app) clusterMembers() *cobra.Command {
	var t through
	c := &cobra.Command{
		Use: "members --node URL", Args: cobra.NoArgs, Short: "Show the nodes of the cluster and how far each is",
		RunE: func(c *cobra.Command, _ []string) error {
			return t.do(func(n *client.Client, token string) error {
				nodes, err := n.Members(c.Context(), token)
				if err != nil {
					return err
				}
				return a.emit(httpapi.Cluster{Nodes: nodes}, func(w io.Writer) { printMembers(w, nodes) })
			})
		},
	}
	t.flags(c, operators)
	return require(c, "node")
}

func printMembers(w io.Writer, nodes []httpapi.ClusterNode) {
	var t table
	t.row("node", "role", "applied", "address")
	for _, n := range nodes {
		role := "no vote"
		switch {
		case n.Leader:
			role = "leader"
		case n.Voter:
			role = "vote"
		}
		applied := "no answer"
		if n.Answers {
			applied = strconv.FormatUint(n.Applied, 10)
		}
		t.row(n.ID, role, applied, n.Address)
	}
	t.print(w)
}

func (a *app) clusterToken() *cobra.Command {
	var t through
	var life time.Duration
	c := &cobra.Command{
		Use: "token --node URL", Args: cobra.NoArgs,
		Short: "Make a token with which one node may join, and print it once; only its digest is kept",
		RunE: func(c *cobra.Command, _ []string) error {
			return t.do(func(n *client.Client, token string) error {
				out, err := n.NewJoinToken(c.Context(), token, life)
				if err != nil {
					return err
				}
				return a.emit(out, func(w io.Writer) { fmt.Fprintln(w, out.Token) })
			})
		},
	}
	t.flags(c, operators)
	c.Flags().DurationVar(&life, "for", time.Hour, "how long it is good for, at most 24h")
	return require(c, "node")
}

func (a *app) clusterJoin() *cobra.Command {
	var t through
	var file string
	c := &cobra.Command{
		Use: "join --config FILE --node URL", Args: cobra.NoArgs,
		Short: "Let the node of a configuration into the running cluster, without a vote",
		Long: `Lets the node of a configuration, made by hutong province add-node, into the running cluster and writes the
nodes that the cluster has now into the configuration. It joins without a vote; start it, then promote it.`,
		RunE: func(c *cobra.Command, _ []string) error {
			return t.do(func(n *client.Client, token string) error {
				nodes, err := join(c.Context(), n, token, file)
				if err != nil {
					return err
				}
				return a.emit(httpapi.Cluster{Nodes: nodes}, func(w io.Writer) {
					printMembers(w, nodes)
					fmt.Fprintf(w, "start it with `hutong node --config %s`, then give it a vote with `hutong cluster promote`\n", file)
				})
			})
		},
	}
	t.flags(c, "a join token")
	c.Flags().StringVar(&file, "config", "", "the configuration of the node that joins")
	return require(c, "node", "config")
}

func join(ctx context.Context, n *client.Client, token, file string) ([]httpapi.ClusterNode, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	cfg, err := config.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	if cfg.Cluster.Bootstrap {
		return nil, fmt.Errorf("%s says cluster.bootstrap: true: its node founds a cluster and cannot join one; `hutong province add-node` makes one that can", file)
	}
	self := cfg.Self()
	nodes, err := n.Join(ctx, token, httpapi.Join{ID: self.ID, Address: self.Address, Peer: self.Peer, P2P: self.P2P})
	if err != nil {
		return nil, err
	}
	cfg.Cluster.Members = nil
	for _, m := range nodes {
		if m.ID != self.ID && m.Peer != "" {
			cfg.Cluster.Members = append(cfg.Cluster.Members, config.Member{ID: m.ID, Address: m.Address, Peer: m.Peer, P2P: m.P2P})
		}
	}
	cfg.Cluster.Members = append(cfg.Cluster.Members, self)
	if text, err = yaml.Marshal(cfg); err != nil {
		return nil, err
	}
	if _, err := config.Parse(text); err != nil {
		return nil, fmt.Errorf("writing the members into %s: %w", file, err)
	}
	return nodes, folder.Write(file, text)
}

type memberChangeOutput struct {
	Change string `json:"change"`
	Node   string `json:"node,omitzero"`
}

// clusterChange is a command for one node of the cluster.
func (a *app) clusterChange(change, short string, needsID bool, force string) *cobra.Command {
	var t through
	var in httpapi.MemberChange
	args := cobra.ExactArgs(1)
	use := change + " ID --node URL"
	if !needsID {
		args, use = cobra.MaximumNArgs(1), change+" [ID] --node URL"
	}
	c := &cobra.Command{
		Use: use, Short: short, Args: args,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				in.ID = args[0]
			}
			return t.do(func(n *client.Client, token string) error {
				if err := n.ChangeMember(c.Context(), token, change, in); err != nil {
					return err
				}
				return a.emit(memberChangeOutput{change, in.ID}, func(w io.Writer) { fmt.Fprintf(w, "done: %s %s\n", change, in.ID) })
			})
		},
	}
	t.flags(c, operators)
	if force != "" {
		c.Flags().BoolVar(&in.Force, "force", false, force)
	}
	return require(c, "node")
}
