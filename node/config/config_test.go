package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestExamplesLoad(t *testing.T) {
	files, err := filepath.Glob("../../configs/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("configs/*.yaml: %d files, %v", len(files), err)
	}
	for _, file := range files {
		cfg, err := Load(file)
		if err != nil {
			t.Errorf("Load(%s) = %v", file, err)
			continue
		}
		if !filepath.IsAbs(cfg.DataDir) || !filepath.IsAbs(cfg.Keys.Head[0]) {
			t.Errorf("Load(%s): paths are not absolute: %s, %s", file, cfg.DataDir, cfg.Keys.Head[0])
		}
		if cfg.Self().ID != cfg.Node {
			t.Errorf("Load(%s).Self() = %q, want %q", file, cfg.Self().ID, cfg.Node)
		}
	}
}

func good(t *testing.T) string {
	text, err := os.ReadFile("../../configs/node.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestRefusals(t *testing.T) {
	text := good(t)
	for _, c := range []struct{ name, old, new, want string }{
		{"unknown key", "log:", "lug:", "lug"},
		{"unknown nested key", "bootstrap: true", "bootstrapp: true", "bootstrapp"},
		{"repeated key", "node: shanghai-1", "node: shanghai-1\nnode: shanghai-2", "node"},
		{"bad province", `"310000"`, `"310101"`, "province"},
		{"short pin", `nationalPin: "0000`, `nationalPin: "00`, "nationalPin"},
		{"node not a member", "node: shanghai-1", "node: shanghai-9", "shanghai-9"},
		{"member twice", "{id: shanghai-2", "{id: shanghai-1", "stands in"},
		{"same address twice", "10.31.0.2:7100", "10.31.0.1:7100", "stands in"},
		{"port 0", "10.31.0.2:7100", "10.31.0.2:0", "fixed port"},
		{"no listen address", "listen: 10.31.0.1:8100", "listen: nowhere", "api.listen"},
		{"bad range", "10.31.0.0/16", "10.31.0.0/99", "api.allow[1]"},
		{"rate without burst", "burst: 400", "burst: 0", "api.rate"},
		{"bad duration", "exchange: 10s", "exchange: 10", "duration"},
		{"too fast an exchange", "exchange: 10s", "exchange: 1ms", "federation.exchange"},
		{"bad level", "level: info", "level: loud", "log.level"},
		{"second document", "log:\n", "---\nlog:\n", "more than one"},
	} {
		if !strings.Contains(text, c.old) {
			t.Fatalf("%s: the example does not hold %q", c.name, c.old)
		}
		_, err := Parse([]byte(strings.Replace(text, c.old, c.new, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: Parse = %v, want an error that names %q", c.name, err, c.want)
		}
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	text := strings.NewReplacer(`"310000"`, `"3"`, "level: info", "level: loud", "node: shanghai-1 ", "node: x ").Replace(good(t))
	_, err := Parse([]byte(text))
	if err == nil {
		t.Fatal("Parse = nil")
	}
	for _, want := range []string{"province:", "log.level:", "node:"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("Parse = %v, want it to name %s too", err, want)
		}
	}
}

func TestDefaults(t *testing.T) {
	text := strings.NewReplacer("  heartbeat: 1s                      # Raft heartbeat and election timeout\n", "", "log:\n  level: info\n", "").Replace(good(t))
	cfg, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if got := time.Duration(cfg.Cluster.Heartbeat); got != time.Second {
		t.Errorf("default heartbeat = %v, want 1s", got)
	}
	if cfg.Log.Level != "info" {
		t.Errorf("default level = %q, want info", cfg.Log.Level)
	}
}

func TestSizeLimit(t *testing.T) {
	if _, err := Parse(make([]byte, MaxBytes+1)); err == nil {
		t.Error("Parse of a file over the limit = nil, want an error")
	}
	if _, err := Parse(nil); err == nil || !strings.Contains(err.Error(), "empty") {
		t.Errorf("Parse of nothing = %v, want \"the file is empty\"", err)
	}
}

func FuzzParse(f *testing.F) {
	text, err := os.ReadFile("../../configs/single.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, data []byte) { _, _ = Parse(data) })
}
