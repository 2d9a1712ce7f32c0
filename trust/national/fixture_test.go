package national_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/certs"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/sm2sig"
	"github.com/hutong-project/hutong/trust/sm3"
	"github.com/hutong-project/hutong/trust/statement"
)

const day = trust.Time(24 * 60 * 60)

var start = must(trust.ParseTime("2026-11-22T08:00:00Z"))

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// key returns the n-th key of this test run.
func key(n int) *sm2sig.PrivateKey {
	keysMu.Lock()
	defer keysMu.Unlock()
	for len(keys) <= n {
		keys = append(keys, must(sm2sig.Generate(nil)))
	}
	return keys[n]
}

var (
	keysMu sync.Mutex
	keys   []*sm2sig.PrivateKey
)

func proved(n int, role national.Role, code trust.Province) national.Key {
	return must(national.NewKey(key(n), role, code))
}

var rootDER = sync.OnceValue(func() []byte {
	return must(certs.SelfSigned(rand.Reader, certs.Template{CommonName: "test root", CA: true, NotBefore: start - 1000*day, NotAfter: start + 9000*day}, key(99)))
})

// province returns an admitted province whose list keys are keys n and n+1 (threshold 2), whose head key is n+2.
func province(code trust.Province, n int) national.Province {
	return national.Province{
		Code: code, NameZH: "上海市", NameEN: "Shanghai", Status: national.Admitted, Since: start - 100*day,
		ListKeys:      []national.Key{proved(n, national.RoleList, code), proved(n+1, national.RoleList, code)},
		ListThreshold: 2,
		HeadKeys:      []national.Key{proved(n+2, national.RoleHead, code)},
		Session:       1, Anchoring: national.Chained, Algorithms: []string{"SM2"}, Types: []string{"*"},
		Peers: []national.Peer{{ID: "12D3KooW" + string(code), Addrs: []string{"/dns4/node.example/tcp/4001"}}},
	}
}

// list1 is a fresh valid list number 1: coordinator keys 0, 1, 2 with threshold 2; 310000, 330000 and the hosted AT.
func list1() *national.List {
	at := province("AT", 30)
	at.NameZH, at.NameEN = "奥地利", "Austria"
	at.Host, at.Peers = "310000", nil
	at.Anchoring, at.Algorithms, at.Types = national.Pinned, []string{"ES256", "PS256"}, []string{"vaccination", "test"}
	return &national.List{
		Version: 1, Sequence: 1, Issued: start, NextUpdate: start + 30*day, Operator: "国家政务服务平台",
		Keys: []national.Key{proved(0, national.RoleNational, ""), proved(1, national.RoleNational, ""),
			proved(2, national.RoleNational, "")},
		Threshold: 2,
		Roots:     [][]byte{rootDER()},
		Provinces: []national.Province{province("310000", 10), province("330000", 20), at},
		Policy:    national.DefaultPolicy(),
	}
}

// next returns a valid list that follows prev, for a test to change.
func next(prev *national.Document) *national.List {
	l := prev.List
	l.Provinces = slices.Clone(l.Provinces)
	l.Keys = slices.Clone(l.Keys)
	l.Sequence++
	l.Previous = prev.Digest
	l.Issued += day
	l.NextUpdate += day
	return &l
}

// signed reads what keys signed.
func signed(t testing.TB, l *national.List, signers ...int) *national.Document {
	t.Helper()
	var private []*sm2sig.PrivateKey
	for _, n := range signers {
		private = append(private, key(n))
	}
	raw, err := l.Sign(private...)
	if err != nil {
		t.Fatalf("Sign() = %v, want no error", err)
	}
	d, err := national.Read(raw)
	if err != nil {
		t.Fatalf("Read(what Sign returned) = %v, want no error", err)
	}
	if !bytes.Equal(d.Raw, raw) || d.Digest != sm3.Sum(must(statement.Parse(raw, national.MaxBytes)).Payload) {
		t.Fatalf("Read() kept other bytes or another digest than what it was given")
	}
	return d
}

// codeOf returns the refusal's code, "" for nil and "error" for what is no refusal.
func codeOf(err error) trust.RefusalCode {
	var refusal *trust.Refusal
	switch {
	case err == nil:
		return ""
	case errors.As(err, &refusal):
		return refusal.Code
	}
	return "error"
}
