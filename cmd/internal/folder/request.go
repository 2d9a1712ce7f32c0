package folder

import (
	"errors"
	"fmt"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/sm2sig"
	"github.com/hutong-project/hutong/trust/statement"
	"github.com/hutong-project/hutong/trust/strictjson"
)

// MaxRequestBytes bounds a request as carried.
const MaxRequestBytes = 1 << 20

// SignRequest returns request as a signed envelope: every key that it names signs it whole, which proves that who
// made it holds them and that nobody changed a word since.
func SignRequest(payloadType string, request any, keys ...*sm2sig.PrivateKey) ([]byte, error) {
	payload, err := strictjson.Marshal(request)
	if err != nil {
		return nil, err
	}
	envelope := statement.New(payloadType, payload)
	for _, key := range keys {
		if err := envelope.Sign(key); err != nil {
			return nil, err
		}
	}
	return envelope.Marshal()
}

// ReadRequest reads into request what SignRequest made, and returns its digest. keys names the keys of the request
// that was read: a signature of each of them is required. Refusals: TooLarge, Malformed, BadSignature.
func ReadRequest(raw []byte, payloadType string, request any, keys func() []*sm2sig.PublicKey) (trust.Digest, error) {
	if len(raw) > MaxRequestBytes {
		return trust.Digest{}, trust.Refuse(trust.TooLarge, "request: %d bytes, want at most %d", len(raw), MaxRequestBytes)
	}
	envelope, err := statement.Parse(raw, MaxRequestBytes)
	if err != nil {
		return trust.Digest{}, trust.Refuse(trust.Malformed, "request: %v", err)
	}
	if envelope.PayloadType != payloadType {
		return trust.Digest{}, trust.Refuse(trust.Malformed, "request: payloadType %.100q, want %q", envelope.PayloadType, payloadType)
	}
	if err := strictjson.Unmarshal(envelope.Payload, request); err != nil {
		return trust.Digest{}, trust.Refuse(trust.Malformed, "request: %v", err)
	}
	named := keys()
	distinct := map[trust.KeyID]bool{}
	for _, key := range named {
		if distinct[key.ID()] {
			return trust.Digest{}, trust.Refuse(trust.Contradiction, "request: key %s stands in it twice; each role needs a key of its own", key.ID().Short())
		}
		distinct[key.ID()] = true
	}
	_, err = envelope.Verify(payloadType, named, len(named))
	var missed *statement.ThresholdError
	if errors.As(err, &missed) {
		return trust.Digest{}, trust.Refuse(trust.BadSignature,
			"request: %d of its %d keys signed what it says; it was changed since, ask for it again", missed.Got, missed.Want)
	}
	if err != nil {
		return trust.Digest{}, fmt.Errorf("reading a request: %w", err)
	}
	return envelope.Digest(), nil
}
