package sm2sig

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/emmansun/gmsm/pkcs"
	"github.com/emmansun/gmsm/pkcs8"
)

// ErrPassphrase is returned when a key does not open. CBC has no integrity, so the two cases cannot be told apart.
var ErrPassphrase = errors.New("wrong passphrase or damaged file")

// ErrNotEncrypted is returned for a private key that lies in the clear, which is never taken.
var ErrNotEncrypted = errors.New("private key is not encrypted")

const (
	encryptedType = "ENCRYPTED PRIVATE KEY"

	// rounds and saltSize of PBKDF2-HMAC-SHA256 in the keys that we write: about 45 ms a try.
	rounds   = 100_000
	saltSize = 16

	// maxRounds bounds the work that a key file can ask for, about one second; OpenSSL writes 2,048 by default.
	maxRounds = 2_000_000
	// maxPEMSize is far above the 400 or so bytes of a key.
	maxPEMSize = 16 << 10
)

var (
	oidPBES2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
)

// EncryptPEM returns k as PKCS#8 under PBES2 with PBKDF2-HMAC-SHA256 and SM4-CBC, in PEM, which OpenSSL 3 reads too.
// An empty passphrase is refused.
func (k *PrivateKey) EncryptPEM(passphrase []byte) ([]byte, error) {
	if k == nil || k.key == nil {
		return nil, errors.New("encrypting a private key: no key was set")
	}
	if len(passphrase) == 0 {
		return nil, errors.New("encrypting a private key: the passphrase is empty")
	}
	// The encrypter is named because nil would mean AES-256 with 2,048 rounds; SHA-256 because OpenSSL 3.0 knows no
	// HMAC-SM3 here.
	encrypter := pkcs.NewPBESEncrypter(pkcs.SM4CBC, pkcs.NewPBKDF2Opts(pkcs.SHA256, saltSize, rounds))
	der, err := pkcs8.MarshalPrivateKey(k.key, passphrase, encrypter)
	if err != nil {
		return nil, fmt.Errorf("encrypting a private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: encryptedType, Bytes: der}), nil
}

// DecryptPEM reads one PEM block as EncryptPEM or `openssl pkcs8 -topk8` writes it: PBES2 with PBKDF2 of at most
// two million rounds. It returns ErrNotEncrypted for a key in the clear, and ErrPassphrase when the key does not
// open or the passphrase is empty.
func DecryptPEM(data, passphrase []byte) (*PrivateKey, error) {
	if len(data) > maxPEMSize {
		return nil, fmt.Errorf("reading a private key: %d bytes, want at most %d", len(data), maxPEMSize)
	}
	block, rest := pem.Decode(data)
	if block == nil {
		return nil, errors.New("reading a private key: no PEM block")
	}
	switch block.Type {
	case encryptedType:
	case "PRIVATE KEY", "EC PRIVATE KEY", "SM2 PRIVATE KEY":
		return nil, fmt.Errorf("reading a private key: %w", ErrNotEncrypted)
	default:
		return nil, fmt.Errorf("reading a private key: PEM block of type %.40q, want %q", block.Type, encryptedType)
	}
	if len(block.Headers) != 0 || len(bytes.TrimSpace(rest)) != 0 {
		return nil, errors.New("reading a private key: want one PEM block without headers and nothing after it")
	}
	if err := checkEncryption(block.Bytes); err != nil {
		return nil, fmt.Errorf("reading a private key: %w", err)
	}
	if len(passphrase) == 0 { // the library would take the block for a key in the clear
		return nil, fmt.Errorf("reading a private key: %w", ErrPassphrase)
	}
	key, err := pkcs8.ParsePKCS8PrivateKeySM2(block.Bytes, passphrase)
	if errors.Is(err, pkcs8.ErrUnexpectedKeyType) {
		return nil, errors.New("reading a private key: it opened, but is not an SM2 key")
	}
	if err != nil { // its text tells padding from key errors, which is nobody's business
		return nil, fmt.Errorf("reading a private key: %w", ErrPassphrase)
	}
	return newPrivateKey(key)
}

// checkEncryption looks at the algorithm and the rounds before any work is done on the passphrase.
func checkEncryption(der []byte) error {
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}
	if rest, err := asn1.Unmarshal(der, &info); err != nil || len(rest) != 0 {
		return ErrPassphrase
	}
	var scheme pkcs.PBES2Params
	if !info.Algorithm.Algorithm.Equal(oidPBES2) {
		return fmt.Errorf("encryption %s, want PBES2 (%s)", info.Algorithm.Algorithm, oidPBES2)
	}
	if _, err := asn1.Unmarshal(info.Algorithm.Parameters.FullBytes, &scheme); err != nil {
		return ErrPassphrase
	}
	if !scheme.KeyDerivationFunc.Algorithm.Equal(oidPBKDF2) {
		return fmt.Errorf("key derivation %s, want PBKDF2 (%s)", scheme.KeyDerivationFunc.Algorithm, oidPBKDF2)
	}
	var derivation struct {
		Salt   []byte
		Rounds int
		Rest   asn1.RawValue `asn1:"optional"`
		PRF    asn1.RawValue `asn1:"optional"`
	}
	if _, err := asn1.Unmarshal(scheme.KeyDerivationFunc.Parameters.FullBytes, &derivation); err != nil {
		return ErrPassphrase
	}
	if derivation.Rounds < 1 || derivation.Rounds > maxRounds {
		return fmt.Errorf("%d rounds of PBKDF2, want 1 to %d", derivation.Rounds, maxRounds)
	}
	return nil
}
