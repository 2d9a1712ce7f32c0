package httpapi

import (
	"encoding/hex"
	"strconv"
	"unicode/utf8"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/strictjson"
	"github.com/hutong-project/hutong/trust/verdict"
)

// marshalVerdict returns what strictjson.Marshal returns, in less than half the time: after the signature, writing the
// answer was the dearest part of a verdict over HTTP. A verdict whose texts need escaping goes the usual way.
func marshalVerdict(v *verdict.Verdict) ([]byte, error) {
	w := writer{b: make([]byte, 0, 1536)}
	w.verdict(v)
	if w.odd {
		return strictjson.Marshal(v)
	}
	return w.b, nil
}

// A writer appends JSON. odd is set when a text cannot stand in it as it is; what was written is then worth nothing.
type writer struct {
	b   []byte
	odd bool
}

func (w *writer) raw(s string) { w.b = append(w.b, s...) }

// text writes a member's name, as it stands in the code, and a text.
func (w *writer) text(name, s string) {
	w.raw(name)
	w.b = append(w.b, '"')
	ascii := true
	for i := range len(s) {
		c := s[i]
		if c < 0x20 || c == '"' || c == '\\' {
			w.odd = true
		}
		ascii = ascii && c < utf8.RuneSelf
	}
	if !ascii && !utf8.ValidString(s) {
		w.odd = true
	}
	w.raw(s)
	w.b = append(w.b, '"')
}

// textUnlessEmpty is text for a member that is left out when it is empty.
func (w *writer) textUnlessEmpty(name, s string) {
	if s != "" {
		w.text(name, s)
	}
}

func (w *writer) time(name string, t trust.Time) { w.text(name, t.String()) }

func (w *writer) timeUnlessZero(name string, t trust.Time) {
	if !t.IsZero() {
		w.time(name, t)
	}
}

func (w *writer) hash(name string, h [trust.HashSize]byte) {
	w.raw(name)
	w.b = append(w.b, '"')
	w.b = hex.AppendEncode(w.b, h[:])
	w.b = append(w.b, '"')
}

func (w *writer) number(name string, n uint64) {
	w.raw(name)
	w.b = strconv.AppendUint(w.b, n, 10)
}

func (w *writer) comma(i int) {
	if i > 0 {
		w.b = append(w.b, ',')
	}
}

func (w *writer) verdict(v *verdict.Verdict) {
	w.text(`{"result":`, string(v.Result))
	w.raw(`,"reasons":[`)
	for i := range v.Reasons {
		w.comma(i)
		w.reason(&v.Reasons[i])
	}
	w.raw(`],"checks":[`)
	for i := range v.Checks {
		w.comma(i)
		w.check(&v.Checks[i])
	}
	w.raw(`]`)
	if v.Credential != nil {
		w.credential(v.Credential)
	}
	if is := v.Issuer; is != nil {
		w.text(`,"issuer":{"province":`, string(is.Province))
		w.text(`,"anchor":`, is.Anchor)
		w.text(`,"name":`, is.Name)
		w.text(`,"authority":`, is.Authority)
		w.text(`,"status":`, is.Status)
		w.raw(`}`)
	}
	if s := v.Successor; s != nil {
		w.text(`,"successor":{"province":`, string(s.Province))
		w.hash(`,"subject":`, s.Subject)
		w.raw(`}`)
	}
	w.time(`,"evaluatedAt":`, v.EvaluatedAt)
	w.time(`,"validAt":`, v.ValidAt)
	w.evidence(&v.Evidence)
	w.raw(`}`)
}

func (w *writer) reason(r *verdict.Reason) {
	w.text(`{"code":`, string(r.Code))
	w.raw(`,"step":`)
	w.b = strconv.AppendInt(w.b, int64(r.Step), 10)
	w.text(`,"outcome":`, string(r.Outcome))
	w.text(`,"zh":`, r.ZH)
	w.text(`,"en":`, r.EN)
	w.textUnlessEmpty(`,"detail":`, r.Detail)
	w.raw(`}`)
}

func (w *writer) check(c *verdict.Check) {
	w.raw(`{"step":`)
	w.b = strconv.AppendInt(w.b, int64(c.Step), 10)
	w.text(`,"name":`, c.Name)
	w.text(`,"outcome":`, string(c.Outcome))
	w.textUnlessEmpty(`,"code":`, string(c.Code))
	w.textUnlessEmpty(`,"detail":`, c.Detail)
	w.raw(`}`)
}

func (w *writer) credential(c *verdict.Credential) {
	w.text(`,"credential":{"format":`, c.Format)
	w.textUnlessEmpty(`,"type":`, c.Type)
	w.textUnlessEmpty(`,"province":`, string(c.Province))
	w.hash(`,"digest":`, c.Digest)
	w.timeUnlessZero(`,"issued":`, c.Issued)
	w.timeUnlessZero(`,"notBefore":`, c.NotBefore)
	w.timeUnlessZero(`,"expires":`, c.Expires)
	w.raw(`,"presentation":`)
	w.b = strconv.AppendBool(w.b, c.Presentation)
	if c.Defects != nil {
		w.raw(`,"defects":[`)
		for i, d := range c.Defects {
			w.comma(i)
			w.text(`{"code":`, d.Code)
			w.text(`,"detail":`, d.Detail)
			w.raw(`}`)
		}
		w.raw(`]`)
	}
	if c.Face != nil {
		w.raw(`,"face":[`)
		for i, f := range c.Face {
			w.comma(i)
			w.text(`{"name":`, f.Name)
			w.text(`,"value":`, f.Value)
			w.raw(`}`)
		}
		w.raw(`]`)
	}
	w.raw(`}`)
}

func (w *writer) evidence(e *verdict.Evidence) {
	w.raw(`,"evidence":{`)
	first := len(w.b)
	part := func() { w.comma(len(w.b) - first) }
	if e.NationalList != 0 {
		w.number(`"nationalList":`, e.NationalList)
	}
	if l := e.TrustList; l != nil {
		part()
		w.number(`"trustList":{"session":`, l.Session)
		w.number(`,"version":`, l.Version)
		w.raw(`}`)
	}
	if h := e.Head; h != nil {
		part()
		w.number(`"head":{"sequence":`, h.Sequence)
		w.raw(`,"ageSeconds":`)
		w.b = strconv.AppendInt(w.b, h.AgeSeconds, 10)
		w.raw(`}`)
	}
	if l := e.Log; l != nil {
		part()
		w.number(`"log":{"generation":`, l.Generation)
		w.number(`,"size":`, l.Size)
		if l.Position != nil {
			w.number(`,"position":`, *l.Position)
		}
		w.raw(`}`)
	}
	w.raw(`}`)
}
