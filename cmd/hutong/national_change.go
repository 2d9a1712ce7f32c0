package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/hutong-project/hutong/cmd/internal/coordinator"
	"github.com/hutong-project/hutong/node/client"
	"github.com/hutong-project/hutong/node/httpapi"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/head"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/strictjson"
)

type changeOutput struct {
	Province trust.Province    `json:"province"`
	Status   national.Status   `json:"status"`
	Since    trust.Time        `json:"since"`
	Reason   string            `json:"reason,omitzero"`
	LastHead *national.HeadRef `json:"lastHead,omitzero"`
}

func (a *app) nationalSuspend() *cobra.Command {
	return a.nationalChange("suspend", "Suspend a province: what it issues from now on cannot be decided", national.Suspended)
}

func (a *app) nationalReadmit() *cobra.Command {
	return a.nationalChange("readmit", "End the suspension of a province", national.Admitted)
}

func (a *app) nationalWithdraw() *cobra.Command {
	return a.nationalChange("withdraw", "Withdraw a province for ever; what it issued before keeps its answer", national.Withdrawn)
}

func (a *app) nationalChange(verb, short string, status national.Status) *cobra.Command {
	var dir, node string
	change := coordinator.Change{Status: status}
	c := &cobra.Command{
		Use: verb + " --dir DIR CODE", Short: short, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			code, err := trust.ParseProvince(args[0])
			if err != nil {
				return err
			}
			return changing(dir, coordinator.Load, func(f *coordinator.Coordinator) error {
				if status == national.Withdrawn {
					if change.LastHead, err = lastHead(c.Context(), f, node, code); err != nil {
						return err
					}
				}
				e, err := f.Change(code, change, a.now())
				if err != nil {
					return err
				}
				out := changeOutput{e.Code, e.Status, e.Since, e.Reason, e.LastHead}
				return a.emit(out, func(w io.Writer) {
					fmt.Fprintf(w, "%s is %s since %s in the draft; sign and publish it\n", out.Province, out.Status, out.Since)
				})
			})
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "the coordinator's folder")
	c.Flags().StringVar(&change.Reason, "reason", "", "why, for people")
	require(c, "dir", "reason")
	if status == national.Withdrawn {
		c.Flags().StringVar(&node, "node", "", "address of a node that holds the province's last head, such as http://127.0.0.1:8101")
		require(c, "node")
	}
	return c
}

// lastHead asks a node for the head of a province and checks that the province signed it.
func lastHead(ctx context.Context, f *coordinator.Coordinator, node string, code trust.Province) (*national.HeadRef, error) {
	n, err := client.New(node)
	if err != nil {
		return nil, err
	}
	defer n.Close()
	answer, err := n.Raw(ctx, "/v1/heads")
	if err != nil {
		return nil, err
	}
	var heads []httpapi.HeadState
	if err := strictjson.Unmarshal(answer, &heads); err != nil {
		return nil, fmt.Errorf("reading the heads of %s: %w", node, err)
	}
	for _, h := range heads {
		if h.Province != code {
			continue
		}
		d, err := head.Read(h.Envelope)
		if err != nil {
			return nil, err
		}
		for i := range f.Draft.Provinces {
			if entry := &f.Draft.Provinces[i]; entry.Code == code {
				if err := d.CheckSigned(entry); err != nil {
					return nil, err
				}
				return &national.HeadRef{Session: d.Session, Sequence: d.Sequence, Digest: d.Digest}, nil
			}
		}
	}
	return nil, trust.Refuse(trust.UnknownProvince, "%s holds no head of %s; ask a node that does", node, code)
}
