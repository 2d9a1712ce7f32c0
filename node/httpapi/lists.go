package httpapi

import (
	"context"
	"io"
	"net/http"
	"strconv"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/national"
)

// Adopted is the answer to a list that was taken.
type Adopted struct {
	Digest trust.Digest `json:"digest"`
	Number uint64       `json:"number"`
}

func (s *Server) nationalList(w http.ResponseWriter, r *http.Request) {
	const route = "GET /v1/national-list"
	reading := s.cfg.Reader.Reading()
	defer reading.Close()
	n := reading.View.National
	if n == nil {
		writeProblem(w, problem(http.StatusNotFound, codeNotFound, "No national list has been adopted yet", ""))
		return
	}
	number := r.URL.Query().Get("sequence")
	if number == "" || number == strconv.FormatUint(n.List.Sequence, 10) {
		writeEnvelope(w, r, n.Digest, n.Raw)
		return
	}
	from, err := strconv.ParseUint(number, 10, 53)
	if err != nil {
		fail(w, s.cfg.Logger, route, trust.Refuse(trust.Malformed, "sequence: want a number"))
		return
	}
	chain, err := s.cfg.Reader.NationalChain(from, national.MaxBytes)
	if err != nil {
		fail(w, s.cfg.Logger, route, err)
		return
	}
	if len(chain) == 0 {
		writeProblem(w, problem(http.StatusNotFound, codeNotFound, "No such national list is held", ""))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(chain[0])
}

func (s *Server) trustList(w http.ResponseWriter, r *http.Request) {
	const route = "GET /v1/trust-lists/{province}"
	code, err := trust.ParseProvince(r.PathValue("province"))
	if err != nil {
		fail(w, s.cfg.Logger, route, malformed("", err))
		return
	}
	reading := s.cfg.Reader.Reading()
	defer reading.Close()
	p := reading.View.Provinces[code]
	if p == nil || p.List == nil {
		writeProblem(w, problem(http.StatusNotFound, codeNotFound, "No trust list of this province is held", ""))
		return
	}
	writeEnvelope(w, r, p.List.Digest, p.List.Raw)
}

func (s *Server) trustLists(w http.ResponseWriter, r *http.Request) {
	reading := s.cfg.Reader.Reading()
	defer reading.Close()
	writeJSON(w, s.cfg.Logger, "GET /v1/trust-lists", s.provinceStates(reading.View))
}

// writeEnvelope answers a signed document as carried; its digest is the entity tag.
func writeEnvelope(w http.ResponseWriter, r *http.Request, digest trust.Digest, raw []byte) {
	tag := `"` + digest.String() + `"`
	w.Header().Set("ETag", tag)
	w.Header().Set("Content-Type", "application/json")
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(raw)
}

func (s *Server) adoptNational(w http.ResponseWriter, r *http.Request) {
	const route = "POST /v1/national-list"
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, national.MaxBytes))
	if err != nil {
		fail(w, s.cfg.Logger, route, readError(err))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.times.propose)
	defer cancel()
	doc, err := national.Read(raw)
	if err == nil {
		err = s.cfg.Lists.AdoptNational(ctx, [][]byte{raw})
	}
	if err != nil {
		fail(w, s.cfg.Logger, route, err)
		return
	}
	writeJSON(w, s.cfg.Logger, route, Adopted{Digest: doc.Digest, Number: doc.List.Sequence})
}

func (s *Server) publishList(w http.ResponseWriter, r *http.Request) {
	const route = "POST /v1/trust-lists"
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, list.MaxBytes))
	if err != nil {
		fail(w, s.cfg.Logger, route, readError(err))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.times.propose)
	defer cancel()
	doc, err := list.Read(raw)
	if err == nil {
		err = s.cfg.Lists.PublishList(ctx, raw)
	}
	if err != nil {
		fail(w, s.cfg.Logger, route, err)
		return
	}
	writeJSON(w, s.cfg.Logger, route, Adopted{Digest: doc.Digest, Number: doc.List.Number})
}
