package verdict_test

import (
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/statuslog"
	"github.com/hutong-project/hutong/trust/verdict"
)

func is(s statuslog.Status) func(w *world) { return func(w *world) { w.state(s, now) } }

// graceEnds is a second past grace.
func graceEnds(w *world) { w.age(300 + 86400 + 1) }

var statusRows = []row{
	{"valid", is(statuslog.StatusValid), verdict.Valid, nil},
	{"suspended", is(statuslog.StatusSuspended), verdict.Invalid, codes{verdict.CredentialSuspended}},
	{"rescinded", is(statuslog.StatusRescinded), verdict.Invalid, codes{verdict.CredentialRescinded}},
	{"cancelled", is(statuslog.StatusCancelled), verdict.Invalid, codes{verdict.CredentialCancelled}},
	{"lapsed", is(statuslog.StatusLapsed), verdict.Invalid, codes{verdict.CredentialLapsed}},
	{"revoked", is(statuslog.StatusRevoked), verdict.Invalid, codes{verdict.CredentialRevoked}},
	{"superseded", is(statuslog.StatusSuperseded), verdict.Invalid, codes{verdict.CredentialSuperseded}},
	{"not active", is(statuslog.StatusNotActive), verdict.Invalid, codes{verdict.CredentialNotActive}},
	{"other", is(statuslog.StatusOther), verdict.Indeterminate, codes{verdict.CredentialStatusOther}},

	{"revoked a second after the moment asked about", func(w *world) { w.state(statuslog.StatusRevoked, now+1) }, verdict.Valid, nil},
	{"asked about the second before the revocation", func(w *world) { w.state(statuslog.StatusRevoked, now-day); w.q.ValidAt = now - day - 1 }, verdict.Valid, nil},
	{"asked about the second of the revocation", func(w *world) { w.state(statuslog.StatusRevoked, now-day); w.q.ValidAt = now - day }, verdict.Invalid, codes{verdict.CredentialRevoked}},
	{"suspension lifted", func(w *world) { w.state(statuslog.StatusSuspended, now-2); w.state(statuslog.StatusValid, now-1) }, verdict.Valid, nil},
	{"suspension lifted, asked about a moment in it", func(w *world) {
		w.state(statuslog.StatusSuspended, now-2*day)
		w.state(statuslog.StatusValid, now-day)
		w.q.ValidAt = now - day - 1
	}, verdict.Invalid, codes{verdict.CredentialSuspended}},
	{"revocation lifted by a mere word: it stands", func(w *world) { w.state(statuslog.StatusRevoked, now-2); w.state(statuslog.StatusValid, now-1) },
		verdict.Invalid, codes{verdict.CredentialRevoked}},
	{"revocation corrected", func(w *world) {
		w.state(statuslog.StatusRevoked, now-2)
		w.say(shanghai, police, 1, statuslog.Event{Status: statuslog.StatusValid, Effective: now - 1, Corrects: &statuslog.EventRef{}})
	}, verdict.Valid, nil},
	{"revoked by another authority of the province", func(w *world) {
		w.say(shanghai, cityHall, 0, statuslog.Event{Status: statuslog.StatusRevoked, Effective: now})
	}, verdict.Valid, nil},
	{"revoked by its own authority among others", func(w *world) {
		w.say(shanghai, cityHall, 0, statuslog.Event{Status: statuslog.StatusValid, Effective: now})
		w.say(shanghai, police, 1, statuslog.Event{Status: statuslog.StatusRevoked, Effective: now - 1})
		w.say(shanghai, cityHall, 2, statuslog.Event{Status: statuslog.StatusValid, Effective: now, Corrects: &statuslog.EventRef{Position: 1}})
	}, verdict.Invalid, codes{verdict.CredentialRevoked}},
	{"revoked in another province's log", func(w *world) {
		w.say(zhejiang, police, 0, statuslog.Event{Status: statuslog.StatusRevoked, Effective: now})
	}, verdict.Valid, nil},
	{"the seal of that subject revoked", func(w *world) {
		w.say(shanghai, police, 0, statuslog.Event{Kind: statuslog.KindSeal, Status: statuslog.StatusRevoked, Effective: now})
	}, verdict.Valid, nil},

	{"suspended, at the end of grace", func(w *world) { is(statuslog.StatusSuspended)(w); w.age(300 + 86400) },
		verdict.Invalid, codes{verdict.CredentialSuspended, verdict.StaleHead}},
	{"suspended, past grace: it may have been lifted", func(w *world) { is(statuslog.StatusSuspended)(w); graceEnds(w) },
		verdict.Indeterminate, codes{verdict.CredentialSuspendedPastGrace, verdict.PastGrace}},
	{"revoked, past grace: it stays", func(w *world) { is(statuslog.StatusRevoked)(w); graceEnds(w) }, verdict.Invalid, codes{verdict.CredentialRevoked, verdict.PastGrace}},
	{"revoked, equivocating province", func(w *world) { is(statuslog.StatusRevoked)(w); w.equivocating[shanghai] = true },
		verdict.Invalid, codes{verdict.CredentialRevoked, verdict.ProvinceEquivocating}},
	{"expired, past grace: it stays", func(w *world) { w.c.Expires = now - 1; graceEnds(w) }, verdict.Invalid, codes{verdict.Expired, verdict.PastGrace}},

	{"no status log", func(w *world) { w.noReader = true }, verdict.Indeterminate, codes{verdict.StatusNotConfigured}},
	{"status log unreadable", func(w *world) { w.breakLog(shanghai, statuslog.KindCredential, credentialSubject()) }, verdict.Indeterminate, codes{verdict.StatusUnavailable}},
	{"no status log, no coverage stated", func(w *world) { w.noReader = true; w.police().StatusCoverage = list.Coverage{Kind: list.CoverageNone} },
		verdict.Indeterminate, codes{verdict.StatusNotConfigured}},
	{"status log unreadable, no coverage stated", func(w *world) {
		w.breakLog(shanghai, statuslog.KindCredential, credentialSubject())
		w.police().StatusCoverage = list.Coverage{Kind: list.CoverageNone}
	}, verdict.Indeterminate, codes{verdict.StatusUnavailable}},
	{"asked about the first second that is held", func(w *world) { w.historyFrom = now }, verdict.Valid, nil},
	{"asked about a second before", func(w *world) { w.historyFrom = now + 1 }, verdict.Indeterminate, codes{verdict.HistoryNotHeld}},
	{"asked about a second before, a final status is known", func(w *world) { w.historyFrom = now + 1; is(statuslog.StatusRevoked)(w) },
		verdict.Invalid, codes{verdict.CredentialRevoked, verdict.HistoryNotHeld}},
	{"asked about now and skew", func(w *world) { w.q.ValidAt = now + 60 }, verdict.Valid, nil},
	{"asked about a second beyond skew", func(w *world) { w.q.ValidAt = now + 61 }, verdict.Indeterminate, codes{verdict.ValidAtInFuture}},
}

var coverageRows = []row{
	{"absent, covered since the moment asked about", func(w *world) { w.police().StatusCoverage.Since = now }, verdict.Valid, nil},
	{"absent, covered a second later", func(w *world) { w.police().StatusCoverage.Since = now + 1 }, verdict.Indeterminate, codes{verdict.StatusNotCovered}},
	{"revoked before the coverage: known events count", func(w *world) { w.police().StatusCoverage.Since = now + 1; is(statuslog.StatusRevoked)(w) },
		verdict.Invalid, codes{verdict.CredentialRevoked}},
	{"absent, no coverage", func(w *world) { w.police().StatusCoverage = list.Coverage{Kind: list.CoverageNone} }, verdict.Valid, codes{verdict.CoverageNone}},
	{"revoked, no coverage: known events count", func(w *world) {
		w.police().StatusCoverage = list.Coverage{Kind: list.CoverageNone}
		is(statuslog.StatusRevoked)(w)
	}, verdict.Invalid, codes{verdict.CredentialRevoked}},
	{"no handle, covered", func(w *world) { w.c.Handle = nil }, verdict.Indeterminate, codes{verdict.StatusSubjectMissing}},
	{"handle of another length", func(w *world) { w.c.Handle = w.c.Handle[:15] }, verdict.Indeterminate, codes{verdict.StatusSubjectMissing}},
	{"no handle, no coverage", func(w *world) {
		w.c.Handle = nil
		w.police().StatusCoverage = list.Coverage{Kind: list.CoverageNone}
	}, verdict.Valid, codes{verdict.CoverageNone}},
}

func certificateIs(der []byte, authority string, s statuslog.Status, t trust.Time) func(w *world) {
	return func(w *world) {
		w.carry(keys().deepLeaf, keys().subCA.Raw)
		w.say(shanghai, authority, 0, statuslog.Event{Kind: statuslog.KindCertificate, Subject: certificateSubject(der), Status: s, Effective: t})
	}
}

// late is for what needs the keys only when the test runs.
func late(f func(k *keyring) func(w *world)) func(w *world) {
	return func(w *world) { f(keys())(w) }
}

var certificateStatusRows = []row{
	{"signer's own anchor revoked", func(w *world) {
		w.say(shanghai, police, 0, statuslog.Event{Kind: statuslog.KindCertificate, Subject: certificateSubject(keys().police), Status: statuslog.StatusRevoked, Effective: now})
	}, verdict.Invalid, codes{verdict.CertificateRevoked}},
	{"pinned certificate revoked", func(w *world) {
		w.partnerCode()
		w.say(austria, "AT-MOH", 0, statuslog.Event{Kind: statuslog.KindCertificate, Subject: certificateSubject(keys().partner), Status: statuslog.StatusRevoked, Effective: now})
	}, verdict.Invalid, codes{verdict.CertificateRevoked, verdict.CoverageNone}},
	{"the CA between anchor and root revoked", func(w *world) {
		w.lists[shanghai].Anchors = append(w.lists[shanghai].Anchors, anchor("under-ca", police, keys().leaf))
		c := claims()
		c.Anchor = "under-ca"
		w.c = w.issue(c, keys().leafKey)
		w.say(shanghai, police, 0, statuslog.Event{Kind: statuslog.KindCertificate, Subject: certificateSubject(keys().ca.Raw), Status: statuslog.StatusRevoked, Effective: now})
	}, verdict.Invalid, codes{verdict.CertificateRevoked}},
	{"a second after the moment asked about", func(w *world) {
		w.say(shanghai, police, 0, statuslog.Event{Kind: statuslog.KindCertificate, Subject: certificateSubject(keys().police), Status: statuslog.StatusRevoked, Effective: now + 1})
	}, verdict.Valid, nil},
	{"another certificate revoked", func(w *world) {
		w.say(shanghai, police, 0, statuslog.Event{Kind: statuslog.KindCertificate, Subject: certificateSubject(keys().second), Status: statuslog.StatusRevoked, Effective: now})
	}, verdict.Valid, nil},
	{"carried signer revoked", late(func(k *keyring) func(*world) { return certificateIs(k.deepLeaf, police, statuslog.StatusRevoked, now) }), verdict.Invalid, codes{verdict.CertificateRevoked}},
	{"carried CA revoked", late(func(k *keyring) func(*world) {
		return certificateIs(k.subCA.Raw, police, statuslog.StatusCancelled, now)
	}), verdict.Invalid, codes{verdict.CertificateRevoked}},
	{"the anchor's CA revoked", late(func(k *keyring) func(*world) { return certificateIs(k.ca.Raw, police, statuslog.StatusRevoked, now) }), verdict.Invalid, codes{verdict.CertificateRevoked}},
	{"the national root: the national list decides", late(func(k *keyring) func(*world) { return certificateIs(k.root.Raw, police, statuslog.StatusRevoked, now) }), verdict.Valid, nil},
	{"revoked by another authority", late(func(k *keyring) func(*world) {
		return certificateIs(k.deepLeaf, cityHall, statuslog.StatusRevoked, now)
	}), verdict.Valid, nil},
	{"valid", late(func(k *keyring) func(*world) { return certificateIs(k.deepLeaf, police, statuslog.StatusValid, now) }), verdict.Valid, nil},
	{"suspended", late(func(k *keyring) func(*world) {
		return certificateIs(k.deepLeaf, police, statuslog.StatusSuspended, now)
	}), verdict.Invalid, codes{verdict.CertificateSuspended}},
	{"suspended, past grace", late(func(k *keyring) func(*world) {
		return func(w *world) { certificateIs(k.deepLeaf, police, statuslog.StatusSuspended, now)(w); graceEnds(w) }
	}), verdict.Indeterminate, codes{verdict.CertificateSuspendedPastGrace, verdict.PastGrace}},
	{"revoked, past grace", late(func(k *keyring) func(*world) {
		return func(w *world) { certificateIs(k.deepLeaf, police, statuslog.StatusRevoked, now)(w); graceEnds(w) }
	}), verdict.Invalid, codes{verdict.CertificateRevoked, verdict.PastGrace}},
	{"other", late(func(k *keyring) func(*world) { return certificateIs(k.deepLeaf, police, statuslog.StatusOther, now) }), verdict.Indeterminate, codes{verdict.CertificateStatusOther}},
	{"unreadable", func(w *world) { w.breakLog(shanghai, statuslog.KindCertificate, certificateSubject(keys().police)) }, verdict.Indeterminate, codes{verdict.StatusUnavailable}},
}

var successorSubject = trust.Subject{9, 9}

func transferOut(w *world) {
	w.say(shanghai, police, 0, statuslog.Event{Status: statuslog.StatusTransferred, Effective: now - day, Successor: &statuslog.Link{Province: zhejiang, Subject: successorSubject}})
}

func transferIn(w *world, from statuslog.Link, effective trust.Time) {
	w.say(zhejiang, harbour, 0, statuslog.Event{Subject: successorSubject, Status: statuslog.StatusValid, Effective: effective, Predecessor: &from})
}

func itself() statuslog.Link { return statuslog.Link{Province: shanghai, Subject: credentialSubject()} }

var transferRows = []row{
	{"only one side", transferOut, verdict.Indeterminate, codes{verdict.TransferPending}},
	{"both sides", func(w *world) { transferOut(w); transferIn(w, itself(), now) }, verdict.Invalid, codes{verdict.CredentialTransferred}},
	{"the other side a second later", func(w *world) { transferOut(w); transferIn(w, itself(), now+1) }, verdict.Indeterminate, codes{verdict.TransferPending}},
	{"the other side names another subject", func(w *world) {
		transferOut(w)
		transferIn(w, statuslog.Link{Province: shanghai, Subject: successorSubject}, now)
	},
		verdict.Indeterminate, codes{verdict.TransferPending}},
	{"the other side names another province", func(w *world) {
		transferOut(w)
		transferIn(w, statuslog.Link{Province: austria, Subject: credentialSubject()}, now)
	},
		verdict.Indeterminate, codes{verdict.TransferPending}},
	{"the other side stands in a third province", func(w *world) {
		transferOut(w)
		from := itself()
		w.say(austria, harbour, 0, statuslog.Event{Subject: successorSubject, Status: statuslog.StatusValid, Effective: now, Predecessor: &from})
	}, verdict.Indeterminate, codes{verdict.TransferPending}},
	{"the other side took it back", func(w *world) {
		transferOut(w)
		transferIn(w, itself(), now-2)
		w.say(zhejiang, harbour, 1, statuslog.Event{Subject: successorSubject, Status: statuslog.StatusCancelled, Effective: now - 1, Corrects: &statuslog.EventRef{}})
	}, verdict.Indeterminate, codes{verdict.TransferPending}},
	{"the other side's second authority confirms", func(w *world) {
		transferOut(w)
		w.say(zhejiang, cityHall, 0, statuslog.Event{Subject: successorSubject, Status: statuslog.StatusValid, Effective: now - 2})
		from := itself()
		w.say(zhejiang, harbour, 1, statuslog.Event{Subject: successorSubject, Status: statuslog.StatusValid, Effective: now - 2, Predecessor: &from})
	}, verdict.Invalid, codes{verdict.CredentialTransferred}},
	{"the successor was revoked since: the old one has still ended", func(w *world) {
		transferOut(w)
		transferIn(w, itself(), now-2)
		w.say(zhejiang, harbour, 1, statuslog.Event{Subject: successorSubject, Status: statuslog.StatusRevoked, Effective: now - 1})
	}, verdict.Invalid, codes{verdict.CredentialTransferred}},
	{"only the other side: the old one stands", func(w *world) { transferIn(w, itself(), now) }, verdict.Valid, nil},
	{"without a successor", func(w *world) { w.state(statuslog.StatusTransferred, now); transferIn(w, itself(), now) }, verdict.Indeterminate, codes{verdict.TransferPending}},
	{"called off", func(w *world) { transferOut(w); w.state(statuslog.StatusValid, now) }, verdict.Valid, nil},
	{"the other side's log unreadable", func(w *world) {
		transferOut(w)
		transferIn(w, itself(), now)
		w.breakLog(zhejiang, statuslog.KindCredential, successorSubject)
	}, verdict.Indeterminate, codes{verdict.TransferPending}},
	{"asked about a moment before", func(w *world) { transferOut(w); transferIn(w, itself(), now); w.q.ValidAt = now - day - 1 }, verdict.Valid, nil},
}

var dateRows = []row{
	{"last second", func(w *world) { w.c.Expires = now }, verdict.Valid, nil},
	{"a second after", func(w *world) { w.c.Expires = now - 1 }, verdict.Invalid, codes{verdict.Expired}},
	{"no expiry: for ever", func(w *world) { w.c.Expires = 0 }, verdict.Valid, nil},
	{"expired, asked about its last second", func(w *world) { w.c.Expires = now - day; w.q.ValidAt = now - day }, verdict.Valid, nil},
	{"expired, asked about a second after", func(w *world) { w.c.Expires = now - day; w.q.ValidAt = now - day + 1 }, verdict.Invalid, codes{verdict.Expired}},
	{"issued this second", func(w *world) { w.c.Issued = now }, verdict.Valid, nil},
	{"issued a second ahead", func(w *world) { w.c.Issued = now + 1 }, verdict.Invalid, codes{verdict.NotYetValid}},
	{"valid from this second", func(w *world) { w.c.NotBefore = now }, verdict.Valid, nil},
	{"valid from the next second", func(w *world) { w.c.NotBefore = now + 1 }, verdict.Invalid, codes{verdict.NotYetValid}},
	{"valid from before its issue, asked about the day between", func(w *world) { w.c.NotBefore = issued - day; w.q.ValidAt = issued - 1 }, verdict.Invalid, codes{verdict.NotYetValid}},
	{"HC1, last second", func(w *world) { w.partnerCode(); w.c.Expires = now }, verdict.Valid, codes{verdict.CoverageNone}},
	{"HC1, a second after", func(w *world) { w.partnerCode(); w.c.Expires = now - 1 }, verdict.Invalid, codes{verdict.Expired, verdict.CoverageNone}},
	{"HC1, issued a second ahead", func(w *world) { w.partnerCode(); w.c.Issued = now + 1 }, verdict.Invalid, codes{verdict.NotYetValid, verdict.CoverageNone}},

	{"presentation of 24 hours", func(w *world) { w.c.Presentation, w.c.Issued, w.c.Expires = true, now-1, now-1+day }, verdict.Valid, nil},
	{"presentation of a second more", func(w *world) { w.c.Presentation, w.c.Issued, w.c.Expires = true, now-1, now+day }, verdict.Invalid, codes{verdict.PresentationUnbounded}},
	{"presentation of more than a duration can hold", func(w *world) { w.c.Presentation, w.c.Issued, w.c.Expires = true, now, 1<<62 }, verdict.Invalid, codes{verdict.PresentationUnbounded}},
	{"presentation without expiry", func(w *world) { w.c.Presentation, w.c.Issued, w.c.Expires = true, now, 0 }, verdict.Invalid, codes{verdict.PresentationUnbounded}},
	{"presentation without issue", func(w *world) { w.c.Presentation, w.c.Issued, w.c.Expires = true, 0, 5 }, verdict.Invalid,
		codes{verdict.PresentationUnbounded, verdict.Expired, verdict.IssueTimeAbsent}},
	{"presentation expired", func(w *world) { w.c.Presentation, w.c.Issued, w.c.Expires = true, now-60, now-1 }, verdict.Invalid, codes{verdict.Expired}},
}

var freshnessRows = []row{
	{"head at its greatest age", func(w *world) { w.age(300) }, verdict.Valid, nil},
	{"head a second older", func(w *world) { w.age(301) }, verdict.Indeterminate, codes{verdict.StaleHead}},
	{"head a second older, accepted", func(w *world) { w.age(301); w.q.AcceptStale = true }, verdict.Valid, codes{verdict.StaleAccepted}},
	{"head at the end of grace, accepted", func(w *world) { w.age(300 + 86400); w.q.AcceptStale = true }, verdict.Valid, codes{verdict.StaleAccepted}},
	{"head past grace, accepted", func(w *world) { graceEnds(w); w.q.AcceptStale = true }, verdict.Indeterminate, codes{verdict.PastGrace}},
	{"trust list at its next update", func(w *world) { w.lists[shanghai].NextUpdate = now }, verdict.Valid, nil},
	{"trust list a second later", func(w *world) { w.lists[shanghai].NextUpdate = now - 1 }, verdict.Indeterminate, codes{verdict.StaleTrustList}},
	{"trust list at the end of grace", func(w *world) { w.lists[shanghai].NextUpdate, w.lists[shanghai].Issued = now-day, now-2*day }, verdict.Indeterminate, codes{verdict.StaleTrustList}},
	{"trust list past grace", func(w *world) { w.lists[shanghai].NextUpdate, w.lists[shanghai].Issued = now-day-1, now-2*day }, verdict.Indeterminate, codes{verdict.PastGrace}},
	{"national list at its next update", func(w *world) { w.national.NextUpdate = now }, verdict.Valid, nil},
	{"national list a second later", func(w *world) { w.national.NextUpdate = now - 1 }, verdict.Indeterminate, codes{verdict.StaleNationalList}},
	{"national list past grace", func(w *world) { w.national.NextUpdate, w.national.Issued = now-day-1, now-2*day }, verdict.Indeterminate, codes{verdict.PastGrace}},
	{"the worst part counts: list past grace, head stale", func(w *world) {
		w.lists[shanghai].NextUpdate, w.lists[shanghai].Issued = now-day-1, now-2*day
		stale(w)
		w.q.AcceptStale = true
	}, verdict.Indeterminate, codes{verdict.PastGrace}},
	{"contested national list", func(w *world) { w.contested = true }, verdict.Indeterminate, codes{verdict.NationalListContested}},
	{"contested national list, accepted", func(w *world) { w.contested = true; w.q.AcceptStale = true }, verdict.Valid, codes{verdict.StaleAccepted}},
	{"a head names a newer national list", func(w *world) { w.heads[zhejiang].NationalList.Sequence = 2 }, verdict.Indeterminate, codes{verdict.NationalListBehind}},
	{"equivocating province", func(w *world) { w.equivocating[shanghai] = true }, verdict.Indeterminate, codes{verdict.ProvinceEquivocating}},
	{"equivocating province, accepted", func(w *world) { w.equivocating[shanghai] = true; w.q.AcceptStale = true }, verdict.Valid, codes{verdict.StaleAccepted}},
	{"equivocating province, past grace", func(w *world) { w.equivocating[shanghai] = true; w.q.AcceptStale = true; graceEnds(w) }, verdict.Indeterminate, codes{verdict.PastGrace}},
	{"another province equivocates", func(w *world) { w.equivocating[zhejiang] = true }, verdict.Valid, nil},
	{"another province is stale", func(w *world) { w.heads[zhejiang].Issued = now - 2*day }, verdict.Valid, nil},
	{"freshness is asked at now, whatever moment is asked about", func(w *world) { stale(w); w.q.ValidAt = now - 400 }, verdict.Indeterminate, codes{verdict.StaleHead}},
}

var clockRows = []row{
	{"newest command as far ahead as skew", func(w *world) { w.newest = now + 60 }, verdict.Valid, nil},
	{"newest command a second further", func(w *world) { w.newest = now + 61 }, verdict.Indeterminate, codes{verdict.ClockInDoubt, verdict.ClockInDoubt}},
	{"in doubt", func(w *world) { w.q.ClockInDoubt = true }, verdict.Indeterminate, codes{verdict.ClockInDoubt, verdict.ClockInDoubt}},
	{"in doubt, expired: unknown", func(w *world) { w.q.ClockInDoubt = true; w.c.Expires = now - 1 }, verdict.Indeterminate, codes{verdict.ClockInDoubt, verdict.ClockInDoubt}},
	{"in doubt, stale accepted: unknown", func(w *world) { w.q.ClockInDoubt = true; w.q.AcceptStale = true; stale(w) }, verdict.Indeterminate, codes{verdict.ClockInDoubt, verdict.ClockInDoubt}},
	{"in doubt, revoked: it stays", func(w *world) { w.q.ClockInDoubt = true; is(statuslog.StatusRevoked)(w) }, verdict.Invalid,
		codes{verdict.CredentialRevoked, verdict.ClockInDoubt, verdict.ClockInDoubt}},
	{"in doubt, forged: it stays", func(w *world) { w.q.ClockInDoubt = true; w.c.Message[40] ^= 1 }, verdict.Invalid, codes{verdict.SignatureInvalid, verdict.ClockInDoubt}},
}
