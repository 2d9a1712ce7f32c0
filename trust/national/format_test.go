package national_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
	payload, digest, raw := example(t, "national-list.md", national.PayloadType)
	d, err := national.Read(raw)
	if err != nil {
		t.Fatalf("Read(the example) = %v, want no error", err)
	}
	if d.Digest.String() != digest {
		t.Errorf("Digest = %s, want %s as the page says", d.Digest, digest)
	}
	if err := d.CheckPinned(d.Digest); err != nil {
		t.Errorf("CheckPinned() = %v, want nil", err)
	}
	if again := must(d.Payload()); !bytes.Equal(again, payload) {
		t.Errorf("Payload() = %s, want the page's %s", again, payload)
	}
	if d.Policy != national.DefaultPolicy() {
		t.Errorf("Policy = %v, want the default %v", d.Policy, national.DefaultPolicy())
	}
}
