package certs_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"testing"

	"github.com/hutong-project/hutong/trust/certs"
)

// A partner is a certificate made by the standard library, with its key.
type partner struct {
	*certs.Certificate
	key crypto.Signer
}

func newPartner(t *testing.T, name string, key crypto.Signer, issuer *partner, change func(*x509.Certificate)) *partner {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: name}, NotBefore: begin.Std(),
		NotAfter: begin.Add(365 * day).Std(), KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		BasicConstraintsValid: true, IsCA: true}
	if change != nil {
		change(template)
	}
	parent, signer := template, key
	if issuer != nil {
		var err error
		if parent, err = x509.ParseCertificate(issuer.Raw); err != nil {
			t.Fatal(err)
		}
		signer = issuer.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	return &partner{parse(t, der), key}
}

func ecKey(t *testing.T, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestVerifyES256(t *testing.T) {
	message := []byte("message")
	sign := func(key *ecdsa.PrivateKey, size int) (raw, der []byte) {
		hash := sha256.Sum256(message)
		r, s, err := ecdsa.Sign(rand.Reader, key, hash[:])
		if err != nil {
			t.Fatal(err)
		}
		raw = make([]byte, 2*size)
		r.FillBytes(raw[:size])
		s.FillBytes(raw[size:])
		return raw, sequence(element(2, signed(r)), element(2, signed(s)))
	}
	p256 := ecKey(t, elliptic.P256())
	c := newPartner(t, "P-256", p256, nil, nil)
	raw, der := sign(p256, 32)
	if alg, ok := c.Algorithm(); alg != certs.ES256 || !ok {
		t.Errorf("Algorithm() = %s, %v, want ES256", alg, ok)
	}
	if !c.Verify(certs.ES256, message, raw) || !c.VerifyDER(certs.ES256, message, der) {
		t.Error("a good signature does not verify")
	}
	for name, bad := range map[string][]byte{"DER": der, "cut": raw[:63], "longer": append(bytes.Clone(raw), 0), "none": nil,
		"zero": make([]byte, 64), "r above the order": append(bytes.Repeat([]byte{0xff}, 32), raw[32:]...)} {
		if c.Verify(certs.ES256, message, bad) {
			t.Errorf("Verify takes a signature that is %s", name)
		}
	}
	if c.Verify(certs.ES256, []byte("other"), raw) || c.Verify(certs.SM2, message, raw) || c.Verify(certs.PS256, message, raw) {
		t.Error("Verify takes another message or algorithm")
	}

	// ES256 is ECDSA with P-256 only: the same arithmetic on P-384 is refused.
	p384 := ecKey(t, elliptic.P384())
	wide := newPartner(t, "P-384", p384, nil, nil)
	raw, der = sign(p384, 48)
	if _, ok := wide.Algorithm(); ok || wide.Verify(certs.ES256, message, raw) || wide.VerifyDER(certs.ES256, message, der) {
		t.Error("a P-384 key passes for ES256")
	}
	if err := wide.CanSignCredentials(); !errors.Is(err, certs.ErrKeyAlgorithm) {
		t.Errorf("CanSignCredentials() with P-384 = %v, want ErrKeyAlgorithm", err)
	}
}

func signed(i *big.Int) []byte {
	b := i.Bytes()
	if b[0] >= 0x80 {
		b = append([]byte{0}, b...)
	}
	return b
}

func TestVerifyPS256(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	c := newPartner(t, "RSA", key, nil, nil)
	if alg, ok := c.Algorithm(); alg != certs.PS256 || !ok {
		t.Errorf("Algorithm() = %s, %v, want PS256", alg, ok)
	}
	message := []byte("message")
	hash := sha256.Sum256(message)
	pss := func(salt int) []byte {
		signature, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, hash[:], &rsa.PSSOptions{SaltLength: salt})
		if err != nil {
			t.Fatal(err)
		}
		return signature
	}
	pkcs1, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, hash[:])
	if err != nil {
		t.Fatal(err)
	}
	if !c.Verify(certs.PS256, message, pss(32)) {
		t.Error("a good signature does not verify")
	}
	for name, bad := range map[string][]byte{"PKCS #1 v1.5": pkcs1, "salt of 20": pss(20), "no salt": pss(0), "none": nil} {
		if c.Verify(certs.PS256, message, bad) {
			t.Errorf("Verify takes a signature with %s", name)
		}
	}
	if c.Verify(certs.PS256, []byte("other"), pss(32)) || c.Verify(certs.ES256, message, pss(32)) || c.Verify("RS256", message, pkcs1) {
		t.Error("Verify takes another message or algorithm")
	}

	ec := newPartner(t, "EC", ecKey(t, elliptic.P256()), nil, nil)
	for name, alg := range map[string]x509.SignatureAlgorithm{"PKCS #1": x509.SHA256WithRSA, "PSS": x509.SHA256WithRSAPSS, "PSS 384": x509.SHA384WithRSAPSS} {
		below := newPartner(t, "Below", ec.key, c, func(t *x509.Certificate) { t.SignatureAlgorithm = alg })
		if err := below.CheckSignatureFrom(c.Certificate); err != nil {
			t.Errorf("CheckSignatureFrom with %s = %v", name, err)
		}
		if below.VerifiesUnder(ec.Certificate) {
			t.Errorf("a signature by %s verifies under an EC key", name)
		}
	}
}

func TestSmallAndLargeRSAKeysAreNotUsed(t *testing.T) {
	root := newRoot(t, caTemplate("Root", -1))
	for bits, want := range map[uint]bool{1024: false, 2047: false, 2048: true, 8192: true, 8193: false} {
		n := new(big.Int).Lsh(big.NewInt(1), bits-1)
		spki, err := x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 65537})
		if err != nil {
			t.Fatal(err)
		}
		made := craftedFrom(root, root.key)
		made.spki = spki
		if _, ok := parse(t, made.sign(t, root.key)).Algorithm(); ok != want {
			t.Errorf("an RSA key of %d bits has an algorithm: %v, want %v", bits, ok, want)
		}
	}
}

func TestChainsOfPartners(t *testing.T) {
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		name := curve.Params().Name
		root := newPartner(t, "Root "+name, ecKey(t, curve), nil, nil)
		leaf := newPartner(t, "Leaf", ecKey(t, elliptic.P256()), root, nil)
		if path, err := certs.Path(leaf.Certificate, nil, []*certs.Certificate{root.Certificate}); err != nil || len(path) != 2 {
			t.Errorf("Path under %s = %d certificates, %v", name, len(path), err)
		}
		same := newPartner(t, "Root "+name, ecKey(t, curve), nil, nil)
		if err := leaf.CheckSignatureFrom(same.Certificate); !errors.Is(err, certs.ErrSignature) {
			t.Errorf("CheckSignatureFrom another key on %s = %v, want ErrSignature", name, err)
		}
	}
}

// What the certificate says it was signed with must fit the issuer's key: SM2 and ECDSA signatures have one form, and
// an SM2 key is an elliptic curve key to a library that does not look at the curve.
func TestSignatureAlgorithmMustFitTheKey(t *testing.T) {
	root := newRoot(t, caTemplate("Root", -1))
	for name, algorithm := range map[string][]byte{
		"ECDSA with SHA-256":  sequence(oid(1, 2, 840, 10045, 4, 3, 2)),
		"RSA with SHA-256":    sequence(oid(1, 2, 840, 113549, 1, 1, 11), []byte{5, 0}),
		"RSA-PSS, no params":  sequence(oid(1, 2, 840, 113549, 1, 1, 10)),
		"SHA-1":               sequence(oid(1, 2, 840, 10045, 4, 1)),
		"a known typo of SM2": sequence(oid(1, 2, 156, 10197, 501)),
		"SM2 with parameters": sequence(oid(1, 2, 156, 10197, 1, 501), element(2, []byte{1})),
		"nothing":             sequence(),
	} {
		made := craftedFrom(root, newKey(t))
		made.algorithm = algorithm
		c := parse(t, made.sign(t, root.key))
		if err := c.CheckSignatureFrom(root.Certificate); !errors.Is(err, certs.ErrSignature) {
			t.Errorf("%s: CheckSignatureFrom = %v, want ErrSignature", name, err)
		}
	}
	made := craftedFrom(root, newKey(t))
	made.algorithm = sequence(oid(1, 2, 156, 10197, 1, 501), []byte{5, 0})
	if err := parse(t, made.sign(t, root.key)).CheckSignatureFrom(root.Certificate); err != nil {
		t.Errorf("SM2 with NULL parameters: CheckSignatureFrom = %v, want nil", err)
	}
}
