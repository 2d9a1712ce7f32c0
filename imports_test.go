package hutong_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/hutong-project/hutong"

// rooms lists, for each part of the house, which other parts it may import. Imports run one way:
// cmd → node → {consensus, federation} → trust; consensus and federation do not know each other.
var rooms = map[string][]string{
	"trust":      {"trust"},
	"consensus":  {"consensus", "trust"},
	"federation": {"federation", "trust"},
	"node":       {"node", "consensus", "federation", "trust"},
	"cmd":        {"cmd", "node", "consensus", "federation", "trust"},
	"configs":    {"configs", "node", "trust"},
	"deploy":     {"deploy", "node", "trust"},
	".":          {},
}

// only lists who may import a library that must stay behind one door. A test file counts like any other.
var only = map[string][]string{
	"github.com/emmansun/gmsm":            {"trust/sm3", "trust/sm2sig", "trust/certs", "node/keyfile"},
	"github.com/hashicorp/raft":           {"consensus"},
	"github.com/cockroachdb/pebble":       {"consensus"},
	"go.etcd.io/bbolt":                    {"consensus"},
	"github.com/libp2p/go-libp2p":         {"federation", "node"},
	"github.com/go-json-experiment/json":  {"trust/strictjson"},
	"github.com/transparency-dev/merkle":  {"trust/statuslog"},
	"github.com/veraison/go-cose":         {"trust"},
	"github.com/prometheus/client_golang": {"consensus", "federation", "node"},
	"github.com/spf13/cobra":              {"cmd"},
}

// pure lists what nothing under trust may import outside its tests: no I/O, no clock of its own, no network.
var pure = []string{"os", "net", "net/http", "io/ioutil", "os/exec", "database/sql"}

func TestImportsRunOneWay(t *testing.T) {
	files := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); path != "." && (strings.HasPrefix(name, ".") || name == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		files++
		return checkFile(t, filepath.ToSlash(path))
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 10 {
		t.Fatalf("walked %d Go files: the test looks in the wrong place", files)
	}
}

func checkFile(t *testing.T, path string) error {
	parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		return err
	}
	dir := filepath.ToSlash(filepath.Dir(path))
	room, _, _ := strings.Cut(dir, "/")
	allowed, known := rooms[room]
	if !known {
		t.Errorf("%s: %q is not a room of the house; DESIGN lists them", path, room)
		return nil
	}
	for _, imp := range parsed.Imports {
		name, err := strconv.Unquote(imp.Path.Value)
		if err != nil {
			return err
		}
		if rest, own := strings.CutPrefix(name, module+"/"); own {
			target, _, _ := strings.Cut(rest, "/")
			if !contains(allowed, target) {
				t.Errorf("%s imports %s: %s may import %v", path, name, room, allowed)
			}
			continue
		}
		checkDoors(t, path, dir, name)
	}
	return nil
}

func checkDoors(t *testing.T, path, dir, name string) {
	for library, doors := range only {
		if name != library && !strings.HasPrefix(name, library+"/") {
			continue
		}
		open := false
		for _, door := range doors {
			open = open || dir == door || strings.HasPrefix(dir, door+"/")
		}
		if !open {
			t.Errorf("%s imports %s: only %v may", path, name, doors)
		}
	}
	inTest := strings.HasSuffix(path, "_test.go") || strings.HasPrefix(dir, "trust/trusttest")
	if strings.HasPrefix(dir, "trust") && !inTest && contains(pure, name) {
		t.Errorf("%s imports %s: trust does no I/O", path, name)
	}
}

// TestDirectDependenciesAreDocumented holds docs/dependencies.md to go.mod: each direct dependency has a line with the
// version in use.
func TestDirectDependenciesAreDocumented(t *testing.T) {
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	direct := regexp.MustCompile(`(?m)^\t(\S+) (v\S+)$`).FindAllStringSubmatch(string(mod), -1)
	if len(direct) < 10 {
		t.Fatalf("found %d direct dependencies in go.mod: the test looks for the wrong thing", len(direct))
	}
	for _, d := range direct {
		line := "| " + d[1] + " " + d[2] + " |"
		if strings.HasPrefix(d[2], "v0.0.0-") { // an untagged module, pinned by its commit
			line = "| " + d[1] + " (pinned commit) |"
		}
		if !strings.Contains(string(page), line) {
			t.Errorf("docs/dependencies.md has no line that starts %q", line)
		}
	}
}

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}
