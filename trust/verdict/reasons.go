package verdict

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// A Code names a finding. Codes are stable: programs compare them, people read the messages.
type Code string

// The codes of step 1, structure.
const (
	TooLarge       Code = "too-large"
	NotAQRPayload  Code = "not-a-qr-payload"
	WrongPrefix    Code = "wrong-prefix"
	BadBase45      Code = "bad-base45"
	BadCompression Code = "bad-compression"
	BadCOSE        Code = "bad-cose"
	BadClaims      Code = "bad-claims"
	Malformed      Code = "malformed"
	ReadingFailed  Code = "reading-failed"
)

// The codes of step 2, signature.
const (
	NotConfigured          Code = "not-configured"
	ProvinceUnknown        Code = "province-unknown"
	TrustListUnavailable   Code = "trust-list-unavailable"
	IssuerUnknown          Code = "issuer-unknown"
	IssuerUnknownInOldList Code = "issuer-unknown-in-old-list"
	AnchorRefused          Code = "anchor-refused"
	TooManyCandidates      Code = "too-many-candidates"
	ChainUnreadable        Code = "chain-unreadable"
	AlgorithmMismatch      Code = "algorithm-mismatch"
	SignatureInvalid       Code = "signature-invalid"
	IssuersDisagree        Code = "issuers-disagree"
	SeveralIssuers         Code = "several-issuers"
)

// The codes of step 3, certificate chain.
const (
	ChainNotAnchored        Code = "chain-not-anchored"
	SubjectNotListed        Code = "subject-not-listed"
	CertificateMayNotSign   Code = "certificate-may-not-sign"
	CertificateNotInForce   Code = "certificate-not-in-force"
	CertificateUsageUnusual Code = "certificate-usage-unusual"
	IssueTimeAbsent         Code = "issue-time-absent"
)

// The codes of step 4, standing of the issuer and of its province.
const (
	AnchorNotYetGranted    Code = "anchor-not-yet-granted"
	AnchorWithdrawn        Code = "anchor-withdrawn"
	AnchorWithdrawnLater   Code = "anchor-withdrawn-later"
	AnchorSuspended        Code = "anchor-suspended"
	AnchorSuspendedLater   Code = "anchor-suspended-later"
	KeyCompromised         Code = "key-compromised"
	KeyCompromisedUnproven Code = "key-compromised-unproven"
	KeyCompromisedLater    Code = "key-compromised-later"
	ProvinceWithdrawn      Code = "province-withdrawn"
	ProvinceWithdrawnLater Code = "province-withdrawn-later"
	ProvinceSuspended      Code = "province-suspended"
	ProvinceSuspendedLater Code = "province-suspended-later"
)

// The codes of step 5, what the issuer may issue.
const (
	RoleNotGranted       Code = "role-not-granted"
	TypeNotGranted       Code = "type-not-granted"
	FormatNotGranted     Code = "format-not-granted"
	AlgorithmNotGranted  Code = "algorithm-not-granted"
	AuthorityMismatch    Code = "authority-mismatch"
	AuthorityNonStandard Code = "authority-nonstandard"
)

// The codes of step 6, rules of the format.
const (
	PresentationUnbounded Code = "presentation-unbounded"
)

// The codes of step 7, dates. ClockInDoubt stands for step 9 too.
const (
	Expired      Code = "expired"
	NotYetValid  Code = "not-yet-valid"
	ClockInDoubt Code = "clock-in-doubt"
)

// The codes of step 8, status of the credential and of the certificates.
const (
	CredentialSuspended          Code = "credential-suspended"
	CredentialSuspendedPastGrace Code = "credential-suspended-past-grace"
	CredentialRescinded          Code = "credential-rescinded"
	CredentialCancelled          Code = "credential-cancelled"
	CredentialLapsed             Code = "credential-lapsed"
	CredentialRevoked            Code = "credential-revoked"
	CredentialSuperseded         Code = "credential-superseded"
	CredentialTransferred        Code = "credential-transferred"
	TransferPending              Code = "transfer-pending"
	CredentialNotActive          Code = "credential-not-active"
	CredentialStatusOther        Code = "credential-status-other"

	CertificateRevoked            Code = "certificate-revoked"
	CertificateSuspended          Code = "certificate-suspended"
	CertificateSuspendedPastGrace Code = "certificate-suspended-past-grace"
	CertificateStatusOther        Code = "certificate-status-other"

	CoverageNone         Code = "coverage-none"
	StatusNotCovered     Code = "status-not-covered"
	StatusSubjectMissing Code = "status-subject-missing"
	StatusNotConfigured  Code = "status-not-configured"
	StatusUnavailable    Code = "status-unavailable"
	HistoryNotHeld       Code = "history-not-held"
	ValidAtInFuture      Code = "valid-at-in-future"
)

// The codes of step 9, freshness of what was used.
const (
	StaleNationalList     Code = "stale-national-list"
	NationalListContested Code = "national-list-contested"
	NationalListBehind    Code = "national-list-behind"
	StaleTrustList        Code = "stale-trust-list"
	StaleHead             Code = "stale-head"
	ProvinceEquivocating  Code = "province-equivocating"
	StaleAccepted         Code = "stale-accepted"
	PastGrace             Code = "past-grace"
	EvidenceUnavailable   Code = "evidence-unavailable"
)

// A message is what a code means: the step it belongs to, how it ends that step, and what it says to people.
type message struct {
	step    Step
	outcome Outcome
	zh, en  string
}

// messages is the one table of codes. A code always ends its step in the same way.
var messages = map[Code]message{
	TooLarge:       {StepStructure, Failed, "内容超过长度上限", "The text or what it unpacks to is over the size limit."},
	NotAQRPayload:  {StepStructure, Failed, "不是亮证码内容", "This is not the text of a credential code."},
	WrongPrefix:    {StepStructure, Failed, "编码前缀不受支持", "The prefix names a format that is not supported."},
	BadBase45:      {StepStructure, Failed, "Base45 编码错误", "The text is not base45."},
	BadCompression: {StepStructure, Failed, "压缩数据错误", "The compressed data is damaged."},
	BadCOSE:        {StepStructure, Failed, "签名结构不符合格式", "The signed structure breaks the rules of the format."},
	BadClaims:      {StepStructure, Failed, "证照声明不符合格式", "The signed claims break the rules of the format."},
	Malformed:      {StepStructure, Failed, "内容不符合格式", "The content breaks the rules of its format."},
	ReadingFailed:  {StepStructure, Unknown, "读取未能完成", "Reading could not be completed."},

	NotConfigured:          {StepSignature, Unknown, "本节点尚无国家清单", "This node has no national list."},
	ProvinceUnknown:        {StepSignature, Unknown, "国家清单中没有该省份或地区", "The province is not in the national list."},
	TrustListUnavailable:   {StepSignature, Unknown, "尚未取得该省份的信任清单", "No trust list of the province has been received."},
	IssuerUnknown:          {StepSignature, Failed, "现行信任清单中没有该签发机构", "No entry of the current trust list fits the issuer."},
	IssuerUnknownInOldList: {StepSignature, Unknown, "信任清单不是最新,未见该签发机构", "No entry fits the issuer, in a trust list that is not current."},
	AnchorRefused:          {StepSignature, Failed, "签发机构的登记未被接受", "The issuer's entry in the trust list was refused."},
	TooManyCandidates:      {StepSignature, Unknown, "可能的签发机构过多", "Too many issuers fit to try them all."},
	ChainUnreadable:        {StepSignature, Failed, "随附证书无法解析", "A certificate that the credential carries cannot be read."},
	AlgorithmMismatch:      {StepSignature, Failed, "签名算法与签发机构的密钥不符", "The signature's algorithm is not that of the issuer's key."},
	SignatureInvalid:       {StepSignature, Failed, "签名验证失败,内容可能被篡改", "The signature does not verify; the content may have been altered."},
	IssuersDisagree:        {StepSignature, Unknown, "多个登记项符合该签名而结论不一", "Several entries fit the signature and lead to different results."},
	SeveralIssuers:         {StepSignature, Passed, "多个登记项符合该签名,结论一致", "Several entries fit the signature and lead to the same result."},

	ChainNotAnchored:        {StepChain, Failed, "证书不是由登记的证书机构签发", "The signer's certificate does not chain to a listed authority."},
	SubjectNotListed:        {StepChain, Failed, "证书持有者未被登记为签发机构", "The certificate's subject is not among those that the listed authority speaks for."},
	CertificateMayNotSign:   {StepChain, Failed, "证书不得用于签发证照", "The certificate does not allow its key to sign credentials."},
	CertificateNotInForce:   {StepChain, Failed, "签发时证书不在有效期内", "A certificate was not in force at the time of issue."},
	CertificateUsageUnusual: {StepChain, Passed, "证书用途不含签名,而信任清单指定其用于签发", "The certificate's key usage does not name signing; the trust list pins it for that."},
	IssueTimeAbsent:         {StepChain, Passed, "证照未载明签发时间,按查询时间判断", "The credential states no time of issue; the moment asked about was used."},

	AnchorNotYetGranted:    {StepStanding, Failed, "签发时该机构尚未获得授权", "The issuer had not yet been granted at the time of issue."},
	AnchorWithdrawn:        {StepStanding, Failed, "签发时该机构的授权已撤销", "The issuer had been withdrawn by the time of issue."},
	AnchorWithdrawnLater:   {StepStanding, Passed, "该机构的授权在签发之后被撤销", "The issuer was withdrawn after the time of issue."},
	AnchorSuspended:        {StepStanding, Unknown, "签发时该机构的授权处于暂停", "The issuer was suspended at the time of issue."},
	AnchorSuspendedLater:   {StepStanding, Passed, "该机构的授权在签发之后被暂停", "The issuer was suspended after the time of issue."},
	KeyCompromised:         {StepStanding, Failed, "签发时间在密钥泄露之后", "The time of issue is not before the compromise of the key."},
	KeyCompromisedUnproven: {StepStanding, Unknown, "密钥已泄露,无法证明证照签发在先", "The key was compromised and nothing proves that the credential is older."},
	KeyCompromisedLater:    {StepStanding, Passed, "密钥其后泄露,状态日志证明证照签发在先", "The key was compromised later; the status log proves that the credential is older."},
	ProvinceWithdrawn:      {StepStanding, Failed, "签发时该省份或地区已退出", "The province had been withdrawn by the time of issue."},
	ProvinceWithdrawnLater: {StepStanding, Passed, "该省份或地区在签发之后退出", "The province was withdrawn after the time of issue."},
	ProvinceSuspended:      {StepStanding, Unknown, "签发时该省份或地区处于暂停", "The province was suspended at the time of issue."},
	ProvinceSuspendedLater: {StepStanding, Passed, "该省份或地区在签发之后被暂停", "The province was suspended after the time of issue."},

	RoleNotGranted:       {StepGrant, Failed, "该登记项不得签发证照", "The entry has no role as an issuer."},
	TypeNotGranted:       {StepGrant, Failed, "该机构无权签发此类证照", "The issuer may not issue this type of credential."},
	FormatNotGranted:     {StepGrant, Failed, "该机构不得以此格式签发证照", "The issuer may not issue in this format."},
	AlgorithmNotGranted:  {StepGrant, Failed, "该省份或地区不得使用此签名算法", "The province may not use this signature algorithm."},
	AuthorityMismatch:    {StepGrant, Failed, "证照载明的颁发机构不是该签发机构", "The credential names another authority than the issuer."},
	AuthorityNonStandard: {StepGrant, Passed, "证照载明的颁发机构代码不规范", "The authority code that the credential names is not a standard one."},

	PresentationUnbounded: {StepFormat, Failed, "展示码没有期限或期限过长", "The presentation code has no expiry or lives too long."},

	Expired:      {StepDates, Failed, "证照已过有效期", "The credential has expired."},
	NotYetValid:  {StepDates, Failed, "证照尚未生效", "The credential is not yet valid."},
	ClockInDoubt: {StepDates, Unknown, "本节点时钟不可信", "This node's clock is in doubt."},

	CredentialSuspended:          {StepStatus, Failed, "证照已被暂扣", "The credential is suspended."},
	CredentialSuspendedPastGrace: {StepStatus, Unknown, "证照曾被暂扣,数据过旧,现状不明", "The credential was suspended; the data is too old to tell whether it still is."},
	CredentialRescinded:          {StepStatus, Failed, "证照已被撤销", "The credential has been rescinded."},
	CredentialCancelled:          {StepStatus, Failed, "证照已注销", "The credential has been cancelled."},
	CredentialLapsed:             {StepStatus, Failed, "证照已失效", "The credential has lapsed."},
	CredentialRevoked:            {StepStatus, Failed, "证照已被吊销", "The credential has been revoked."},
	CredentialSuperseded:         {StepStatus, Failed, "证照已变更或延续,由新证照取代", "The credential has been replaced by a newer one."},
	CredentialTransferred:        {StepStatus, Failed, "证照已转出,由转入地的证照取代", "The credential has been transferred and its successor stands."},
	TransferPending:              {StepStatus, Unknown, "证照正在办理转出,转入地尚未确认", "The credential is being transferred; the other side has not confirmed it."},
	CredentialNotActive:          {StepStatus, Failed, "证照未激活", "The credential has not been activated."},
	CredentialStatusOther:        {StepStatus, Unknown, "证照状态为其他,无法判断", "The credential's status is one that cannot be judged."},

	CertificateRevoked:            {StepStatus, Failed, "签发所用证书已被吊销", "A certificate behind the signature has been revoked."},
	CertificateSuspended:          {StepStatus, Failed, "签发所用证书已被冻结", "A certificate behind the signature is suspended."},
	CertificateSuspendedPastGrace: {StepStatus, Unknown, "签发所用证书曾被冻结,数据过旧,现状不明", "A certificate behind the signature was suspended; the data is too old to tell whether it still is."},
	CertificateStatusOther:        {StepStatus, Unknown, "签发所用证书的状态无法判断", "The status of a certificate behind the signature cannot be judged."},

	CoverageNone:         {StepStatus, Passed, "该机构不提供证照状态", "The issuer does not publish the status of its credentials."},
	StatusNotCovered:     {StepStatus, Unknown, "状态日志不涵盖所查询的时间", "The status log does not cover the moment asked about."},
	StatusSubjectMissing: {StepStatus, Unknown, "证照没有可查询状态的标识", "The credential carries nothing by which its status could be looked up."},
	StatusNotConfigured:  {StepStatus, Unknown, "本节点没有状态日志", "This node has no status log to look in."},
	StatusUnavailable:    {StepStatus, Unknown, "状态日志无法读取", "The status log could not be read."},
	HistoryNotHeld:       {StepStatus, Unknown, "所查询时间的状态记录已不在本节点", "The statuses of the moment asked about are no longer held here."},
	ValidAtInFuture:      {StepStatus, Unknown, "所查询的时间尚未到来", "The moment asked about lies in the future."},

	StaleNationalList:     {StepFreshness, Unknown, "国家清单已过更新期限", "The national list is past its next update."},
	NationalListContested: {StepFreshness, Unknown, "出现同一编号的两份国家清单", "Two national lists with one number have been seen."},
	NationalListBehind:    {StepFreshness, Unknown, "已知有更新的国家清单,尚未取得", "A newer national list is known of and has not been received."},
	StaleTrustList:        {StepFreshness, Unknown, "该省份的信任清单已过更新期限", "The province's trust list is past its next update."},
	StaleHead:             {StepFreshness, Unknown, "该省份的数据不够新", "The province's latest head is too old."},
	ProvinceEquivocating:  {StepFreshness, Unknown, "该省份发布了互相矛盾的数据", "The province has published contradicting heads."},
	StaleAccepted:         {StepFreshness, Passed, "数据不够新,按查询要求予以接受", "The data is stale and was accepted as the question asked."},
	PastGrace:             {StepFreshness, Unknown, "数据已超过宽限期", "The data is past its period of grace."},
	EvidenceUnavailable:   {StepFreshness, Unknown, "没有可用的数据", "There is no data to judge by."},
}

// Message returns what a code says in Chinese and in English, and whether there is such a code.
func Message(code Code) (zh, en string, ok bool) {
	m, ok := messages[code]
	return m.zh, m.en, ok
}

// Codes returns all codes, by step and within a step as the table of messages is sorted: failed, unknown, passed, and
// then by name.
func Codes() []Code {
	return slices.SortedFunc(maps.Keys(messages), func(a, b Code) int {
		x, y := messages[a], messages[b]
		return cmp.Or(int(x.step)-int(y.step), y.outcome.rank()-x.outcome.rank(), strings.Compare(string(a), string(b)))
	})
}

// An Entry is one line of the table of codes.
type Entry struct {
	Code    Code
	Step    Step    // ClockInDoubt stands under its first one
	Outcome Outcome // how the code ends its step, always
	ZH, EN  string
}

// Table returns the table of codes in the order of Codes.
func Table() []Entry {
	var table []Entry
	for _, code := range Codes() {
		m := messages[code]
		table = append(table, Entry{Code: code, Step: m.step, Outcome: m.outcome, ZH: m.zh, EN: m.en})
	}
	return table
}
