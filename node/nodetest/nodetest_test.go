package nodetest_test

import (
	"context"
	"testing"
	"time"

	"github.com/hutong-project/hutong/node/httpapi"
	"github.com/hutong-project/hutong/node/nodetest"
	"github.com/hutong-project/hutong/trust/verdict"
)

// TestTwoProvinces builds what the package is for: a credential issued in one province is valid in the other.
func TestTwoProvinces(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	f, err := nodetest.Start(ctx, nodetest.Plan{Dir: t.TempDir(), Clusters: []nodetest.ClusterPlan{
		{Province: "310000", Authorities: []nodetest.Grant{{ID: "police", Types: []string{"licence"}}}},
		{Province: "330000"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Errorf("Close() = %v, want nil", err)
		}
	})
	if err := f.PublishAll(ctx); err != nil {
		t.Fatal(err)
	}
	there := f.Clusters[1].Nodes[0]
	if err := f.WaitLists(ctx, there); err != nil {
		t.Fatal(err)
	}
	police := f.Jurisdiction("310000").Authorities[0]
	text, err := police.Issue(police.Claims())
	if err != nil {
		t.Fatal(err)
	}
	v, err := there.Client.Verify(ctx, httpapi.Verify{Credential: text})
	if err != nil {
		t.Fatal(err)
	}
	if v.Result != verdict.Valid {
		t.Errorf("Verify() = %s %v, want valid", v.Result, v.Reasons)
	}
}
