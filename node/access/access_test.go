package access

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestTokens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.yaml")
	token, err := AddToken(path, "push", "11310000000013127D")
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path); err != nil || strings.Contains(string(text), token) {
		t.Fatalf("the file holds the token itself (%v)", err)
	}
	tokens, err := OpenTokens(path)
	if err != nil {
		t.Fatal(err)
	}
	p, err := tokens.Principal(token)
	if err != nil || p.Authority != "11310000000013127D" || p.Name != "push" {
		t.Errorf("Principal(token) = %+v, %v", p, err)
	}
	if _, err := tokens.Principal(token + "x"); !errors.Is(err, ErrUnknownToken) {
		t.Errorf("Principal(other) = %v, want ErrUnknownToken", err)
	}
	if _, err := tokens.Principal(""); !errors.Is(err, ErrUnknownToken) {
		t.Errorf("Principal(\"\") = %v, want ErrUnknownToken", err)
	}
	if _, err := AddToken(path, "push", "11310000000013127D"); err == nil {
		t.Error("AddToken with a name in use = nil, want an error")
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenTokens(path); err == nil {
		t.Error("OpenTokens of a file that others can read = nil, want an error")
	}
}

func TestTokensAreReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.yaml")
	if _, err := AddToken(path, "first", "A"); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		tokens, err := OpenTokens(path)
		if err != nil {
			t.Fatal(err)
		}
		second, err := AddToken(path, "second", "B")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second) // fake time: past the interval of looking again
		if p, err := tokens.Principal(second); err != nil || p.Authority != "B" {
			t.Errorf("Principal(second) = %+v, %v, want authority B", p, err)
		}
	})
}

func TestNobodyWithoutAFile(t *testing.T) {
	tokens, err := OpenTokens("")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tokens.Principal("ht_x"); !errors.Is(err, ErrUnknownToken) {
		t.Errorf("Principal without a file = %v, want ErrUnknownToken", err)
	}
}

func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, err := NewGate([]string{"127.0.0.0/8", "::1/128"}, 2, 3)
		if err != nil {
			t.Fatal(err)
		}
		ask := func(addr string) int {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = addr
			return g.Admit(r)
		}
		for _, c := range []struct {
			addr string
			want int
		}{
			{"10.0.0.1:1", http.StatusForbidden},
			{"not an address", http.StatusForbidden},
			{"[::1]:1", 0},
			{"[::ffff:127.0.0.9]:1", 0},
			{"127.0.0.1:1", 0},
			{"127.0.0.1:2", 0},
			{"127.0.0.1:3", 0},
			{"127.0.0.1:4", http.StatusTooManyRequests},
			{"127.0.0.2:4", 0},
		} {
			if got := ask(c.addr); got != c.want {
				t.Errorf("Admit(%s) = %d, want %d", c.addr, got, c.want)
			}
		}
		time.Sleep(time.Second) // fake time: two more are let through
		for i, want := range []int{0, 0, http.StatusTooManyRequests} {
			if got := ask("127.0.0.1:5"); got != want {
				t.Errorf("Admit %d after a second = %d, want %d", i, got, want)
			}
		}
	})
}

func TestBearerToken(t *testing.T) {
	for header, want := range map[string]string{"Bearer x": "x", "bearer  y": "y", "Basic x": "", "": "", "Bearer": ""} {
		if got := BearerToken(header); got != want {
			t.Errorf("BearerToken(%q) = %q, want %q", header, got, want)
		}
	}
}
