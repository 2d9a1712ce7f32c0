package keyfile

import (
	"crypto/ed25519"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/emmansun/gmsm/pkcs"
	"github.com/emmansun/gmsm/pkcs8"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
)

const pemType = "ENCRYPTED PRIVATE KEY"

// errIdentity covers a wrong passphrase and a damaged file alike: CBC has no integrity, so they look the same.
var errIdentity = errors.New("wrong passphrase, damaged file, or not an Ed25519 key")

// NewIdentity makes a node's libp2p key, stores it in a new file and returns its peer id. libp2p has no SM2
// identities: the national list binds the peer id to the province.
func NewIdentity(path string, passphrase []byte) (peer.ID, error) {
	if len(passphrase) == 0 {
		return "", ErrNoPassphrase
	}
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return "", fmt.Errorf("making a peer key: %w", err)
	}
	encrypter := pkcs.NewPBESEncrypter(pkcs.SM4CBC, pkcs.NewPBKDF2Opts(pkcs.SHA256, 16, 100_000))
	der, err := pkcs8.MarshalPrivateKey(private, passphrase, encrypter)
	if err != nil {
		return "", fmt.Errorf("encrypting a peer key: %w", err)
	}
	if err := Write(path, pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der})); err != nil {
		return "", err
	}
	key, err := identity(private)
	if err != nil {
		return "", err
	}
	return peer.IDFromPrivateKey(key)
}

// LoadIdentity opens a node's libp2p key.
func LoadIdentity(path string, passphrase []byte) (crypto.PrivKey, error) {
	data, err := Read(path)
	if err != nil {
		return nil, err
	}
	block, rest := pem.Decode(data)
	if block == nil || block.Type != pemType || len(rest) != 0 {
		return nil, fmt.Errorf("opening key file %s: want one PEM block %q", path, pemType)
	}
	parsed, _, err := pkcs8.ParsePrivateKey(block.Bytes, passphrase)
	if err != nil {
		return nil, fmt.Errorf("opening key file %s: %w", path, errIdentity)
	}
	private, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("opening key file %s: %w", path, errIdentity)
	}
	return identity(private)
}

func identity(private ed25519.PrivateKey) (crypto.PrivKey, error) {
	key, _, err := crypto.KeyPairFromStdKey(&private)
	if err != nil {
		return nil, fmt.Errorf("reading a peer key: %w", err)
	}
	return key, nil
}
