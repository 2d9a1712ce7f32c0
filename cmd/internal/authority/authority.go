// Package authority is the folder of an issuing authority: its two keys, the request by which its province lists it,
// and the numbers of the status batches that it has sent.
//
//	keys/credential.pem   signs credentials
//	keys/status.pem       signs status batches
//	issuer.json           the request: public keys, signed with both
//	number.json           the number of the last batch that the cluster took
//	outbox/               a batch that was signed and whose receipt has not come yet
//	batches/              the batches that were taken, as sent
//
// It promises that no number is given to two batches, and that a batch whose outcome is unknown is sent again byte for
// byte before the next one. It prints nothing and knows no network: Push hands the bytes to its caller.
package authority

import (
	"crypto/rand"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/hutong-project/hutong/cmd/internal/folder"
	"github.com/hutong-project/hutong/node/keyfile"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/credential"
	"github.com/hutong-project/hutong/trust/credential/qrcode"
	"github.com/hutong-project/hutong/trust/sm2sig"
)

// The files that other roles are given or asked for.
const (
	RequestFile   = "issuer.json"
	credentialKey = "keys/credential.pem"
	statusKey     = "keys/status.pem"
)

// An Authority is a loaded folder. Its methods may be called concurrently.
type Authority struct {
	Request
	Digest trust.Digest // of the request, to compare by another way than the file's

	dir        string
	credential func() (*sm2sig.PrivateKey, error)
	status     func() (*sm2sig.PrivateKey, error)
	pushing    sync.Mutex
}

// Create makes the folder dir with new keys, encrypted under passphrase. id is the anchor that the authority asks for
// in its province's trust list.
func Create(dir string, passphrase []byte, province trust.Province, authority, name, id string) (*Authority, error) {
	r := Request{Version: 1, Province: province, Authority: authority, Name: name, ID: id}
	if err := r.check(); err != nil {
		return nil, err
	}
	if err := folder.Create(dir, "keys", "outbox", "batches"); err != nil {
		return nil, err
	}
	var keys [2]*sm2sig.PrivateKey
	for i, file := range []string{credentialKey, statusKey} {
		key, err := sm2sig.Generate(nil)
		if err != nil {
			return nil, err
		}
		if err := keyfile.SaveSM2(filepath.Join(dir, file), key, passphrase); err != nil {
			return nil, err
		}
		keys[i] = key
	}
	r.CredentialKey, r.StatusKey = keys[0].Public(), keys[1].Public()
	raw, err := folder.SignRequest(RequestType, r, keys[:]...)
	if err != nil {
		return nil, err
	}
	if err := folder.Write(filepath.Join(dir, RequestFile), raw); err != nil {
		return nil, err
	}
	return Load(dir, passphrase)
}

// Load reads the folder dir. A key is opened with passphrase when it is first needed.
func Load(dir string, passphrase []byte) (*Authority, error) {
	raw, err := folder.Read(filepath.Join(dir, RequestFile))
	if err != nil {
		return nil, fmt.Errorf("%w; make the folder with `hutong issuer init`", err)
	}
	r, digest, err := ReadRequest(raw)
	if err != nil {
		return nil, fmt.Errorf("loading %s: %w", dir, err)
	}
	a := &Authority{Request: *r, Digest: digest, dir: dir}
	a.credential = opener(filepath.Join(dir, credentialKey), passphrase, r.CredentialKey)
	a.status = opener(filepath.Join(dir, statusKey), passphrase, r.StatusKey)
	return a, nil
}

// opener opens a key once and checks that it is the one that the request names.
func opener(path string, passphrase []byte, want *sm2sig.PublicKey) func() (*sm2sig.PrivateKey, error) {
	return sync.OnceValues(func() (*sm2sig.PrivateKey, error) {
		key, err := keyfile.LoadSM2(path, passphrase)
		if err != nil {
			return nil, err
		}
		if !key.Public().Equal(want) {
			return nil, fmt.Errorf("opening %s: it holds key %s, want %s, which %s names", path,
				key.Public().ID().Short(), want.ID().Short(), RequestFile)
		}
		return key, nil
	})
}

// Claims is what a credential is to say. Province, anchor and authority are the folder's own.
type Claims struct {
	Type         string // 证照类型代码
	Issued       trust.Time
	NotBefore    trust.Time              // zero: from Issued on
	Expires      trust.Time              // zero: 长期
	Presentation bool                    // a short-lived presentation code
	Handle       [qrcode.HandleSize]byte // zero: a new random one; a presentation code has its credential's
	Face         []credential.Claim
}

// Issue signs a credential and returns its text and its status handle. Whether the trust list grants the type is not
// asked: every verifier does.
func (a *Authority) Issue(c Claims) (text string, handle [qrcode.HandleSize]byte, err error) {
	key, err := a.credential()
	if err != nil {
		return "", handle, err
	}
	handle = c.Handle
	if handle == [qrcode.HandleSize]byte{} {
		_, _ = rand.Read(handle[:]) // never fails: crypto/rand stops the program instead
	}
	text, err = qrcode.Encode(qrcode.Claims{
		Presentation: c.Presentation, Province: a.Province, Anchor: a.ID, Type: c.Type, Authority: a.Authority,
		Handle: handle, Issued: c.Issued, NotBefore: c.NotBefore, Expires: c.Expires, Face: c.Face,
	}, key, nil)
	return text, handle, err
}
