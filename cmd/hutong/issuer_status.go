package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hutong-project/hutong/cmd/internal/authority"
	"github.com/hutong-project/hutong/node/client"
	"github.com/hutong-project/hutong/node/httpapi"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/credential/qrcode"
	"github.com/hutong-project/hutong/trust/statuslog"
)

func (a *app) issuerRevoke() *cobra.Command {
	return a.issuerStatus("revoke", "Revoke a credential for good (吊销), or end it otherwise (--status)", statuslog.StatusRevoked,
		"revoked (吊销), rescinded (撤销), cancelled (注销) or lapsed (失效)")
}

func (a *app) issuerSuspend() *cobra.Command {
	return a.issuerStatus("suspend", "Suspend a credential (暂扣) until it is reinstated", statuslog.StatusSuspended, "")
}

func (a *app) issuerReinstate() *cobra.Command {
	return a.issuerStatus("reinstate", "Lift a suspension; with --corrects, take back a final status", statuslog.StatusValid, "")
}

// A statusChange is one change of status as the command line gives it.
type statusChange struct {
	dir, node, tokenFile    string
	handle, code            string
	status, reason, source  string
	effective, correctsText string
	operator                bool
	waitPublished           bool
}

func (a *app) issuerStatus(verb, short string, status statuslog.Status, choices string) *cobra.Command {
	change := statusChange{status: status.String()}
	c := &cobra.Command{
		Use: verb + " --dir DIR --node URL (--handle HEX | --code TEXT|FILE)", Short: short, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.pushStatus(c.Context(), &change)
		},
	}
	flags := c.Flags()
	flags.StringVar(&change.dir, "dir", "", "the authority's folder")
	flags.StringVar(&change.node, "node", "", "address of a node of the own province, such as http://127.0.0.1:8101")
	flags.StringVar(&change.tokenFile, "token-file", "", "file with the access token (else the environment's "+tokenVariable+")")
	flags.StringVar(&change.handle, "handle", "", "the credential's status handle, 32 hexadecimal digits")
	flags.StringVar(&change.code, "code", "", "the credential itself: its text, or a file that holds it")
	flags.StringVar(&change.reason, "reason", "", "why; no personal data")
	flags.StringVar(&change.source, "source-code", "", "the own system's status code, verbatim")
	flags.StringVar(&change.effective, "effective", "", "from when on, such as 2026-11-22T08:00:00Z (default: now)")
	flags.BoolVar(&change.operator, "operator", false, "have the cluster sign with its operator key, for an authority that cannot")
	flags.BoolVar(&change.waitPublished, "wait-published", false, "return only when another province holds the change: then it survives the loss of the whole cluster")
	if choices != "" {
		flags.StringVar(&change.status, "status", change.status, choices)
	}
	if status == statuslog.StatusValid {
		flags.StringVar(&change.correctsText, "corrects", "", "position of the batch, and index in it (POSITION or POSITION/INDEX), whose final status is taken back")
	}
	c.MarkFlagsOneRequired("handle", "code")
	c.MarkFlagsMutuallyExclusive("handle", "code")
	c.MarkFlagsMutuallyExclusive("operator", "wait-published")
	return require(c, "dir", "node")
}

type pushedOutput struct {
	httpapi.Receipt
	Resent    uint64 `json:"resent,omitzero"`    // number of an earlier batch that was sent again first
	Published bool   `json:"published,omitzero"` // another province holds it; told with --wait-published only
}

func (a *app) pushStatus(ctx context.Context, change *statusChange) error {
	if change.operator {
		return a.pushOperator(ctx, change)
	}
	passphrase, err := a.passphrase()
	if err != nil {
		return err
	}
	f, err := authority.Load(change.dir, passphrase)
	if err != nil {
		return err
	}
	event, err := a.event(f, change)
	if err != nil {
		return err
	}
	access, node, err := change.connect()
	if err != nil {
		return err
	}
	defer node.Close()
	var out pushedOutput
	var unpublished error
	done, err := f.Push([]statuslog.Event{event}, a.now(), func(signed []byte) error {
		var err error
		if !change.waitPublished {
			out.Receipt, err = node.PushBatch(ctx, access, signed)
			return authority.Answer(err)
		}
		out.Receipt, err = node.PushPublished(ctx, access, signed)
		out.Published, unpublished = err == nil, nil
		var problem *client.ProblemError
		if errors.As(err, &problem) && problem.Receipt != nil {
			out.Receipt, unpublished = *problem.Receipt, err
			return nil
		}
		return authority.Answer(err)
	})
	if err != nil {
		return err
	}
	out.Resent = done.Resent
	return errors.Join(a.emitReceipt(out, event.Status), unpublished)
}

func (change *statusChange) connect() (access string, node *client.Client, err error) {
	if access, err = token(change.tokenFile); err != nil {
		return "", nil, err
	}
	node, err = client.New(change.node)
	return access, node, err
}

// pushOperator has the cluster sign: nothing of the folder but its request is used.
func (a *app) pushOperator(ctx context.Context, change *statusChange) error {
	f, err := authority.Load(change.dir, nil)
	if err != nil {
		return err
	}
	event, err := a.event(f, change)
	if err != nil {
		return err
	}
	access, node, err := change.connect()
	if err != nil {
		return err
	}
	defer node.Close()
	in := httpapi.Event{
		Subject: &event.Subject, Status: event.Status.String(), Reason: event.Reason, SourceCode: event.SourceCode, Effective: event.Effective,
	}
	if c := event.Corrects; c != nil {
		in.Corrects = &httpapi.Position{Position: c.Position, Index: c.Index}
	}
	receipt, err := node.PushEvents(ctx, access, httpapi.Events{Authority: f.Authority, Events: []httpapi.Event{in}})
	if err != nil {
		return err
	}
	return a.emitReceipt(pushedOutput{Receipt: receipt}, event.Status)
}

func (a *app) emitReceipt(out pushedOutput, status statuslog.Status) error {
	return a.emit(out, func(w io.Writer) {
		if out.Resent > 0 {
			fmt.Fprintf(w, "batch %d, whose receipt had never come, was sent again first\n", out.Resent)
		}
		fmt.Fprintf(w, "%s %s: batch %d stands at position %d of the status log of %s\n",
			status, status.Chinese(), out.Number, out.Position, out.Province)
		if out.Published {
			fmt.Fprintln(w, "published: another province holds it")
		}
	})
}

// event makes the event that the flags describe.
func (a *app) event(f *authority.Authority, change *statusChange) (e statuslog.Event, err error) {
	handle, err := a.handleOf(f, change)
	if err != nil {
		return e, err
	}
	e = statuslog.Event{
		Kind: statuslog.KindCredential, Subject: statuslog.HandleSubject(handle[:]), Reason: change.reason, SourceCode: change.source,
	}
	if e.Status, err = statuslog.ParseStatus(change.status); err != nil {
		return e, usage(err, trust.Malformed)
	}
	if e.Effective, err = optionalTime("effective", change.effective); err != nil {
		return e, err
	}
	if e.Effective.IsZero() {
		e.Effective = a.now()
	}
	if change.correctsText != "" {
		e.Corrects, err = parseRef(change.correctsText)
	}
	return e, err
}

// handleOf returns the handle that is meant; a credential of another authority is refused before anything is sent.
func (a *app) handleOf(f *authority.Authority, change *statusChange) (handle [qrcode.HandleSize]byte, err error) {
	if change.handle != "" {
		return parseHandle(change.handle)
	}
	text, err := a.credentialText(change.code)
	if err != nil {
		return handle, err
	}
	c, err := qrcode.Decode(text)
	if err != nil {
		return handle, err
	}
	if c.Province != f.Province || c.Authority != f.Authority {
		return handle, trust.Refuse(trust.UnknownAuthority, "the credential is of authority %s in %s, this folder is of %s in %s: nobody speaks about another's credentials",
			c.Authority, c.Province, f.Authority, f.Province)
	}
	if copy(handle[:], c.Handle) != len(handle) {
		return handle, errors.New("the credential carries no status handle")
	}
	return handle, nil
}

func parseRef(s string) (*statuslog.EventRef, error) {
	position, index, _ := strings.Cut(s, "/")
	var ref statuslog.EventRef
	var err error
	if ref.Position, err = strconv.ParseUint(position, 10, 53); err == nil && index != "" {
		var i uint64
		i, err = strconv.ParseUint(index, 10, 12)
		ref.Index = uint32(i)
	}
	if err != nil {
		return nil, fmt.Errorf("--corrects %.40q, want POSITION or POSITION/INDEX, as the receipt gave them", s)
	}
	return &ref, nil
}
