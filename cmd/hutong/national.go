package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/hutong-project/hutong/cmd/internal/coordinator"
	"github.com/hutong-project/hutong/cmd/internal/folder"
	"github.com/hutong-project/hutong/trust"
)

// national is what the national coordinator does.
func (a *app) national() *cobra.Command {
	return group("national", "For the national coordinator: who belongs, under which keys",
		a.nationalInit(), a.nationalAdmit(), a.nationalSuspend(), a.nationalReadmit(), a.nationalWithdraw(),
		a.nationalSign(), a.nationalPublish(), a.nationalDiscard())
}

type keyOutput struct {
	File string      `json:"file"`
	ID   trust.KeyID `json:"id"`
}

type nationalInitOutput struct {
	Dir       string      `json:"dir"`
	Operator  string      `json:"operator"`
	Threshold int         `json:"threshold"`
	Keys      []keyOutput `json:"keys"`
}

func (a *app) nationalInit() *cobra.Command {
	var dir string
	var o coordinator.Options
	c := &cobra.Command{
		Use: "init --dir DIR --operator NAME", Args: cobra.NoArgs,
		Short: "Make the coordinator's folder: its keys and the national root",
		RunE: func(*cobra.Command, []string) error {
			passphrase, err := a.passphrase()
			if err != nil {
				return err
			}
			made, err := coordinator.Create(dir, passphrase, o, a.now())
			if err != nil {
				return err
			}
			out := nationalInitOutput{Dir: dir, Operator: o.Operator, Threshold: made.Draft.Threshold}
			for i, k := range made.Draft.Keys {
				out.Keys = append(out.Keys, keyOutput{made.KeyFile(i), k.Key.ID()})
			}
			return a.emit(out, func(w io.Writer) {
				fmt.Fprintf(w, "national coordinator %s: %d of %d keys sign a list\n", o.Operator, out.Threshold, len(out.Keys))
				var t table
				for _, k := range out.Keys {
					t.row("  "+k.File, k.ID.Short())
				}
				t.print(w)
				fmt.Fprintln(w, "Give each key file to another person; they sign one after the other.")
			})
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "folder to make")
	c.Flags().StringVar(&o.Operator, "operator", "", "name of the coordinator, for people")
	c.Flags().IntVar(&o.Keys, "keys", 3, "how many keys")
	c.Flags().IntVar(&o.Threshold, "threshold", 2, "how many of them must sign a list")
	return require(c, "dir", "operator")
}

type admitOutput struct {
	Province    trust.Province `json:"province"`
	NameZH      string         `json:"nameZh"`
	NameEN      string         `json:"nameEn"`
	Request     trust.Digest   `json:"request"` // digest: the province's `init` printed the same one
	Replaced    bool           `json:"replaced"`
	Types       []string       `json:"types"`
	Peers       int            `json:"peers"`
	Certificate string         `json:"certificate"`
}

func (a *app) nationalAdmit() *cobra.Command {
	var dir string
	var terms coordinator.Terms
	c := &cobra.Command{
		Use: "admit --dir DIR REQUEST.json", Args: cobra.ExactArgs(1),
		Short: "Put a province into the draft, or replace its keys, and issue its CA certificate",
		RunE: func(_ *cobra.Command, args []string) error {
			request, err := folder.Read(args[0])
			if err != nil {
				return err
			}
			passphrase, err := a.passphrase()
			if err != nil {
				return err
			}
			return changing(dir, coordinator.Load, func(f *coordinator.Coordinator) error {
				done, err := f.Admit(request, terms, passphrase, a.now())
				if err != nil {
					return err
				}
				e := &done.Entry
				out := admitOutput{e.Code, e.NameZH, e.NameEN, done.Digest, done.Replaced, e.Types, len(e.Peers), done.CertificateFile}
				return a.emit(out, func(w io.Writer) { printAdmitted(w, out) })
			})
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "the coordinator's folder")
	c.Flags().StringArrayVar(&terms.Types, "type", nil, "credential type that the province may grant, or a beginning with * (default: all); may be repeated")
	return require(c, "dir")
}

func printAdmitted(w io.Writer, out admitOutput) {
	verb := "admitted"
	if out.Replaced {
		verb = "replaced"
	}
	fmt.Fprintf(w, "%s %s %s in the draft, with %d peers\n", verb, out.Province, out.NameZH, out.Peers)
	var t table
	t.row("request", out.Request.String())
	for _, pattern := range out.Types {
		t.row("may grant", pattern)
	}
	t.row("certificate", out.Certificate)
	t.print(w)
	fmt.Fprintln(w, "Have the province read out its request's digest before anyone signs.")
}
