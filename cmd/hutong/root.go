package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/hutong-project/hutong/node/keyfile"
	"github.com/hutong-project/hutong/trust"
)

// An app is one run of the program: where it reads and writes, and the flags that all commands share.
type app struct {
	in       io.Reader
	out, err io.Writer
	clock    func() time.Time

	output         string // -o: table or json
	passphraseFile string
}

// run runs one command line and returns the exit code.
func run(args []string, in io.Reader, out, errs io.Writer) int {
	a := &app{in: in, out: out, err: errs, clock: time.Now}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if text := message(err); text != "" {
		fmt.Fprintln(errs, "hutong:", text)
	}
	return exitCode(err)
}

// root returns the command tree.
func (a *app) root() *cobra.Command {
	root := group("hutong", "Judge electronic credentials of every province, and run a province's node",
		a.national(), a.province(), a.issuer(), a.verify(), a.status(), a.cluster(), a.snapshot(), a.node(), a.demo(), a.bench(), a.version())
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	flags := root.PersistentFlags()
	flags.StringVarP(&a.output, "output", "o", "table", "table or json (one object on standard output)")
	flags.StringVar(&a.passphraseFile, "passphrase-file", "", "file with the passphrase of the keys (else the environment's "+keyfile.PassphraseVariable+")")
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		if a.output != "table" && a.output != "json" {
			return fmt.Errorf("-o %.20q, want table or json", a.output)
		}
		return nil
	}
	return root
}

// group returns a command that only holds others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	var names []string
	for _, c := range commands {
		names = append(names, c.Name())
	}
	g := &cobra.Command{
		Use: use, Short: short, Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("%s: which command? there are %s", c.CommandPath(), strings.Join(names, ", "))
			}
			return fmt.Errorf("%s has no command %.40q; there are %s", c.CommandPath(), args[0], strings.Join(names, ", "))
		},
	}
	g.AddCommand(commands...)
	return g
}

func (a *app) now() trust.Time { return trust.TimeOf(a.clock()) }

func (a *app) json() bool { return a.output == "json" }

func (a *app) passphrase() ([]byte, error) { return keyfile.Passphrase(a.passphraseFile) }

// require marks flags without which the command cannot run.
func require(c *cobra.Command, flags ...string) *cobra.Command {
	for _, f := range flags {
		if err := c.MarkFlagRequired(f); err != nil {
			panic(err) // a flag that does not exist: a fault of this program
		}
	}
	return c
}
