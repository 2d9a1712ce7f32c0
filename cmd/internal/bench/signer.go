package bench

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/hutong-project/hutong/cmd/internal/authority"
	"github.com/hutong-project/hutong/cmd/internal/folder"
	"github.com/hutong-project/hutong/cmd/internal/province"
	"github.com/hutong-project/hutong/node/access"
	"github.com/hutong-project/hutong/node/client"
	"github.com/hutong-project/hutong/node/httpapi"
	"github.com/hutong-project/hutong/node/sample"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/identifier"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/sm2sig"
	"github.com/hutong-project/hutong/trust/sm3"
	"github.com/hutong-project/hutong/trust/statuslog"
)

// A signer is an issuing authority with its status key in memory. It is used by one goroutine at a time.
type signer struct {
	code   string // 统一社会信用代码
	token  string
	key    *sm2sig.PrivateKey
	number uint64 // of the last batch that was signed
}

// enrol puts n authorities that sign, and one for which the operator signs, into the draft of the trust list.
func (t *trio) enrol(n int) error {
	for i := range n + 1 {
		kind := list.SignerSelf
		if i == n {
			kind = list.SignerOperator
		}
		s, err := t.list(i, kind)
		if err != nil {
			return err
		}
		if i == n {
			t.operated = s
		} else {
			t.signers = append(t.signers, s)
		}
	}
	return nil
}

// list makes one authority as `hutong issuer init` does, only with its keys in memory, and its anchor and token.
func (t *trio) list(i int, kind list.SignerKind) (*signer, error) {
	code, err := identifier.MakeUSCC("11", string(sample.Code), fmt.Sprintf("%08d", i))
	if err != nil {
		return nil, err
	}
	s := &signer{code: string(code)}
	credentials, err := sm2sig.Generate(nil)
	if err != nil {
		return nil, err
	}
	if s.key, err = sm2sig.Generate(nil); err != nil {
		return nil, err
	}
	id := fmt.Sprintf("issuer-%d", i+1)
	request, err := folder.SignRequest(authority.RequestType, authority.Request{
		Version: 1, Province: sample.Code, Authority: s.code, Name: "签发机构" + id, ID: id,
		CredentialKey: credentials.Public(), StatusKey: s.key.Public(),
	}, credentials, s.key)
	if err != nil {
		return nil, err
	}
	grant := province.AnchorGrant{Types: []string{titleType}, Signer: kind, Since: now() - grantedSince}
	if _, err := t.province.AnchorAdd(request, grant, t.pass(), now()); err != nil {
		return nil, err
	}
	s.token, err = access.AddToken(t.province.TokensFile(), id, s.code)
	return s, err
}

// handles gives every event of one run a handle of its own.
type handles struct {
	run  [8]byte
	next uint64
}

func newHandles() *handles {
	var h handles
	_, _ = rand.Read(h.run[:]) // never fails: crypto/rand stops the program instead
	return &h
}

// at returns the i-th handle.
func (h *handles) at(i uint64) []byte {
	return binary.BigEndian.AppendUint64(h.run[:len(h.run):len(h.run)], i)
}

// take returns the number of the first of n handles that nobody else has.
func (h *handles) take(n int) uint64 {
	first := h.next
	h.next += uint64(n)
	return first
}

// A push is one batch that an authority signed, ready to be sent, and what became of it.
type push struct {
	by     *signer
	number uint64
	first  uint64 // number of the handle of its first event
	events int
	signed []byte
	digest trust.Digest

	position uint64 // of its leaf, from the receipt
}

// plan cuts total events into batches of at most size and deals them to the signers in turn. They are unsigned.
func plan(signers []*signer, h *handles, total, size int) []*push {
	var all []*push
	for i := 0; total > 0; i++ {
		n := min(size, total)
		total -= n
		by := signers[i%len(signers)]
		by.number++
		all = append(all, &push{by: by, number: by.number, first: h.take(n), events: n})
	}
	return all
}

// sign signs all pushes on all cores.
func sign(ctx context.Context, h *handles, all []*push) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, p := range all {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			at := now()
			b := statuslog.Batch{Province: sample.Code, Authority: p.by.code, Number: p.number, Time: at, Events: make([]statuslog.Event, p.events)}
			for i := range b.Events {
				b.Events[i] = statuslog.Event{
					Kind: statuslog.KindCredential, Subject: statuslog.HandleSubject(h.at(p.first + uint64(i))),
					Status: statuslog.StatusRevoked, Effective: at,
				}
			}
			var err error
			if p.signed, err = b.Sign(p.by.key); err != nil {
				return err
			}
			p.digest = sm3.Sum(p.signed)
			return nil
		})
	}
	return group.Wait()
}

// send sends the batch, again where the cluster asks for that, and checks the receipt. What was sent is let go of.
func (p *push) send(ctx context.Context, c *client.Client) error {
	receipt, err := c.PushBatch(ctx, p.by.token, p.signed)
	for retryable(err) && ctx.Err() == nil {
		receipt, err = c.PushBatch(ctx, p.by.token, p.signed)
	}
	if err != nil {
		return fmt.Errorf("pushing batch %d of %s: %w", p.number, p.by.code, err)
	}
	p.position = receipt.Position
	if err := p.check(receipt); err != nil {
		return err
	}
	p.signed = nil
	return nil
}

// check compares a receipt with the batch that was sent.
func (p *push) check(r httpapi.Receipt) error {
	if r.Province != sample.Code || r.Authority != p.by.code || r.Number != p.number || r.Digest != p.digest || r.Index == 0 {
		return fmt.Errorf("%w: the receipt of batch %d of %s is %+v", errWrongAnswer, p.number, p.by.code, r)
	}
	return nil
}

// retryable reports whether the node asks for the same batch again, which never counts twice.
func retryable(err error) bool {
	var p *client.ProblemError
	return errors.As(err, &p) && p.Status == 503
}

// pushOne has the operator sign one event about handle and returns where it stands.
func (s *signer) pushOne(ctx context.Context, c *client.Client, handle []byte) (position uint64, err error) {
	r, err := c.PushEvents(ctx, s.token, httpapi.Events{
		Authority: s.code, Events: []httpapi.Event{{Handle: hex.EncodeToString(handle), Status: statuslog.StatusRevoked.String()}},
	})
	if err != nil {
		return 0, fmt.Errorf("pushing an event for the operator to sign: %w", err)
	}
	if r.Province != sample.Code || r.Authority != s.code || r.Number == 0 || r.Digest.IsZero() || r.Index == 0 {
		return 0, fmt.Errorf("%w: the receipt of an event of %s is %+v", errWrongAnswer, s.code, r)
	}
	return r.Position, nil
}
