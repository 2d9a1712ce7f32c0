package verdict_test

import (
	"fmt"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/certs"
	"github.com/hutong-project/hutong/trust/credential"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/registry"
	"github.com/hutong-project/hutong/trust/statuslog"
	"github.com/hutong-project/hutong/trust/verdict"
)

// stale makes Shanghai's data just stale.
func stale(w *world) { w.age(301) }

func unhinted(w *world) {
	w.c.KID, w.c.KIDRule, w.c.Anchor = nil, credential.KIDNone, ""
}

var signatureRows = []row{
	{"good", nil, verdict.Valid, nil},
	{"message altered", func(w *world) { w.c.Message[40] ^= 1 }, verdict.Invalid, codes{verdict.SignatureInvalid}},
	{"signature altered", func(w *world) { w.c.Signature[63] ^= 1 }, verdict.Invalid, codes{verdict.SignatureInvalid}},
	{"signature altered, list stale: the anchor's key is known all the same", func(w *world) { stale(w); w.c.Signature[3] ^= 1 },
		verdict.Invalid, codes{verdict.SignatureInvalid, verdict.StaleHead}},
	{"signature altered, no hint but an anchor, list stale", func(w *world) {
		stale(w)
		w.c.KID, w.c.KIDRule = nil, credential.KIDNone
		w.c.Signature[3] ^= 1
	}, verdict.Invalid, codes{verdict.SignatureInvalid, verdict.StaleHead}},
	{"partner's signature altered, a hint but no anchor, list stale", func(w *world) {
		w.partnerCode()
		w.heads[austria].Issued = now - 301
		w.c.Signature[3] ^= 1
	}, verdict.Invalid, codes{verdict.SignatureInvalid, verdict.StaleHead}},
	{"signed by another anchor's key", func(w *world) {
		other := w.issue(claims(), keys().secondKey)
		other.KID = w.c.KID
		w.c = other
	}, verdict.Invalid, codes{verdict.SignatureInvalid}},
	{"token claims another algorithm", func(w *world) { w.c.Algorithm = "ES256" }, verdict.Invalid, codes{verdict.AlgorithmMismatch}},
	{"token claims another algorithm, list stale", func(w *world) { stale(w); w.c.Algorithm = "PS256" },
		verdict.Invalid, codes{verdict.AlgorithmMismatch, verdict.StaleHead}},
	{"SM2 token for a P-256 anchor", func(w *world) { w.partnerCode(); w.c.Algorithm = "SM2" }, verdict.Invalid, codes{verdict.AlgorithmMismatch}},
	{"partner's code", (*world).partnerCode, verdict.Valid, codes{verdict.CoverageNone}},
	{"partner's code with another kid", func(w *world) { w.partnerCode(); w.c.KID[0] ^= 1 }, verdict.Invalid, codes{verdict.IssuerUnknown}},
	{"kid of another key", func(w *world) { w.c.KID = []byte("12345678") }, verdict.Invalid, codes{verdict.IssuerUnknown}},
	{"kid right but for its last byte beyond the index", func(w *world) {
		id := must(certs.Parse(keys().police)).KeyID()
		w.c.KID = append(append([]byte{}, id[:8]...), ^id[8])
	}, verdict.Invalid, codes{verdict.IssuerUnknown}},
	{"kid shorter than any hint", func(w *world) { w.c.KID = w.c.KID[:7] }, verdict.Invalid, codes{verdict.IssuerUnknown}},

	{"unlisted anchor", func(w *world) { w.c.Anchor = "nobody" }, verdict.Invalid, codes{verdict.IssuerUnknown}},
	{"unlisted anchor, head at its greatest age", func(w *world) { w.age(300); w.c.Anchor = "nobody" }, verdict.Invalid, codes{verdict.IssuerUnknown}},
	{"unlisted anchor, head a second older", func(w *world) { stale(w); w.c.Anchor = "nobody" },
		verdict.Indeterminate, codes{verdict.IssuerUnknownInOldList, verdict.StaleHead}},
	{"unlisted anchor, stale list accepted: absence still proves nothing", func(w *world) { stale(w); w.q.AcceptStale = true; w.c.Anchor = "nobody" },
		verdict.Indeterminate, codes{verdict.IssuerUnknownInOldList, verdict.StaleAccepted}},
	{"unlisted anchor, clock in doubt", func(w *world) { w.q.ClockInDoubt = true; w.c.Anchor = "nobody" },
		verdict.Indeterminate, codes{verdict.IssuerUnknownInOldList, verdict.ClockInDoubt}},
	{"refused anchor", func(w *world) { w.province(shanghai).Types = []string{"other*"} }, verdict.Invalid, codes{verdict.AnchorRefused}},
	{"refused anchor, list stale", func(w *world) { stale(w); w.province(shanghai).Types = []string{"other*"} },
		verdict.Indeterminate, codes{verdict.IssuerUnknownInOldList, verdict.StaleHead}},
	{"issuer of another province", func(w *world) {
		c := claims()
		c.Province = zhejiang
		w.c = w.issue(c, keys().policeKey)
	}, verdict.Invalid, codes{verdict.IssuerUnknown}},
	{"another province's anchor named", func(w *world) {
		c := claims()
		c.Province, c.Anchor = zhejiang, "harbour"
		w.c = w.issue(c, keys().policeKey)
	}, verdict.Invalid, codes{verdict.IssuerUnknown}},

	{"no national list", func(w *world) { w.noNational = true }, verdict.Indeterminate, codes{verdict.NotConfigured}},
	{"province not in the national list", func(w *world) { w.c.Province = "440000" }, verdict.Indeterminate, codes{verdict.ProvinceUnknown}},
	{"list never had", func(w *world) { delete(w.lists, shanghai) }, verdict.Indeterminate, codes{verdict.TrustListUnavailable, verdict.EvidenceUnavailable}},
	{"head never had: the list does not count", func(w *world) { delete(w.heads, shanghai) }, verdict.Indeterminate, codes{verdict.TrustListUnavailable, verdict.EvidenceUnavailable}},
	{"province known, nothing held of it", func(w *world) { w.adjust = func(v *registry.View) { delete(v.Provinces, shanghai) } },
		verdict.Indeterminate, codes{verdict.TrustListUnavailable}},

	{"no hint: all anchors are tried", unhinted, verdict.Valid, nil},
	{"no hint, none fits, list current", func(w *world) { unhinted(w); w.c.Message[40] ^= 1 }, verdict.Invalid, codes{verdict.SignatureInvalid}},
	{"no hint, none fits, list stale: a newer one may have the key", func(w *world) { unhinted(w); stale(w); w.c.Message[40] ^= 1 },
		verdict.Indeterminate, codes{verdict.IssuerUnknownInOldList, verdict.StaleHead}},
	{"no hint, no anchor with the algorithm", func(w *world) { unhinted(w); w.c.Algorithm = "PS256" }, verdict.Invalid, codes{verdict.AlgorithmMismatch}},
	{"no hint, no anchor with the algorithm, list stale", func(w *world) { unhinted(w); stale(w); w.c.Algorithm = "PS256" },
		verdict.Indeterminate, codes{verdict.IssuerUnknownInOldList, verdict.StaleHead}},
	{"no hint, as many anchors as are tried", func(w *world) { unhinted(w); crowd(w, 126) }, verdict.Valid, nil},
	{"no hint, one anchor more", func(w *world) { unhinted(w); crowd(w, 127) }, verdict.Indeterminate, codes{verdict.TooManyCandidates}},

	{"no province, unlisted", func(w *world) { w.c.Province, w.c.Anchor = "", "nobody" }, verdict.Invalid, codes{verdict.IssuerUnknown}},
	{"no province, unlisted, one province's list stale", func(w *world) { w.heads[austria].Issued = now - 301; w.c.Province, w.c.Anchor = "", "nobody" },
		verdict.Indeterminate, codes{verdict.IssuerUnknownInOldList}},
	{"no province, unlisted, one province's list never had", func(w *world) { delete(w.lists, austria); w.c.Province, w.c.Anchor = "", "nobody" },
		verdict.Indeterminate, codes{verdict.IssuerUnknownInOldList}},
}

// crowd fills Shanghai's list with n more anchors of another key.
func crowd(w *world, n int) {
	anchors := w.lists[shanghai].Anchors
	for i := range n {
		anchors = append(anchors, anchor(fmt.Sprintf("z%03d", i), cityHall, keys().harbour))
	}
	w.lists[shanghai].Anchors = anchors
}

// twin puts Shanghai's police certificate into Zhejiang's list too.
func twin(w *world) *list.Anchor {
	w.lists[zhejiang].Anchors = append(w.lists[zhejiang].Anchors, anchor("police", harbour, keys().police))
	return w.anchor(zhejiang, "police")
}

// double gives Shanghai's police certificate a second entry of the same list.
func double(w *world, id, authority string) *list.Anchor {
	w.lists[shanghai].Anchors = append(w.lists[shanghai].Anchors, anchor(id, authority, keys().police))
	return w.anchor(shanghai, id)
}

var severalIssuersRows = []row{
	{"no province, two agree", func(w *world) { twin(w); w.c.Province, w.c.Authority = "", "" }, verdict.Valid, codes{verdict.SeveralIssuers}},
	{"no province, two agree, the same authority in both", func(w *world) { twin(w).Authority = police; w.c.Province = "" }, verdict.Valid, codes{verdict.SeveralIssuers}},
	{"one list, two authorities agree", func(w *world) { double(w, "twice", cityHall); w.c.Anchor, w.c.Authority = "", "" }, verdict.Valid, codes{verdict.SeveralIssuers}},
	{"no province, two disagree", func(w *world) { withdraw(twin(w), issued); w.c.Province, w.c.Authority = "", "" },
		verdict.Indeterminate, codes{verdict.IssuersDisagree}},
	{"the signed province decides", func(w *world) { withdraw(twin(w), issued) }, verdict.Valid, nil},
	{"the signed authority decides", func(w *world) { withdraw(twin(w), issued); w.c.Province = "" }, verdict.Valid, nil},
	{"no province, both say no", func(w *world) {
		twin(w)
		w.c.Province, w.c.Authority = "", ""
		w.q.Now = w.c.Expires + 1
		w.newest = 0
		everFresh(w)
	},
		verdict.Invalid, codes{verdict.Expired, verdict.SeveralIssuers}},
	{"one list, the second entry grants another type", func(w *world) { double(w, "twice", police).CredentialTypes = []string{health}; w.c.Anchor = "" }, verdict.Valid, nil},
	{"one list, the second entry has another role", func(w *world) { double(w, "twice", police).Roles = []list.Role{list.RoleTimeStamp}; w.c.Anchor = "" }, verdict.Valid, nil},
	{"one list, the second entry has another format", func(w *world) { double(w, "twice", police).Formats = []string{"HC1"}; w.c.Anchor = "" }, verdict.Valid, nil},
	{"one list, one authority, two entries agree", func(w *world) { double(w, "twice", police); w.c.Anchor = "" }, verdict.Valid, nil},
	{"one list, a withdrawn and a granted entry", func(w *world) { withdraw(double(w, "twice", police), issued); w.c.Anchor = "" },
		verdict.Indeterminate, codes{verdict.IssuersDisagree}},
	{"one list, the withdrawn entry first", func(w *world) { withdraw(double(w, "a", police), issued); sortAnchors(w); w.c.Anchor = "" },
		verdict.Indeterminate, codes{verdict.IssuersDisagree}},
	{"one list, neither entry grants", func(w *world) {
		double(w, "twice", police).CredentialTypes = []string{health}
		w.police().CredentialTypes = []string{health}
		w.c.Anchor = ""
	}, verdict.Invalid, codes{verdict.TypeNotGranted}},
}

func sortAnchors(w *world) {
	a := w.lists[shanghai].Anchors
	for i := len(a) - 1; i > 0 && a[i-1].ID > a[i].ID; i-- {
		a[i-1], a[i] = a[i], a[i-1]
	}
}

// everFresh lets all lists and heads be current at the question's time.
func everFresh(w *world) {
	w.national.NextUpdate = w.q.Now + day
	for _, l := range w.lists {
		l.NextUpdate = w.q.Now + day
	}
	for _, h := range w.heads {
		h.Issued = w.q.Now
	}
	w.newest = w.q.Now
}

var chainRows = []row{
	{"listed subject under the CA", func(w *world) { w.carry(keys().leaf) }, verdict.Valid, nil},
	{"listed subject through a carried CA", func(w *world) { w.carry(keys().deepLeaf, keys().subCA.Raw) }, verdict.Valid, nil},
	{"three certificates carried, the anchor's own among them", func(w *world) { w.carry(keys().deepLeaf, keys().subCA.Raw, keys().ca.Raw) }, verdict.Valid, nil},
	{"listed by the digest of its name", func(w *world) {
		w.anchor(shanghai, "ca").Subjects = []string{must(certs.Parse(keys().unlisted)).SubjectDigest().String()}
		w.carry(keys().unlisted)
	}, verdict.Valid, nil},
	{"no anchor named", func(w *world) { w.carry(keys().leaf); w.c.Anchor = "" }, verdict.Valid, nil},
	{"subject not listed", func(w *world) { w.carry(keys().unlisted) }, verdict.Invalid, codes{verdict.SubjectNotListed}},
	{"subject not listed, list stale", func(w *world) { stale(w); w.carry(keys().unlisted) }, verdict.Indeterminate, codes{verdict.IssuerUnknownInOldList, verdict.StaleHead}},
	{"no subject listed: the CA speaks for nobody", func(w *world) { w.anchor(shanghai, "ca").Subjects = []string{}; w.carry(keys().leaf) },
		verdict.Invalid, codes{verdict.IssuerUnknown}},
	{"under another CA of the same subject", func(w *world) { w.carry(keys().foreignLeaf) }, verdict.Invalid, codes{verdict.ChainNotAnchored}},
	{"under another CA, which is carried too", func(w *world) { w.carry(keys().foreignLeaf, keys().foreignCA.Raw) }, verdict.Invalid, codes{verdict.ChainNotAnchored}},
	{"under another CA, list stale", func(w *world) { stale(w); w.carry(keys().foreignLeaf) }, verdict.Indeterminate, codes{verdict.IssuerUnknownInOldList, verdict.StaleHead}},
	{"carried CA missing", func(w *world) { w.carry(keys().deepLeaf) }, verdict.Invalid, codes{verdict.ChainNotAnchored}},
	{"the CA signs itself", func(w *world) {
		c := claims()
		c.Anchor = "ca"
		w.c = w.issue(c, keys().caKey)
	}, verdict.Invalid, codes{verdict.IssuerUnknown}},
	{"the CA signs itself and carries its certificate", func(w *world) {
		c := claims()
		c.Anchor = "ca"
		w.c = w.issue(c, keys().caKey, keys().ca.Raw)
	}, verdict.Invalid, codes{verdict.ChainNotAnchored}},
	{"signature of another key than the carried one", func(w *world) { w.carry(keys().leaf); w.c.Signature[5] ^= 1 }, verdict.Invalid, codes{verdict.SignatureInvalid}},
	{"signature of another key than the carried one, list stale", func(w *world) { stale(w); w.carry(keys().leaf); w.c.Signature[5] ^= 1 },
		verdict.Invalid, codes{verdict.SignatureInvalid, verdict.StaleHead}},
	{"carried key of another algorithm", func(w *world) { w.carry(keys().leaf); w.c.Algorithm = "ES256" }, verdict.Invalid, codes{verdict.AlgorithmMismatch}},
	{"hint of another key than the carried one", func(w *world) { w.carry(keys().leaf); w.c.KID = []byte("12345678") }, verdict.Invalid, codes{verdict.IssuerUnknown}},
	{"carried certificate unreadable", func(w *world) { w.carry(keys().leaf); w.c.Chain[0] = w.c.Chain[0][1:] }, verdict.Invalid, codes{verdict.ChainUnreadable}},
	{"four certificates carried", func(w *world) {
		w.carry(keys().leaf)
		w.c.Chain = append(w.c.Chain, keys().ca.Raw, keys().ca.Raw, keys().ca.Raw)
	}, verdict.Invalid, codes{verdict.ChainUnreadable}},

	{"issued in the first second of the certificates", func(w *world) { w.c.Issued = begin; since(w.police(), begin) }, verdict.Valid, nil},
	{"issued a second before", func(w *world) { w.c.Issued = begin - 1; since(w.police(), begin-1) }, verdict.Invalid, codes{verdict.CertificateNotInForce}},
	{"carried certificate, issued in its last second", func(w *world) { w.carry(keys().shortLeaf); w.c.Issued = issued + day }, verdict.Valid, nil},
	{"carried certificate, issued a second after its end", func(w *world) { w.carry(keys().shortLeaf); w.c.Issued = issued + day + 1 }, verdict.Invalid, codes{verdict.CertificateNotInForce}},
	{"carried certificate, issued a second before its begin", func(w *world) { w.carry(keys().shortLeaf); w.c.Issued = issued - day - 1 }, verdict.Invalid, codes{verdict.CertificateNotInForce}},
	{"certificates have ended since: no fault", func(w *world) { w.q.Now = end + 1; w.c.Expires = end + day; everFresh(w) }, verdict.Valid, nil},

	{"no time of issue: the begin of validity decides", func(w *world) { w.c.Issued, w.c.NotBefore = 0, begin-1 },
		verdict.Invalid, codes{verdict.CertificateNotInForce, verdict.AnchorNotYetGranted}},
	{"no time of issue, begin of validity inside", func(w *world) { w.c.Issued, w.c.NotBefore = 0, issued }, verdict.Valid, nil},
	{"no time at all: the moment asked about decides", func(w *world) { w.c.Issued = 0 }, verdict.Valid, codes{verdict.IssueTimeAbsent}},
	{"no time at all, asked about a day before the grant", func(w *world) { w.c.Issued, w.q.ValidAt = 0, grant-1 },
		verdict.Invalid, codes{verdict.AnchorNotYetGranted, verdict.StatusNotCovered, verdict.IssueTimeAbsent}},
	{"pinned certificate for CAs only: the partner's list names it", func(w *world) {
		w.lists[austria].Anchors = append(w.lists[austria].Anchors, anchor("ca", police, keys().pinnedCA))
		w.anchor(austria, "ca").Formats = []string{"HC1"}
		c := claims()
		c.Province, c.Anchor = austria, "ca"
		w.c = w.issue(c, keys().secondKey)
		w.c.Format = "HC1"
	}, verdict.Valid, codes{verdict.CertificateUsageUnusual}},
	{"chained certificate for encryption only", func(w *world) {
		w.province(austria).Anchoring = national.Chained
		w.national.Roots = append(w.national.Roots, keys().partnerRoot)
		w.partnerCodeUnder(keys().cipherLeaf)
	}, verdict.Invalid, codes{verdict.CertificateMayNotSign, verdict.CoverageNone}},
	{"pinned certificate for encryption only", func(w *world) { w.partnerCodeUnder(keys().cipherLeaf) },
		verdict.Valid, codes{verdict.CertificateUsageUnusual, verdict.CoverageNone}},
	{"pinned certificate with a critical extension that nobody knows", func(w *world) { w.partnerCodeUnder(keys().strictLeaf) },
		verdict.Invalid, codes{verdict.CertificateMayNotSign, verdict.CoverageNone}},
}

func since(a *list.Anchor, t trust.Time) { a.Since, a.StatusCoverage.Since = t, t }

func withdraw(a *list.Anchor, t trust.Time) {
	a.History = append(a.History, list.Period{Status: a.Status, Since: a.Since})
	a.Status, a.Since = list.Withdrawn, t
}

func suspend(a *list.Anchor, t trust.Time) { withdraw(a, t); a.Status = list.Suspended }

func reinstate(a *list.Anchor, t trust.Time) { withdraw(a, t); a.Status = list.Granted }

func standing(p *national.Province, s national.Status, t trust.Time) {
	p.History = append(p.History, national.Period{Status: p.Status, Since: p.Since})
	p.Status, p.Since = s, t
	if s == national.Withdrawn {
		p.LastHead = &national.HeadRef{Session: 1, Sequence: 5, Digest: trust.Digest{1, 0}}
	}
}

var standingRows = []row{
	{"granted since the second of issue", func(w *world) { since(w.police(), issued) }, verdict.Valid, nil},
	{"granted a second later", func(w *world) { since(w.police(), issued+1) }, verdict.Invalid, codes{verdict.AnchorNotYetGranted}},
	{"withdrawn a second after issue", func(w *world) { withdraw(w.police(), issued+1) }, verdict.Valid, codes{verdict.AnchorWithdrawnLater}},
	{"withdrawn in the second of issue", func(w *world) { withdraw(w.police(), issued) }, verdict.Invalid, codes{verdict.AnchorWithdrawn}},
	{"withdrawn a second before issue", func(w *world) { withdraw(w.police(), issued-1) }, verdict.Invalid, codes{verdict.AnchorWithdrawn}},
	{"withdrawn before issue, asked about a day before the withdrawal", func(w *world) { withdraw(w.police(), issued-day); w.q.ValidAt = issued - 2*day },
		verdict.Invalid, codes{verdict.AnchorWithdrawn, verdict.NotYetValid}},
	{"withdrawn before issue, past grace: it stays failed", func(w *world) { withdraw(w.police(), issued); w.age(300 + 86400 + 1) },
		verdict.Invalid, codes{verdict.AnchorWithdrawn, verdict.PastGrace}},
	{"withdrawal that lies ahead", func(w *world) { withdraw(w.police(), now+1) }, verdict.Valid, nil},
	{"withdrawn this second", func(w *world) { withdraw(w.police(), now) }, verdict.Valid, codes{verdict.AnchorWithdrawnLater}},
	{"suspended a second after issue", func(w *world) { suspend(w.police(), issued+1) }, verdict.Valid, codes{verdict.AnchorSuspendedLater}},
	{"suspended in the second of issue", func(w *world) { suspend(w.police(), issued) }, verdict.Indeterminate, codes{verdict.AnchorSuspended}},
	{"suspended before issue, past grace", func(w *world) { suspend(w.police(), issued); w.age(300 + 86400 + 1) },
		verdict.Indeterminate, codes{verdict.AnchorSuspended, verdict.PastGrace}},
	{"suspended at issue, reinstated since", func(w *world) { suspend(w.police(), issued-1); reinstate(w.police(), issued+1) },
		verdict.Indeterminate, codes{verdict.AnchorSuspended}},
	{"reinstated in the second of issue", func(w *world) { suspend(w.police(), issued-1); reinstate(w.police(), issued) }, verdict.Valid, nil},

	{"province withdrawn a second after issue", func(w *world) { standing(w.province(shanghai), national.Withdrawn, issued+1) }, verdict.Valid, codes{verdict.ProvinceWithdrawnLater}},
	{"province withdrawn in the second of issue", func(w *world) { standing(w.province(shanghai), national.Withdrawn, issued) }, verdict.Invalid, codes{verdict.ProvinceWithdrawn}},
	{"province suspended a second after issue", func(w *world) { standing(w.province(shanghai), national.Suspended, issued+1) }, verdict.Valid, codes{verdict.ProvinceSuspendedLater}},
	{"province suspended in the second of issue", func(w *world) { standing(w.province(shanghai), national.Suspended, issued) }, verdict.Indeterminate, codes{verdict.ProvinceSuspended}},
	{"another province suspended", func(w *world) { standing(w.province(zhejiang), national.Suspended, issued) }, verdict.Valid, nil},
	{"province's suspension ahead", func(w *world) { standing(w.province(shanghai), national.Suspended, now+1) }, verdict.Valid, nil},
	{"issued before the province joined", func(w *world) { w.province(shanghai).Since = issued + 1 }, verdict.Valid, nil},
	{"both province and anchor: the worse decides", func(w *world) {
		standing(w.province(shanghai), national.Withdrawn, issued)
		suspend(w.police(), issued)
	}, verdict.Invalid, codes{verdict.ProvinceWithdrawn, verdict.AnchorSuspended}},
	{"withdrawn province: its last head does not age", func(w *world) {
		standing(w.province(shanghai), national.Withdrawn, issued+1)
		w.q.Now = now + 40*day
		w.national.NextUpdate = w.q.Now
	}, verdict.Valid, codes{verdict.ProvinceWithdrawnLater}},
	{"withdrawn province: another head than the last ages", func(w *world) {
		standing(w.province(shanghai), national.Withdrawn, issued+1)
		w.province(shanghai).LastHead.Digest[5] = 1
		stale(w)
	}, verdict.Indeterminate, codes{verdict.StaleHead, verdict.ProvinceWithdrawnLater}},
}

// compromise says that the police key is the thief's since t, and that the log is trusted up to and including position 4.
func compromise(w *world, t trust.Time) {
	four := uint64(4)
	w.police().CompromisedSince, w.police().LastTrustedIndex = t, &four
}

func proveAt(w *world, authority string, position uint64) {
	w.say(shanghai, authority, position, statuslog.Event{Status: statuslog.StatusValid, Effective: issued})
}

var compromiseRows = []row{
	{"issued at the compromise", func(w *world) { compromise(w, issued); proveAt(w, police, 4) }, verdict.Invalid, codes{verdict.KeyCompromised}},
	{"issued a second before, leaf at the last trusted position", func(w *world) { compromise(w, issued+1); proveAt(w, police, 4) },
		verdict.Valid, codes{verdict.KeyCompromisedLater}},
	{"issued a second before, leaf one position later", func(w *world) { compromise(w, issued+1); proveAt(w, police, 5) },
		verdict.Indeterminate, codes{verdict.KeyCompromisedUnproven}},
	{"issued before, no leaf", func(w *world) { compromise(w, issued+1) }, verdict.Indeterminate, codes{verdict.KeyCompromisedUnproven}},
	{"issued before, another authority's leaf", func(w *world) { compromise(w, issued+1); proveAt(w, cityHall, 1) },
		verdict.Indeterminate, codes{verdict.KeyCompromisedUnproven}},
	{"issued before, credential without a handle", func(w *world) { compromise(w, issued+1); proveAt(w, police, 1); w.c.Handle = nil },
		verdict.Indeterminate, codes{verdict.KeyCompromisedUnproven, verdict.StatusSubjectMissing}},
	{"compromised and withdrawn, issued between", func(w *world) { compromise(w, issued); withdraw(w.police(), issued+day); proveAt(w, police, 1) },
		verdict.Invalid, codes{verdict.KeyCompromised, verdict.AnchorWithdrawnLater}},
	{"compromised and withdrawn, proven older than both", func(w *world) { compromise(w, issued+1); withdraw(w.police(), issued+day); proveAt(w, police, 1) },
		verdict.Valid, codes{verdict.AnchorWithdrawnLater, verdict.KeyCompromisedLater}},
	{"log unreadable", func(w *world) {
		compromise(w, issued+1)
		w.breakLog(shanghai, statuslog.KindCredential, credentialSubject())
	},
		verdict.Indeterminate, codes{verdict.KeyCompromisedUnproven, verdict.StatusUnavailable}},
}

var grantRows = []row{
	{"no role as an issuer", func(w *world) { w.police().Roles = []list.Role{list.RoleSealMaker} }, verdict.Invalid, codes{verdict.RoleNotGranted}},
	{"another type", func(w *world) { w.c.Type = residence + "9" }, verdict.Invalid, codes{verdict.TypeNotGranted}},
	{"no type", func(w *world) { w.c.Type = "" }, verdict.Invalid, codes{verdict.TypeNotGranted}},
	{"another format", func(w *world) { w.police().Formats = []string{"HC1"} }, verdict.Invalid, codes{verdict.FormatNotGranted}},
	{"type and format", func(w *world) { w.police().Formats = []string{"HC1"}; w.c.Type = "x" }, verdict.Invalid, codes{verdict.TypeNotGranted, verdict.FormatNotGranted}},
	{"algorithm that the province may not use", func(w *world) {
		w.adjust = func(v *registry.View) {
			entry := *v.Provinces[shanghai].Entry
			entry.Algorithms = []string{"ES256"}
			v.Provinces[shanghai].Entry = &entry
		}
	}, verdict.Invalid, codes{verdict.AlgorithmNotGranted}},
	{"no authority named", func(w *world) { w.c.Authority = "" }, verdict.Valid, nil},
	{"another authority of the list", func(w *world) { w.c.Authority = cityHall }, verdict.Invalid, codes{verdict.AuthorityMismatch}},
	{"an authority of nowhere, sound code", func(w *world) { w.c.Authority = stranger }, verdict.Invalid, codes{verdict.AuthorityMismatch}},
	{"region as the authority", func(w *world) { w.c.Authority = "310100" }, verdict.Valid, codes{verdict.AuthorityNonStandard}},
	{"mistyped check character", func(w *world) {
		last := "0"
		if police[17:] == last {
			last = "1"
		}
		w.c.Authority = police[:17] + last
	}, verdict.Valid, codes{verdict.AuthorityNonStandard}},
	{"another authority's code of no standard form", func(w *world) { w.anchor(shanghai, "second").Authority = "310100"; w.c.Authority = "310100" },
		verdict.Invalid, codes{verdict.AuthorityMismatch}},
}
