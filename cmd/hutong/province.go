package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/hutong-project/hutong/cmd/internal/folder"
	"github.com/hutong-project/hutong/cmd/internal/province"
	"github.com/hutong-project/hutong/node/access"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/identifier"
)

// province is what the operator of a province's cluster does.
func (a *app) province() *cobra.Command {
	return group("province", "For a province's operator: its nodes, its trust list, its access tokens",
		a.provinceInit(), a.provinceNodes(), a.provinceAddNode(), a.provinceRenew(),
		group("anchor", "Who may issue what", a.anchorAdd(), a.anchorWithdraw(), a.anchorSuspend(), a.anchorGrant()),
		group("list", "The trust list", a.listSign(), a.listPublish(), a.listDiscard()),
		group("token", "Who may push status changes", a.tokenAdd()))
}

type provinceInitOutput struct {
	Dir     string          `json:"dir"`
	Code    trust.Province  `json:"province"`
	NameZH  string          `json:"nameZh"`
	Request trust.Digest    `json:"request"`
	Nodes   []province.Node `json:"nodes"`
}

func (a *app) provinceInit() *cobra.Command {
	var dir, code string
	var hosts []string
	var n, base int
	var o province.Options
	c := &cobra.Command{
		Use: "init --dir DIR --code 310000", Args: cobra.NoArgs,
		Short: "Make a province's folder: its keys, its nodes and the request to be admitted",
		RunE: func(*cobra.Command, []string) error {
			passphrase, err := a.passphrase()
			if err != nil {
				return err
			}
			o.Code = trust.Province(code)
			if o.Nodes, err = province.Layout(hosts, base, n); err != nil {
				return err
			}
			p, err := province.Create(dir, passphrase, o)
			if err != nil {
				return usage(err, trust.UnknownProvince)
			}
			out := provinceInitOutput{dir, p.Code, p.NameZH, p.Digest, p.State.Nodes}
			return a.emit(out, func(w io.Writer) { printProvince(w, out) })
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "folder to make")
	c.Flags().StringVar(&code, "code", "", "GB/T 2260 code, such as 310000")
	c.Flags().IntVar(&n, "nodes", 3, "how many nodes: 3 or 5 survive a loss")
	c.Flags().StringSliceVar(&hosts, "host", []string{"127.0.0.1"}, "address of the nodes' machine, or one for each node with commas between")
	c.Flags().IntVar(&base, "base-port", 7100, "node i listens on this + i (cluster), + 100 + i (federation) and + 1000 + i (HTTP)")
	c.Flags().IntVar(&o.ListKeys, "list-keys", 1, "how many keys for trust lists")
	c.Flags().IntVar(&o.ListThreshold, "list-threshold", 1, "how many of them must sign a trust list")
	c.Flags().StringVar(&o.Authority, "authority", "", "the operator's 统一社会信用代码, under which its CA stands in the trust list (default: the province's code)")
	return require(c, "dir", "code")
}

func printProvince(w io.Writer, out provinceInitOutput) {
	fmt.Fprintf(w, "%s %s, request digest\n  %s\n", out.Code, out.NameZH, out.Request)
	for _, n := range out.Nodes {
		fmt.Fprintf(w, "node %s at %s, peer\n  %s\n", n.ID, n.URL(), n.Peer)
	}
	fmt.Fprintf(w, "Send %s/%s to the national coordinator.\n", out.Dir, province.RequestFile)
}

// usage turns a refusal of what stands on the command line into an error of usage.
func usage(err error, code trust.RefusalCode) error {
	if r, ok := trust.AsRefusal(err); ok && r.Code == code {
		return fmt.Errorf("%s", r.Detail)
	}
	return err
}

type nodesOutput struct {
	National uint64       `json:"nationalList"`
	Pin      trust.Digest `json:"pin"`
	Written  []string     `json:"written"`
}

func (a *app) provinceNodes() *cobra.Command {
	var dir, nationalFile, caFile string
	c := &cobra.Command{
		Use: "nodes --dir DIR --national LIST.json --ca CERT.pem", Args: cobra.NoArgs,
		Short: "Take in the national list and the CA certificate, and write the nodes' configurations",
		RunE: func(*cobra.Command, []string) error {
			list, err := folder.Read(nationalFile)
			if err != nil {
				return err
			}
			ca, err := folder.Read(caFile)
			if err != nil {
				return err
			}
			return changing(dir, province.Load, func(p *province.Province) error {
				written, err := p.Nodes(list, ca)
				if err != nil {
					return err
				}
				out := nodesOutput{p.National.Sequence, p.National.Digest, written}
				return a.emit(out, func(w io.Writer) {
					fmt.Fprintf(w, "national list %d, digest\n  %s\n", out.National, out.Pin)
					for _, file := range written {
						fmt.Fprintf(w, "wrote %s; start it with `hutong node --config %s`\n", file, file)
					}
					if len(written) == 0 {
						fmt.Fprintln(w, "the nodes' configurations stay as they are; delete one to have it written anew")
					}
				})
			})
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "the province's folder")
	c.Flags().StringVar(&nationalFile, "national", "", "the signed national list")
	c.Flags().StringVar(&caFile, "ca", "", "the province's CA certificate, from the coordinator")
	return require(c, "dir", "national", "ca")
}

type tokenOutput struct {
	Name      string `json:"name"`
	Authority string `json:"authority,omitzero"` // none: an operator's
	Token     string `json:"token"`
}

func (a *app) tokenAdd() *cobra.Command {
	var dir string
	var out tokenOutput
	var operator bool
	c := &cobra.Command{
		Use: "add --dir DIR (--authority USCC | --operator) --name NAME", Args: cobra.NoArgs,
		Short: "Make an access token for an authority, or an operator, and print it once; only its digest is kept",
		RunE: func(*cobra.Command, []string) error {
			return changing(dir, province.Load, func(p *province.Province) error {
				if operator {
					var err error
					if out.Token, err = access.AddOperatorToken(p.TokensFile(), out.Name); err != nil {
						return err
					}
					return a.emit(out, func(w io.Writer) { fmt.Fprintln(w, out.Token) })
				}
				if _, err := identifier.ParseUSCC(out.Authority); err != nil {
					return fmt.Errorf("--authority %.40q is no 统一社会信用代码: %w", out.Authority, err)
				}
				var err error
				if out.Token, err = access.AddToken(p.TokensFile(), out.Name, out.Authority); err != nil {
					return err
				}
				return a.emit(out, func(w io.Writer) { fmt.Fprintln(w, out.Token) })
			})
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "the province's folder")
	c.Flags().StringVar(&out.Authority, "authority", "", "统一社会信用代码 of the authority")
	c.Flags().BoolVar(&operator, "operator", false, "for an operator of the cluster, who takes snapshots and pushes no status changes")
	c.Flags().StringVar(&out.Name, "name", "", "name of the token, for logs")
	c.MarkFlagsOneRequired("authority", "operator")
	c.MarkFlagsMutuallyExclusive("authority", "operator")
	return require(c, "dir", "name")
}

// oneOf refuses a flag's value that is none of some words.
func oneOf(flag, value string, words ...string) error {
	if slices.Contains(words, value) {
		return nil
	}
	return fmt.Errorf("--%s %.20q, want %v", flag, value, words)
}
