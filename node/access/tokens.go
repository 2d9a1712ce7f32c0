// Package access says who may ask a node what: bearer tokens of those who push status changes, the address ranges
// that may ask at all, and a rate limit by address.
//
// Reading and judging need no token: the answers carry no personal data. Lists need none either: they certify
// themselves. Pushing a status change does, on top of the signature that the batch carries.
package access

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/hutong-project/hutong/node/keyfile"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/sm3"
)

// TokenPrefix starts every token, so that a leaked one is recognised.
const TokenPrefix = "ht_"

// ErrUnknownToken is returned for a token that the file does not list.
var ErrUnknownToken = errors.New("unknown access token")

// The roles of principals.
const (
	RoleAuthority = "authority" // pushes its own status changes; the default
	RoleOperator  = "operator"  // runs the cluster: takes backups of it
)

// A Principal is who holds a token: an authority, which may push its own status changes and nobody else's, or an
// operator of the cluster, who may push none.
type Principal struct {
	Name      string `yaml:"name"`                // for logs
	Role      string `yaml:"role,omitempty"`      // authority (default) or operator
	Authority string `yaml:"authority,omitempty"` // 统一社会信用代码; of an operator none
	Digest    string `yaml:"digest"`              // SM3 of the token, hexadecimal; the token itself is stored nowhere
}

// Operator reports whether the principal runs the cluster.
func (p Principal) Operator() bool { return p.Role == RoleOperator }

// complete reports whether what the file says of the principal fits together.
func (p Principal) complete() bool {
	if _, err := trust.ParseDigest(p.Digest); err != nil || p.Name == "" {
		return false
	}
	switch p.Role {
	case "", RoleAuthority:
		return p.Authority != ""
	case RoleOperator:
		return p.Authority == ""
	}
	return false
}

type tokenFile struct {
	Tokens []Principal `yaml:"tokens"`
}

// NewToken returns a fresh token of 256 random bits and its digest.
func NewToken() (token string, digest trust.Digest) {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand stops the program instead
	token = TokenPrefix + base64.RawURLEncoding.EncodeToString(b[:])
	return token, sm3.Sum([]byte(token))
}

// Tokens looks principals up by token. It reads its file again when that has changed, so that a new token needs no
// restart. It may be called concurrently.
type Tokens struct {
	path string

	mu         sync.Mutex
	checked    time.Time // when the file was last looked at
	modified   time.Time
	size       int64
	principals []Principal
}

// OpenTokens reads the token file at path; an empty path gives a Tokens that knows nobody.
func OpenTokens(path string) (*Tokens, error) {
	t := &Tokens{path: path}
	if path == "" {
		return t, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t, t.reload()
}

// Principal returns the holder of token, or ErrUnknownToken.
func (t *Tokens) Principal(token string) (Principal, error) {
	digest := []byte(sm3.Sum([]byte(token)).String())
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.path != "" && time.Since(t.checked) > time.Second {
		// A file that cannot be read now keeps the principals of the last good read out: nobody pushes until it is mended.
		if err := t.reload(); err != nil {
			t.principals = nil
			return Principal{}, err
		}
	}
	for _, p := range t.principals {
		if subtle.ConstantTimeCompare(digest, []byte(p.Digest)) == 1 {
			return p, nil
		}
	}
	return Principal{}, ErrUnknownToken
}

// reload reads the file when its size or time changed. The caller holds mu.
func (t *Tokens) reload() error {
	t.checked = time.Now()
	info, err := os.Stat(t.path)
	if err != nil {
		return fmt.Errorf("reading the access tokens: %w", err)
	}
	if info.ModTime().Equal(t.modified) && info.Size() == t.size && t.principals != nil {
		return nil
	}
	file, err := readTokens(t.path)
	if err != nil {
		return err
	}
	t.modified, t.size, t.principals = info.ModTime(), info.Size(), file.Tokens
	return nil
}

func readTokens(path string) (*tokenFile, error) {
	data, err := keyfile.Read(path)
	if err != nil {
		return nil, err
	}
	var file tokenFile
	dec := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict())
	if err := dec.Decode(&file); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the access tokens in %s: %w", path, err)
	}
	for i, p := range file.Tokens {
		if !p.complete() {
			return nil, fmt.Errorf("reading the access tokens in %s: tokens[%d] needs name, the digest of a token, and either an authority or role: operator", path, i)
		}
	}
	return &file, nil
}

// AddToken makes a token for an authority, adds its digest to the file at path (which it creates when absent), and
// returns the token, which is stored nowhere.
func AddToken(path, name, authority string) (string, error) {
	return addToken(path, Principal{Name: name, Authority: authority})
}

// AddOperatorToken is AddToken for an operator of the cluster.
func AddOperatorToken(path, name string) (string, error) {
	return addToken(path, Principal{Name: name, Role: RoleOperator})
}

func addToken(path string, who Principal) (string, error) {
	file := &tokenFile{}
	if _, err := os.Stat(path); err == nil {
		if file, err = readTokens(path); err != nil {
			return "", err
		}
	}
	for _, p := range file.Tokens {
		if p.Name == who.Name {
			return "", fmt.Errorf("adding a token: there is one named %q; choose another name", who.Name)
		}
	}
	token, digest := NewToken()
	who.Digest = digest.String()
	file.Tokens = append(file.Tokens, who)
	text, err := yaml.Marshal(file)
	if err != nil {
		return "", err
	}
	return token, replace(path, text)
}

// replace writes a whole file beside path and renames it over, so that a reader never sees half of one.
func replace(path string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	if err == nil {
		err = tmp.Sync()
	}
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	return err
}

// BearerToken returns the token of an Authorization header, or "".
func BearerToken(header string) string {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
