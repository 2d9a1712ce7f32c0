package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/hutong-project/hutong/cmd/internal/province"
	"github.com/hutong-project/hutong/node/client"
	"github.com/hutong-project/hutong/trust/list"
)

func (a *app) listSign() *cobra.Command {
	var dir, key string
	var days int
	var yes bool
	c := &cobra.Command{
		Use: "sign --dir DIR --key FILE", Args: cobra.NoArgs,
		Short: "Show what changes, and add one list key's signature; the first one fixes the list",
		RunE: func(*cobra.Command, []string) error {
			return changing(dir, province.Load, func(f *province.Province) error {
				now := a.now()
				p, err := f.Preview(now, days)
				if err != nil {
					return err
				}
				w := a.shown()
				printChanges(w, fmt.Sprintf("trust list %d of %s, good until %s:", p.Number, f.Code, p.NextUpdate), p.Changes)
				for _, r := range p.Refused {
					hanging(w, 2, fmt.Sprintf("every node will refuse anchor %s: %s: %s", r.ID, r.Code, r.Detail))
				}
				passphrase, err := a.passphrase()
				if err != nil {
					return err
				}
				if err := a.confirm(yes, "Sign this?"); err != nil {
					return err
				}
				s, err := f.ListSign(key, passphrase, now, days)
				if err != nil {
					return err
				}
				out := signOutput{
					Session: s.Session, Number: s.Number, Digest: s.Digest, NextUpdate: p.NextUpdate, Signatures: s.Signatures,
					Threshold: s.Threshold, Complete: s.Complete(), Again: s.Again, Changes: p.Changes,
				}
				return a.emit(out, func(w io.Writer) {
					printSigned(w, out)
					if out.Complete {
						fmt.Fprintln(w, "complete: publish it")
					}
				})
			})
		},
	}
	signFlags(c, &dir, &key, &days, &yes, province.DefaultDays)
	return require(c, "dir", "key")
}

func (a *app) listPublish() *cobra.Command {
	var dir, node string
	c := &cobra.Command{
		Use: "publish --dir DIR --node URL", Args: cobra.NoArgs,
		Short: "Hand the newest complete trust list to a node of the own cluster",
		RunE: func(c *cobra.Command, _ []string) error {
			return changing(dir, province.Load, func(f *province.Province) error {
				raw, err := f.ToPublish()
				if err != nil {
					return err
				}
				d, err := list.Read(raw)
				if err != nil {
					return err
				}
				out := publishOutput{Number: d.Number, Digest: d.Digest}
				failed := publishTo([]string{node}, &out, func(n *client.Client) (bool, error) {
					_, err := n.PublishList(c.Context(), raw)
					return false, err
				})
				if len(failed) == 0 {
					if err := f.Published(); err != nil {
						return err
					}
				}
				return a.emitPublished(out, "trust list", failed)
			})
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "the province's folder")
	c.Flags().StringVar(&node, "node", "", "address of a node, such as http://127.0.0.1:8101")
	return require(c, "dir", "node")
}

func (a *app) listDiscard() *cobra.Command {
	var dir string
	var never bool
	c := &cobra.Command{
		Use: "discard --dir DIR", Short: "Drop the list that is being signed; the draft stays", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return changing(dir, province.Load, func(f *province.Province) error {
				if err := f.Discard(never); errors.Is(err, province.ErrComplete) {
					return fmt.Errorf("%w; when you are sure that none has it: --never-published", err)
				} else if err != nil {
					return err
				}
				return a.emit(struct{}{}, func(w io.Writer) { fmt.Fprintln(w, "dropped; the draft stays as it is") })
			})
		},
	}
	discardFlags(c, &dir, &never)
	return require(c, "dir")
}
