package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hutong-project/hutong/cmd/internal/authority"
	"github.com/hutong-project/hutong/cmd/internal/coordinator"
	"github.com/hutong-project/hutong/cmd/internal/province"
	"github.com/hutong-project/hutong/node/client"
	"github.com/hutong-project/hutong/trust"
)

const (
	nationalDays  = 30  // how long the demo's national list is good for
	grantedBefore = 600 // how long ago, in seconds, the authorities were granted what they issue
)

// found lets the federation come to be: admission, the national list with two of three signatures, nine nodes, trust
// lists, and every node knowing every province.
func (s *story) found(ctx context.Context) error {
	s.heading("联邦成立 · the federation comes to be")
	s.head()
	begun := time.Now()
	for _, m := range s.members {
		request, err := os.ReadFile(filepath.Join(m.province.Folder(), province.RequestFile))
		if err != nil {
			return err
		}
		if _, err := s.coordinator.Admit(request, coordinator.Terms{Types: []string{m.typeCode}}, s.pass(), now()); err != nil {
			return err
		}
		s.add(Line{Step: "接纳 admit " + m.short + " " + string(m.code), At: string(m.code), MS: ms(time.Since(begun))})
		begun = time.Now()
	}
	for i := range 2 {
		if _, err := s.coordinator.Sign(s.coordinator.KeyFile(i), s.pass(), now(), nationalDays); err != nil {
			return err
		}
	}
	list, err := s.coordinator.ToPublish()
	if err != nil {
		return err
	}
	if err := s.coordinator.Published(); err != nil {
		return err
	}
	s.add(Line{Step: "国家清单 national list 2 of 3", MS: ms(time.Since(begun))})
	for _, step := range []func(context.Context, []byte) error{s.launchAll, s.publishNational, s.publishTrustLists, s.acquainted} {
		if err := step(ctx, list.Raw); err != nil {
			return err
		}
	}
	return nil
}

func (s *story) launchAll(ctx context.Context, nationalList []byte) error {
	begun := time.Now()
	for _, m := range s.members {
		ca, err := os.ReadFile(s.coordinator.CertificateFile(m.code))
		if err != nil {
			return err
		}
		if err := s.launch(m, nationalList, ca); err != nil {
			return err
		}
	}
	for _, m := range s.members {
		for i := range m.clients {
			if err := s.until(ctx, "node "+m.province.State.Nodes[i].ID+" to know its leader", time.Minute, func(ctx context.Context) (bool, error) {
				state, err := m.clients[i].Node(ctx)
				return err == nil && state.Leader != "", err
			}); err != nil {
				return err
			}
		}
	}
	s.add(Line{Step: "九个节点 nine nodes run", MS: ms(time.Since(begun))})
	return nil
}

func (s *story) publishNational(ctx context.Context, nationalList []byte) error {
	begun := time.Now()
	for _, m := range s.members {
		if err := s.offer(ctx, m, "the national list", func(ctx context.Context, c *client.Client) error {
			_, err := c.PublishNational(ctx, nationalList)
			return err
		}); err != nil {
			return err
		}
	}
	s.add(Line{Step: "国家清单送达 list adopted", MS: ms(time.Since(begun))})
	return nil
}

func (s *story) publishTrustLists(ctx context.Context, _ []byte) error {
	for _, m := range s.members {
		begun := time.Now()
		request, err := os.ReadFile(filepath.Join(m.province.Folder(), "issuer", authority.RequestFile))
		if err != nil {
			return err
		}
		if _, err := m.province.AnchorAdd(request, province.AnchorGrant{Types: []string{m.typeCode}, Since: now() - grantedBefore}, s.pass(), now()); err != nil {
			return err
		}
		if err := s.publishList(ctx, m); err != nil {
			return err
		}
		s.add(Line{Step: "信任清单 trust list of " + m.short, At: string(m.code), MS: ms(time.Since(begun))})
	}
	return nil
}

// acquainted waits until every node has a fresh head of every province.
func (s *story) acquainted(ctx context.Context, _ []byte) error {
	begun := time.Now()
	for _, m := range s.members {
		for i := range m.clients {
			what := "node " + m.province.State.Nodes[i].ID + " to know every province"
			if err := s.until(ctx, what, time.Minute, func(ctx context.Context) (bool, error) {
				return s.knowsAll(ctx, m.clients[i])
			}); err != nil {
				return err
			}
		}
	}
	s.add(Line{Step: "互通 every node knows all", MS: ms(time.Since(begun))})
	return nil
}

func (s *story) knowsAll(ctx context.Context, c *client.Client) (bool, error) {
	state, err := c.Node(ctx)
	if err != nil {
		return false, err
	}
	var missing []string
	known := 0
	for _, p := range state.Provinces {
		switch {
		case p.Freshness != "fresh" || p.List == 0:
			missing = append(missing, string(p.Province)+" "+p.Freshness+" "+p.LastError)
		case len(p.Refused) > 0:
			return false, final{fmt.Errorf("an anchor of %s is refused: %s", p.Province, p.Refused[0].Detail)}
		default:
			known++
		}
	}
	if known == len(s.members) {
		return true, nil
	}
	return false, errors.New("missing: " + strings.Join(missing, ", "))
}

// publishList signs the province's draft with its list key and hands it to a node.
func (s *story) publishList(ctx context.Context, m *member) error {
	if _, err := m.province.ListSign(m.province.ListKeyFile(0), s.pass(), now(), listDays); err != nil {
		return err
	}
	raw, err := m.province.ToPublish()
	if err != nil {
		return err
	}
	if err := s.offer(ctx, m, "its trust list", func(ctx context.Context, c *client.Client) error {
		_, err := c.PublishList(ctx, raw)
		return err
	}); err != nil {
		return err
	}
	return m.province.Published()
}

// offer hands something to a node of m, again while the cluster has no leader.
func (s *story) offer(ctx context.Context, m *member, what string, hand func(context.Context, *client.Client) error) error {
	return s.until(ctx, "the cluster of "+string(m.code)+" to take "+what, time.Minute, func(ctx context.Context) (bool, error) {
		err := answerOf(hand(ctx, m.counter(ctx)))
		if r, refused := trust.AsRefusal(err); refused && r.Code != trust.NotReady {
			return false, final{err}
		}
		return err == nil, err
	})
}
