package authority_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hutong-project/hutong/cmd/internal/authority"
)

// FuzzReadRequest: nothing panics, and what is read is a request whose names can be shown.
func FuzzReadRequest(f *testing.F) {
	dir := filepath.Join(f.TempDir(), "police")
	if _, err := authority.Create(dir, passphrase, shanghai, police, "上海市公安局", "police"); err != nil {
		f.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, authority.RequestFile))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(`{"payloadType":"` + authority.RequestType + `","payload":"e30=","signatures":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, digest, err := authority.ReadRequest(data)
		if err == nil && (r.Name == "" || r.CredentialKey == nil || r.StatusKey == nil || digest.IsZero()) {
			t.Errorf("ReadRequest() = %+v with digest %v, want it whole or refused", r, digest)
		}
	})
}
