package province

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hutong-project/hutong/cmd/internal/folder"
	"github.com/hutong-project/hutong/node/keyfile"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/statement"
)

// DefaultDays is how many days a trust list is good for unless said otherwise: it is signed with keys that lie
// offline, and past it every verdict on the province's credentials is stale.
const DefaultDays = 7

// Errors of a list on its way.
var (
	// ErrPending is returned when a change is asked for while a list is being signed.
	ErrPending = errors.New("a trust list is being signed: publish it with `hutong province list publish` first, or drop it with `hutong province list discard`")
	// ErrNothingPending is returned when there is no list being signed.
	ErrNothingPending = errors.New("no trust list is waiting; sign one with `hutong province list sign`")
	// ErrComplete is returned when a list that has all its signatures is to be dropped: it may have been published.
	ErrComplete = errors.New("the list has all its signatures and may have reached a node; two lists of one number are equivocation")
)

// A Draft is what of the trust list its operator decides.
type Draft struct {
	Anchors            []list.Anchor    `json:"anchors"` // in ascending order of ID
	OperatorStatusKeys []list.StatusKey `json:"operatorStatusKeys"`
	SupplyPoints       []string         `json:"supplyPoints"`
}

func (s *State) firstDraft() Draft {
	d := Draft{Anchors: []list.Anchor{}, SupplyPoints: []string{}}
	for _, key := range s.Operator {
		d.OperatorStatusKeys = append(d.OperatorStatusKeys, list.StatusKey{Key: key})
	}
	return d
}

func (d Draft) clone() Draft {
	d.Anchors = slices.Clone(d.Anchors)
	for i := range d.Anchors {
		d.Anchors[i].History = slices.Clone(d.Anchors[i].History)
	}
	return d
}

func (d *Draft) find(id string) *list.Anchor {
	for i := range d.Anchors {
		if d.Anchors[i].ID == id {
			return &d.Anchors[i]
		}
	}
	return nil
}

func (d *Draft) insert(a list.Anchor) {
	at, _ := slices.BinarySearchFunc(d.Anchors, a.ID, func(x list.Anchor, id string) int { return cmp.Compare(x.ID, id) })
	d.Anchors = slices.Insert(d.Anchors, at, a)
}

func (d *Draft) ids() []string {
	ids := make([]string, len(d.Anchors))
	for i := range d.Anchors {
		ids[i] = d.Anchors[i].ID
	}
	return ids
}

// saveDraft keeps the draft if a list could be made of it.
func (p *Province) saveDraft(d Draft, now trust.Time) error {
	next := p.next(d, now, DefaultDays)
	if _, err := next.Payload(); err != nil {
		return err
	}
	if err := folder.WriteJSON(filepath.Join(p.dir, draftFile), d); err != nil {
		return err
	}
	p.Draft = d
	return nil
}

// next returns the list that follows the last published one.
func (p *Province) next(d Draft, now trust.Time, days int) *list.List {
	l := &list.List{
		Version: list.FormatVersion, Province: p.Code, Session: 1, Number: 1, Issued: now,
		Anchors: d.Anchors, OperatorStatusKeys: d.OperatorStatusKeys, SupplyPoints: d.SupplyPoints, Peers: p.peers(),
	}
	if entry := p.Entry(); entry != nil {
		l.Session = entry.Session
	}
	if p.last != nil {
		l.Issued = max(now, p.last.Issued)
		if p.last.Session == l.Session {
			l.Number, l.Previous = p.last.Number+1, p.last.Digest
		}
	}
	l.NextUpdate = l.Issued.Add(time.Duration(days) * 24 * time.Hour)
	return l
}

// A Preview is what a signature would say.
type Preview struct {
	Session, Number uint64
	Issued          trust.Time
	NextUpdate      trust.Time
	Changes         []string             // against the last published list, for people
	Refused         []list.RefusedAnchor // anchors that every node will refuse under the national list
}

// Preview returns what ListSign would sign, for people to read first.
func (p *Province) Preview(now trust.Time, days int) (*Preview, error) {
	if p.National == nil {
		return nil, ErrNoNational
	}
	d := p.pending
	if d == nil {
		var err error
		if d, err = p.unsigned(now, days); err != nil {
			return nil, err
		}
	}
	var old *list.List
	if p.last != nil {
		old = &p.last.List
	}
	return &Preview{
		Session: d.Session, Number: d.Number, Issued: d.Issued, NextUpdate: d.NextUpdate,
		Changes: Changes(old, &d.List), Refused: list.Evaluate(d, p.Entry(), p.National.Roots).Refused,
	}, nil
}

// unsigned returns the next list in an envelope without signatures, after all checks that publishing makes.
func (p *Province) unsigned(now trust.Time, days int) (*list.Document, error) {
	if days < 1 || days > 365 {
		return nil, fmt.Errorf("signing a trust list: good for %d days, want 1 to 365", days)
	}
	raw, err := p.next(p.Draft, now, days).Sign()
	if err != nil {
		return nil, err
	}
	d, err := list.Read(raw)
	if err != nil {
		return nil, err
	}
	if p.last != nil {
		if err := d.CheckFollows(p.last); err != nil {
			return nil, err
		}
		if err := d.CheckKeeps(p.last); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// A Signing tells how far a list has come.
type Signing struct {
	Session, Number uint64
	Digest          trust.Digest
	Signatures      int // of distinct listed keys
	Threshold       int
	Again           bool // this key had signed before: nothing changed
}

// Complete reports whether the list can be published.
func (s Signing) Complete() bool { return s.Signatures >= s.Threshold }

// ListSign adds the signature of the key in keyFile. The first signature fixes the list, from then on good for so
// many days; later ones take it as it is. A key that does not stand in the national list is refused with UnknownKey.
func (p *Province) ListSign(keyFile string, passphrase []byte, now trust.Time, days int) (*Signing, error) {
	if p.National == nil {
		return nil, ErrNoNational
	}
	d := p.pending
	if d == nil {
		var err error
		if d, err = p.unsigned(now, days); err != nil {
			return nil, err
		}
	}
	key, err := keyfile.LoadSM2(keyFile, passphrase)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(p.Entry().ListKeys, func(k national.Key) bool { return k.Key.Equal(key.Public()) }) {
		return nil, trust.Refuse(trust.UnknownKey, "%s holds key %s, which is no list key of %s in national list %d",
			keyFile, key.Public().ID().Short(), p.Code, p.National.Sequence)
	}
	signers, err := p.signers(d)
	if err != nil {
		return nil, err
	}
	again := slices.Contains(signers, key.Public().ID())
	if !again {
		envelope, err := statement.Parse(d.Raw, list.MaxBytes)
		if err != nil {
			return nil, err
		}
		if err := envelope.Sign(key); err != nil {
			return nil, err
		}
		raw, err := envelope.Marshal()
		if err != nil {
			return nil, err
		}
		if d, err = list.Read(raw); err != nil {
			return nil, err
		}
		if err := folder.Write(filepath.Join(p.dir, pendingFile), raw); err != nil {
			return nil, err
		}
		p.pending = d
	}
	s, err := p.signing(d)
	if s != nil {
		s.Again = again
	}
	return s, err
}

// signers returns which of the listed keys have signed d.
func (p *Province) signers(d *list.Document) ([]trust.KeyID, error) {
	envelope, err := statement.Parse(d.Raw, list.MaxBytes)
	if err != nil {
		return nil, err
	}
	entry := p.Entry()
	signers, err := envelope.Verify(list.PayloadType, national.PublicKeys(entry.ListKeys), entry.ListThreshold)
	var missed *statement.ThresholdError
	if errors.As(err, &missed) {
		return missed.Signers, nil
	}
	return signers, err
}

func (p *Province) signing(d *list.Document) (*Signing, error) {
	signers, err := p.signers(d)
	if err != nil {
		return nil, err
	}
	return &Signing{
		Session: d.Session, Number: d.Number, Digest: d.Digest, Signatures: len(signers), Threshold: p.Entry().ListThreshold,
	}, nil
}

// Pending returns the list that is being signed and how far it is; nil without an error when there is none.
func (p *Province) Pending() (raw []byte, s *Signing, err error) {
	if p.pending == nil || p.National == nil {
		return nil, nil, nil
	}
	s, err = p.signing(p.pending)
	return p.pending.Raw, s, err
}

// ToPublish returns the list that nodes are to be given: the pending one once it is complete, else the last published
// one, else an error: ErrNothingPending, or a ThresholdMissed refusal.
func (p *Province) ToPublish() ([]byte, error) {
	raw, s, err := p.Pending()
	switch {
	case err != nil:
		return nil, err
	case s == nil && p.last == nil:
		return nil, ErrNothingPending
	case s == nil:
		return p.last.Raw, nil
	case !s.Complete():
		return nil, trust.Refuse(trust.ThresholdMissed, "trust list %d has %d of %d signatures; sign it with `hutong province list sign`", s.Number, s.Signatures, s.Threshold)
	}
	return raw, nil
}

// Published notes that a node has taken the list that ToPublish returned.
func (p *Province) Published() error {
	if p.pending == nil {
		return nil // it was an older one, given to one more node
	}
	name := fmt.Sprintf("%d-%06d.json", p.pending.Session, p.pending.Number)
	if err := folder.Write(filepath.Join(p.dir, "published", name), p.pending.Raw); err != nil {
		return err
	}
	p.last, p.pending = p.pending, nil
	return folder.Remove(filepath.Join(p.dir, pendingFile))
}

// Discard drops the list that is being signed. One that is complete is kept, with ErrComplete, unless the caller
// says that no node has ever seen it.
func (p *Province) Discard(neverPublished bool) error {
	_, s, err := p.Pending()
	switch {
	case err != nil:
		return err
	case s == nil:
		return ErrNothingPending
	case s.Complete() && !neverPublished:
		return ErrComplete
	}
	p.pending = nil
	return folder.Remove(filepath.Join(p.dir, pendingFile))
}

// lastPublished returns the published list with the highest session and number.
func (p *Province) lastPublished() (*list.Document, error) {
	entries, err := os.ReadDir(filepath.Join(p.dir, "published"))
	if err != nil {
		return nil, err
	}
	var last *list.Document
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".json") {
			continue
		}
		var session, number uint64
		if _, err := fmt.Sscanf(e.Name(), "%d-%d.json", &session, &number); err != nil {
			continue
		}
		if last != nil && (session < last.Session || session == last.Session && number <= last.Number) {
			continue
		}
		if last, err = p.readList("published/" + e.Name()); err != nil {
			return nil, err
		}
	}
	return last, nil
}
