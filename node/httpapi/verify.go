package httpapi

import (
	"bytes"
	"context"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"sync"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/credential/qrcode"
	"github.com/hutong-project/hutong/trust/strictjson"
	"github.com/hutong-project/hutong/trust/verdict"
)

// Verify is the JSON form of the question. As text/plain the body is the credential alone and the rest stands in the
// query: validAt, acceptStale=true, disclose=true, consistency=linearizable, index=7.
type Verify struct {
	Credential  string     `json:"credential"`           // the text that the QR code holds
	ValidAt     trust.Time `json:"validAt,omitzero"`     // default: now
	AcceptStale bool       `json:"acceptStale,omitzero"` // let data past its time, but within grace, pass
	Disclose    bool       `json:"disclose,omitzero"`    // tell the face claims too
	Consistency string     `json:"consistency,omitzero"` // local (default) or linearizable
	Index       uint64     `json:"index,omitzero"`       // of a receipt that the registry must hold

	wish wish
}

const routeVerify = "POST /v1/verify"

func (s *Server) verify(w http.ResponseWriter, r *http.Request) {
	in, err := s.question(w, r)
	if err != nil {
		fail(w, s.cfg.Logger, routeVerify, err)
		return
	}
	verdict, err := s.judge(r.Context(), in)
	if err != nil {
		fail(w, s.cfg.Logger, routeVerify, err)
		return
	}
	answer, err := marshalVerdict(verdict)
	if err != nil {
		fail(w, s.cfg.Logger, routeVerify, err)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(answer)))
	_, _ = w.Write(answer)
}

func (s *Server) judge(ctx context.Context, in Verify) (*verdict.Verdict, error) {
	reading, err := s.reading(ctx, in.wish)
	if err != nil {
		return nil, err
	}
	defer reading.Close()
	now := s.now()
	q := verdict.Question{Now: now, ValidAt: in.ValidAt, AcceptStale: in.AcceptStale, Disclose: in.Disclose}
	if q.ValidAt.IsZero() {
		q.ValidAt = now
	}
	q.ClockInDoubt = behind(reading.View, now)
	c, err := qrcode.Decode(in.Credential)
	if err != nil {
		return verdict.Unreadable(err, q), nil
	}
	return verdict.Judge(reading.View, reading, c, q), nil
}

// bodies holds buffers for credentials: what is kept of one is copied out of it.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func (s *Server) question(w http.ResponseWriter, r *http.Request) (Verify, error) {
	body := bodies.Get().(*bytes.Buffer)
	body.Reset()
	defer bodies.Put(body)
	if _, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, maxCredential)); err != nil {
		return Verify{}, readError(err)
	}
	return readVerify(r.Header.Get("Content-Type"), r.URL.RawQuery, body.Bytes())
}

// readVerify reads the question in either form. The body may be used again afterwards.
func readVerify(contentType, rawQuery string, body []byte) (in Verify, err error) {
	kind := contentType
	if kind != "text/plain" {
		kind, _, _ = mime.ParseMediaType(contentType)
	}
	switch kind {
	case "application/json":
		if rawQuery != "" {
			return in, trust.Refuse(trust.Malformed, "parameters stand in the body, or in the query of a text/plain body")
		}
		if err := strictjson.Unmarshal(body, &in); err != nil {
			return Verify{}, malformed("", err)
		}
		in.wish, err = readWish(in.Consistency, "")
		in.wish.index = in.Index
		return in, err
	case "text/plain", "application/x-www-form-urlencoded": // the latter is what curl says when nobody tells it
	default:
		if contentType != "" {
			return in, errMediaType
		}
	}
	if rawQuery != "" {
		if err := in.readQuery(rawQuery); err != nil {
			return Verify{}, err
		}
	}
	in.Credential = string(bytes.Trim(body, "\r\n")) // a blank is a base45 character
	return in, nil
}

// readQuery reads the parameters. It repeats nothing of them: somebody may put the credential there.
func (in *Verify) readQuery(raw string) error {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return trust.Refuse(trust.Malformed, "the query cannot be read")
	}
	for name, values := range query {
		if len(values) != 1 {
			return trust.Refuse(trust.Malformed, "a parameter stands twice in the query")
		}
		switch name {
		case "validAt":
			if in.ValidAt, err = trust.ParseTime(values[0]); err != nil {
				return trust.Refuse(trust.Malformed, "validAt: want a time such as 2026-01-31T08:00:00Z")
			}
		case "acceptStale":
			in.AcceptStale, err = parseBool(name, values[0])
		case "disclose":
			in.Disclose, err = parseBool(name, values[0])
		case "consistency", "index":
		default:
			err = trust.Refuse(trust.Malformed, "unknown parameter; there are validAt, acceptStale, disclose, consistency and index")
		}
		if err != nil {
			return err
		}
	}
	in.wish, err = readWish(query.Get("consistency"), query.Get("index"))
	return err
}

func parseBool(name, value string) (bool, error) {
	if value != "true" && value != "false" {
		return false, trust.Refuse(trust.Malformed, "%s: want true or false", name)
	}
	return value == "true", nil
}
