package head

import (
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/national"
)

// PayloadType is the envelope's payload type of a head.
const PayloadType = "application/vnd.hutong.head+json"

// FormatVersion is the one payload version that this package reads and writes.
const FormatVersion = 1

// MaxBytes bounds an enveloped head as carried.
const MaxBytes = 16 << 10

// A Head pins a province's trust list and status log and proves that the province is alive.
type Head struct {
	Version      int               `json:"formatVersion"` // FormatVersion
	Province     trust.Province    `json:"province"`
	Session      uint64            `json:"session"`
	Sequence     uint64            `json:"sequence"` // from 1 in each session
	Issued       trust.Time        `json:"issued"`
	TrustList    ListRef           `json:"trustList"`
	Log          national.LogState `json:"log"`
	NationalList NationalRef       `json:"nationalList"` // the newest that the signer has adopted
}

// A ListRef pins one trust list of the head's province and session.
type ListRef struct {
	Number uint64       `json:"version"`
	Digest trust.Digest `json:"digest"`
}

// A NationalRef names a national list.
type NationalRef struct {
	Sequence uint64       `json:"sequence"`
	Digest   trust.Digest `json:"digest"`
}
