package statement_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/sm2sig"
	"github.com/hutong-project/hutong/trust/sm3"
	"github.com/hutong-project/hutong/trust/statement"
)

var fence = regexp.MustCompile("(?s)```[a-z]+ ([a-z0-9-]+)\n(.*?)\n```")

// pageExample returns the named blocks of the format page.
func pageExample(t *testing.T) map[string]string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "formats", "envelope.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := map[string]string{}
	for _, match := range fence.FindAllStringSubmatch(string(page), -1) {
		blocks[match[1]] = match[2]
	}
	for _, name := range []string{"payload", "digest", "pae", "pae-sm3", "keys", "envelope"} {
		if blocks[name] == "" {
			t.Fatalf("docs/formats/envelope.md has no block %q", name)
		}
	}
	return blocks
}

func pageKeys(t *testing.T, block string) (keys []*sm2sig.PublicKey) {
	t.Helper()
	for line := range strings.Lines(block) {
		text, id, _ := strings.Cut(strings.TrimSpace(line), " ")
		k := new(sm2sig.PublicKey)
		if err := k.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if got := k.ID().String(); got != id {
			t.Errorf("key id on the page = %s, want %s", id, got)
		}
		keys = append(keys, k)
	}
	return keys
}

func TestFormatPage(t *testing.T) {
	example := pageExample(t)
	keys := pageKeys(t, example["keys"])
	e, err := statement.Parse([]byte(example["envelope"]), limit)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(e.Payload); got != example["payload"] || len(got) != 29 {
		t.Errorf("payload of the envelope = %q, the page says %q of 29 bytes", got, example["payload"])
	}
	if got := e.Digest().String(); got != example["digest"] {
		t.Errorf("digest on the page = %s, want %s", example["digest"], got)
	}
	pae := statement.PAE(e.PayloadType, e.Payload)
	if string(pae) != example["pae"] || sm3.Sum(pae).String() != example["pae-sm3"] {
		t.Errorf("PAE on the page = %q, %s, want %q, %s", example["pae"], example["pae-sm3"], pae, sm3.Sum(pae))
	}
	if got := string(marshal(t, e)); got != example["envelope"] {
		t.Errorf("envelope on the page = %s, we write %s", example["envelope"], got)
	}
	if len(keys) != 3 {
		t.Fatalf("%d keys on the page, want 3", len(keys))
	}
	signers, err := e.Verify(exampleType, keys, 2)
	if want := []trust.KeyID{keys[0].ID(), keys[2].ID()}; err != nil || !slices.Equal(signers, want) {
		t.Errorf("Verify with a threshold of 2 = %v, %v, want %v", signers, err, want)
	}
	var few *statement.ThresholdError
	if _, err := e.Verify(exampleType, keys, 3); !errors.As(err, &few) {
		t.Errorf("Verify with a threshold of 3 = %v, want a ThresholdError", err)
	}
}

// TestFormatPageCommand runs the page's OpenSSL command on the page's example.
func TestFormatPageCommand(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("no openssl on PATH")
	}
	if exec.Command("openssl", "genpkey", "-algorithm", "SM2").Run() != nil {
		t.Skip("this openssl does not know SM2")
	}
	example := pageExample(t)
	e, err := statement.Parse([]byte(example["envelope"]), limit)
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "formats", "envelope.md"))
	if err != nil {
		t.Fatal(err)
	}
	command := regexp.MustCompile(`(?m)^openssl pkeyutl .*$`).FindString(string(page))
	if command == "" {
		t.Fatal("docs/formats/envelope.md has no openssl command")
	}
	keys := pageKeys(t, example["keys"])
	dir := t.TempDir()
	for i, signer := range []int{0, 2} {
		for name, data := range map[string][]byte{"pae": []byte(example["pae"]), "sig": e.Signatures[i].Sig, "key": keys[signer].Bytes()} {
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		args := strings.Fields(command)
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("signature %d: %s: %v\n%s", i, command, err, out)
		}
	}
}
