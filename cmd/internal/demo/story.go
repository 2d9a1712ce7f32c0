package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hutong-project/hutong/cmd/internal/authority"
	"github.com/hutong-project/hutong/cmd/internal/province"
	"github.com/hutong-project/hutong/node/httpapi"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/credential"
	"github.com/hutong-project/hutong/trust/credential/qrcode"
	"github.com/hutong-project/hutong/trust/credential/qrcode/qrcodetest"
	"github.com/hutong-project/hutong/trust/list"
	"github.com/hutong-project/hutong/trust/statuslog"
	"github.com/hutong-project/hutong/trust/verdict"
)

const (
	year     = 365 * 24 * time.Hour
	listDays = 7 // how long the demo's trust lists are good for
	// spreadWithin bounds the wait for a change to reach the other provinces.
	spreadWithin = 20 * time.Second
)

// Who holds the demo's credentials, and who a forger would like to: nobody real. The names are of one length.
const (
	holder      = "张某某"
	otherHolder = "李某某"
)

// A paper is a credential that an authority issued.
type paper struct {
	from   *member
	text   string
	handle []byte
}

// A story tells what happens in a world, line by line.
type story struct {
	*world
	*report
	papers map[*member]paper // one good credential of each province
}

func (s *story) tell(ctx context.Context) error {
	for _, chapter := range []func(context.Context) error{
		s.judgedEverywhere, s.refusedEverywhere, s.revoked, s.suspendedAndReinstated, s.leaderKilled, s.issuerWithdrawn,
	} {
		if err := chapter(ctx); err != nil {
			return err
		}
	}
	return nil
}

// issue makes a credential of m. Its face shows nobody real.
func (s *story) issue(m *member, c authority.Claims) (paper, error) {
	if c.Type == "" {
		c.Type = m.typeCode
	}
	if c.Issued.IsZero() {
		c.Issued = now()
	}
	if c.Expires.IsZero() {
		c.Expires = c.Issued.Add(10 * year)
	}
	c.Face = []credential.Claim{{Name: "证照名称", Value: m.kind}, {Name: "持证主体", Value: holder}}
	text, handle, err := m.authority.Issue(c)
	if err != nil {
		return paper{}, fmt.Errorf("issuing in %s: %w", m.code, err)
	}
	return paper{from: m, text: text, handle: handle[:]}, nil
}

// judge asks at a counter of a province and adds the line.
func (s *story) judge(ctx context.Context, step string, p paper, at *member, expected expect) error {
	counter := at.counter(ctx)
	begun := time.Now()
	v, err := counter.Verify(ctx, httpapi.Verify{Credential: p.text})
	if err != nil {
		return fmt.Errorf("judging at %s: %w", at.code, err)
	}
	line := Line{Step: step, From: string(p.from.code), At: string(at.code), Expected: expected.verdict, ExpectedReason: expected.reason, MS: ms(time.Since(begun))}
	line.take(v)
	s.add(line)
	return nil
}

func (l *Line) take(v *verdict.Verdict) {
	l.Verdict, l.Reason = string(v.Result), ""
	if len(v.Reasons) > 0 {
		l.Reason = string(v.Reasons[0].Code)
	}
}

// judgedEverywhere: every province's credential is valid in every other one.
func (s *story) judgedEverywhere(ctx context.Context) error {
	s.heading("各省证照，外省判定 · every credential judged in every other province")
	for _, m := range s.members {
		p, err := s.issue(m, authority.Claims{})
		if err != nil {
			return err
		}
		s.papers[m] = p
		for _, at := range s.members {
			if at == m {
				continue
			}
			if err := s.judge(ctx, m.short+m.kind+" → "+at.short, p, at, expect{"valid", ""}); err != nil {
				return err
			}
		}
	}
	return nil
}

// refusedEverywhere: the credentials that must not pass.
func (s *story) refusedEverywhere(ctx context.Context) error {
	s.heading("不应通过的证照 · credentials that must not pass")
	shanghai, zhejiang, guangdong := s.members[0], s.members[1], s.members[2]
	wrongType, err := s.issue(guangdong, authority.Claims{Type: typeIdentity})
	if err != nil {
		return err
	}
	expired, err := s.issue(zhejiang, authority.Claims{Issued: now() - 60, Expires: now() - 1})
	if err != nil {
		return err
	}
	forged := s.papers[shanghai]
	if forged.text, err = tamper(forged.text); err != nil {
		return err
	}
	for _, c := range []struct {
		step     string
		p        paper
		at       *member
		expected expect
	}{
		{"无权签发 type not granted", wrongType, shanghai, expect{"invalid", "type-not-granted"}},
		{"过期 expired", expired, shanghai, expect{"invalid", "expired"}},
		{"篡改 tampered with", forged, guangdong, expect{"invalid", "signature-invalid"}},
	} {
		if err := s.judge(ctx, c.step, c.p, c.at, c.expected); err != nil {
			return err
		}
	}
	return nil
}

// tamper changes one letter of the face and packs the code anew, as a forger would: only the signature can tell.
func tamper(text string) (string, error) {
	cose, err := qrcodetest.Unpack(text)
	if err != nil {
		return "", fmt.Errorf("forging a code: %w", err)
	}
	forged := bytes.Replace(cose, []byte(holder), []byte(otherHolder), 1)
	if bytes.Equal(forged, cose) {
		return "", errors.New("forging a code: it does not show its holder")
	}
	return qrcodetest.Pack(qrcode.FormatHT1, forged), nil
}

// change pushes one event about a credential and waits in every other province until the verdict is the expected one.
// The delays count from the acknowledgement.
func (s *story) change(ctx context.Context, what string, p paper, status statuslog.Status, expected expect) error {
	event := statuslog.Event{
		Kind: statuslog.KindCredential, Subject: statuslog.HandleSubject(p.handle), Status: status, Effective: now(),
	}
	begun := time.Now()
	if err := s.push(ctx, p.from, event); err != nil {
		return err
	}
	acknowledged := time.Now()
	s.add(Line{Step: p.from.short + what, From: string(p.from.code), At: string(p.from.code), MS: ms(acknowledged.Sub(begun))})

	type answer struct {
		line Line
		err  error
	}
	answers := make(chan answer, len(s.members))
	waiting := 0
	for _, at := range s.members {
		if at == p.from {
			continue
		}
		waiting++
		go func() {
			line, err := s.await(ctx, p, at, expected)
			line.MS = ms(time.Since(acknowledged))
			answers <- answer{line, err}
		}()
	}
	var failure error
	for range waiting {
		a := <-answers
		if a.err != nil {
			failure = a.err
			continue
		}
		s.delayed(a.line)
	}
	return failure
}

// await asks at a counter until the verdict is the expected one. A verdict that does not come in time is no error but a
// line that differs.
func (s *story) await(ctx context.Context, p paper, at *member, expected expect) (Line, error) {
	line := Line{Step: "  → " + at.short, From: string(p.from.code), At: string(at.code), Expected: expected.verdict, ExpectedReason: expected.reason}
	counter := at.counter(ctx)
	err := s.until(ctx, "the verdict at "+string(at.code), spreadWithin, func(ctx context.Context) (bool, error) {
		v, err := counter.Verify(ctx, httpapi.Verify{Credential: p.text})
		if err != nil {
			return false, err
		}
		line.take(v)
		return !line.wrong(), nil
	})
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		err = nil
	}
	return line, err
}

// push sends one event, again while the province has no leader.
func (s *story) push(ctx context.Context, m *member, event statuslog.Event) error {
	return s.until(ctx, "the cluster of "+string(m.code)+" to take a status batch", spreadWithin, func(ctx context.Context) (bool, error) {
		counter := m.counter(ctx)
		_, err := m.authority.Push([]statuslog.Event{event}, now(), func(signed []byte) error {
			_, err := counter.PushBatch(ctx, m.token, signed)
			return authority.Answer(err)
		})
		if _, refused := trust.AsRefusal(err); refused {
			return false, final{err}
		}
		return err == nil, err
	})
}

func (s *story) revoked(ctx context.Context) error {
	s.heading("吊销与传播 · revoked, and how fast the others know")
	for _, m := range s.members {
		p, err := s.issue(m, authority.Claims{})
		if err != nil {
			return err
		}
		if err := s.change(ctx, "吊销 revoke", p, statuslog.StatusRevoked, expect{"invalid", "credential-revoked"}); err != nil {
			return err
		}
	}
	return nil
}

func (s *story) suspendedAndReinstated(ctx context.Context) error {
	s.heading("暂扣与发还 · suspended and reinstated")
	p := s.papers[s.members[1]]
	if err := s.change(ctx, "暂扣 suspend", p, statuslog.StatusSuspended, expect{"invalid", "credential-suspended"}); err != nil {
		return err
	}
	return s.change(ctx, "发还 reinstate", p, statuslog.StatusValid, expect{"valid", ""})
}

// leaderKilled: the leader's process is killed; the counters are served all the while, and a revocation still spreads.
func (s *story) leaderKilled(ctx context.Context) error {
	s.heading("领导节点被杀 · a leader is killed")
	m, other := s.members[1], s.members[0]
	i, err := m.leader(ctx)
	if err != nil {
		return err
	}
	m.processes[i].Kill()
	m.processes[i] = nil
	killed := time.Now()
	s.add(Line{Step: "kill -9 " + m.province.State.Nodes[i].ID, At: string(m.code)})
	if err := s.judge(ctx, m.short+"窗口照常 still served", s.papers[other], m, expect{"valid", ""}); err != nil {
		return err
	}
	if err := s.until(ctx, "a new leader in "+string(m.code), spreadWithin, func(ctx context.Context) (bool, error) {
		_, err := m.leader(ctx)
		return err == nil, err
	}); err != nil {
		return err
	}
	s.add(Line{Step: m.short + "新领导 new leader", At: string(m.code), MS: ms(time.Since(killed))})
	p, err := s.issue(m, authority.Claims{})
	if err != nil {
		return err
	}
	return s.change(ctx, "吊销 revoke", p, statuslog.StatusRevoked, expect{"invalid", "credential-revoked"})
}

// issuerWithdrawn: an issuer is withdrawn; what it issued before stays valid, what it issues after does not pass.
func (s *story) issuerWithdrawn(ctx context.Context) error {
	s.heading("签发机构被撤销授权 · an issuer is withdrawn")
	m, at := s.members[2], s.members[0]
	if err := nextSecond(ctx); err != nil { // signed times have whole seconds: "before" and "at" must differ
		return err
	}
	since := now()
	begun := time.Now()
	change := province.AnchorChange{Status: list.Withdrawn, Since: since, Reason: "demo"}
	if _, err := m.province.AnchorChange(m.authority.ID, change, since); err != nil {
		return err
	}
	if err := s.publishList(ctx, m); err != nil {
		return err
	}
	published := time.Now()
	s.add(Line{Step: m.short + "撤销授权 withdraw " + m.authority.ID, At: string(m.code), MS: ms(published.Sub(begun))})
	later, err := s.issue(m, authority.Claims{})
	if err != nil {
		return err
	}
	line, err := s.await(ctx, later, at, expect{"invalid", "anchor-withdrawn"})
	if err != nil {
		return err
	}
	line.Step, line.MS = "  其后签发 issued after → "+at.short, ms(time.Since(published))
	s.delayed(line)
	return s.judge(ctx, "  此前签发 issued before → "+at.short, s.papers[m], at, expect{"valid", "anchor-withdrawn-later"})
}

// nextSecond waits until the clock shows another whole second.
func nextSecond(ctx context.Context) error {
	at := time.Now().Truncate(time.Second).Add(time.Second)
	select {
	case <-time.After(time.Until(at)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
