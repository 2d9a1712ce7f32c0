package national

import (
	"errors"
	"fmt"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/sm2sig"
	"github.com/hutong-project/hutong/trust/statement"
)

const keyProofPrefix = "hutong/key-proof/v1"

// KeyProofMessage returns what the holder of a key signs to say that the key is meant for this role of this province:
// "hutong/key-proof/v1" 0x00 role 0x00 code. The code of RoleNational is empty.
func KeyProofMessage(role Role, code trust.Province) []byte {
	return []byte(keyProofPrefix + "\x00" + string(role) + "\x00" + string(code))
}

// NewKey returns the public half of private with its proof. RoleNational takes no code, the other roles need one.
func NewKey(private *sm2sig.PrivateKey, role Role, code trust.Province) (Key, error) {
	switch role {
	case RoleNational:
		if code != "" {
			return Key{}, fmt.Errorf("proving a key: role %s belongs to no province, got %q", role, code)
		}
	case RoleList, RoleHead:
		if !code.Valid() {
			return Key{}, fmt.Errorf("proving a key: role %s needs a province code, got %.20q", role, code)
		}
	default:
		return Key{}, fmt.Errorf("proving a key: unknown role %.20q", role)
	}
	proof, err := private.Sign(KeyProofMessage(role, code))
	if err != nil {
		return Key{}, fmt.Errorf("proving a key for role %s: %w", role, err)
	}
	return Key{Key: private.Public(), Proof: proof}, nil
}

// Proves reports whether the key's holder meant it for this role of this province.
func (k Key) Proves(role Role, code trust.Province) bool {
	return k.Key.Verify(KeyProofMessage(role, code), k.Proof)
}

// PublicKeys returns the keys without their proofs, in the same order.
func PublicKeys(keys []Key) []*sm2sig.PublicKey {
	public := make([]*sm2sig.PublicKey, len(keys))
	for i, k := range keys {
		public[i] = k.Key
	}
	return public
}

// CheckThreshold refuses, with ThresholdMissed, an envelope that fewer than threshold distinct keys signed. The
// refusal names the keys as whose. Another error means that keys and threshold contradict each other.
func CheckThreshold(e *statement.Envelope, payloadType string, keys []Key, threshold int, whose string) error {
	_, err := e.Verify(payloadType, PublicKeys(keys), threshold)
	var missed *statement.ThresholdError
	if errors.As(err, &missed) {
		return trust.Refuse(trust.ThresholdMissed, "%d valid signatures of %s, want %d", missed.Got, whose, missed.Want)
	}
	return err
}
