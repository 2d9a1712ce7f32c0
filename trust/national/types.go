package national

import (
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/sm2sig"
)

// PayloadType is the envelope's payload type of a national list.
const PayloadType = "application/vnd.hutong.national-list+json"

// FormatVersion is the one payload version that this package reads and writes.
const FormatVersion = 1

// MaxBytes bounds an enveloped national list as carried.
const MaxBytes = 2 << 20

// A List says who belongs to the federation and under which keys. One number is in force at a time; a higher one
// follows it by the rule of succession (see CheckFollows).
type List struct {
	Version    int          `json:"formatVersion"`     // FormatVersion
	Sequence   uint64       `json:"sequence"`          // from 1, +1 each time
	Issued     trust.Time   `json:"issued"`            //
	NextUpdate trust.Time   `json:"nextUpdate"`        // after it the list counts as stale
	Previous   trust.Digest `json:"previous,omitzero"` // digest of the payload of Sequence − 1; absent in number 1
	Operator   string       `json:"operator"`          // who publishes it, for people
	Keys       []Key        `json:"keys"`              // the coordinator's keys, role RoleNational
	Threshold  int          `json:"threshold"`         // how many of Keys must sign
	Roots      [][]byte     `json:"roots"`             // DER of the national root CA certificates
	Provinces  []Province   `json:"provinces"`         // in ascending order of Code
	Policy     Policy       `json:"policy"`            //
}

// Role is what a key in a national list may sign.
type Role string

// The roles. A key stands once in a list, in one role of one province.
const (
	RoleNational Role = "national" // national lists
	RoleList     Role = "list"     // a province's trust lists
	RoleHead     Role = "head"     // a province's heads
)

// A Key is a public key with the proof that its holder meant it for this role: a signature over KeyProofMessage.
type Key struct {
	Key   *sm2sig.PublicKey `json:"key"`   // base64 of the SubjectPublicKeyInfo DER
	Proof []byte            `json:"proof"` // DER signature by Key over KeyProofMessage(role, code)
}

// Status is where an admitted province or an anchor stands.
type Status string

// The statuses of a province.
const (
	Admitted  Status = "admitted"
	Suspended Status = "suspended"
	Withdrawn Status = "withdrawn"
)

// A Period is an earlier status of a province, kept so that questions about the past have an answer.
type Period struct {
	Status Status     `json:"status"`
	Since  trust.Time `json:"since"`
	Reason string     `json:"reason,omitzero"`
}

// Anchoring says what a province's anchors must rest on.
type Anchoring string

// The two kinds of anchoring.
const (
	Chained Anchoring = "chained" // each anchor chains to one of the list's roots
	Pinned  Anchoring = "pinned"  // each anchor stands for itself (partner jurisdictions)
)

// A Province is one member's entry.
type Province struct {
	Code          trust.Province `json:"code"`
	NameZH        string         `json:"nameZh"`
	NameEN        string         `json:"nameEn"`
	Status        Status         `json:"status"`
	Since         trust.Time     `json:"since"`
	Reason        string         `json:"reason,omitzero"`
	History       []Period       `json:"history"`           // ended statuses, oldest first
	LastHead      *HeadRef       `json:"lastHead,omitzero"` // present exactly when withdrawn
	ListKeys      []Key          `json:"listKeys"`          // role RoleList
	ListThreshold int            `json:"listThreshold"`     //
	HeadKeys      []Key          `json:"headKeys"`          // role RoleHead
	Session       uint64         `json:"session"`           // only rises; a new one resets all numbers of the province
	LogState      *LogState      `json:"logState,omitzero"` // the log state that stands at the start of the session
	Peers         []Peer         `json:"peers"`             // entry peers
	Host          trust.Province `json:"host,omitzero"`     // whose cluster signs heads and serves lists for it; none: its own
	Anchoring     Anchoring      `json:"anchoring"`         //
	Algorithms    []string       `json:"algorithms"`        // SM2; ES256 and PS256 for partners only
	Types         []string       `json:"types"`             // patterns of credential types: exact, or a prefix ending in *
	Clocks        *Clocks        `json:"clocks,omitzero"`   // instead of the policy's
}

// A HeadRef names one head of a province.
type HeadRef struct {
	Session  uint64       `json:"session"`
	Sequence uint64       `json:"sequence"`
	Digest   trust.Digest `json:"digest"`
}

// A LogState names one state of a status log.
type LogState struct {
	Generation uint64       `json:"generation"`
	Size       uint64       `json:"size"`
	Root       trust.Digest `json:"root"`
}

// A Peer is a libp2p node: its peer id and its multiaddresses without the /p2p part.
type Peer struct {
	ID    string   `json:"id"`
	Addrs []string `json:"addrs"`
}

// Clocks are the spans, in whole seconds, by which a province's data ages.
type Clocks struct {
	HeadInterval int `json:"headInterval"` // a head is signed at least this often: 30
	MaxHeadAge   int `json:"maxHeadAge"`   // a head older than this is stale: 300
	Grace        int `json:"grace"`        // how long stale data may still be used by who accepts it: 86400
}

// A Policy holds for all provinces.
type Policy struct {
	Clocks        Clocks `json:"clocks"`
	Skew          int    `json:"skew"`          // how far ahead signed times may be, seconds: 60
	FormatVersion int    `json:"formatVersion"` // of all signed forms: 1
}
