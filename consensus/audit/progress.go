package audit

import (
	"time"

	"github.com/hutong-project/hutong/consensus/state"
	"github.com/hutong-project/hutong/consensus/store"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/statuslog"
	"github.com/hutong-project/hutong/trust/strictjson"
)

const (
	progressFile = "audit.json"
	maxProgress  = 16 << 10
	saveEvery    = 10 * time.Second
)

// progress is how far a pass has come: the tree over the leaves of Province that were verified. All provinces before
// it are done.
type progress struct {
	Province   trust.Province `json:"province"`
	Session    uint64         `json:"session"`
	Generation uint64         `json:"generation"`
	Tree       []byte         `json:"tree"`

	tree *statuslog.Tree
}

// follow begins the province anew where its log is another one than the pass has been over.
func (p *progress) follow(log state.Log) {
	if p.tree == nil && len(p.Tree) > 0 {
		if tree, err := statuslog.UnmarshalTree(p.Tree); err == nil {
			p.tree = tree
		}
	}
	if p.tree == nil || p.Session != log.Session || p.Generation != log.Generation || p.tree.Size() > log.Tree.Size() {
		p.Session, p.Generation, p.tree = log.Session, log.Generation, statuslog.NewTree()
	}
}

// load returns the progress that was saved; from the beginning where there is none that can be read.
func (a *Auditor) load() progress {
	raw, err := store.ReadFile(a.cfg.FS, a.cfg.FS.PathJoin(a.cfg.Dir, progressFile), maxProgress)
	if err != nil {
		return progress{}
	}
	var p progress
	if err := strictjson.Unmarshal(raw, &p); err != nil {
		a.cfg.Logger.Warn("the audit begins anew: its progress cannot be read", "error", err)
		return progress{}
	}
	return p
}

func (a *Auditor) save() { a.saveNow(true) }

// saveNow writes the progress, now or when it was last written some time ago. That it cannot be written costs
// nothing but doing work again.
func (a *Auditor) saveNow(now bool) {
	if !now && time.Since(a.saved) < saveEvery {
		return
	}
	a.saved = time.Now()
	p := a.at
	if p.Tree = nil; p.tree != nil {
		if tree, err := p.tree.MarshalBinary(); err == nil {
			p.Tree = tree
		}
	}
	raw, err := strictjson.Marshal(p)
	if err == nil {
		err = store.WriteFile(a.cfg.FS, a.cfg.Dir, progressFile, raw)
	}
	if err != nil {
		a.cfg.Logger.Warn("the audit's progress was not saved", "error", err)
	}
}
