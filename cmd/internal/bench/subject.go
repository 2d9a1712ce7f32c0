package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hutong-project/hutong/node/sample"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/credential/qrcode"
	"github.com/hutong-project/hutong/trust/sm2sig"
	"github.com/hutong-project/hutong/trust/statuslog"
)

// What the verdicts are about.
const (
	issuers      = 8
	credentials  = 2048
	statusEvents = 8192 // about other credentials, revoked
	lifted       = 16   // each so many-th credential was suspended and reinstated
)

// A subject is the province and the credentials that are judged.
type subject struct {
	*sample.Province
	dir     string
	good    []question
	revoked question // the answer to this one is "invalid"
}

// A question is one credential with what each contender needs of it.
type question struct {
	text    string
	digest  string // which every verdict about it names
	key     *sm2sig.PublicKey
	message []byte // what was signed
	der     []byte // the signature
}

// newSubject makes the province in a folder of its own below the temporary folder.
func newSubject(ctx context.Context) (*subject, error) {
	dir, err := os.MkdirTemp("", "hutong-bench-")
	if err != nil {
		return nil, err
	}
	p, err := sample.Open(ctx, sample.Config{Dir: filepath.Join(dir, "data"), Issuers: issuers, Neighbours: []trust.Province{"330000", "440000"}})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	s := &subject{Province: p, dir: dir}
	if err := s.fill(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *subject) close() error { return errors.Join(s.Close(), os.RemoveAll(s.dir)) }

func (s *subject) fill(ctx context.Context) error {
	others := make([]sample.Handle, statusEvents/issuers)
	for i, is := range s.Issuers {
		for j := range others {
			others[j] = sample.Handle{byte(i), byte(j >> 8), byte(j)}
		}
		if _, err := s.State(ctx, is, statuslog.StatusRevoked, others...); err != nil {
			return err
		}
	}
	for n := range credentials {
		q, handle, err := ask(s.Issuers[n%issuers])
		if err != nil {
			return err
		}
		s.good = append(s.good, q)
		if n%lifted != 0 {
			continue
		}
		for _, status := range []statuslog.Status{statuslog.StatusSuspended, statuslog.StatusValid} {
			if _, err := s.State(ctx, s.Issuers[n%issuers], status, handle); err != nil {
				return err
			}
		}
	}
	var handle sample.Handle
	var err error
	if s.revoked, handle, err = ask(s.Issuers[0]); err != nil {
		return err
	}
	if _, err := s.State(ctx, s.Issuers[0], statuslog.StatusRevoked, handle); err != nil {
		return err
	}
	return s.Settled(ctx)
}

// ask has an issuer make a credential.
func ask(is *sample.Issuer) (question, sample.Handle, error) {
	text, handle, err := is.Issue()
	if err != nil {
		return question{}, handle, err
	}
	c, err := qrcode.Decode(text)
	if err != nil {
		return question{}, handle, fmt.Errorf("reading a credential that was just made: %w", err)
	}
	return question{text: text, digest: c.Digest.String(), key: is.Key(), message: c.Message, der: sm2sig.DER(c.Signature)}, handle, nil
}

// from returns a function that goes round the good credentials, beginning at another one for each worker.
func (s *subject) from(worker int) func() *question {
	at := worker * 131 % len(s.good)
	return func() *question {
		q := &s.good[at]
		at = (at + 1) % len(s.good)
		return q
	}
}
