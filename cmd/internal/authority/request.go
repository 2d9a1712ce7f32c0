package authority

import (
	"github.com/hutong-project/hutong/cmd/internal/folder"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/identifier"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/sm2sig"
)

// RequestType is the payload type of an authority's request.
const RequestType = "application/vnd.hutong.issuer-request+json"

// A Request is what an authority hands to its province to be listed: public data only.
type Request struct {
	Version       int               `json:"formatVersion"` // 1
	Province      trust.Province    `json:"province"`
	Authority     string            `json:"authority"` // 统一社会信用代码
	Name          string            `json:"name"`      // for people
	ID            string            `json:"id"`        // of the anchor that is asked for
	CredentialKey *sm2sig.PublicKey `json:"credentialKey"`
	StatusKey     *sm2sig.PublicKey `json:"statusKey"`
}

// ReadRequest reads a request and checks that both its keys signed it. Compare the digest with the one that the
// authority sees before you believe that the request is its own.
func ReadRequest(raw []byte) (*Request, trust.Digest, error) {
	r := new(Request)
	digest, err := folder.ReadRequest(raw, RequestType, r, func() []*sm2sig.PublicKey {
		return []*sm2sig.PublicKey{r.CredentialKey, r.StatusKey}
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
	if !r.Province.Valid() {
		return trust.Refuse(trust.Malformed, "request: province %.20q, want six digits such as 310000", r.Province)
	}
	if _, err := identifier.ParseUSCC(r.Authority); err != nil && !r.Province.Partner() {
		return trust.Refuse(trust.Malformed, "request: authority %.40q is no 统一社会信用代码: %v", r.Authority, err)
	}
	if err := national.CheckText("request: name", r.Name); err != nil {
		return err
	}
	if err := national.CheckText("request: authority", r.Authority); err != nil {
		return err
	}
	if !validID(r.ID) {
		return trust.Refuse(trust.Malformed, "request: id %.70q, want 1 to 64 of a-z, 0-9, point and hyphen", r.ID)
	}
	return nil
}

func validID(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && c != '.' && c != '-' {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 64
}
