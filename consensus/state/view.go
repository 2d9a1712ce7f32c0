package state

import (
	"maps"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/registry"
)

// View returns what the cluster believes now. Provinces that did not change since the last call are shared with it.
func (m *Machine) View() *registry.View {
	v := registry.View{
		Own: m.own, National: m.national, Contested: m.contested, Newest: m.newest, Applied: m.applied, Unsettled: m.unsettled,
		Provinces: map[trust.Province]*registry.Province{},
	}
	if m.view != nil {
		v.Provinces = maps.Clone(m.view.Provinces)
	}
	for _, code := range m.codes() {
		p := m.provinces[code]
		if p.entry == nil {
			delete(v.Provinces, code)
			continue
		}
		if !p.dirty && v.Provinces[code] != nil {
			continue
		}
		v.Provinces[code] = p.picture(v.Provinces[code], m.own)
		p.dirty = false
	}
	m.view = registry.New(v)
	return m.view
}

// picture returns the province as others see it; before, which may be nil, lends its search index.
func (p *province) picture(before *registry.Province, own trust.Province) *registry.Province {
	var q registry.Province
	if before != nil {
		q = *before
	}
	state := p.logState()
	q.Code, q.Entry, q.List, q.Head = p.code, p.entry, p.evaluated, p.head
	q.Local = p.entry.Signer() == own
	q.Log = registry.LogInfo{Generation: state.Generation, Size: state.Size, Root: state.Root}
	q.Equivocation, q.NotCounting = p.evidence, p.notCounting
	return &q
}
