package keyfile

import (
	"crypto/ecdsa"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/emmansun/gmsm/pkcs"
	"github.com/emmansun/gmsm/pkcs8"
)

var errECDSA = errors.New("wrong passphrase, damaged file, or not an ECDSA key")

// SaveECDSA stores an ECDSA key in a new file: TLS between the nodes of a cluster has no SM2.
func SaveECDSA(path string, key *ecdsa.PrivateKey, passphrase []byte) error {
	if len(passphrase) == 0 {
		return ErrNoPassphrase
	}
	encrypter := pkcs.NewPBESEncrypter(pkcs.SM4CBC, pkcs.NewPBKDF2Opts(pkcs.SHA256, 16, 100_000))
	der, err := pkcs8.MarshalPrivateKey(key, passphrase, encrypter)
	if err != nil {
		return fmt.Errorf("encrypting the key for %s: %w", path, err)
	}
	return Write(path, pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der}))
}

// LoadECDSA opens an ECDSA key.
func LoadECDSA(path string, passphrase []byte) (*ecdsa.PrivateKey, error) {
	data, err := Read(path)
	if err != nil {
		return nil, err
	}
	block, rest := pem.Decode(data)
	if block == nil || block.Type != pemType || len(rest) != 0 {
		return nil, fmt.Errorf("opening key file %s: want one PEM block %q", path, pemType)
	}
	parsed, _, err := pkcs8.ParsePrivateKey(block.Bytes, passphrase)
	key, ok := parsed.(*ecdsa.PrivateKey)
	if err != nil || !ok {
		return nil, fmt.Errorf("opening key file %s: %w", path, errECDSA)
	}
	return key, nil
}
