package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hutong-project/hutong/node/client"
	"github.com/hutong-project/hutong/node/httpapi"
	"github.com/hutong-project/hutong/trust/national"
)

type statusOutput struct {
	Nodes []nodeStatus `json:"nodes"`
}

type nodeStatus struct {
	Address string             `json:"address"`
	Error   string             `json:"error,omitzero"` // the node did not answer
	State   *httpapi.NodeState `json:"state,omitzero"`
}

func (a *app) status() *cobra.Command {
	var nodes []string
	var wait time.Duration
	var ready bool
	c := &cobra.Command{
		Use: "status --node URL", Args: cobra.NoArgs,
		Short: "Show what nodes believe of each province and how current that is",
		RunE: func(c *cobra.Command, _ []string) error {
			if ready {
				return a.showReady(c.Context(), nodes, wait)
			}
			out, failed := askAll(c.Context(), nodes, wait)
			err := a.emit(out, func(w io.Writer) {
				for _, n := range out.Nodes {
					if n.State != nil {
						printNode(w, n)
					}
				}
			})
			if err == nil {
				err = failed
			}
			return err
		},
	}
	c.Flags().StringArrayVar(&nodes, "node", nil, "address of a node, such as http://127.0.0.1:8101; may be repeated")
	c.Flags().DurationVar(&wait, "wait", 0, "wait at most this long until each node answers and knows its leader, with --ready until it is ready")
	c.Flags().BoolVar(&ready, "ready", false, "show only each node's own checks, and end with 3 unless verdicts of all of them can be relied on")
	return require(c, "node")
}

// askAll asks each node, and again until it has a leader while wait lasts. The error is that of the first node that
// did not answer.
func askAll(ctx context.Context, nodes []string, wait time.Duration) (out statusOutput, failed error) {
	ctx, cancel := context.WithTimeout(ctx, wait+30*time.Second)
	defer cancel()
	deadline := time.Now().Add(wait)
	for _, address := range nodes {
		status := nodeStatus{Address: address}
		state, err := askOne(ctx, address)
		for (err != nil || state.Leader == "") && time.Now().Before(deadline) && ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
			state, err = askOne(ctx, address)
		}
		if err != nil {
			status.Error = err.Error()
			if failed == nil {
				failed = err
			}
		} else {
			status.State = state
		}
		out.Nodes = append(out.Nodes, status)
	}
	return out, failed
}

func askOne(ctx context.Context, address string) (*httpapi.NodeState, error) {
	n, err := client.New(address)
	if err != nil {
		return nil, err
	}
	defer n.Close()
	state, err := n.Node(ctx)
	return &state, err
}

func printNode(w io.Writer, n nodeStatus) {
	s := n.State
	leader := "no leader"
	switch {
	case s.Leading:
		leader = "leading"
	case s.Leader != "":
		leader = "led by " + s.Leader
	}
	fmt.Fprintf(w, "%s: node %s of %s, %s, %d peers\n", n.Address, s.Node, s.Province, leader, s.Connected)
	if s.Unsettled != "" {
		hanging(w, 2, "UNSETTLED, it takes no events and signs nothing: "+s.Unsettled)
	}
	if s.National == nil {
		fmt.Fprintln(w, "  no national list yet")
		return
	}
	fmt.Fprintf(w, "  national list %d, %s, next update %s\n", s.National.Sequence, s.National.Freshness, s.National.NextUpdate)
	var t table
	t.row("  province", "state", "head", "age", "list", "anch", "log", "from")
	for _, p := range s.Provinces {
		t.row("  "+string(p.Province)+" "+cut(p.NameZH, 12), stateOf(&p), strconv.FormatUint(p.Sequence, 10), ageOf(&p),
			strconv.FormatUint(p.List, 10), strconv.Itoa(p.Anchors), strconv.FormatUint(p.Log.Size, 10), sourceOf(&p))
	}
	t.print(w)
	for _, p := range s.Provinces {
		for _, r := range p.Refused {
			hanging(w, 2, fmt.Sprintf("%s: anchor %s is refused: %s: %s", p.Province, r.ID, r.Code, r.Detail))
		}
		if p.Evidence != "" {
			hanging(w, 2, fmt.Sprintf("%s contradicts itself: %s", p.Province, p.Evidence))
		}
		if p.LastError != "" {
			hanging(w, 2, fmt.Sprintf("%s: last error: %s", p.Province, p.LastError))
		}
	}
}

// stateOf is how current the data of a member is; of one that is suspended or withdrawn, that.
func stateOf(p *httpapi.ProvinceState) string {
	if p.Status != string(national.Admitted) {
		return p.Status
	}
	return p.Freshness
}

// ageOf is the age of the head, in seconds below an hour, else in minutes.
func ageOf(p *httpapi.ProvinceState) string {
	age := time.Duration(p.AgeSeconds) * time.Second
	switch {
	case p.Sequence == 0:
		return "-"
	case age < time.Hour:
		return age.String()
	case age < 100*time.Hour:
		return strings.TrimSuffix(age.Truncate(time.Minute).String(), "0s")
	}
	return fmt.Sprintf("%dd", int(age.Hours()/24))
}

// sourceOf is the end of the peer id that the newest data came from.
func sourceOf(p *httpapi.ProvinceState) string {
	switch {
	case p.Local:
		return "own"
	case p.Source == "":
		return "-"
	}
	return "…" + p.Source[max(0, len(p.Source)-5):]
}
