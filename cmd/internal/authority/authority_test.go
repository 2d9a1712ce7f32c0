package authority_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hutong-project/hutong/cmd/internal/authority"
	"github.com/hutong-project/hutong/cmd/internal/folder"
	"github.com/hutong-project/hutong/node/keyfile"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/credential"
	"github.com/hutong-project/hutong/trust/credential/qrcode"
	"github.com/hutong-project/hutong/trust/sm2sig"
	"github.com/hutong-project/hutong/trust/statuslog"
)

const (
	police   = "11310000002420084Y"
	licence  = "11100000000013338W011"
	shanghai = trust.Province("310000")
)

var (
	passphrase = []byte("a passphrase of the tests")
	now        = trust.TimeOf(time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC))
)

func create(t *testing.T) (*authority.Authority, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "police")
	a, err := authority.Create(dir, passphrase, shanghai, police, "上海市公安局", "310000-police-1")
	if err != nil {
		t.Fatal(err)
	}
	return a, dir
}

func TestIssue(t *testing.T) {
	a, _ := create(t)
	claims := authority.Claims{
		Type: licence, Issued: now, Expires: now + 3600,
		Face: []credential.Claim{{Name: "准驾车型", Value: "C1"}},
	}
	text, handle, err := a.Issue(claims)
	if err != nil {
		t.Fatal(err)
	}
	c, err := qrcode.Decode(text)
	if err != nil {
		t.Fatalf("Decode(Issue()) = %v", err)
	}
	if !a.CredentialKey.VerifyRaw(c.Message, c.Signature) {
		t.Error("the credential does not verify under the request's credential key")
	}
	if a.StatusKey.VerifyRaw(c.Message, c.Signature) {
		t.Error("the credential verifies under the status key")
	}
	if !bytes.Equal(c.Handle, handle[:]) || c.Province != shanghai || c.Anchor != a.ID || c.Authority != police || c.Type != licence ||
		c.Issued != now || c.Expires != now+3600 || len(c.Face) != 1 {
		t.Errorf("Decode(Issue(%+v)) = %+v, want the same claims", claims, c)
	}
	again, other, err := a.Issue(claims)
	if err != nil || again == text || other == handle {
		t.Errorf("Issue() twice gave the same handle (error %v)", err)
	}

	claims.Presentation, claims.Handle = true, handle
	text, shown, err := a.Issue(claims)
	if err != nil || shown != handle {
		t.Errorf("Issue(presentation) = handle %x, %v, want the credential's %x", shown, err, handle)
	}
	if c, err := qrcode.Decode(text); err != nil || !c.Presentation {
		t.Errorf("Decode(Issue(presentation)) = %+v, %v, want a presentation code", c, err)
	}
}

func TestIssueOfExpired(t *testing.T) {
	a, _ := create(t)
	text, _, err := a.Issue(authority.Claims{Type: licence, Issued: now - 7200, Expires: now - 3600})
	if err != nil {
		t.Fatalf("Issue(expired) = %v, want a credential: a demonstration needs one", err)
	}
	if c, err := qrcode.Decode(text); err != nil || c.Expires != now-3600 {
		t.Errorf("Decode() = %+v, %v, want one that expired at %v", c, err, now-3600)
	}
}

func TestCreateRefuses(t *testing.T) {
	_, dir := create(t)
	fresh := filepath.Join(t.TempDir(), "x")
	for _, test := range []struct {
		name, dir, authority, id string
		province                 trust.Province
		want                     string
	}{
		{"a folder that is there", dir, police, "a", shanghai, "has files already"},
		{"a wrong check character", fresh, "113100000024200840", "a", shanghai, "统一社会信用代码"},
		{"an id in capitals", fresh, police, "A", shanghai, "a-z"},
		{"a city", fresh, police, "a", "310115", "six digits"},
	} {
		_, err := authority.Create(test.dir, passphrase, test.province, test.authority, "name", test.id)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("Create with %s = %v, want an error with %q", test.name, err, test.want)
		}
	}
	if folder.Exists(fresh) {
		t.Error("a refused Create left a folder")
	}
}

func TestKeysAreGuarded(t *testing.T) {
	_, dir := create(t)
	wrong, err := authority.Load(dir, []byte("another"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := wrong.Issue(authority.Claims{Type: licence, Issued: now}); !errors.Is(err, sm2sig.ErrPassphrase) {
		t.Errorf("Issue with a wrong passphrase = %v, want ErrPassphrase", err)
	}
	if err := os.Chmod(filepath.Join(dir, "keys/credential.pem"), 0o644); err != nil {
		t.Fatal(err)
	}
	a, err := authority.Load(dir, passphrase)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.Issue(authority.Claims{Type: licence, Issued: now}); !errors.Is(err, keyfile.ErrExposed) || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("Issue with an exposed key = %v, want ErrExposed and the remedy", err)
	}
}

func TestRequestIsSealed(t *testing.T) {
	_, dir := create(t)
	raw, err := os.ReadFile(filepath.Join(dir, authority.RequestFile))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := authority.ReadRequest(raw); err != nil {
		t.Fatalf("ReadRequest(own) = %v", err)
	}
	for i := 0; i < len(raw); i += 7 {
		changed := bytes.Clone(raw)
		changed[i] ^= 1
		if r, _, err := authority.ReadRequest(changed); err == nil {
			t.Errorf("ReadRequest with bit 0 of byte %d flipped = %+v, want a refusal", i, r)
		}
	}
}

func revocation(handle byte, at trust.Time) []statuslog.Event {
	h := [16]byte{handle}
	return []statuslog.Event{{
		Kind: statuslog.KindCredential, Subject: statuslog.HandleSubject(h[:]), Status: statuslog.StatusRevoked, Effective: at,
	}}
}

// cluster takes batches as a real one does: in order of their numbers, a repetition again.
type cluster struct {
	t     *testing.T
	a     *authority.Authority
	taken [][]byte
	fault error // returned instead of the next answer
	lost  bool  // with fault: the batch was taken all the same
}

func (c *cluster) send(signed []byte) error {
	if fault := c.fault; fault != nil {
		c.fault = nil
		if c.lost {
			c.take(signed)
		}
		return fault
	}
	return c.take(signed)
}

func (c *cluster) take(signed []byte) error {
	batch, err := statuslog.ReadBatch(signed)
	if err != nil {
		c.t.Fatalf("ReadBatch(what was sent) = %v", err)
	}
	if !batch.Verify(c.a.StatusKey) {
		c.t.Fatal("the batch does not verify under the status key")
	}
	if n := int(batch.Number); n >= 1 && n <= len(c.taken) && bytes.Equal(c.taken[n-1], signed) {
		return nil
	}
	if want := uint64(len(c.taken) + 1); batch.Number != want {
		return &authority.ExpectedError{Number: want}
	}
	c.taken = append(c.taken, signed)
	return nil
}

func TestPush(t *testing.T) {
	a, dir := create(t)
	c := &cluster{t: t, a: a}
	for want := uint64(1); want <= 3; want++ {
		if done, err := a.Push(revocation(byte(want), now), now, c.send); err != nil || done.Number != want {
			t.Fatalf("Push %d = %+v, %v, want number %d", want, done, err, want)
		}
	}
	again, err := authority.Load(dir, passphrase)
	if err != nil {
		t.Fatal(err)
	}
	if last, err := again.Last(); last != 3 || err != nil {
		t.Errorf("Last() after a new start = %d, %v, want 3", last, err)
	}
	if kept, err := os.ReadFile(filepath.Join(dir, "batches/000002.cose")); err != nil || !bytes.Equal(kept, c.taken[1]) {
		t.Errorf("batches/000002.cose is not what was sent (%v)", err)
	}
}

func TestPushFollowsTheExpectedNumber(t *testing.T) {
	a, _ := create(t)
	c := &cluster{t: t, a: a, taken: make([][]byte, 4)} // another copy of the folder sent four
	done, err := a.Push(revocation(1, now), now, c.send)
	if err != nil || done.Number != 5 {
		t.Errorf("Push = %+v, %v, want number 5", done, err)
	}
	always := func([]byte) error { return &authority.ExpectedError{Number: 9} }
	var expected *authority.ExpectedError
	if _, err := a.Push(revocation(2, now), now, always); !errors.As(err, &expected) {
		t.Errorf("Push to a cluster that always wants another number = %v, want an ExpectedError after one try", err)
	}
}

func TestPushAfterUnknownOutcome(t *testing.T) {
	for _, lost := range []bool{false, true} {
		a, dir := create(t)
		c := &cluster{t: t, a: a, fault: errors.New("connection reset"), lost: lost}
		if _, err := a.Push(revocation(1, now), now, c.send); err == nil {
			t.Fatal("Push over a broken connection = nil, want its error")
		}
		a, err := authority.Load(dir, passphrase) // the process was killed, too
		if err != nil {
			t.Fatal(err)
		}
		c.a = a
		done, err := a.Push(revocation(2, now), now, c.send)
		if err != nil || done.Resent != 1 || done.Number != 2 || len(c.taken) != 2 {
			t.Errorf("next Push (first one taken: %v) = %+v, %v with %d taken, want batch 1 again, then 2", lost, done, err, len(c.taken))
		}
	}
}

func TestPushRefused(t *testing.T) {
	a, _ := create(t)
	c := &cluster{t: t, a: a, fault: trust.Refuse(trust.UnknownKey, "no status key")}
	if _, err := a.Push(revocation(1, now), now, c.send); err == nil {
		t.Fatal("Push of a refused batch = nil, want the refusal")
	}
	done, err := a.Push(revocation(1, now), now, c.send)
	if err != nil || done.Resent != 0 || done.Number != 1 {
		t.Errorf("Push after a refusal = %+v, %v, want number 1 and nothing sent again", done, err)
	}
}

func TestPushKeepsWhatLostItsNumber(t *testing.T) {
	a, _ := create(t)
	c := &cluster{t: t, a: a, fault: errors.New("timeout")}
	if _, err := a.Push(revocation(7, now), now, c.send); err == nil {
		t.Fatal("Push into a timeout = nil, want its error")
	}
	c.taken = make([][]byte, 1) // number 1 went to another batch meanwhile
	done, err := a.Push(revocation(8, now), now, c.send)
	if err != nil || len(c.taken) != 3 {
		t.Fatalf("Push = %+v, %v with %d taken, want both statements taken", done, err, len(c.taken))
	}
	first, err := statuslog.ReadBatch(c.taken[1])
	if err != nil || first.Events[0].Subject != revocation(7, now)[0].Subject {
		t.Errorf("batch 2 = %+v, %v, want the event that had lost its number", first, err)
	}
}
