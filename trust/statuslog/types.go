package statuslog

import "github.com/hutong-project/hutong/trust"

// Limits of a status batch.
const (
	MaxEvents     = 4096    // events in a batch
	MaxBatchBytes = 1 << 20 // a signed batch as carried
)

// PayloadType is both the protected typ and the external_aad of a signed batch.
const PayloadType = "application/vnd.hutong.status-batch+cbor"

// Algorithm is the private COSE algorithm number of SM2-with-SM3 with a raw 64-byte r‖s.
const Algorithm = -70001

// Kind is what an event speaks of.
type Kind uint8

// The kinds, as encoded.
const (
	KindCredential  Kind = 1
	KindCertificate Kind = 2
	KindSeal        Kind = 3
	KindCRL         Kind = 4
)

// Status is the vocabulary of STATUS codes in use (住建部 certState, and what re-issue needs).
type Status uint8

// The statuses, as encoded.
const (
	StatusValid       Status = 1  // 有效
	StatusSuspended   Status = 2  // 暂扣
	StatusRescinded   Status = 3  // 撤销
	StatusCancelled   Status = 4  // 注销
	StatusLapsed      Status = 5  // 失效
	StatusTransferred Status = 6  // 转出
	StatusRevoked     Status = 7  // 吊销
	StatusSuperseded  Status = 8  // 变更、延续: a successor stands
	StatusNotActive   Status = 9  // 未激活
	StatusOther       Status = 99 // 其他
)

// A Link names a subject in a province: the other end of a transfer or of a re-issue.
type Link struct {
	Province trust.Province
	Subject  trust.Subject
}

// An EventRef names one event of a log: the position of its batch and its index in the batch.
type EventRef struct {
	Position uint64
	Index    uint32
}

// An Event is one change of status that an authority states.
type Event struct {
	Kind        Kind
	Subject     trust.Subject
	Status      Status
	Reason      string     // for people; no personal data; ≤ 256 bytes
	SourceCode  string     // the source's own status code, verbatim; ≤ 64 bytes
	Effective   trust.Time // may lie in the past, not beyond skew ahead
	Expires     trust.Time // of the credential; zero: 长期 or not known
	Predecessor *Link      // of a 转入
	Successor   *Link      // of a 转出 or a re-issue
	Corrects    *EventRef  // the final event that this one takes back
}

// A Batch is what one authority says at one time. Number rises by one per authority.
type Batch struct {
	Province  trust.Province
	Authority string
	Number    uint64
	Time      trust.Time
	Operator  bool // signed by the province's operator in the authority's name
	Events    []Event
}

// A Leaf is one entry of a status log. Its bytes are the deterministic CBOR array [position, recorded, signed].
type Leaf struct {
	Position uint64
	Recorded trust.Time
	Signed   []byte // the COSE_Sign1 of a Batch, as carried
}
