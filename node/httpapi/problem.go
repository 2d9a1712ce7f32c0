package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"

	"github.com/hutong-project/hutong/consensus"
	"github.com/hutong-project/hutong/node/access"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/strictjson"
)

// A Problem is an RFC 9457 answer. Type is urn:hutong:problem: and the code.
type Problem struct {
	Type     string   `json:"type"`
	Title    string   `json:"title"`
	Status   int      `json:"status"`
	Detail   string   `json:"detail,omitzero"`
	Code     string   `json:"code"`
	Expected uint64   `json:"expected,omitzero"` // with wrong-number: the number to send
	Receipt  *Receipt `json:"receipt,omitzero"`  // with not-published: where the batch stands
}

// Codes of problems that are no refusal of a document.
const (
	codeForbidden    = "forbidden"
	codeUnauthorized = "unauthorized"
	codeTooFast      = "too-many-requests"
	codeNotFound     = "not-found"
	codeMethod       = "method-not-allowed"
	codeMediaType    = "unsupported-media-type"
	codeNoLeader     = "no-leader"
	codeBusy         = "busy"
	codeUnknown      = "unknown-outcome"
	codeStopping     = "stopping"
	codeInternal     = "internal"
)

// refusalStatus is the one table from refusal codes to HTTP statuses; what is not in it is a 422.
var refusalStatus = map[trust.RefusalCode]int{
	trust.TooLarge:         http.StatusRequestEntityTooLarge,
	trust.Malformed:        http.StatusBadRequest,
	trust.BadSignature:     http.StatusForbidden,
	trust.UnknownKey:       http.StatusForbidden,
	trust.ThresholdMissed:  http.StatusForbidden,
	trust.ForeignProvince:  http.StatusForbidden,
	trust.UnknownProvince:  http.StatusForbidden,
	trust.UnknownAuthority: http.StatusForbidden,
	trust.Rollback:         http.StatusConflict,
	trust.FastForward:      http.StatusConflict,
	trust.WrongSession:     http.StatusConflict,
	trust.WrongNumber:      http.StatusConflict,
	trust.WrongSuccession:  http.StatusConflict,
	trust.Equivocation:     http.StatusConflict,
	trust.NotPinned:        http.StatusConflict,
	trust.NotReady:         http.StatusServiceUnavailable,
	trust.BadToken:         http.StatusForbidden,
	trust.UnknownMember:    http.StatusNotFound,
	trust.MemberExists:     http.StatusConflict,
	trust.NoQuorum:         http.StatusConflict,
	trust.Behind:           http.StatusConflict,
}

// A mapped error is one that is no refusal.
type mapped struct {
	err    error
	status int
	code   string
	title  string
}

// errorTable is the one table from the other errors to answers; what is not in it is a 500 and a log line. The first that
// matches counts: an unknown outcome comes first, since its error also wraps why it is unknown, and none of those
// reasons may be answered as if nothing had happened.
var errorTable = []mapped{
	{consensus.ErrUnknownOutcome, http.StatusServiceUnavailable, codeUnknown, "It may or may not have taken effect; send the same again"},
	{consensus.ErrNoLeader, http.StatusServiceUnavailable, codeNoLeader, "The cluster has no leader; try again"},
	{consensus.ErrBusy, http.StatusServiceUnavailable, codeBusy, "Too much is in flight; try again"},
	{consensus.ErrClosed, http.StatusServiceUnavailable, codeStopping, "The node is stopping"},
	{consensus.ErrStopped, http.StatusServiceUnavailable, codeStopping, "The node has stopped itself"},
	{context.DeadlineExceeded, http.StatusServiceUnavailable, codeUnknown, "It may or may not have taken effect; send the same again"},
	{errMediaType, http.StatusUnsupportedMediaType, codeMediaType, "This is not a media type that is read here"},
	{errNotOperator, http.StatusForbidden, codeForbidden, "This takes an operator's access token"},
	{errOtherAuth, http.StatusForbidden, codeForbidden, "The access token belongs to another authority"},
	{access.ErrUnknownToken, http.StatusUnauthorized, codeUnauthorized, "The access token is not known"},
}

// problemOf returns the answer for err, and whether the error is one to log.
func problemOf(err error) (p Problem, log bool) {
	var number *consensus.NumberError
	if errors.As(err, &number) {
		p = problem(http.StatusConflict, string(trust.WrongNumber), "Not the number expected", err.Error())
		p.Expected = number.Expected
		return p, false
	}
	if r, ok := trust.AsRefusal(err); ok {
		status := refusalStatus[r.Code]
		if status == 0 {
			status = http.StatusUnprocessableEntity
		}
		return problem(status, string(r.Code), "Refused", r.Detail), false
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return problem(http.StatusRequestEntityTooLarge, string(trust.TooLarge), "The body is too large",
			"at most "+strconv.FormatInt(tooLarge.Limit, 10)+" bytes"), false
	}
	for _, m := range errorTable {
		if errors.Is(err, m.err) {
			return problem(m.status, m.code, m.title, ""), false
		}
	}
	return problem(http.StatusInternalServerError, codeInternal, "Something is wrong with this node", ""), true
}

func problem(status int, code, title, detail string) Problem {
	return Problem{Type: "urn:hutong:problem:" + code, Title: title, Status: status, Detail: detail, Code: code}
}

// quoted is a part of a parser's message that repeats what was read.
var quoted = regexp.MustCompile(`"(\\.|[^"\\])*"`)

// malformed refuses what a body or a query held, without repeating it: it may be personal data, or a credential.
// where names the member, or is empty where err's text does.
func malformed(where string, err error) error {
	text := err.Error()
	if r, ok := trust.AsRefusal(err); ok {
		text = r.Detail
	}
	if where != "" {
		text = where + ": " + text
	}
	return trust.Refuse(trust.Malformed, "%s", quoted.ReplaceAllString(text, "…"))
}

func writeProblem(w http.ResponseWriter, p Problem) {
	body, err := strictjson.Marshal(p)
	if err != nil {
		http.Error(w, p.Title, p.Status)
		return
	}
	w.Header().Set("Content-Type", "application/problem+json")
	if p.Status == http.StatusServiceUnavailable || p.Status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "1")
	}
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="hutong"`)
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(body)
}

// fail answers err, and logs it when nobody else would learn of it. The log line names the route, never the body.
func fail(w http.ResponseWriter, log *slog.Logger, route string, err error) {
	p, unexpected := problemOf(err)
	if unexpected {
		log.Error("answering a request", "route", route, "error", err)
	}
	writeProblem(w, p)
}

func writeJSON(w http.ResponseWriter, log *slog.Logger, route string, v any) {
	body, err := strictjson.Marshal(v)
	if err != nil {
		fail(w, log, route, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}
