package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/hutong-project/hutong/cmd/internal/demo"
)

// demo lets a whole federation live for a minute.
func (a *app) demo() *cobra.Command {
	var serve, lines bool
	c := &cobra.Command{
		Use:   "demo",
		Short: "A coordinator, three provinces of three nodes each, and the life of a few credentials",
		Long: `Brings up a national coordinator (2 of 3 keys) and three provinces, 上海 310000, 浙江 330000, 广东 440000,
each a cluster of three processes with their own data folders and TCP on loopback, and tells a story
with a verdict, a reason and the measured delay a line. Exit code 1 when a verdict differs from the
expected one. What it makes lies in one temporary folder and is removed at the end.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			binary, err := os.Executable()
			if err != nil {
				return fmt.Errorf("finding this program: %w", err)
			}
			err = demo.Run(c.Context(), demo.Options{Binary: binary, JSON: lines || a.json(), Serve: serve, Out: a.out})
			if errors.Is(err, demo.ErrDiffers) {
				fmt.Fprintln(a.err, "hutong:", err)
				return resultError(exitRefused)
			}
			return err
		},
	}
	c.Flags().BoolVar(&serve, "serve", false, "keep the provinces up until Ctrl-C and print addresses and curl lines to try")
	c.Flags().BoolVar(&lines, "json", false, "one JSON object a line instead of the table")
	return c
}
