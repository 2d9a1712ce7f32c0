// Command hutong (互通) judges electronic credentials anywhere in the country: this is its one program. `hutong help` lists
// the commands, docs/cli.md the folders and exit codes, docs/quickstart.md the way from an empty folder to a verdict.
package main

import "os"

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
