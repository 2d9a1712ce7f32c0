package sample

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"github.com/hutong-project/hutong/consensus"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/credential"
	"github.com/hutong-project/hutong/trust/credential/qrcode"
	"github.com/hutong-project/hutong/trust/sm2sig"
	"github.com/hutong-project/hutong/trust/statuslog"
)

// An Issuer is one authority of the sample.
type Issuer struct {
	Anchor    string // its id in the trust list
	Authority string // 统一社会信用代码
	Operated  bool   // the cluster's operator signs its status changes

	certificate []byte
	key, status *sm2sig.PrivateKey

	mu     sync.Mutex
	number uint64 // of the last batch that was taken
}

// Key returns the key that the issuer's credentials verify under.
func (is *Issuer) Key() *sm2sig.PublicKey { return is.key.Public() }

// A Handle is a credential's status handle.
type Handle = [qrcode.HandleSize]byte

// Issue signs a credential that was issued a day ago and is valid for a year, with the few claims that a face needs.
func (is *Issuer) Issue() (text string, handle Handle, err error) {
	_, _ = rand.Read(handle[:]) // never fails: crypto/rand stops the program instead
	now := trust.TimeOf(time.Now())
	text, err = qrcode.Encode(qrcode.Claims{
		Province: Code, Anchor: is.Anchor, Type: CredentialType, Authority: is.Authority, Handle: handle,
		Issued: now.Add(-day), Expires: now.Add(year),
		Face: []credential.Claim{
			{Name: "姓名", Value: "张三"}, {Name: "证照号码", Value: "310***********0011"}, {Name: "住址", Value: "上海市黄浦区"},
		},
	}, is.key, nil)
	return text, handle, err
}

// Batch signs a status batch with the issuer's own key.
func (is *Issuer) Batch(number uint64, events []statuslog.Event) ([]byte, error) {
	b := statuslog.Batch{Province: Code, Authority: is.Authority, Number: number, Time: trust.TimeOf(time.Now()), Events: events}
	return b.Sign(is.status)
}

// State has the registry take one batch of changes: all handles get the status now.
func (p *Province) State(ctx context.Context, is *Issuer, status statuslog.Status, handles ...Handle) (consensus.Receipt, error) {
	is.mu.Lock()
	defer is.mu.Unlock()
	events := make([]statuslog.Event, len(handles))
	for i, h := range handles {
		events[i] = Event(h, status)
	}
	if is.Operated {
		return p.Registry.AppendEvents(ctx, is.Authority, events)
	}
	signed, err := is.Batch(is.number+1, events)
	if err != nil {
		return consensus.Receipt{}, err
	}
	receipt, err := p.Registry.AppendBatch(ctx, signed)
	if err != nil {
		return receipt, fmt.Errorf("stating %s for %d credentials: %w", status, len(handles), err)
	}
	is.number++
	return receipt, nil
}

// Event is a change of a credential's status, effective now.
func Event(handle Handle, status statuslog.Status) statuslog.Event {
	return statuslog.Event{
		Kind: statuslog.KindCredential, Subject: statuslog.HandleSubject(handle[:]), Status: status, Effective: trust.TimeOf(time.Now()),
	}
}

// Sign signs a batch as it stands with the issuer's own status key, also one that says what the issuer may not say.
func (is *Issuer) Sign(b *statuslog.Batch) ([]byte, error) { return b.Sign(is.status) }
