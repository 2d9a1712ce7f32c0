package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/hutong-project/hutong/node/client"
	"github.com/hutong-project/hutong/node/httpapi"
	"github.com/hutong-project/hutong/trust/verdict"
)

func (a *app) verify() *cobra.Command {
	var node, at string
	var in httpapi.Verify
	c := &cobra.Command{
		Use: "verify TEXT|FILE|- --node URL", Args: cobra.ExactArgs(1),
		Short: "Ask a node whether a credential is good; exit code 0 valid, 1 invalid, 2 indeterminate",
		RunE: func(c *cobra.Command, args []string) error {
			var err error
			if in.ValidAt, err = optionalTime("at", at); err != nil {
				return err
			}
			if in.Credential, err = a.credentialText(args[0]); err != nil {
				return err
			}
			n, err := client.New(node)
			if err != nil {
				return err
			}
			defer n.Close()
			v, err := n.Verify(c.Context(), in)
			if err != nil {
				return err
			}
			if err := a.emit(v, func(w io.Writer) { printVerdict(w, v) }); err != nil {
				return err
			}
			return resultOf(v.Result)
		},
	}
	c.Flags().StringVar(&node, "node", "", "address of a node, such as http://127.0.0.1:8101")
	c.Flags().StringVar(&at, "at", "", "ask for this moment, such as 2026-11-22T08:00:00Z (default: now)")
	c.Flags().BoolVar(&in.AcceptStale, "accept-stale", false, "let data pass that is out of date, but within grace")
	c.Flags().BoolVar(&in.Disclose, "disclose", false, "show the face claims too: personal data")
	return require(c, "node")
}

var resultWords = map[verdict.Result]string{
	verdict.Valid: "VALID 有效", verdict.Invalid: "INVALID 无效", verdict.Indeterminate: "INDETERMINATE 无法判定",
}

func printVerdict(w io.Writer, v *verdict.Verdict) {
	fmt.Fprintln(w, resultWords[v.Result])
	for _, r := range v.Reasons {
		indented(w, 2, fmt.Sprintf("%s: %s", r.Code, r.ZH))
		indented(w, 4, r.EN)
		if r.Detail != "" {
			indented(w, 4, r.Detail)
		}
	}
	var about table
	if c := v.Credential; c != nil {
		kind := c.Format
		if c.Presentation {
			kind += ", presentation code"
		}
		about.row("credential", kind)
		about.row("  type", c.Type)
		about.row("  validity", validity(c))
		for _, claim := range c.Face {
			about.row("  "+claim.Name, claim.Value)
		}
	}
	if i := v.Issuer; i != nil {
		about.row("issuer", i.Name)
		about.row("  authority", fmt.Sprintf("%s, anchor %s of %s, %s", i.Authority, i.Anchor, i.Province, i.Status))
	}
	about.row("asked for", v.ValidAt.String())
	about.row("evidence", evidence(v))
	about.print(w)
	var steps table
	for _, c := range v.Checks {
		steps.row(fmt.Sprintf("  %d %s", c.Step, c.Name), string(c.Outcome), string(c.Code))
	}
	steps.print(w)
}

func validity(c *verdict.Credential) string {
	text := ""
	if !c.Issued.IsZero() {
		text = "issued " + c.Issued.String()
	}
	if !c.NotBefore.IsZero() {
		text += ", from " + c.NotBefore.String()
	}
	if c.Expires.IsZero() {
		return text + ", 长期"
	}
	return text + ", until " + c.Expires.String()
}

func evidence(v *verdict.Verdict) string {
	e := v.Evidence
	text := fmt.Sprintf("national list %d", e.NationalList)
	if e.TrustList != nil {
		text += fmt.Sprintf(", trust list %d", e.TrustList.Version)
	}
	if e.Head != nil {
		text += fmt.Sprintf(", head %d (%d s old)", e.Head.Sequence, e.Head.AgeSeconds)
	}
	if e.Log != nil {
		text += fmt.Sprintf(", log of %d", e.Log.Size)
		if e.Log.Position != nil {
			text += fmt.Sprintf(", position %d", *e.Log.Position)
		}
	}
	return text
}
