package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

const quickstart = "../../docs/quickstart.md"

// TestQuickstart runs the commands of docs/quickstart.md, all and exactly those, on free ports, and compares what they
// print with what the page shows.
func TestQuickstart(t *testing.T) {
	page, err := os.ReadFile(quickstart)
	if err != nil {
		t.Fatal(err)
	}
	script, shown, err := scriptOf(string(page))
	if err != nil {
		t.Fatal(err)
	}
	if commands := strings.Count(script, "hutong "); commands < 15 || len(shown) < 5 {
		t.Fatalf("%d commands with %d outputs on the page: the test reads the wrong blocks", commands, len(shown))
	}
	script = onFreePorts(t, script)
	for i := range shown {
		shown[i] = onFreePorts(t, shown[i])
	}
	file := filepath.Join(t.TempDir(), "quickstart.txtar")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	commands := scriptCommands()
	var again []string // the last command where it only asks
	eventually, code := commands["eventually"], commands["code"]
	commands["eventually"] = func(ts *testscript.TestScript, neg bool, args []string) {
		again = args
		eventually(ts, neg, args)
	}
	commands["code"] = func(ts *testscript.TestScript, neg bool, args []string) {
		again = nil
		code(ts, neg, args)
	}
	commands["shows"] = func(ts *testscript.TestScript, neg bool, args []string) {
		want := shown[number(ts, args[0])]
		met := within(30*time.Second, func() bool {
			if matches(want, ts.ReadFile("stdout")) || again == nil {
				return true
			}
			eventually(ts, neg, again)
			return false
		})
		if got := ts.ReadFile("stdout"); !met || !matches(want, got) {
			ts.Fatalf("the page shows\n%s\nthe command printed\n%s", want, got)
		}
	}
	testscript.Run(t, testscript.Params{Files: []string{file}, RequireExplicitExec: true, Cmds: commands})
}

var (
	pageBlock  = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")
	exitNote   = regexp.MustCompile(`^(.*?) +# exit code (\d)$`)
	intoFile   = regexp.MustCompile(`^(hutong .*) > (\S+)$`)
	background = regexp.MustCompile(`^(hutong .*) &$`)
	assignment = regexp.MustCompile(`^export (\w+)=('[^']*'|[^$' ]\S*)$`)
	captured   = regexp.MustCompile(`^export (\w+)=\$\((hutong .*)\)$`)
)

// scriptOf turns the page's sh blocks into a test script, and returns the text blocks that show their output. A
// command in a form that it does not know is an error, so that nothing on the page goes untested.
func scriptOf(page string) (script string, shown []string, err error) {
	var b strings.Builder
	nodes := 0
	for _, block := range pageBlock.FindAllStringSubmatch(page, -1) {
		switch language, text := block[1], block[2]; language {
		case "text":
			fmt.Fprintf(&b, "shows %d\n", len(shown))
			shown = append(shown, text)
		case "sh":
			for line := range strings.Lines(text) {
				if err := scriptLine(&b, strings.TrimSpace(line), &nodes); err != nil {
					return "", nil, err
				}
			}
		default:
			return "", nil, fmt.Errorf("a block in language %q, want sh or text", language)
		}
	}
	for n := range nodes {
		fmt.Fprintf(&b, "kill -INT node%d\n", n+1)
	}
	return b.String() + "wait\n", shown, nil
}

func scriptLine(b *strings.Builder, line string, nodes *int) error {
	code := "0"
	if m := exitNote.FindStringSubmatch(line); m != nil {
		line, code = m[1], m[2]
	}
	if m := assignment.FindStringSubmatch(line); m != nil {
		fmt.Fprintf(b, "env '%s=%s'\n", m[1], strings.Trim(m[2], "'"))
		return nil
	}
	if m := captured.FindStringSubmatch(line); m != nil {
		fmt.Fprintf(b, "exec %s\nsetenv %s\n", m[2], m[1])
		return nil
	}
	if m := background.FindStringSubmatch(line); m != nil {
		*nodes++
		fmt.Fprintf(b, "exec %s &node%d&\n", m[1], *nodes)
		return nil
	}
	if m := intoFile.FindStringSubmatch(line); m != nil {
		fmt.Fprintf(b, "exec %s\ncp stdout %s\n", m[1], m[2])
		return nil
	}
	if !strings.HasPrefix(line, "hutong ") || strings.ContainsAny(line, "$&|;<>\"\\`") {
		return fmt.Errorf("the page has the command %q, which this test cannot run", line)
	}
	if strings.HasPrefix(line, "hutong verify ") || strings.HasPrefix(line, "hutong status ") {
		// What another province did needs a moment to arrive; a reader asks again, too.
		fmt.Fprintf(b, "eventually %s %s\n", code, line)
		return nil
	}
	fmt.Fprintf(b, "code %s %s\n", code, line)
	return nil
}

// matches reports whether the lines that the page shows are those printed. In a line, … stands for anything; alone on
// a line, for any number of lines. A command may print more after the last line shown, and before the first.
func matches(shown, printed string) bool {
	var pattern strings.Builder
	pattern.WriteString(`(?m)^`)
	for line := range strings.Lines(shown) {
		if line = strings.TrimSuffix(line, "\n"); line == "…" {
			pattern.WriteString(`(.*\n)*?`)
			continue
		}
		parts := strings.Split(line, "…")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		pattern.WriteString(strings.Join(parts, ".*") + "\n")
	}
	return regexp.MustCompile(pattern.String()).MatchString(printed)
}

var bases = map[string]int{}

// onFreePorts replaces the page's ports by free ones.
func onFreePorts(t *testing.T, text string) string {
	t.Helper()
	for _, base := range []string{"7100", "7300"} {
		if bases[base] == 0 {
			bases[base] = freeBase(t.Fatalf, 1)
		}
		fixed, err := strconv.Atoi(base)
		if err != nil {
			t.Fatal(err)
		}
		text = strings.ReplaceAll(text, base, strconv.Itoa(bases[base]))
		text = strings.ReplaceAll(text, strconv.Itoa(fixed+1001), strconv.Itoa(bases[base]+1001))
	}
	return text
}

func TestQuickstartPageIsRead(t *testing.T) {
	page := "x\n```sh\nexport A='b c'\nhutong verify f --node u # exit code 1\n```\n```text\nINVALID …\n…\n  8 status\n```\n"
	script, shown, err := scriptOf(page)
	want := "env 'A=b c'\neventually 1 hutong verify f --node u\nshows 0\nwait\n"
	if err != nil || script != want || len(shown) != 1 {
		t.Errorf("scriptOf() = %q, %q, %v, want %q", script, shown, err, want)
	}
	for _, bad := range []string{"```sh\nrm -rf x\n```\n", "```sh\nhutong a | b\n```\n", "```go\nx\n```\n"} {
		if _, _, err := scriptOf(bad); err == nil {
			t.Errorf("scriptOf(%q) = nil, want an error", bad)
		}
	}
	if !matches(shown[0], "INVALID 无效\n  a\n  b\n  8 status\nmore\n") {
		t.Error("matches() = false for what the page shows")
	}
	for _, printed := range []string{"VALID 有效\n  8 status\n", "INVALID 无效\n", "INVALID 无效\n  8 status failed\n", ""} {
		if matches(shown[0], printed) {
			t.Errorf("matches(%q, %q) = true, want false", shown[0], printed)
		}
	}
	if within(time.Millisecond, func() bool { return false }) {
		t.Error("within() = true for what never happens")
	}
}
