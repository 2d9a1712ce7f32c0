package httpapi

import (
	"encoding/json"
	"net/http"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/registry"
)

// A NodeState is what one node believes and how current that is: the answer of GET /v1/node.
type NodeState struct {
	Node      string         `json:"node"`
	Province  trust.Province `json:"province"`
	Leader    string         `json:"leader,omitzero"`    // node id; absent: none known
	Leading   bool           `json:"leading"`            // this node is it
	Applied   uint64         `json:"applied"`            // index of the last applied command
	Connected int            `json:"connected"`          // peers that answer
	Unsettled string         `json:"unsettled,omitzero"` // why the cluster may lack what it published; it takes no events then
	// CertificateExpires is when this node's certificate in the cluster ends; absent: it has none.
	CertificateExpires trust.Time      `json:"certificateExpires,omitzero"`
	National           *NationalState  `json:"nationalList,omitzero"`
	Provinces          []ProvinceState `json:"provinces"`
}

// A NationalState tells which national list is in force.
type NationalState struct {
	Sequence   uint64       `json:"sequence"`
	Digest     trust.Digest `json:"digest"`
	NextUpdate trust.Time   `json:"nextUpdate"`
	Freshness  string       `json:"freshness"`
}

// A ProvinceState is what is held of one province.
type ProvinceState struct {
	Province   trust.Province  `json:"province"`
	NameZH     string          `json:"nameZh"`
	NameEN     string          `json:"nameEn"`
	Status     string          `json:"status"` // in the national list
	Local      bool            `json:"local"`  // this cluster signs its heads
	Freshness  string          `json:"freshness"`
	Oldest     string          `json:"oldest,omitzero"` // what makes it no longer fresh
	Session    uint64          `json:"session"`
	Sequence   uint64          `json:"sequence"` // of the head; 0: none
	Issued     trust.Time      `json:"issued,omitzero"`
	AgeSeconds int64           `json:"ageSeconds"`
	List       uint64          `json:"trustList"` // its number; 0: none
	ListDigest trust.Digest    `json:"trustListDigest,omitzero"`
	Anchors    int             `json:"anchors"`
	Refused    []RefusedAnchor `json:"refusedAnchors"`
	Log        LogState        `json:"log"`
	Evidence   string          `json:"equivocation,omitzero"` // why the province is disputed
	Source     string          `json:"source,omitzero"`
	LastError  string          `json:"lastError,omitzero"`
}

// A LogState tells how far a status log reaches.
type LogState struct {
	Generation  uint64       `json:"generation"`
	Size        uint64       `json:"size"`
	Root        trust.Digest `json:"root"`
	NotCounting int          `json:"notCounting"` // leaves that stand in the log and do not count
}

// A RefusedAnchor does not count, and this is why.
type RefusedAnchor struct {
	ID     string `json:"id"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

func (s *Server) node(w http.ResponseWriter, r *http.Request) {
	reading := s.cfg.Reader.Reading()
	defer reading.Close()
	v := reading.View
	leader, _, leading := s.cfg.Reader.Leader()
	state := NodeState{
		Node: s.cfg.Node, Province: s.cfg.Province, Leader: leader, Leading: leading, Applied: v.Applied, Unsettled: unsettled(v),
		Provinces: s.provinceStates(v),
	}
	if s.cfg.Peers != nil {
		state.Connected = s.cfg.Peers.Connected()
	}
	if c := s.cfg.Certificate; c != nil {
		state.CertificateExpires = trust.TimeOf(c.Expires())
	}
	if n := v.National; n != nil {
		state.National = &NationalState{
			Sequence: n.List.Sequence, Digest: n.Digest, NextUpdate: n.List.NextUpdate,
			Freshness: v.NationalAge(s.now()).Freshness.String(),
		}
	}
	writeJSON(w, s.cfg.Logger, "GET /v1/node", state)
}

func (s *Server) provinceStates(v *registry.View) []ProvinceState {
	sync := map[trust.Province]ProvinceSync{}
	if s.cfg.Peers != nil {
		for _, p := range s.cfg.Peers.Provinces() {
			sync[p.Province] = p
		}
	}
	now := s.now()
	states := []ProvinceState{}
	for _, code := range v.Codes() {
		p := v.Provinces[code]
		if p.Entry == nil {
			continue
		}
		state := provinceState(p, v.Age(code, now), now)
		state.Source, state.LastError = sync[code].Source, sync[code].LastError
		states = append(states, state)
	}
	return states
}

func provinceState(p *registry.Province, age registry.Age, now trust.Time) ProvinceState {
	state := ProvinceState{
		Province: p.Code, NameZH: p.Entry.NameZH, NameEN: p.Entry.NameEN, Status: string(p.Entry.Status),
		Local: p.Local, Freshness: age.Freshness.String(), Session: p.Entry.Session,
		Log: LogState{Generation: p.Log.Generation, Size: p.Log.Size, Root: p.Log.Root, NotCounting: len(p.NotCounting)},
	}
	if age.Freshness != registry.Fresh {
		state.Oldest = age.Part.String()
	}
	if h := p.Head; h != nil {
		state.Sequence, state.Issued = h.Head.Sequence, h.Head.Issued
		state.AgeSeconds = max(0, int64(now-h.Head.Issued))
	}
	if l := p.List; l != nil {
		state.List, state.ListDigest, state.Anchors = l.List.Number, l.Digest, len(l.Anchors)
		for _, a := range l.Refused {
			state.Refused = append(state.Refused, RefusedAnchor{ID: a.ID, Code: string(a.Code), Detail: a.Detail})
		}
	}
	if p.Equivocation != nil {
		state.Evidence = p.Equivocation.Why
	}
	return state
}

// A HeadState is one province's head, as carried, with its age here.
type HeadState struct {
	Province   trust.Province  `json:"province"`
	AgeSeconds int64           `json:"ageSeconds"`
	Freshness  string          `json:"freshness"`
	Envelope   json.RawMessage `json:"envelope"`
}

func (s *Server) heads(w http.ResponseWriter, r *http.Request) {
	reading := s.cfg.Reader.Reading()
	defer reading.Close()
	now := s.now()
	heads := []HeadState{}
	for _, code := range reading.View.Codes() {
		p := reading.View.Provinces[code]
		if p.Head == nil {
			continue
		}
		heads = append(heads, HeadState{
			Province: code, AgeSeconds: max(0, int64(now-p.Head.Head.Issued)),
			Freshness: reading.View.Age(code, now).Freshness.String(), Envelope: p.Head.Raw,
		})
	}
	writeJSON(w, s.cfg.Logger, "GET /v1/heads", heads)
}
