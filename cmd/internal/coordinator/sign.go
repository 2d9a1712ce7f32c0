package coordinator

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/hutong-project/hutong/cmd/internal/folder"
	"github.com/hutong-project/hutong/node/keyfile"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/sm2sig"
	"github.com/hutong-project/hutong/trust/statement"
)

// DefaultDays is how many days a national list is good for unless said otherwise.
const DefaultDays = 30

// Errors of a list on its way.
var (
	// ErrPending is returned when a change is asked for while a list is being signed.
	ErrPending = errors.New("a national list is being signed: publish it with `hutong national publish` first, or drop it with `hutong national discard`")
	// ErrNothingPending is returned when there is no list being signed.
	ErrNothingPending = errors.New("no national list is waiting; sign one with `hutong national sign`")
	// ErrComplete is returned when a list that has all its signatures is to be dropped: it may have been published.
	ErrComplete = errors.New("the list has all its signatures and may have reached a node; two lists of one number split the country")
)

// check applies to a draft all rules that the next list will have to obey.
func (c *Coordinator) check(d Draft, now trust.Time) error {
	_, err := c.unsigned(d, now, DefaultDays)
	return err
}

func (c *Coordinator) saveDraft(d Draft, now trust.Time) error {
	if err := c.check(d, now); err != nil {
		return err
	}
	if err := folder.WriteJSON(filepath.Join(c.dir, draftFile), d); err != nil {
		return err
	}
	c.Draft = d
	return nil
}

// next returns the list that follows the last published one.
func (c *Coordinator) next(d Draft, now trust.Time, days int) *national.List {
	l := &national.List{
		Version: national.FormatVersion, Sequence: 1, Issued: now, Operator: d.Operator, Keys: d.Keys, Threshold: d.Threshold,
		Roots: d.Roots, Provinces: d.Provinces, Policy: d.Policy,
	}
	if c.last != nil {
		l.Sequence, l.Previous = c.last.Sequence+1, c.last.Digest
		l.Issued = max(now, c.last.Issued)
	}
	for i := range l.Provinces {
		// A withdrawal holds when the list is issued; its second may have been moved on by one (see Change).
		if p := &l.Provinces[i]; p.Status == national.Withdrawn && p.Since == l.Issued+1 {
			l.Issued = p.Since
		}
	}
	l.NextUpdate = l.Issued.Add(time.Duration(days) * 24 * time.Hour)
	return l
}

// unsigned returns the next list in an envelope without signatures. Of the rule of succession only the signatures
// are still missing.
func (c *Coordinator) unsigned(d Draft, now trust.Time, days int) (*national.Document, error) {
	if days < 1 || days > 365 {
		return nil, fmt.Errorf("signing a national list: good for %d days, want 1 to 365", days)
	}
	raw, err := c.next(d, now, days).Sign()
	if err != nil {
		return nil, err
	}
	return national.Read(raw)
}

// A Preview is what a signature would say.
type Preview struct {
	Sequence   uint64
	Issued     trust.Time
	NextUpdate trust.Time
	Changes    []string // against the last published list, for people
}

// Preview returns what Sign would sign, for people to read first.
func (c *Coordinator) Preview(now trust.Time, days int) (*Preview, error) {
	d, err := c.toSign(now, days)
	if err != nil {
		return nil, err
	}
	var old *national.List
	if c.last != nil {
		old = &c.last.List
	}
	return &Preview{Sequence: d.Sequence, Issued: d.Issued, NextUpdate: d.NextUpdate, Changes: national.Diff(old, &d.List)}, nil
}

func (c *Coordinator) toSign(now trust.Time, days int) (*national.Document, error) {
	if c.pending != nil {
		return c.pending, nil
	}
	return c.unsigned(c.Draft, now, days)
}

// A Signing tells how far a list has come.
type Signing struct {
	Sequence   uint64
	Digest     trust.Digest // what nodes are to be pinned to
	Signatures int          // of distinct keys of the list
	Threshold  int
	Complete   bool // it can be published
	Again      bool // this key had signed before: nothing changed
}

// Sign adds the signature of the key in keyFile. The first signature fixes the list, from then on good for so many
// days; later ones take it as it is. A key that stands neither in this list nor in the one before is refused with
// UnknownKey.
func (c *Coordinator) Sign(keyFile string, passphrase []byte, now trust.Time, days int) (*Signing, error) {
	d, err := c.toSign(now, days)
	if err != nil {
		return nil, err
	}
	key, err := keyfile.LoadSM2(keyFile, passphrase)
	if err != nil {
		return nil, err
	}
	listed := slices.Clone(d.Keys)
	if c.last != nil {
		listed = append(listed, c.last.Keys...)
	}
	if !slices.ContainsFunc(listed, func(k national.Key) bool { return k.Key.Equal(key.Public()) }) {
		return nil, trust.Refuse(trust.UnknownKey, "%s holds key %s, which is no key of the national list", keyFile, key.Public().ID().Short())
	}
	signed, again, err := addSignature(d, key)
	if err != nil {
		return nil, err
	}
	if !again {
		// What nobody could ever adopt must not be completed: everything but the threshold is asked before.
		if err := c.follows(signed); err != nil && !missed(err) {
			return nil, err
		}
		if err := folder.Write(filepath.Join(c.dir, pendingFile), signed.Raw); err != nil {
			return nil, err
		}
		c.pending = signed
	}
	s, err := c.signing(signed)
	if err != nil {
		return nil, err
	}
	s.Again = again
	if s.Complete {
		err = folder.Write(c.NewestFile(), signed.Raw)
	}
	return s, err
}

// NewestFile returns the path of the newest list with all its signatures: what provinces are given.
func (c *Coordinator) NewestFile() string { return filepath.Join(c.dir, newestFile) }

// addSignature returns d with key's signature; again when a good one is in it already.
func addSignature(d *national.Document, key *sm2sig.PrivateKey) (signed *national.Document, again bool, err error) {
	envelope, err := statement.Parse(d.Raw, national.MaxBytes)
	if err != nil {
		return nil, false, err
	}
	message := statement.PAE(envelope.PayloadType, envelope.Payload)
	if slices.ContainsFunc(envelope.Signatures, func(s statement.Signature) bool { return key.Public().Verify(message, s.Sig) }) {
		return d, true, nil
	}
	if err := envelope.Sign(key); err != nil {
		return nil, false, err
	}
	raw, err := envelope.Marshal()
	if err != nil {
		return nil, false, err
	}
	signed, err = national.Read(raw)
	return signed, false, err
}

// follows asks what every node will ask.
func (c *Coordinator) follows(d *national.Document) error {
	if c.last == nil {
		return d.CheckPinned(d.Digest)
	}
	return d.CheckFollows(c.last)
}

func missed(err error) bool {
	refusal, ok := trust.AsRefusal(err)
	return ok && refusal.Code == trust.ThresholdMissed
}

func (c *Coordinator) signing(d *national.Document) (*Signing, error) {
	signers, err := d.Signers()
	if err != nil {
		return nil, err
	}
	s := &Signing{Sequence: d.Sequence, Digest: d.Digest, Signatures: len(signers), Threshold: d.Threshold}
	err = c.follows(d)
	s.Complete = err == nil
	if err != nil && !missed(err) {
		return nil, err
	}
	return s, nil
}

// Pending returns how far the list is that is being signed; nil without an error when there is none.
func (c *Coordinator) Pending() (*Signing, error) {
	if c.pending == nil {
		return nil, nil
	}
	return c.signing(c.pending)
}

// ToPublish returns the newest list that nodes can be given: the pending one once it is complete, else the last
// published one, else an error: ErrNothingPending, or a ThresholdMissed refusal.
func (c *Coordinator) ToPublish() (*national.Document, error) {
	s, err := c.Pending()
	switch {
	case err != nil:
		return nil, err
	case s == nil && c.last == nil:
		return nil, ErrNothingPending
	case s == nil:
		return c.last, nil
	case !s.Complete:
		return nil, trust.Refuse(trust.ThresholdMissed, "national list %d has %d of %d signatures; collect the others with `hutong national sign`", s.Sequence, s.Signatures, s.Threshold)
	}
	return c.pending, nil
}

// Chain returns the lists from number from on up to the one that ToPublish returns, for a node that was away.
func (c *Coordinator) Chain(from uint64) ([][]byte, error) {
	newest, err := c.ToPublish()
	if err != nil {
		return nil, err
	}
	var chain [][]byte
	for n := max(from, 1); n < newest.Sequence; n++ {
		d, err := c.readList(publishedFile(n))
		if err != nil {
			return nil, err
		}
		chain = append(chain, d.Raw)
	}
	return append(chain, newest.Raw), nil
}

// Published notes that a node has taken the list that ToPublish returned.
func (c *Coordinator) Published() error {
	if c.pending == nil {
		return nil // it was an older one, given to one more node
	}
	if err := folder.Write(filepath.Join(c.dir, publishedFile(c.pending.Sequence)), c.pending.Raw); err != nil {
		return err
	}
	c.last, c.pending = c.pending, nil
	return folder.Remove(filepath.Join(c.dir, pendingFile))
}

// Discard drops the list that is being signed. One that is complete is kept, with ErrComplete, unless the caller
// says that no node has ever seen it.
func (c *Coordinator) Discard(neverPublished bool) error {
	s, err := c.Pending()
	switch {
	case err != nil:
		return err
	case s == nil:
		return ErrNothingPending
	case s.Complete && !neverPublished:
		return ErrComplete
	}
	c.pending = nil
	return folder.Remove(filepath.Join(c.dir, pendingFile))
}
