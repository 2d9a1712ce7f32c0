package qrcode

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/hutong-project/hutong/trust/credential/qrcode/qrcodetest"
	"github.com/hutong-project/hutong/trust/sm2sig"
)

var update = flag.Bool("update", false, "write a new example into docs/formats/qrcode.md, under a new key")

var documentPath = filepath.Join("..", "..", "..", "docs", "formats", "qrcode.md")

// exampleBlock is the fenced block of "name: value" lines; a value goes on in indented lines.
var exampleBlock = regexp.MustCompile("(?s)```example\n(.*?)```")

// TestDocumentedExample holds the format's specification to what this package does, layer by layer.
func TestDocumentedExample(t *testing.T) {
	document, err := os.ReadFile(documentPath)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		block := "```example\n" + exampleLines(t) + "```"
		document = exampleBlock.ReplaceAllLiteral(document, []byte(block))
		if err := os.WriteFile(documentPath, document, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	match := exampleBlock.FindSubmatch(document)
	if match == nil {
		t.Fatalf("no example in %s", documentPath)
	}
	example := parseExample(t, string(match[1]))
	unhex := func(name string) []byte {
		t.Helper()
		data, err := hex.DecodeString(example[name])
		if err != nil || len(data) == 0 {
			t.Fatalf("the example's %s: %v", name, err)
		}
		return data
	}
	equal := func(what string, got, want []byte) {
		t.Helper()
		if !bytes.Equal(got, want) {
			t.Errorf("the example's %s = %x, want %x", what, want, got)
		}
	}

	key, err := sm2sig.ParsePublicKey(unhex("public key"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := Decode(example["text"])
	if err != nil {
		t.Fatal(err)
	}
	if !key.VerifyRaw(unhex("Sig_structure"), unhex("signature")) {
		t.Error("the example's signature does not verify")
	}
	id := key.ID()
	equal("key id", id[:], unhex("key id"))
	equal("kid", c.KID, id[:KIDSize])
	equal("Sig_structure", c.Message, unhex("Sig_structure"))
	equal("signature", c.Signature, unhex("signature"))
	equal("digest", c.Digest[:], unhex("digest"))
	packed, err := qrcodetest.FromBase45(example["text"][4:])
	if err != nil {
		t.Fatal(err)
	}
	equal("zlib stream", packed, unhex("zlib stream"))
	cose, err := qrcodetest.Unpack(example["text"])
	if err != nil {
		t.Fatal(err)
	}
	equal("COSE_Sign1", cose, unhex("COSE_Sign1"))
	claims := licence()
	payload, err := deterministic.Marshal(claims.payload())
	if err != nil {
		t.Fatal(err)
	}
	equal("payload", payload, unhex("payload"))
	if !bytes.Contains(cose, unhex("protected header")) || !bytes.Contains(cose, payload) {
		t.Error("the example's COSE_Sign1 does not hold its protected header and payload")
	}
	if !reflect.DeepEqual(c.Face, claims.Face) || c.Anchor != claims.Anchor || c.Expires != claims.Expires {
		t.Errorf("Decode(example) = %+v, want the claims %+v", c, claims)
	}
	for _, value := range []string{string(claims.Province), claims.Anchor, claims.Type, claims.Authority,
		claims.Face[0].Name, claims.Face[0].Value, claims.Issued.String(), claims.Expires.String()} {
		if !strings.Contains(string(document), value) {
			t.Errorf("the document does not tell the example's %q", value)
		}
	}
}

// TestDocumentedLimits finds each limit in the document.
func TestDocumentedLimits(t *testing.T) {
	document, err := os.ReadFile(documentPath)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		fmt.Sprintf("%d bytes of text", MaxText), fmt.Sprintf("%d bytes unpacked", MaxInflated),
		fmt.Sprintf("%d characters", MaxPrintable), fmt.Sprintf("1 to %d bytes of DER", MaxCertificate),
		fmt.Sprintf("at most %d pairs", MaxFace), fmt.Sprintf("%d hours", int(MaxPresentation.Hours())),
		TypeHT1, fmt.Sprint(AlgorithmSM2),
	} {
		if !strings.Contains(string(document), want) {
			t.Errorf("%s does not say %q", documentPath, want)
		}
	}
	for _, stage := range []Stage{StageSize, StagePayload, StagePrefix, StageBase45, StageCompression, StageCOSE, StageClaims} {
		if !strings.Contains(string(document), "`"+string(stage)+"`") {
			t.Errorf("%s does not list %s", documentPath, stage)
		}
	}
	for _, defect := range []string{DefectUntagged, DefectCWTTag, DefectAlgorithmUnsigned, DefectKIDTwice, DefectKIDMissing,
		DefectIssuerMissing, DefectIssuerNotCountry, DefectTimeFraction, DefectSeveralEntries,
		DefectSignatureOddLength, DefectSignatureOddPS256} {
		if !strings.Contains(string(document), "`"+defect+"`") {
			t.Errorf("%s does not list the defect %s", documentPath, defect)
		}
	}
}

func exampleLines(t *testing.T) string {
	t.Helper()
	key := newKey(t)
	text := encode(t, licence(), key)
	c, err := Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	cose, err := qrcodetest.Unpack(text)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := qrcodetest.FromBase45(text[4:])
	if err != nil {
		t.Fatal(err)
	}
	claims := licence()
	payload, err := deterministic.Marshal(claims.payload())
	if err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	line := func(name, value string) {
		fmt.Fprintf(&lines, "%s:\n", name)
		for len(value) > 0 {
			// A line never ends in a space, which an editor would take away.
			n := min(96, len(value))
			for n < len(value) && n > 1 && (value[n-1] == ' ' || value[n] == ' ') {
				n--
			}
			fmt.Fprintf(&lines, "  %s\n", value[:n])
			value = value[n:]
		}
	}
	line("public key", hex.EncodeToString(key.Public().Bytes()))
	line("key id", key.Public().ID().String())
	line("protected header", hex.EncodeToString(protectedOf(t, key)))
	line("payload", hex.EncodeToString(payload))
	line("Sig_structure", hex.EncodeToString(c.Message))
	line("signature", hex.EncodeToString(c.Signature))
	line("COSE_Sign1", hex.EncodeToString(cose))
	line("digest", c.Digest.String())
	line("zlib stream", hex.EncodeToString(packed))
	line("text", text)
	return lines.String()
}

func parseExample(t *testing.T, block string) map[string]string {
	t.Helper()
	values := map[string]string{}
	var name string
	for line := range strings.Lines(block) {
		line = strings.TrimSuffix(line, "\n")
		if rest, ok := strings.CutPrefix(line, "  "); ok {
			values[name] += rest
		} else if rest, ok := strings.CutSuffix(line, ":"); ok {
			name = rest
		} else {
			t.Fatalf("the example has the line %q", line)
		}
	}
	return values
}
