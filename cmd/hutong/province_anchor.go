package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/hutong-project/hutong/cmd/internal/folder"
	"github.com/hutong-project/hutong/cmd/internal/province"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/list"
)

type anchorOutput struct {
	ID        string      `json:"id"`
	Name      string      `json:"name"`
	Authority string      `json:"authority"`
	Types     []string    `json:"types"`
	Formats   []string    `json:"formats"`
	Status    list.Status `json:"status"`
	Since     trust.Time  `json:"since"`
	Reason    string      `json:"reason,omitzero"`
}

func (a *app) emitAnchor(x *list.Anchor) error {
	out := anchorOutput{x.ID, x.Name, x.Authority, x.CredentialTypes, x.Formats, x.Status, x.Since, x.Reason}
	return a.emit(out, func(w io.Writer) {
		fmt.Fprintf(w, "%s %s (%s) is %s since %s in the draft\n", out.ID, out.Name, out.Authority, out.Status, out.Since)
		for _, t := range out.Types {
			fmt.Fprintf(w, "  may issue %s\n", t)
		}
		fmt.Fprintln(w, "Sign the list and publish it to put this into force.")
	})
}

func (a *app) anchorAdd() *cobra.Command {
	var dir, signer, coverage, since string
	var g province.AnchorGrant
	c := &cobra.Command{
		Use: "add --dir DIR ISSUER.json --type CODE", Args: cobra.ExactArgs(1),
		Short: "Issue an authority's certificate and grant it credential types in the draft",
		RunE: func(_ *cobra.Command, args []string) error {
			if err := errors.Join(oneOf("signer", signer, "self", "operator"), oneOf("coverage", coverage, "log", "none")); err != nil {
				return err
			}
			g.Signer, g.Coverage = list.SignerKind(signer), list.CoverageKind(coverage)
			request, err := folder.Read(args[0])
			if err != nil {
				return err
			}
			if g.Since, err = optionalTime("since", since); err != nil {
				return err
			}
			passphrase, err := a.passphrase()
			if err != nil {
				return err
			}
			return changing(dir, province.Load, func(p *province.Province) error {
				x, err := p.AnchorAdd(request, g, passphrase, a.now())
				if err != nil {
					return err
				}
				return a.emitAnchor(x)
			})
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "the province's folder")
	c.Flags().StringArrayVar(&g.Types, "type", nil, "credential type that the authority may issue; may be repeated")
	c.Flags().StringArrayVar(&g.Formats, "format", []string{"HT1"}, "format that it may issue in; may be repeated")
	c.Flags().StringVar(&signer, "signer", "self", "who signs its status batches: self, or operator when it cannot")
	c.Flags().StringVar(&coverage, "coverage", "log", "log: all its status changes reach the status log; none: they do not")
	c.Flags().StringVar(&since, "since", "", "from when on, such as 2026-11-22T08:00:00Z (default: now)")
	c.Flags().BoolVar(&g.Force, "force", false, "list it although the national list does not grant the types; nodes will refuse it")
	return require(c, "dir", "type")
}

func (a *app) anchorWithdraw() *cobra.Command {
	return a.anchorChange("withdraw", "Withdraw an anchor; what was issued before keeps its answer", list.Withdrawn)
}

func (a *app) anchorSuspend() *cobra.Command {
	return a.anchorChange("suspend", "Suspend an anchor: what it issues from then on cannot be decided", list.Suspended)
}

func (a *app) anchorGrant() *cobra.Command {
	return a.anchorChange("grant", "End the suspension or withdrawal of an anchor", list.Granted)
}

func (a *app) anchorChange(verb, short string, status list.Status) *cobra.Command {
	var dir, since, compromised string
	change := province.AnchorChange{Status: status}
	c := &cobra.Command{
		Use: verb + " --dir DIR ID", Short: short, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var err error
			if change.Since, err = optionalTime("since", since); err != nil {
				return err
			}
			if change.CompromisedSince, err = optionalTime("compromised-since", compromised); err != nil {
				return err
			}
			if c.Flags().Changed("compromised-since") != c.Flags().Changed("last-trusted") {
				return errors.New("--compromised-since and --last-trusted go together: a stolen key writes its own dates, so the log's position decides")
			}
			return changing(dir, province.Load, func(p *province.Province) error {
				x, err := p.AnchorChange(args[0], change, a.now())
				if err != nil {
					return err
				}
				return a.emitAnchor(x)
			})
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "the province's folder")
	c.Flags().StringVar(&change.Reason, "reason", "", "why, for people")
	c.Flags().StringVar(&since, "since", "", "from when on, such as 2026-11-22T08:00:00Z (default: now)")
	require(c, "dir")
	if status == list.Granted {
		return c
	}
	if status == list.Withdrawn {
		c.Flags().StringVar(&compromised, "compromised-since", "", "the key was stolen at this time")
		c.Flags().Uint64Var(&change.LastTrustedIndex, "last-trusted", 0, "with it: the last position of the status log from before")
	}
	return require(c, "reason")
}
