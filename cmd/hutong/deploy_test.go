package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/hutong-project/hutong/consensus"
)

const (
	unitFile    = "../../deploy/hutong.service"
	composeFile = "../../deploy/compose/compose.yaml"
)

// readUnit returns the settings of a unit by section and key, each with all its values in order.
func readUnit(t *testing.T, path string) map[string][]string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	settings, section := map[string][]string{}, ""
	for i, line := range strings.Split(string(data), "\n") {
		key, value, found := strings.Cut(line, "=")
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
		case line[0] == '[':
			section = strings.Trim(line, "[]")
		case !found || section == "" || strings.TrimSpace(key) != key:
			t.Fatalf("%s:%d: %q, want Key=value in a section", path, i+1, line)
		default:
			settings[section+"."+key] = append(settings[section+"."+key], value)
		}
	}
	return settings
}

// TestUnit: what keeps a node apart from the rest of its machine, and what makes the service manager wait for it and
// watch it, stands in the unit.
func TestUnit(t *testing.T) {
	unit := readUnit(t, unitFile)
	for key, want := range map[string]string{
		"Type": "notify", "NotifyAccess": "main", "User": "hutong", "Group": "hutong", "Restart": "on-failure", "UMask": "0077",
		"StateDirectory": "hutong", "StateDirectoryMode": "0700", "LimitCORE": "0",
		"NoNewPrivileges": "true", "CapabilityBoundingSet": "", "AmbientCapabilities": "",
		"ProtectSystem": "strict", "ProtectHome": "true", "ProtectProc": "invisible", "ProtectClock": "true", "ProtectHostname": "true",
		"ProtectControlGroups": "true", "ProtectKernelLogs": "true", "ProtectKernelModules": "true", "ProtectKernelTunables": "true",
		"PrivateTmp": "true", "PrivateDevices": "true", "DevicePolicy": "closed", "PrivateUsers": "true",
		"KeyringMode": "private", "RemoveIPC": "true",
		"RestrictNamespaces": "true", "RestrictRealtime": "true", "RestrictSUIDSGID": "true", "LockPersonality": "true",
		"MemoryDenyWriteExecute": "true", "SystemCallArchitectures": "native",
		"RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX AF_NETLINK",
	} {
		if got := unit["Service."+key]; !slices.Equal(got, []string{want}) {
			t.Errorf("%s of the unit = %q, want %q once", key, got, want)
		}
	}
	if got, want := unit["Service.SystemCallFilter"], []string{"@system-service", "~@privileged"}; !slices.Equal(got, want) {
		t.Errorf("SystemCallFilter of the unit = %q, want %q", got, want)
	}
	if got := unit["Install.WantedBy"]; !slices.Equal(got, []string{"multi-user.target"}) {
		t.Errorf("WantedBy = %q, want multi-user.target", got)
	}
	seconds := func(key string) time.Duration {
		values := append(unit["Service."+key], "")
		d, err := time.ParseDuration(values[0] + "s")
		if err != nil {
			t.Errorf("%s of the unit = %q, want seconds", key, values[0])
		}
		return d
	}
	// The first request for more time comes when the node starts to open; the watchdog needs room for a check of a third.
	for key, least := range map[string]time.Duration{"TimeoutStartSec": 30 * time.Second, "TimeoutStopSec": 40 * time.Second, "WatchdogSec": 30 * time.Second, "RestartSec": time.Second} {
		if got := seconds(key); got < least {
			t.Errorf("%s of the unit = %s, want at least %s", key, got, least)
		}
	}
	want := fmt.Sprintf("%d %d %d", consensus.ExitStorage, consensus.ExitDiskFull, consensus.ExitState)
	if got := unit["Service.RestartPreventExitStatus"]; len(got) != 1 || got[0] != want {
		t.Errorf("RestartPreventExitStatus = %q, want the exit codes that need somebody to act, %q", got, want)
	}
}

// TestUnitStarts: the command line of the unit is one that the program takes.
func TestUnitStarts(t *testing.T) {
	unit := readUnit(t, unitFile)
	start := unit["Service.ExecStart"]
	if len(start) != 1 {
		t.Fatalf("ExecStart stands %d times in the unit, want once", len(start))
	}
	args := strings.Fields(start[0])
	at := slices.Index(args, "/etc/hutong/node.yaml")
	if args[0] != "/usr/local/bin/hutong" || at < 0 {
		t.Fatalf("ExecStart = %q, want /usr/local/bin/hutong with /etc/hutong/node.yaml", start[0])
	}
	args[at] = "../../configs/node.yaml"
	takes(t, append(args[1:], "--check"))
}

// takes fails the test unless the program does what args say.
func takes(t *testing.T, args []string) {
	t.Helper()
	var out, errs strings.Builder
	if code := run(args, strings.NewReader(""), &out, &errs); code != 0 {
		t.Errorf("hutong %s = %d, want 0: %s", strings.Join(args, " "), code, errs.String())
	}
}

type compose struct {
	Services map[string]struct {
		Image       string   `yaml:"image"`
		User        string   `yaml:"user"`
		Command     []string `yaml:"command"`
		ReadOnly    bool     `yaml:"read_only"`
		CapDrop     []string `yaml:"cap_drop"`
		SecurityOpt []string `yaml:"security_opt"`
		Privileged  bool     `yaml:"privileged"`
		Ports       []string `yaml:"ports"`
		Volumes     []string `yaml:"volumes"`
		Networks    map[string]struct {
			Address string `yaml:"ipv4_address"`
		} `yaml:"networks"`
		Healthcheck struct {
			Test []string `yaml:"test"`
		} `yaml:"healthcheck"`
	} `yaml:"services"`
	Networks map[string]struct {
		Internal bool `yaml:"internal"`
	} `yaml:"networks"`
	Volumes map[string]any `yaml:"volumes"`
}

// TestCompose: three provinces of three nodes; Raft's networks have no way out and no node of another province; data in
// volumes, keys read-only, ports on loopback, and no privilege.
func TestCompose(t *testing.T) {
	data, err := os.ReadFile(composeFile)
	if err != nil {
		t.Fatal(err)
	}
	var c compose
	if err := yaml.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	const between = "between"
	nodes, addresses := map[string]int{}, map[string]string{}
	for name, s := range c.Services {
		province, number, _ := strings.Cut(name, "-")
		nodes[province]++
		if s.User != "${HUTONG_USER}" || s.Image != "${HUTONG_IMAGE}" || !s.ReadOnly || s.Privileged ||
			!slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Equal(s.SecurityOpt, []string{"no-new-privileges:true"}) {
			t.Errorf("%s: user %q, image %q, read_only %v, privileged %v, cap_drop %q, security_opt %q, want no privilege", name, s.User, s.Image, s.ReadOnly, s.Privileged, s.CapDrop, s.SecurityOpt)
		}
		if want := []string{"${HUTONG_FOLDER}/" + name + ":/etc/hutong:ro", name + ":/var/lib/hutong"}; !slices.Equal(s.Volumes, want) {
			t.Errorf("%s: volumes %q, want %q", name, s.Volumes, want)
		}
		if _, named := c.Volumes[name]; !named {
			t.Errorf("%s: no volume of its name", name)
		}
		if want := []string{"127.0.0.1::810" + number}; !slices.Equal(s.Ports, want) {
			t.Errorf("%s: ports %q, want %q", name, s.Ports, want)
		}
		if len(s.Networks) != 2 || !c.Networks[province].Internal || c.Networks[between].Internal {
			t.Errorf("%s: networks %v, want %s, which is internal, and %s, which is not", name, s.Networks, province, between)
		}
		for _, network := range []string{province, between} {
			address := s.Networks[network].Address
			if other, twice := addresses[address]; twice || address == "" {
				t.Errorf("%s: address %q in %s, want one of its own (%s)", name, address, network, other)
			}
			addresses[address] = name
		}
		if !slices.Equal(s.Command, []string{"node", "--config", "/etc/hutong/node.yaml"}) {
			t.Errorf("%s: command %q, want the node with /etc/hutong/node.yaml", name, s.Command)
		}
		check := s.Healthcheck.Test
		if len(check) < 3 || check[0] != "CMD" || check[1] != "/hutong" || check[len(check)-1] != "http://127.0.0.1:810"+number {
			t.Fatalf("%s: health check %q, want the image's own program without a shell", name, check)
		}
		takes(t, append(check[2:], "--help"))
	}
	if want := map[string]int{"shanghai": 3, "zhejiang": 3, "guangdong": 3}; len(nodes) != 3 || nodes["shanghai"] != 3 || nodes["zhejiang"] != 3 || nodes["guangdong"] != 3 {
		t.Errorf("nodes of the provinces: %v, want %v", nodes, want)
	}
	if len(c.Networks) != 4 {
		t.Errorf("%d networks, want one a province and one between them", len(c.Networks))
	}
}

// TestImage: the image is empty but for the program, and does not run as root.
func TestImage(t *testing.T) {
	data, err := os.ReadFile("../../deploy/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			got = append(got, line)
		}
	}
	want := []string{
		"FROM scratch", "ARG UID=65532", "COPY hutong /hutong", "COPY --chown=${UID}:${UID} data /var/lib/hutong",
		"USER ${UID}:${UID}", `ENTRYPOINT ["/hutong"]`, `CMD ["help"]`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("the Dockerfile has\n%q, want\n%q", got, want)
	}
}

// TestDeployScripts: without an engine the federation test says loudly that it did nothing, and is no failure; and help
// is printed without one.
func TestDeployScripts(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("no bash")
	}
	dir := t.TempDir()
	// A docker that answers nothing, as where no engine runs.
	if err := os.WriteFile(filepath.Join(dir, "docker"), []byte("#!/bin/sh\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"test.sh"}, 0, `NO DOCKER ENGINE: the Compose federation was not tried`},
		{[]string{"up.sh", filepath.Join(dir, "made")}, 1, `no Docker engine answers`},
		{[]string{"up.sh", "down", filepath.Join(dir, "none")}, 1, `has no compose.env`},
		{[]string{"up.sh", "--help"}, 0, `takes it down|removes containers`},
	} {
		c := exec.CommandContext(t.Context(), "bash", append([]string{filepath.Join("../../deploy/compose", test.args[0])}, test.args[1:]...)...)
		c.Env = append(os.Environ(), "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"))
		out, err := c.CombinedOutput()
		if code := exitOf(err); code != test.code || !regexp.MustCompile(test.says).Match(out) {
			t.Errorf("%q = %d and\n%s\nwant %d and %q", test.args, code, out, test.code, test.says)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "made")); err == nil {
		t.Error("without an engine up.sh made a folder")
	}
}
