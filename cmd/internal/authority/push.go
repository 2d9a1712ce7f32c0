package authority

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/hutong-project/hutong/cmd/internal/folder"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/statuslog"
)

const (
	numberFile = "number.json"
	outboxFile = "outbox/batch.cose"
)

// An ExpectedError is what send returns when the cluster expects another number.
type ExpectedError struct{ Number uint64 }

// Error names the number.
func (e *ExpectedError) Error() string { return fmt.Sprintf("the cluster expects number %d", e.Number) }

// A Pushed tells what became of a Push.
type Pushed struct {
	Number uint64 // of the batch
	Resent uint64 // number of an earlier batch whose outcome had been unknown and that was sent again first; 0: none
}

type numberState struct {
	Last uint64 `json:"last"`
}

// Push signs events as the next batch and gives it to send, which returns nil once the cluster's receipt is there, an
// *ExpectedError for another number (which is followed once), a *trust.Refusal when the cluster does not want the
// batch at all, and any other error when it may or may not have been taken. In the last case the batch stays in the
// outbox, and the next Push sends the same bytes first: the cluster answers a repetition with the same receipt.
//
// The number is kept in the folder, so only one copy of a folder may be in use. Calls in several processes take turns.
func (a *Authority) Push(events []statuslog.Event, now trust.Time, send func(signed []byte) error) (Pushed, error) {
	a.pushing.Lock()
	defer a.pushing.Unlock()
	unlock, err := folder.Lock(a.dir)
	if err != nil {
		return Pushed{}, err
	}
	defer unlock()

	var done Pushed
	if done.Resent, err = a.resend(now, send); err != nil {
		return done, fmt.Errorf("sending batch %d again, whose receipt never came: %w", done.Resent, err)
	}
	last, err := a.Last()
	if err != nil {
		return done, err
	}
	done.Number = last + 1
	err = a.deliver(events, done.Number, now, send)
	var expected *ExpectedError
	if errors.As(err, &expected) && expected.Number != done.Number {
		done.Number = expected.Number
		err = a.deliver(events, done.Number, now, send)
	}
	return done, err
}

// Last returns the number of the last batch that the cluster took; 0: none.
func (a *Authority) Last() (uint64, error) {
	path := filepath.Join(a.dir, numberFile)
	if !folder.Exists(path) {
		return 0, nil
	}
	var state numberState
	err := folder.ReadJSON(path, &state)
	return state.Last, err
}

// Batch returns events signed as the batch of this number. It stores nothing; Push is how batches are sent.
func (a *Authority) Batch(events []statuslog.Event, number uint64, now trust.Time) ([]byte, error) {
	key, err := a.status()
	if err != nil {
		return nil, err
	}
	batch := statuslog.Batch{Province: a.Province, Authority: a.Authority, Number: number, Time: now, Events: events}
	return batch.Sign(key)
}

// deliver signs, stores, sends and settles one batch.
func (a *Authority) deliver(events []statuslog.Event, number uint64, now trust.Time, send func([]byte) error) error {
	signed, err := a.Batch(events, number, now)
	if err != nil {
		return err
	}
	if err := folder.Write(filepath.Join(a.dir, outboxFile), signed); err != nil {
		return err
	}
	return a.settle(number, signed, send(signed))
}

// resend sends what lies in the outbox and returns its number, 0 when there is nothing. When its number has meanwhile
// gone to another batch, the same events go out under the number expected: no statement is dropped.
func (a *Authority) resend(now trust.Time, send func([]byte) error) (uint64, error) {
	path := filepath.Join(a.dir, outboxFile)
	if !folder.Exists(path) {
		return 0, nil
	}
	signed, err := folder.Read(path)
	if err != nil {
		return 0, err
	}
	batch, err := statuslog.ReadBatch(signed)
	if err != nil {
		return 0, fmt.Errorf("reading %s: %w", path, err)
	}
	err = a.settle(batch.Number, signed, send(signed))
	var expected *ExpectedError
	if errors.As(err, &expected) {
		return expected.Number, a.deliver(batch.Events, expected.Number, now, send)
	}
	return batch.Number, err
}

// settle keeps the batch in the outbox exactly when its outcome is unknown.
func (a *Authority) settle(number uint64, signed []byte, outcome error) error {
	outbox := filepath.Join(a.dir, outboxFile)
	var expected *ExpectedError
	_, refused := trust.AsRefusal(outcome)
	switch {
	case refused || errors.As(outcome, &expected):
		if err := folder.Remove(outbox); err != nil {
			return errors.Join(outcome, err)
		}
		return outcome
	case outcome != nil:
		return outcome
	}
	if err := folder.Write(filepath.Join(a.dir, "batches", fmt.Sprintf("%06d.cose", number)), signed); err != nil {
		return err
	}
	if err := folder.WriteJSON(filepath.Join(a.dir, numberFile), numberState{Last: number}); err != nil {
		return err
	}
	return folder.Remove(outbox)
}
