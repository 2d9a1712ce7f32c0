package list

import (
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/sm2sig"
)

// PayloadType is the envelope's payload type of a trust list.
const PayloadType = "application/vnd.hutong.trust-list+json"

// FormatVersion is the one payload version that this package reads and writes.
const FormatVersion = 1

// MaxBytes bounds an enveloped trust list as carried.
const MaxBytes = 16 << 20

// A List is a province's word on which authority may issue which credential type under which certificate.
type List struct {
	Version            int             `json:"formatVersion"` // FormatVersion
	Province           trust.Province  `json:"province"`
	Session            uint64          `json:"session"`           // of the province's national entry
	Number             uint64          `json:"version"`           // from 1 in each session, +1 or more each time
	Issued             trust.Time      `json:"issued"`            //
	NextUpdate         trust.Time      `json:"nextUpdate"`        //
	Previous           trust.Digest    `json:"previous,omitzero"` // digest of the list before; absent in the first of a session
	Anchors            []Anchor        `json:"anchors"`           // in ascending order of ID
	OperatorStatusKeys []StatusKey     `json:"operatorStatusKeys"`
	SubjectKeyDigest   trust.Digest    `json:"subjectKeyDigest,omitzero"` // SM3 of the province's subject key
	SupplyPoints       []string        `json:"supplyPoints"`              // HTTPS addresses, for verifiers
	Peers              []national.Peer `json:"peers"`                     // day-to-day peers
}

// Role is what an anchor's certificate is for.
type Role string

// The roles of an anchor.
const (
	RoleIssuer    Role = "issuer"
	RoleSealMaker Role = "sealMaker"
	RoleTimeStamp Role = "timeStamp"
)

// Status is where an anchor stands.
type Status string

// The statuses of an anchor.
const (
	Granted   Status = "granted"
	Suspended Status = "suspended"
	Withdrawn Status = "withdrawn"
)

// SignerKind says who signs an authority's status batches.
type SignerKind string

// The two kinds of signer.
const (
	SignerSelf     SignerKind = "self"     // the authority, with a key of StatusKeys
	SignerOperator SignerKind = "operator" // the cluster, with a key of OperatorStatusKeys
)

// Coverage says whether an authority's changes of status reach the province's status log.
type Coverage struct {
	Kind  CoverageKind `json:"kind"`
	Since trust.Time   `json:"since,omitzero"` // with CoverageLog: complete from then on
}

// CoverageKind is log or none.
type CoverageKind string

// The kinds of coverage.
const (
	CoverageLog  CoverageKind = "log"
	CoverageNone CoverageKind = "none"
)

// A StatusKey may sign status batches that stand at log positions in [From, Until). It stays in the list for ever.
type StatusKey struct {
	Key   *sm2sig.PublicKey `json:"key"`
	From  uint64            `json:"from"`
	Until *uint64           `json:"until,omitzero"` // nil: open
}

// A Period is an earlier status of an anchor.
type Period struct {
	Status Status     `json:"status"`
	Since  trust.Time `json:"since"`
	Reason string     `json:"reason,omitzero"`
}

// An Anchor grants one certificate some roles for some credential types. Several anchors may share an authority.
type Anchor struct {
	ID               string      `json:"id"`                        // unique in the list for ever, 1–64 of [a-z0-9.-]
	Name             string      `json:"name"`                      // for people
	Authority        string      `json:"authority"`                 // 统一社会信用代码, or a partner's own code
	Roles            []Role      `json:"roles"`                     //
	Certificate      []byte      `json:"certificate"`               // DER; CA or end entity
	Subjects         []string    `json:"subjects"`                  // CA only: organisation codes or SM3 (hex) of subject names; empty speaks for nobody
	CredentialTypes  []string    `json:"credentialTypes"`           //
	Formats          []string    `json:"formats"`                   // "HT1", "HC1", …
	Status           Status      `json:"status"`                    //
	Since            trust.Time  `json:"since"`                     //
	Reason           string      `json:"reason,omitzero"`           //
	CompromisedSince trust.Time  `json:"compromisedSince,omitzero"` //
	LastTrustedIndex *uint64     `json:"lastTrustedIndex,omitzero"` // log position; present exactly with CompromisedSince
	StatusKeys       []StatusKey `json:"statusKeys"`                //
	StatusSigner     SignerKind  `json:"statusSigner"`              //
	StatusCoverage   Coverage    `json:"statusCoverage"`            //
	History          []Period    `json:"history"`                   // ended statuses, oldest first
}
