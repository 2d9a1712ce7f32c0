package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/hutong-project/hutong/cmd/internal/coordinator"
	"github.com/hutong-project/hutong/node/client"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/national"
)

type signOutput struct {
	Session    uint64       `json:"session,omitzero"` // of a trust list
	Number     uint64       `json:"number"`
	Digest     trust.Digest `json:"digest"`
	NextUpdate trust.Time   `json:"nextUpdate"`
	Signatures int          `json:"signatures"`
	Threshold  int          `json:"threshold"`
	Complete   bool         `json:"complete"`
	Again      bool         `json:"again"` // the key had signed before
	Changes    []string     `json:"changes"`
}

func (a *app) nationalSign() *cobra.Command {
	var dir, key string
	var days int
	var yes bool
	c := &cobra.Command{
		Use: "sign --dir DIR --key FILE", Args: cobra.NoArgs,
		Short: "Show what changes, and add one key's signature; the first one fixes the list",
		RunE: func(*cobra.Command, []string) error {
			return changing(dir, coordinator.Load, func(f *coordinator.Coordinator) error {
				now := a.now()
				p, err := f.Preview(now, days)
				if err != nil {
					return err
				}
				printChanges(a.shown(), fmt.Sprintf("national list %d, good until %s:", p.Sequence, p.NextUpdate), p.Changes)
				passphrase, err := a.passphrase()
				if err != nil {
					return err
				}
				if err := a.confirm(yes, "Sign this?"); err != nil {
					return err
				}
				s, err := f.Sign(key, passphrase, now, days)
				if err != nil {
					return err
				}
				out := signOutput{
					Number: s.Sequence, Digest: s.Digest, NextUpdate: p.NextUpdate, Signatures: s.Signatures, Threshold: s.Threshold,
					Complete: s.Complete, Again: s.Again, Changes: p.Changes,
				}
				return a.emit(out, func(w io.Writer) {
					printSigned(w, out)
					if out.Complete {
						fmt.Fprintf(w, "complete: give %s to the provinces and publish it\n", f.NewestFile())
					}
				})
			})
		},
	}
	signFlags(c, &dir, &key, &days, &yes, coordinator.DefaultDays)
	return require(c, "dir", "key")
}

func signFlags(c *cobra.Command, dir, key *string, days *int, yes *bool, defaultDays int) {
	c.Flags().StringVar(dir, "dir", "", "the folder of the list")
	c.Flags().StringVar(key, "key", "", "file of the key that signs")
	c.Flags().IntVar(days, "days", defaultDays, "how many days the list is good for")
	c.Flags().BoolVar(yes, "yes", false, "sign without asking")
}

func printChanges(w io.Writer, heading string, changes []string) {
	fmt.Fprintln(w, heading)
	if len(changes) == 0 {
		fmt.Fprintln(w, "  nothing but its dates changes")
	}
	for _, line := range changes {
		hanging(w, 2, line)
	}
}

func printSigned(w io.Writer, out signOutput) {
	if out.Again {
		fmt.Fprintln(w, "this key has signed already, and counts once")
	}
	fmt.Fprintf(w, "%d of %d signatures\n", out.Signatures, out.Threshold)
	fmt.Fprintf(w, "digest %s\n", out.Digest)
}

type publishOutput struct {
	Number uint64          `json:"number"`
	Digest trust.Digest    `json:"digest"`
	Nodes  []publishedNode `json:"nodes"`
}

type publishedNode struct {
	Node   string `json:"node"`
	Taken  bool   `json:"taken"`
	Before bool   `json:"before"` // the node had it already
	Error  string `json:"error,omitzero"`
}

func (a *app) nationalPublish() *cobra.Command {
	var dir string
	var nodes []string
	c := &cobra.Command{
		Use: "publish --dir DIR --node URL", Args: cobra.NoArgs,
		Short: "Hand the newest complete list, and those before that it lacks, to nodes",
		RunE: func(c *cobra.Command, _ []string) error {
			return changing(dir, coordinator.Load, func(f *coordinator.Coordinator) error {
				newest, err := f.ToPublish()
				if err != nil {
					return err
				}
				out := publishOutput{Number: newest.Sequence, Digest: newest.Digest}
				failed := publishTo(nodes, &out, func(n *client.Client) (before bool, err error) {
					return giveNational(c.Context(), n, f, newest)
				})
				if len(failed) < len(nodes) { // one node is enough: the others learn it from that
					if err := f.Published(); err != nil {
						return err
					}
				}
				return a.emitPublished(out, "national list", failed)
			})
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "the coordinator's folder")
	c.Flags().StringArrayVar(&nodes, "node", nil, "address of a node, such as http://127.0.0.1:8101; may be repeated")
	return require(c, "dir", "node")
}

// publishTo gives something to each node and returns the errors of those that did not take it.
func publishTo(nodes []string, out *publishOutput, give func(n *client.Client) (before bool, err error)) (failed []error) {
	for _, address := range nodes {
		result := publishedNode{Node: address}
		n, err := client.New(address)
		if err == nil {
			result.Before, err = give(n)
			n.Close()
		}
		if result.Taken = err == nil; err != nil {
			result.Error = err.Error()
			failed = append(failed, err)
		}
		out.Nodes = append(out.Nodes, result)
	}
	return failed
}

func (a *app) emitPublished(out publishOutput, what string, failed []error) error {
	err := a.emit(out, func(w io.Writer) {
		for _, n := range out.Nodes {
			switch {
			case n.Before:
				fmt.Fprintf(w, "%s has %s %d already\n", n.Node, what, out.Number)
			case n.Taken:
				fmt.Fprintf(w, "%s took %s %d\n", n.Node, what, out.Number)
			}
		}
	})
	if err != nil || len(failed) == 0 {
		return err
	}
	return failed[0]
}

// giveNational brings a node to the newest list: it follows one by one from the list that the node has, or from the
// one that it is pinned to.
func giveNational(ctx context.Context, n *client.Client, f *coordinator.Coordinator, newest *national.Document) (before bool, err error) {
	state, err := n.Node(ctx)
	if err != nil {
		return false, err
	}
	from := uint64(1)
	if held := state.National; held != nil {
		if held.Digest == newest.Digest {
			return true, nil
		}
		from = held.Sequence + 1
	}
	if from > newest.Sequence {
		return false, trust.Refuse(trust.Rollback, "%s has national list %d already; this folder's newest is %d", n.Base(), from-1, newest.Sequence)
	}
	chain, err := f.Chain(from)
	if err != nil {
		return false, err
	}
	taken := state.National != nil
	for i, raw := range chain {
		_, err := n.PublishNational(ctx, raw)
		var problem *client.ProblemError
		if err != nil && !taken && i < len(chain)-1 && errors.As(err, &problem) && problem.Code == string(trust.NotPinned) {
			continue // the node is pinned to a later list
		}
		if err != nil {
			return false, err
		}
		taken = true
	}
	return false, nil
}

func (a *app) nationalDiscard() *cobra.Command {
	var dir string
	var never bool
	c := &cobra.Command{
		Use: "discard --dir DIR", Short: "Drop the list that is being signed; the draft stays", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return changing(dir, coordinator.Load, func(f *coordinator.Coordinator) error {
				if err := f.Discard(never); err != nil {
					return discardError(err)
				}
				return a.emit(struct{}{}, func(w io.Writer) { fmt.Fprintln(w, "dropped; the draft stays as it is") })
			})
		},
	}
	discardFlags(c, &dir, &never)
	return require(c, "dir")
}

func discardFlags(c *cobra.Command, dir *string, never *bool) {
	c.Flags().StringVar(dir, "dir", "", "the folder of the list")
	c.Flags().BoolVar(never, "never-published", false, "drop a complete list too: no node has ever been given it")
}

func discardError(err error) error {
	if errors.Is(err, coordinator.ErrComplete) {
		return fmt.Errorf("%w; when you are sure that none has it: --never-published", err)
	}
	return err
}
