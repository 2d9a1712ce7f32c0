package province

import (
	"github.com/hutong-project/hutong/cmd/internal/folder"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/sm2sig"
)

// RequestType is the payload type of a province's request.
const RequestType = "application/vnd.hutong.province-request+json"

// A Request is what a province hands to the national coordinator to be admitted: public data only.
type Request struct {
	Version       int               `json:"formatVersion"` // 1
	Code          trust.Province    `json:"code"`
	NameZH        string            `json:"nameZh"`
	NameEN        string            `json:"nameEn"`
	Authority     string            `json:"authority"` // of the operator
	ListKeys      []national.Key    `json:"listKeys"`
	ListThreshold int               `json:"listThreshold"`
	HeadKeys      []national.Key    `json:"headKeys"`
	CAKey         *sm2sig.PublicKey `json:"caKey"`
	Peers         []national.Peer   `json:"peers"`
}

// ReadRequest reads a request and checks that every key that it names signed it, and is meant for its role. Compare
// the digest with the one that the province sees before you believe that the request is its own.
func ReadRequest(raw []byte) (*Request, trust.Digest, error) {
	r := new(Request)
	digest, err := folder.ReadRequest(raw, RequestType, r, func() []*sm2sig.PublicKey {
		keys := append(national.PublicKeys(r.ListKeys), national.PublicKeys(r.HeadKeys)...)
		return append(keys, r.CAKey)
	})
	if err != nil {
		return nil, digest, err
	}
	return r, digest, r.check()
}

func (r *Request) check() error {
	if r.Version != 1 {
		return trust.Refuse(trust.Malformed, "request: formatVersion %d, want 1", r.Version)
	}
	if !r.Code.Valid() {
		return trust.Refuse(trust.UnknownProvince, "request: code %.20q, want six digits such as 310000", r.Code)
	}
	if len(r.ListKeys) == 0 || len(r.HeadKeys) == 0 || r.ListThreshold < 1 || r.ListThreshold > len(r.ListKeys) {
		return trust.Refuse(trust.Contradiction, "request: threshold %d with %d list keys and %d head keys", r.ListThreshold, len(r.ListKeys), len(r.HeadKeys))
	}
	for role, keys := range map[national.Role][]national.Key{national.RoleList: r.ListKeys, national.RoleHead: r.HeadKeys} {
		for _, k := range keys {
			if !k.Proves(role, r.Code) {
				return trust.Refuse(trust.BadSignature, "request: key %s is not proved for role %s of %s", k.Key.ID().Short(), role, r.Code)
			}
		}
	}
	for what, text := range map[string]string{"nameZh": r.NameZH, "nameEn": r.NameEN, "authority": r.Authority} {
		if err := national.CheckText("request: "+what, text); err != nil {
			return err
		}
	}
	return national.CheckPeers("request: peers", r.Peers)
}
