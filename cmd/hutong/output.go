package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/hutong-project/hutong/trust/strictjson"
)

// screen is the width that tables keep within, in columns.
const screen = 80

// emit prints v as one JSON object, or calls table, as -o says.
func (a *app) emit(v any, table func(w io.Writer)) error {
	if !a.json() {
		table(a.out)
		return nil
	}
	text, err := strictjson.Marshal(v)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "%s\n", text)
	return err
}

// A table prints rows in columns; the last column is wrapped so that lines fit the screen.
type table struct {
	rows [][]string
}

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) print(w io.Writer) {
	var widths []int
	for _, row := range t.rows {
		for i, cell := range row[:len(row)-1] {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], columns(cell))
		}
	}
	for _, row := range t.rows {
		var line strings.Builder
		last := len(row) - 1
		for i, cell := range row[:last] {
			line.WriteString(pad(cell, widths[i]) + "  ")
		}
		indent := columns(line.String())
		for i, part := range wrap(row[last], max(screen-indent, 20)) {
			if i > 0 {
				line.WriteString("\n" + strings.Repeat(" ", indent))
			}
			line.WriteString(part)
		}
		fmt.Fprintln(w, strings.TrimRight(line.String(), " "))
	}
}

// indented prints text within the screen, every line after so many spaces.
func indented(w io.Writer, spaces int, text string) {
	for _, line := range wrap(text, screen-spaces) {
		fmt.Fprintln(w, strings.Repeat(" ", spaces)+line)
	}
}

// hanging is indented with the lines after the first one further in.
func hanging(w io.Writer, spaces int, text string) {
	for i, line := range wrap(text, screen-spaces-4) {
		if i > 0 {
			line = "    " + line
		}
		fmt.Fprintln(w, strings.Repeat(" ", spaces)+line)
	}
}

// errUnconfirmed is returned when nobody is there to ask.
var errUnconfirmed = errors.New("nobody confirmed this: standard input is no terminal; read what would change and repeat with --yes")

// confirm asks on the terminal whether to go on, unless yes says so already. What the question is about has been
// shown before, on standard error when standard output is for a JSON object.
func (a *app) confirm(yes bool, question string) error {
	if yes {
		return nil
	}
	if f, ok := a.in.(*os.File); ok {
		if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
			return errUnconfirmed
		}
	}
	fmt.Fprintf(a.err, "%s [y/N] ", question)
	answer, err := bufio.NewReader(io.LimitReader(a.in, 100)).ReadString('\n')
	if err != nil { // the null device looks like a terminal
		fmt.Fprintln(a.err)
		return errUnconfirmed
	}
	if answer = strings.ToLower(strings.TrimSpace(answer)); answer != "y" && answer != "yes" {
		return errors.New("not confirmed; nothing was changed")
	}
	return nil
}

// shown returns where to print what a question is about.
func (a *app) shown() io.Writer {
	if a.json() {
		return a.err
	}
	return a.out
}
