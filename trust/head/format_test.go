package head_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hutong-project/hutong/trust/head"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/statement"
	"github.com/hutong-project/hutong/trust/strictjson"
)

// example returns the payload, the stated digest and the enveloped form of the example on a page of docs/formats.
func example(t *testing.T, page, payloadType string) (payload []byte, digest string, raw []byte) {
	t.Helper()
	text := string(must(os.ReadFile(filepath.Join("..", "..", "docs", "formats", page))))
	block := func(name string) string {
		_, after, found := strings.Cut(text, "```"+name+"\n")
		inner, _, closed := strings.Cut(after, "\n```")
		if !found || !closed {
			t.Fatalf("%s has no block %q", page, name)
		}
		return inner
	}
	e := statement.New(payloadType, []byte(block("json payload")))
	if err := strictjson.Unmarshal([]byte(block("json signatures")), &e.Signatures); err != nil {
		t.Fatalf("%s: %v", page, err)
	}
	return e.Payload, block("text digest"), must(e.Marshal())
}

func TestFormatPage(t *testing.T) {
	_, _, raw := example(t, "national-list.md", national.PayloadType)
	n := must(national.Read(raw))
	_, _, raw = example(t, "trust-list.md", list.PayloadType)
	l := must(list.Read(raw))
	payload, digest, raw := example(t, "head.md", head.PayloadType)
	d, err := head.Read(raw)
	if err != nil {
		t.Fatalf("Read(the example) = %v, want no error", err)
	}
	if d.Digest.String() != digest {
		t.Errorf("Digest = %s, want %s as the page says", d.Digest, digest)
	}
	if d.TrustList.Digest != l.Digest || d.NationalList.Digest != n.Digest {
		t.Errorf("the head pins %s and %s, want the examples %s and %s", d.TrustList.Digest, d.NationalList.Digest, l.Digest, n.Digest)
	}
	entry, ok := n.Province(d.Province)
	if !ok {
		t.Fatalf("Province(%s) = none, want the example's province in the national list's example", d.Province)
	}
	if err := d.CheckSigned(entry); err != nil {
		t.Errorf("CheckSigned() = %v, want nil", err)
	}
	if err := d.CheckFollows(nil, entry, d.Issued, n.Policy); err != nil {
		t.Errorf("CheckFollows(none) = %v, want nil", err)
	}
	if again := must(d.Payload()); !bytes.Equal(again, payload) {
		t.Errorf("Payload() = %s, want the page's %s", again, payload)
	}
}
