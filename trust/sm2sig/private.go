package sm2sig

import (
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/emmansun/gmsm/sm2"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// A PrivateKey signs. It is safe for concurrent use, and no way of printing it shows more than its public key's id;
// the only way out is EncryptPEM. The zero PrivateKey signs nothing.
type PrivateKey struct {
	key    *sm2.PrivateKey
	public *PublicKey
}

// Generate makes a key from random; nil means crypto/rand.
func Generate(random io.Reader) (*PrivateKey, error) {
	if random == nil {
		random = rand.Reader
	}
	key, err := sm2.GenerateKey(random)
	if err != nil {
		return nil, fmt.Errorf("generating an SM2 key: %w", err)
	}
	return newPrivateKey(key)
}

func newPrivateKey(key *sm2.PrivateKey) (*PrivateKey, error) {
	public, err := FromECDSA(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	return &PrivateKey{key: key, public: public}, nil
}

// Public returns the public key.
func (k *PrivateKey) Public() *PublicKey { return k.public }

// Sign signs message (not a digest of it) and returns DER, as envelopes and certificates carry it.
// An empty message is refused.
func (k *PrivateKey) Sign(message []byte) ([]byte, error) {
	if k == nil || k.key == nil {
		return nil, errors.New("signing: no key was set")
	}
	// The option is what makes the library hash: without it, it takes message for a digest and cuts it.
	der, err := k.key.Sign(rand.Reader, message, sm2.NewSM2SignerOption(true, nil))
	if err != nil {
		return nil, fmt.Errorf("signing with key %s: %w", k.public.ID().Short(), err)
	}
	return der, nil
}

// SignRaw signs message and returns the 64 bytes r ‖ s, as COSE carries them. An empty message is refused.
func (k *PrivateKey) SignRaw(message []byte) ([]byte, error) {
	der, err := k.Sign(message)
	if err != nil {
		return nil, err
	}
	var inner cryptobyte.String
	var r, s []byte
	input := cryptobyte.String(der)
	if !input.ReadASN1(&inner, asn1.SEQUENCE) || !inner.ReadASN1Integer(&r) || !inner.ReadASN1Integer(&s) ||
		len(r) > RawSize/2 || len(s) > RawSize/2 {
		return nil, fmt.Errorf("signing with key %s: the library returned %d bytes that are no signature", k.public.ID().Short(), len(der))
	}
	rs := make([]byte, RawSize)
	copy(rs[RawSize/2-len(r):], r)
	copy(rs[RawSize-len(s):], s)
	return rs, nil
}

// CryptoSigner returns k as certificate makers take it. Its Public is an *ecdsa.PublicKey on sm2p256v1; its Sign
// takes the message and refuses options that announce a digest.
func (k *PrivateKey) CryptoSigner() crypto.Signer { return cryptoSigner{k} }

type cryptoSigner struct{ *PrivateKey }

func (s cryptoSigner) Public() crypto.PublicKey { return s.public.point }

func (s cryptoSigner) Sign(_ io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts != nil && opts.HashFunc() != 0 {
		return nil, fmt.Errorf("signing with key %s: asked to sign a %s digest, want the message", s.public.ID().Short(), opts.HashFunc())
	}
	return s.PrivateKey.Sign(message)
}

// String returns a text without the key.
func (k PrivateKey) String() string {
	if k.public == nil {
		return "SM2 private key (none)"
	}
	return "SM2 private key of " + k.public.ID().String()
}

// GoString returns what String returns.
func (k PrivateKey) GoString() string { return k.String() }

// Format writes what String returns, whatever the verb: %d or %x would else walk into the key.
func (k PrivateKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// LogValue returns what String returns.
func (k PrivateKey) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText refuses: a private key leaves only through EncryptPEM.
func (k PrivateKey) MarshalText() ([]byte, error) {
	return nil, errors.New("writing a private key as text: only its encrypted PEM form may be written")
}
