package province_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hutong-project/hutong/cmd/internal/province"
)

// FuzzReadRequest: nothing panics, and what is read names keys and a province.
func FuzzReadRequest(f *testing.F) {
	nodes, err := province.Layout([]string{"127.0.0.1"}, 7100, 1)
	if err != nil {
		f.Fatal(err)
	}
	dir := filepath.Join(f.TempDir(), "310000")
	if _, err := province.Create(dir, passphrase, province.Options{Code: shanghai, Nodes: nodes}); err != nil {
		f.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, province.RequestFile))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(`{"payloadType":"` + province.RequestType + `","payload":"e30=","signatures":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, digest, err := province.ReadRequest(data)
		if err == nil && (!r.Code.Valid() || len(r.ListKeys) == 0 || len(r.HeadKeys) == 0 || r.CAKey == nil || digest.IsZero()) {
			t.Errorf("ReadRequest() = %+v with digest %v, want it whole or refused", r, digest)
		}
	})
}
