package verdict

import (
	"fmt"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/registry"
	"github.com/hutong-project/hutong/trust/statuslog"
)

// statusFacts is what the issuer's own authority has said about the credential.
type statusFacts struct {
	subject trust.Subject
	known   bool // the credential has a subject
	entries []statuslog.Entry
	err     error
}

// readStatus reads what the log says about the credential. Only the anchor's own authority can speak about it.
func (j *judgement) readStatus(s *signer) *statusFacts {
	f := new(statusFacts)
	if len(j.c.Handle) != statuslog.HandleSize {
		return f
	}
	f.subject, f.known = statuslog.HandleSubject(j.c.Handle), true
	f.entries, f.err = j.events(s.anchor.Province, s.anchor.Authority, statuslog.KindCredential, f.subject)
	return f
}

// events reads what one authority of a province said about a subject.
func (j *judgement) events(p trust.Province, authority string, kind statuslog.Kind, subject trust.Subject) ([]statuslog.Entry, error) {
	if j.s == nil {
		return nil, nil
	}
	all, err := j.s.Events(p, kind, subject)
	if err != nil {
		return nil, err
	}
	return ofAuthority(all, authority), nil
}

// ofAuthority returns the entries of one authority, without copying where all are.
func ofAuthority(all []statuslog.Entry, authority string) []statuslog.Entry {
	others := 0
	for i := range all {
		if all[i].Authority != authority {
			others++
		}
	}
	if others == 0 {
		return all
	}
	own := make([]statuslog.Entry, 0, len(all)-others)
	for i := range all {
		if all[i].Authority == authority {
			own = append(own, all[i])
		}
	}
	return own
}

// judgeStatus is step 8: the status, at the moment asked about, of the credential and of each certificate that the
// signature rests on.
func (j *judgement) judgeStatus(v *Verdict, s *signer, f *statusFacts) {
	v.pass(StepStatus)
	if j.s == nil {
		v.find(StatusNotConfigured, "")
		return
	}
	j.judgeCertificates(v, s)
	if f.err != nil {
		v.find(StatusUnavailable, "")
		return
	}
	state := statuslog.Fold(f.entries, j.validAt)
	if state.Entry != nil && v.Evidence.Log != nil {
		position := state.Entry.Ref.Position
		v.Evidence.Log.Position = &position
	}
	if j.validAt > j.q.Now+j.skew {
		v.find(ValidAtInFuture, fmt.Sprintf("asked about %s, now %s", j.validAt, j.q.Now))
	}
	if j.validAt < s.province.Log.HistoryFrom {
		v.find(HistoryNotHeld, fmt.Sprintf("asked about %s, held from %s", j.validAt, s.province.Log.HistoryFrom))
	}
	if state.Status == 0 {
		j.judgeCoverage(v, s.anchor, f)
		return
	}
	j.judgeState(v, s, f, state)
}

// judgeCoverage says what it means that the log holds nothing about the credential. A province states a coverage since
// a day only when the log then also holds what had been revoked before, so from that day on absence says something.
func (j *judgement) judgeCoverage(v *Verdict, a *list.Anchored, f *statusFacts) {
	switch coverage := a.StatusCoverage; {
	case coverage.Kind == list.CoverageNone:
		v.find(CoverageNone, "")
	case coverage.Kind != list.CoverageLog || j.validAt < coverage.Since:
		v.find(StatusNotCovered, fmt.Sprintf("covered since %s, asked about %s", coverage.Since, j.validAt))
	case !f.known:
		v.find(StatusSubjectMissing, "")
	}
}

// judgeState judges a status that the authority has stated.
func (j *judgement) judgeState(v *Verdict, s *signer, f *statusFacts, state statuslog.State) {
	detail := ""
	if state.Status != statuslog.StatusValid {
		detail = fmt.Sprintf("%s since %s", state.Status, state.Since)
	}
	switch state.Status {
	case statuslog.StatusValid:
	case statuslog.StatusSuspended:
		code := CredentialSuspended
		if j.pastGrace(s) {
			code = CredentialSuspendedPastGrace
		}
		v.find(code, detail)
	case statuslog.StatusRescinded:
		v.find(CredentialRescinded, detail)
	case statuslog.StatusCancelled:
		v.find(CredentialCancelled, detail)
	case statuslog.StatusLapsed:
		v.find(CredentialLapsed, detail)
	case statuslog.StatusRevoked:
		v.find(CredentialRevoked, detail)
	case statuslog.StatusSuperseded:
		v.find(CredentialSuperseded, detail)
		v.Successor = successor(state.Successor)
	case statuslog.StatusTransferred:
		if !j.transferStands(s, f, state.Successor) {
			v.find(TransferPending, detail)
			return
		}
		v.find(CredentialTransferred, detail)
		v.Successor = successor(state.Successor)
	case statuslog.StatusNotActive:
		v.find(CredentialNotActive, detail)
	default:
		v.find(CredentialStatusOther, detail)
	}
}

// transferStands reports whether the other side of a transfer has said that it took this credential over: an authority
// there has, at the moment asked about, a word standing about the successor that names this one its predecessor.
func (j *judgement) transferStands(s *signer, f *statusFacts, to *statuslog.Link) bool {
	if to == nil {
		return false
	}
	all, err := j.s.Events(to.Province, statuslog.KindCredential, to.Subject)
	if err != nil {
		return false
	}
	from := statuslog.Link{Province: s.anchor.Province, Subject: f.subject}
	for i := range all {
		// Each authority is folded once, at its first entry.
		if firstOf(all, all[i].Authority) != i {
			continue
		}
		state := statuslog.Fold(ofAuthority(all, all[i].Authority), j.validAt)
		if state.Predecessor != nil && *state.Predecessor == from {
			return true
		}
	}
	return false
}

func firstOf(entries []statuslog.Entry, authority string) int {
	for i := range entries {
		if entries[i].Authority == authority {
			return i
		}
	}
	return -1
}

// judgeCertificates looks up every certificate that the signature rests on, national roots aside: those stand and
// fall with the national list.
func (j *judgement) judgeCertificates(v *Verdict, s *signer) {
	for i := range s.path[:s.carried] {
		c := s.path[i]
		j.judgeCertificate(v, s, i, statuslog.CertificateSubject(c.RawIssuer, c.SerialDER))
	}
	for i, subject := range s.province.PathSubjects(s.anchor) {
		if i > 0 && i == len(s.anchor.Path)-1 {
			break // the national root
		}
		j.judgeCertificate(v, s, s.carried+i, subject)
	}
}

func (j *judgement) judgeCertificate(v *Verdict, s *signer, at int, subject trust.Subject) {
	entries, err := j.events(s.anchor.Province, s.anchor.Authority, statuslog.KindCertificate, subject)
	if err != nil {
		v.find(StatusUnavailable, "")
		return
	}
	if len(entries) == 0 {
		return
	}
	state := statuslog.Fold(entries, j.validAt)
	detail := fmt.Sprintf("certificate %d of the path: %s since %s", at+1, state.Status, state.Since)
	switch {
	case state.Status == 0 || state.Status == statuslog.StatusValid:
	case state.Status == statuslog.StatusSuspended && j.pastGrace(s):
		v.find(CertificateSuspendedPastGrace, detail)
	case state.Status == statuslog.StatusSuspended:
		v.find(CertificateSuspended, detail)
	case state.Status.Final():
		v.find(CertificateRevoked, detail)
	default:
		v.find(CertificateStatusOther, detail)
	}
}

// pastGrace reports whether the evidence is so old that what can be lifted may have been lifted since.
func (j *judgement) pastGrace(s *signer) bool {
	return j.v.Age(s.anchor.Province, j.q.Now).Freshness >= registry.Expired
}
