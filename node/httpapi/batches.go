package httpapi

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"

	"github.com/hutong-project/hutong/consensus"
	"github.com/hutong-project/hutong/node/access"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/statuslog"
	"github.com/hutong-project/hutong/trust/strictjson"
)

// BatchType is the media type of a batch that the authority signed.
const BatchType = "application/cose"

// Events is the body with which an authority that cannot sign pushes changes: the cluster signs them with the
// operator key, marked as such.
type Events struct {
	Authority string  `json:"authority"` // 统一社会信用代码
	Events    []Event `json:"events"`    // 1 to 4,096
}

// An Event is one change of status. Exactly one of Handle and Subject is given.
type Event struct {
	Kind        string         `json:"kind,omitzero"`    // credential (default), certificate or seal
	Handle      string         `json:"handle,omitzero"`  // 32 hexadecimal digits: the credential's random handle
	Subject     *trust.Subject `json:"subject,omitzero"` // 64 hexadecimal digits
	Status      string         `json:"status"`           // English word, Chinese word or certState code
	Reason      string         `json:"reason,omitzero"`
	SourceCode  string         `json:"sourceCode,omitzero"`
	Effective   trust.Time     `json:"effective,omitzero"` // default: now
	Expires     trust.Time     `json:"expires,omitzero"`
	Predecessor *Link          `json:"predecessor,omitzero"`
	Successor   *Link          `json:"successor,omitzero"`
	Corrects    *Position      `json:"corrects,omitzero"`
}

// A Link is the other end of a transfer or of a re-issue.
type Link struct {
	Province trust.Province `json:"province"`
	Subject  trust.Subject  `json:"subject"`
}

// A Position names one event of a status log.
type Position struct {
	Position uint64 `json:"position"`
	Index    uint32 `json:"index"`
}

// A Receipt says where a batch stands. It is given when the batch is durable in the cluster; the same batch sent again
// gets the same one, apart from Index.
type Receipt struct {
	Province  trust.Province `json:"province"`
	Authority string         `json:"authority"`
	Number    uint64         `json:"number"`
	Position  uint64         `json:"position"`
	Recorded  trust.Time     `json:"recorded"`
	Index     uint64         `json:"index"`  // of the Raft log: a node that has applied it knows the batch
	Digest    trust.Digest   `json:"digest"` // SM3 of the signed batch
}

const routeBatches = "POST /v1/status-batches"

func (s *Server) statusBatches(w http.ResponseWriter, r *http.Request) {
	wait, err := waits(r)
	if err != nil {
		fail(w, s.cfg.Logger, routeBatches, err)
		return
	}
	receipt, err := s.takeBatch(r.Context(), w, r)
	if err != nil {
		fail(w, s.cfg.Logger, routeBatches, err)
		return
	}
	answer := Receipt{
		Province: receipt.Province, Authority: receipt.Authority, Number: receipt.Number, Position: receipt.Position,
		Recorded: receipt.Recorded, Index: receipt.Index, Digest: receipt.Digest,
	}
	if wait {
		if err := s.awaitPublished(r.Context(), receipt); err != nil {
			s.cfg.Logger.Info("a batch is durable and not known to be published", "position", receipt.Position, "error", err)
			writeProblem(w, notPublished(answer))
			return
		}
	}
	writeJSON(w, s.cfg.Logger, routeBatches, answer)
}

var (
	// errMediaType is returned for a body of a media type that the route does not read.
	errMediaType = errors.New("unsupported media type")
	// errOtherAuth is returned when an authority's token comes with what another authority says.
	errOtherAuth = errors.New("the token is another authority's")
)

func (s *Server) takeBatch(ctx context.Context, w http.ResponseWriter, r *http.Request) (consensus.Receipt, error) {
	var none consensus.Receipt
	who, err := s.cfg.Tokens.Principal(access.BearerToken(r.Header.Get("Authorization")))
	if err != nil {
		return none, err
	}
	if who.Authority == "" {
		return none, errOtherAuth
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, statuslog.MaxBatchBytes))
	if err != nil {
		return none, readError(err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.times.propose)
	defer cancel()
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch kind {
	case BatchType:
		batch, err := statuslog.ReadBatch(body)
		if err != nil {
			return none, err
		}
		if batch.Authority != who.Authority {
			return none, errOtherAuth
		}
		return s.cfg.StatusLog.AppendBatch(ctx, body)
	case "application/json":
		var in Events
		if err := strictjson.Unmarshal(body, &in); err != nil {
			return none, malformed("", err)
		}
		if in.Authority != who.Authority {
			return none, errOtherAuth
		}
		events, err := in.read(s.now())
		if err != nil {
			return none, err
		}
		return s.cfg.StatusLog.AppendEvents(ctx, in.Authority, events)
	}
	return none, errMediaType
}

// readError tells a body that is too large from one that broke off; both are the sender's doing.
func readError(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return err
	}
	return trust.Refuse(trust.Malformed, "the body broke off or came too slowly")
}

func (in *Events) read(now trust.Time) ([]statuslog.Event, error) {
	if len(in.Events) == 0 || len(in.Events) > statuslog.MaxEvents {
		return nil, trust.Refuse(trust.Malformed, "events: %d, want 1 to %d", len(in.Events), statuslog.MaxEvents)
	}
	events := make([]statuslog.Event, len(in.Events))
	for i := range in.Events {
		e, err := in.Events[i].read(now)
		if err != nil {
			return nil, malformed(fmt.Sprintf("events[%d]", i), err)
		}
		events[i] = e
	}
	return events, nil
}

func (in *Event) read(now trust.Time) (e statuslog.Event, err error) {
	if in.Kind == "" {
		in.Kind = statuslog.KindCredential.String()
	}
	if e.Kind, err = statuslog.ParseKind(in.Kind); err != nil {
		return e, err
	}
	if e.Subject, err = in.subject(); err != nil {
		return e, err
	}
	if e.Status, err = statuslog.ParseStatus(in.Status); err != nil {
		return e, err
	}
	e.Reason, e.SourceCode = in.Reason, in.SourceCode
	e.Effective, e.Expires = in.Effective, in.Expires
	if e.Effective.IsZero() {
		e.Effective = now
	}
	e.Predecessor, e.Successor = in.Predecessor.link(), in.Successor.link()
	if in.Corrects != nil {
		e.Corrects = &statuslog.EventRef{Position: in.Corrects.Position, Index: in.Corrects.Index}
	}
	return e, nil
}

func (in *Event) subject() (s trust.Subject, err error) {
	switch {
	case in.Subject != nil && in.Handle == "":
		return *in.Subject, nil
	case in.Subject == nil && in.Handle != "":
		handle, err := parseHandle(in.Handle)
		if err != nil {
			return s, err
		}
		return statuslog.HandleSubject(handle), nil
	}
	return s, errors.New("subject: give exactly one of handle and subject")
}

func (l *Link) link() *statuslog.Link {
	if l == nil {
		return nil
	}
	return &statuslog.Link{Province: l.Province, Subject: l.Subject}
}

// parseHandle reads a credential's random handle. Its errors do not repeat it.
func parseHandle(s string) ([]byte, error) {
	handle, err := hex.DecodeString(s)
	if err != nil || len(handle) != handleSize {
		return nil, errors.New("handle: want 32 hexadecimal digits")
	}
	return handle, nil
}

const handleSize = 16
