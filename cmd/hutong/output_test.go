package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/hutong-project/hutong/node/httpapi"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/verdict"
)

func TestColumns(t *testing.T) {
	for s, want := range map[string]int{
		"": 0, "abc": 3, "上海市": 6, "A上,": 4, "A上，": 5, "é": 1, "e\u0301": 1, "…": 1, "→": 1, "ｆ": 2, "\u3000": 2, "𠀀": 2,
	} {
		if got := columns(s); got != want {
			t.Errorf("columns(%q) = %d, want %d", s, got, want)
		}
	}
	if got := pad("上海", 6); got != "上海  " {
		t.Errorf("pad(上海, 6) = %q, want two spaces", got)
	}
}

func TestWrap(t *testing.T) {
	for _, test := range []struct {
		text  string
		width int
		want  string
	}{
		{"", 5, ""},
		{"short", 5, "short"},
		{"two words", 5, "two|words"},
		{"a bb ccc dddd", 6, "a bb|ccc|dddd"},
		{"toolongword", 4, "tool|ongw|ord"},
		{"国家政务服务", 5, "国家|政务|服务"},
		{"ab国家cd", 4, "ab国|家cd"},
		{"证照 abc", 7, "证照|abc"},
		{"国", 1, "国"}, // nothing better can be done
	} {
		got := strings.Join(wrap(test.text, test.width), "|")
		if got != test.want {
			t.Errorf("wrap(%q, %d) = %q, want %q", test.text, test.width, got, test.want)
		}
	}
}

func TestCut(t *testing.T) {
	for s, want := range map[string]string{"上海市": "上海市", "内蒙古自治区": "内蒙古自治区", "内蒙古自治区人": "内蒙古自治…", "abcdefghijklm": "abcdefghijk…"} {
		if got := cut(s, 12); got != want {
			t.Errorf("cut(%q, 12) = %q, want %q", s, got, want)
		}
	}
}

func checkWidth(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if n := columns(strings.TrimSuffix(line, "\n")); n > screen {
			t.Errorf("%d columns, want at most %d: %q", n, screen, line)
		}
	}
}

func TestVerdictFitsTheScreen(t *testing.T) {
	position := uint64(123_456_789)
	long := strings.Repeat("新疆维吾尔自治区生态环境厅 ", 6)
	v := &verdict.Verdict{
		Result: verdict.Indeterminate, ValidAt: 1_800_000_000,
		Reasons: []verdict.Reason{{Code: verdict.CertificateSuspendedPastGrace, ZH: long, EN: strings.Repeat("words ", 40), Detail: strings.Repeat("x", 200)}},
		Checks:  []verdict.Check{{Step: 1, Name: "structure", Outcome: verdict.Passed}, {Step: 8, Name: "status", Outcome: verdict.Unknown, Code: verdict.CertificateSuspendedPastGrace}},
		Credential: &verdict.Credential{
			Format: "HT1", Type: strings.Repeat("1", 64), Presentation: true, Issued: 1_700_000_000, NotBefore: 1_700_000_001, Expires: 1_900_000_000,
			Face: []verdict.Claim{{Name: "姓名", Value: long}},
		},
		Issuer: &verdict.Issuer{Province: "650000", Anchor: strings.Repeat("a", 64), Name: long, Authority: strings.Repeat("9", 64), Status: "granted"},
		Evidence: verdict.Evidence{
			NationalList: 1 << 50, TrustList: &verdict.ListVersion{Version: 1 << 50}, Head: &verdict.HeadVersion{Sequence: 1 << 50, AgeSeconds: 1 << 40},
			Log: &verdict.LogVersion{Size: 1 << 50, Position: &position},
		},
	}
	var b bytes.Buffer
	printVerdict(&b, v)
	checkWidth(t, b.String())
	for _, want := range []string{"INDETERMINATE 无法判定\n", "certificate-suspended-past-grace", "presentation code", "position"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, b.String())
		}
	}
}

func TestStatusFitsTheScreen(t *testing.T) {
	var b bytes.Buffer
	printNode(&b, nodeStatus{Address: "http://127.0.0.1:8101", State: &httpapi.NodeState{
		Node: "150000-1", Province: "150000", Leader: "150000-2", Connected: 99,
		National: &httpapi.NationalState{Sequence: 12345, Freshness: "stale", NextUpdate: 1_800_000_000},
		Provinces: []httpapi.ProvinceState{
			{
				Province: "150000", NameZH: "内蒙古自治区", Status: "admitted", Freshness: "unavailable", Sequence: 999_999, AgeSeconds: 359_999,
				List: 9999, Anchors: 9999, Log: httpapi.LogState{Size: 999_999}, Source: strings.Repeat("x", 52), LastError: strings.Repeat("错误", 60),
				Refused:  []httpapi.RefusedAnchor{{ID: strings.Repeat("a", 64), Code: string(trust.OverClaim), Detail: strings.Repeat("why ", 40)}},
				Evidence: strings.Repeat("two heads ", 20),
			},
			{Province: "AT", NameZH: strings.Repeat("奥", 100), Status: "withdrawn"},
		},
	}})
	checkWidth(t, b.String())
	for _, want := range []string{"led by 150000-2", "99h59m", "withdrawn", "refused: over-claim", "contradicts itself", "last error"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, b.String())
		}
	}
}
