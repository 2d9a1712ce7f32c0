package httpapi

import (
	"net/http"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/registry"
	"github.com/hutong-project/hutong/trust/statuslog"
)

// A CredentialStatus is what the status log says about one random handle: one entry for each authority that spoke of
// it. No entry means that no change has been stated; whether that is an answer depends on the coverage, and a verdict
// weighs it.
type CredentialStatus struct {
	Province  trust.Province    `json:"province"`
	Freshness string            `json:"freshness"`
	Log       LogState          `json:"log"`
	Statuses  []AuthorityStatus `json:"statuses"`
}

// An AuthorityStatus is the status in force and the event that decided it.
type AuthorityStatus struct {
	Authority string           `json:"authority"`
	Status    statuslog.Status `json:"status"`
	StatusZH  string           `json:"statusZh"`
	Since     trust.Time       `json:"since"` // effective
	Recorded  trust.Time       `json:"recorded"`
	Position  Position         `json:"position"`
	Reason    string           `json:"reason,omitzero"`
	Source    string           `json:"sourceCode,omitzero"`
	Operator  bool             `json:"operator"` // signed by the operator in the authority's name
}

// credentialStatus answers GET /v1/credentials/status?province=310000&handle=<32 hexadecimal digits>, with
// consistency=linearizable or index=<a receipt's> where the answer must not be older than that.
func (s *Server) credentialStatus(w http.ResponseWriter, r *http.Request) {
	const route = "GET /v1/credentials/status"
	query := r.URL.Query()
	code, err := trust.ParseProvince(query.Get("province"))
	if err != nil {
		fail(w, s.cfg.Logger, route, malformed("", err))
		return
	}
	handle, err := parseHandle(query.Get("handle"))
	if err != nil {
		fail(w, s.cfg.Logger, route, malformed("", err))
		return
	}
	wish, err := readWish(query.Get("consistency"), query.Get("index"))
	if err != nil {
		fail(w, s.cfg.Logger, route, err)
		return
	}
	reading, err := s.reading(r.Context(), wish)
	if err != nil {
		fail(w, s.cfg.Logger, route, err)
		return
	}
	defer reading.Close()
	p := reading.View.Provinces[code]
	if p == nil || p.Entry == nil {
		writeProblem(w, problem(http.StatusNotFound, codeNotFound, "The national list has no such province", ""))
		return
	}
	entries, err := reading.Events(code, statuslog.KindCredential, statuslog.HandleSubject(handle))
	if err != nil {
		fail(w, s.cfg.Logger, route, err)
		return
	}
	writeJSON(w, s.cfg.Logger, route, s.statusOf(reading.View, p, entries))
}

func (s *Server) statusOf(v *registry.View, p *registry.Province, entries []statuslog.Entry) CredentialStatus {
	now := s.now()
	answer := CredentialStatus{
		Province: p.Code, Freshness: v.Age(p.Code, now).Freshness.String(),
		Log:      LogState{Generation: p.Log.Generation, Size: p.Log.Size, Root: p.Log.Root, NotCounting: len(p.NotCounting)},
		Statuses: []AuthorityStatus{},
	}
	byAuthority := map[string][]statuslog.Entry{}
	order := []string{}
	for _, e := range entries {
		if _, seen := byAuthority[e.Authority]; !seen {
			order = append(order, e.Authority)
		}
		byAuthority[e.Authority] = append(byAuthority[e.Authority], e)
	}
	for _, authority := range order {
		state := statuslog.Fold(byAuthority[authority], now)
		if state.Entry == nil {
			continue
		}
		e := state.Entry
		answer.Statuses = append(answer.Statuses, AuthorityStatus{
			Authority: authority, Status: state.Status, StatusZH: state.Status.Chinese(), Since: state.Since,
			Recorded: e.Recorded, Position: Position{Position: e.Ref.Position, Index: e.Ref.Index},
			Reason: e.Event.Reason, Source: e.Event.SourceCode, Operator: e.Operator,
		})
	}
	return answer
}
