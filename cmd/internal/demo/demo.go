// Package demo lets a whole federation live for a minute: a national coordinator with two of three keys, three provinces
// of three nodes each, their issuing authorities, and the life of a few credentials.
//
// Everything is real: the folders and ceremonies are those of the commands, each node is a process of its own with its own
// data folder and TCP on loopback, and every question goes over HTTP. What it makes lies in one temporary folder and is
// removed at the end. Several demos can run at once: ports are looked for.
package demo

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// ErrDiffers is returned when a verdict was not the expected one. The lines say which.
var ErrDiffers = errors.New("a verdict differs from the expected one")

// Options say how the demo runs.
type Options struct {
	Binary string // this program, which is started again for each node
	JSON   bool   // one object a line instead of a table
	Serve  bool   // keep the provinces up until ctx ends
	Out    io.Writer
}

// Run tells the story. It returns ErrDiffers when a verdict differs, and any other error when something could not be
// done. All nodes have stopped and the folder is gone when it returns.
func Run(ctx context.Context, o Options) (err error) {
	dir, err := os.MkdirTemp("", "hutong-demo-")
	if err != nil {
		return fmt.Errorf("making a folder for the demo: %w", err)
	}
	var secret [16]byte
	_, _ = rand.Read(secret[:]) // never fails: crypto/rand stops the program instead
	w, err := newWorld(dir, o.Binary, hex.EncodeToString(secret[:]))
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	defer func() { err = errors.Join(err, w.close()) }()

	s := &story{world: w, report: &report{out: o.Out, json: o.JSON}, papers: map[*member]paper{}}
	begun := time.Now()
	if err := s.found(ctx); err != nil {
		return err
	}
	if err := s.tell(ctx); err != nil {
		return err
	}
	if err := s.summary(time.Since(begun)); err != nil {
		return err
	}
	if o.Serve {
		s.invite()
		return errors.Join(s.outcome(), s.serve(ctx))
	}
	return s.outcome()
}

func (s *story) outcome() error {
	if n := len(s.wrongs); n > 0 {
		return fmt.Errorf("%w: %d of %d lines", ErrDiffers, n, s.lines)
	}
	return nil
}

// A Summary closes the lines of --json.
type Summary struct {
	Line          // step "summary"; ms is how long the story took
	Lines int     `json:"lines"`
	Wrong int     `json:"wrong"`
	P50   float64 `json:"p50ms"`   // from an acknowledgement in one province to the verdict in another
	Worst float64 `json:"worstms"` //
}

// An Address is a node that --serve keeps up.
type Address struct {
	Line        // step "serving", at: the province
	URL  string `json:"url"`
}

func (s *story) summary(took time.Duration) error {
	sum := Summary{
		Line:  Line{Step: "summary", MS: ms(took)},
		Lines: s.lines, Wrong: len(s.wrongs), P50: s.percentile(0.5), Worst: s.percentile(1),
	}
	if s.json {
		return json.NewEncoder(s.out).Encode(sum)
	}
	_, err := fmt.Fprintf(s.out, "\n从本省确认到外省判定 from acknowledgement to the verdict elsewhere:\n  p50 %.0f ms, worst %.0f ms, %d changes\n%d 行 lines, %d 与预期不符 differ from the expected, %.1f s\n",
		sum.P50, sum.Worst, len(s.delays), sum.Lines, sum.Wrong, took.Seconds())
	return err
}

// invite prints what can be tried by hand.
func (s *story) invite() {
	if s.json {
		for _, m := range s.members {
			for i, n := range m.province.State.Nodes {
				if m.processes[i] != nil {
					_ = json.NewEncoder(s.out).Encode(Address{Line: Line{Step: "serving", At: string(m.code)}, URL: n.URL()})
				}
			}
		}
		return
	}
	fmt.Fprintf(s.out, "\n节点 nodes\n")
	for _, m := range s.members {
		for i, n := range m.province.State.Nodes {
			if m.processes[i] != nil {
				fmt.Fprintf(s.out, "  %s  %s  %s\n", m.short, n.ID, n.URL())
			}
		}
	}
	at := s.members[2].clients[0].Base()
	fmt.Fprintf(s.out, "\n试试 try\n  curl -s '%s/readyz?verbose'\n  curl -s %s/v1/node\n  curl -s -H 'Content-Type: text/plain' %s/v1/verify --data-raw \\\n    '%s'\n\nCtrl-C 结束 ends it.\n",
		at, at, at, s.papers[s.members[0]].text)
}

// serve keeps the nodes up until ctx ends. A node that ends by itself ends it too.
func (s *story) serve(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := s.ended(); err != nil {
				return err
			}
		}
	}
}
