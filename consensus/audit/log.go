package audit

import (
	"context"
	"errors"
	"fmt"

	"github.com/hutong-project/hutong/consensus/state"
	"github.com/hutong-project/hutong/consensus/store"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/sm2sig"
	"github.com/hutong-project/hutong/trust/statuslog"
)

// chunk is how many leaves are read under one view: views pin files.
const chunk = 64

// log goes over the leaves of a province from where the last pass stopped, and compares the root that they come to.
func (a *Auditor) log(ctx context.Context, code trust.Province) error {
	var keys map[trust.KeyID]*sm2sig.PublicKey
	for {
		v, err := a.cfg.View()
		if err != nil {
			return err
		}
		done, err := a.leaves(ctx, v, code, &keys)
		v.Close()
		if err != nil || done {
			return err
		}
		a.saveNow(false)
	}
}

// leaves takes the next chunk and reports whether it was the last.
func (a *Auditor) leaves(ctx context.Context, v *store.View, code trust.Province, keys *map[trust.KeyID]*sm2sig.PublicKey) (done bool, err error) {
	log, ok, err := state.LogOf(v, code)
	if err != nil {
		return false, faulty(err, "the record of %s", code)
	}
	if !ok {
		return true, nil
	}
	a.at.follow(log)
	if *keys == nil {
		if *keys, err = statusKeys(v, code); err != nil {
			return false, err
		}
	}
	end := min(log.Tree.Size(), a.at.tree.Size()+chunk)
	for position := a.at.tree.Size(); position < end; position++ {
		if err := a.leaf(ctx, v, code, log.Generation, position, keys); err != nil {
			return false, err
		}
	}
	if end < log.Tree.Size() {
		return false, nil
	}
	return true, a.checkRoot(v, code, log)
}

// leaf verifies one leaf and adds it to the tree.
func (a *Auditor) leaf(ctx context.Context, v *store.View, code trust.Province, generation, position uint64, keys *map[trust.KeyID]*sm2sig.PublicKey) error {
	entry := fmt.Sprintf("the batch at position %d of the log of %s, generation %d", position, code, generation)
	raw, err := v.Load(store.LeafKey(code, generation, position))
	if err == nil && raw == nil {
		err = errors.New("it is missing")
	}
	if err != nil {
		return faulty(err, "%s", entry)
	}
	s, verified, err := state.CheckStored(v, code, generation, position, raw)
	if err != nil {
		return faulty(err, "%s", entry)
	}
	if verified {
		key := (*keys)[s.KeyID]
		if key == nil { // a list may have come since the keys were read
			if *keys, err = statusKeys(v, code); err != nil {
				return err
			}
			key = (*keys)[s.KeyID]
		}
		switch {
		case key == nil:
			return faulty(fmt.Errorf("no trust list of %s ever named its key %s", code, s.KeyID.Short()), "%s", entry)
		case !s.Verify(key):
			return faulty(fmt.Errorf("the signature of key %s does not verify", s.KeyID.Short()), "%s", entry)
		}
		if err := a.verified(ctx, 1); err != nil {
			return err
		}
	}
	a.at.tree.Append(raw)
	return a.wait(ctx, len(s.Events)/32) // comparing so many events takes about as long as a signature
}

// checkRoot compares what the leaves came to with the tree that heads are made from. Leaves may have been replaced
// while the pass went on, when a new session began: before a fault is reported all are read once more, at one moment.
func (a *Auditor) checkRoot(v *store.View, code trust.Province, log state.Log) error {
	if a.at.tree.Root() == log.Tree.Root() {
		return nil
	}
	again := statuslog.NewTree()
	lower, upper := store.LeafKey(code, log.Generation, 0), store.LeafKey(code, log.Generation, log.Tree.Size())
	err := v.Scan(lower, upper, func(_, raw []byte) error {
		again.Append(raw)
		return nil
	})
	if err == nil && (again.Size() != log.Tree.Size() || again.Root() != log.Tree.Root()) {
		err = fmt.Errorf("%d leaves come to root %s, want %d and %s", again.Size(), again.Root().Short(), log.Tree.Size(), log.Tree.Root().Short())
	}
	if err != nil {
		return faulty(err, "the log of %s, generation %d", code, log.Generation)
	}
	return nil
}
