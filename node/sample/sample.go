// Package sample makes a small province that lives inside one process: a national list, a trust list of some issuers
// under a provincial CA, and a real registry of one node that holds them, with real signatures, Raft log and files.
// Benchmarks and tests use it where a whole cluster would only be in the way.
//
// It promises that nothing in it is taken on another path than in production: lists, batches and heads go through
// package consensus as everybody's do. It has no federation, so nothing is known of other provinces, and its keys are
// made anew each time and live in memory only.
package sample

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hutong-project/hutong/consensus"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/national"
	"github.com/hutong-project/hutong/trust/sm2sig"
)

// Config says what to make. Dir and Issuers are needed.
type Config struct {
	Dir        string           // the registry's data folder; created where missing
	Issuers    int              // 1 to 99
	Neighbours []trust.Province // stand in the national list; nothing is held of them
	Policy     national.Policy  // zero: national.DefaultPolicy
	Logger     *slog.Logger     // nil: nothing is logged
}

// Code is the sample's province: 上海.
const Code trust.Province = "310000"

// CredentialType is the one type that the issuers may grant.
const CredentialType = "11310000000000000X001"

// heartbeat is Raft's. One node elects itself; nobody is waited for longer than twice that.
const heartbeat = 50 * time.Millisecond

// A Province is the running sample. Its methods may be called concurrently.
type Province struct {
	Registry *consensus.Registry
	Issuers  []*Issuer // the last one's status changes are signed by the operator, the others sign their own

	made *keys
	pin  trust.Digest // of the first national list

	stop  context.CancelFunc
	ended chan error // Run's
	close func() error
}

// Open makes the province and returns when its registry holds both lists and has signed a head over them.
func Open(ctx context.Context, cfg Config) (*Province, error) {
	if cfg.Issuers < 1 || cfg.Issuers > 99 {
		return nil, fmt.Errorf("making a sample province: %d issuers, want 1 to 99", cfg.Issuers)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Policy == (national.Policy{}) {
		cfg.Policy = national.DefaultPolicy()
	}
	p, err := open(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("making a sample province: %w", err)
	}
	return p, nil
}

func open(ctx context.Context, cfg Config) (*Province, error) {
	made, err := makeKeys(cfg.Issuers, cfg.Neighbours)
	if err != nil {
		return nil, err
	}
	p := &Province{made: made, ended: make(chan error, 1)}
	p.Issuers = made.issuers
	first, err := p.firstNational(cfg)
	if err != nil {
		return nil, err
	}
	// Nobody else is ever dialled, so the port need not be known.
	const address = "127.0.0.1:0"
	p.Registry, err = consensus.Open(consensus.Config{
		Dir: cfg.Dir, NodeID: "sample", Bind: address, Bootstrap: true,
		Members: []consensus.Member{{ID: "sample", Address: address}},
		Own:     Code, Pin: p.pin,
		HeadKeys: []*sm2sig.PrivateKey{made.head}, OperatorKey: made.operator,
		Logger: cfg.Logger, HeartbeatTimeout: heartbeat,
	})
	if err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(context.Background())
	p.stop = stop
	p.close = sync.OnceValue(p.end)
	go func() { p.ended <- p.Registry.Run(running) }()
	if err := p.furnish(ctx, first); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// furnish hands the registry its first lists.
func (p *Province) furnish(ctx context.Context, nationalList []byte) error {
	if err := p.Registry.AdoptNational(ctx, [][]byte{nationalList}); err != nil {
		return err
	}
	raw, err := p.TrustList(1, trust.Digest{}, nil)
	if err != nil {
		return err
	}
	if err := p.Registry.PublishList(ctx, raw); err != nil {
		return err
	}
	return p.Settled(ctx)
}

// Settled returns when a signed head pins all that the registry holds of the own province.
func (p *Province) Settled(ctx context.Context) error {
	for {
		changed := p.Registry.Changed()
		if p.settled() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waiting for a head: %w", ctx.Err())
		}
	}
}

func (p *Province) settled() bool {
	reading := p.Registry.Reading()
	defer reading.Close()
	own := reading.View.Provinces[Code]
	return own != nil && own.List != nil && own.Head != nil && own.Head.TrustList.Digest == own.List.Digest &&
		own.Head.Head.Log.Size == own.Log.Size && own.Head.NationalList.Digest == reading.View.National.Digest
}

// Close ends the registry and returns why it had stopped by itself, if it had. The data folder stays. It may be called
// again.
func (p *Province) Close() error { return p.close() }

func (p *Province) end() error {
	p.stop()
	err := <-p.ended
	return errors.Join(err, p.Registry.Close())
}
