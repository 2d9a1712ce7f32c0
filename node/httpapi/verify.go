package httpapi

import (
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/credential/qrcode"
	"github.com/hutong-project/hutong/trust/strictjson"
	"github.com/hutong-project/hutong/trust/verdict"
)

// Verify is the JSON form of the question. As text/plain the body is the credential alone and the rest stands in the
// query: validAt, acceptStale=true, disclose=true.
type Verify struct {
	Credential  string     `json:"credential"`           // the text that the QR code holds
	ValidAt     trust.Time `json:"validAt,omitzero"`     // default: now
	AcceptStale bool       `json:"acceptStale,omitzero"` // let data past its time, but within grace, pass
	Disclose    bool       `json:"disclose,omitzero"`    // tell the face claims too
}

const routeVerify = "POST /v1/verify"

func (s *Server) verify(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxCredential))
	if err != nil {
		fail(w, s.cfg.Logger, routeVerify, readError(err))
		return
	}
	in, err := readVerify(r, body)
	if err != nil {
		fail(w, s.cfg.Logger, routeVerify, err)
		return
	}
	answer, err := strictjson.Marshal(s.judge(in))
	if err != nil {
		fail(w, s.cfg.Logger, routeVerify, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(answer)
}

func (s *Server) judge(in Verify) *verdict.Verdict {
	now := s.now()
	q := verdict.Question{Now: now, ValidAt: in.ValidAt, AcceptStale: in.AcceptStale, Disclose: in.Disclose}
	if q.ValidAt.IsZero() {
		q.ValidAt = now
	}
	reading := s.cfg.Reader.Reading()
	defer reading.Close()
	q.ClockInDoubt = behind(reading.View, now)
	c, err := qrcode.Decode(in.Credential)
	if err != nil {
		return verdict.Unreadable(err, q)
	}
	return verdict.Judge(reading.View, reading, c, q)
}

func readVerify(r *http.Request, body []byte) (in Verify, err error) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind == "application/json" {
		if err := strictjson.Unmarshal(body, &in); err != nil {
			return in, trust.Refuse(trust.Malformed, "%v", err)
		}
		return in, nil
	}
	in.Credential = strings.Trim(string(body), "\r\n") // a blank is a base45 character
	if r.URL.RawQuery == "" {
		return in, nil
	}
	query := r.URL.Query()
	for name := range query {
		switch value := query.Get(name); name {
		case "validAt":
			if in.ValidAt, err = trust.ParseTime(value); err != nil {
				return in, trust.Refuse(trust.Malformed, "validAt: %v", err)
			}
		case "acceptStale":
			in.AcceptStale = value == "true"
		case "disclose":
			in.Disclose = value == "true"
		default:
			return in, trust.Refuse(trust.Malformed, "%.40q is not a parameter; there are validAt, acceptStale and disclose", name)
		}
	}
	return in, nil
}
