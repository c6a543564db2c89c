package reduce

import (
	"context"

	"scalar/bsp"
)

// Peers is what the package needs of a job's peers. Make it with Of.
type Peers struct {
	Index, N int
	// Together says that all of them are in one process.
	Together bool
	// HandOver gives out[i] to peer i and returns what each peer gave, as bsp.HandOver does.
	// The package reads what it gets before its next call, so that what was given may be
	// written again once a HandOver or Take after that has returned.
	HandOver func(ctx context.Context, out [][]byte) ([][]byte, error)
	// Give and Take are its halves: the peers may wait for each other's barrier between them.
	Give func(ctx context.Context, out [][]byte) error
	Take func(ctx context.Context) ([][]byte, error)
	// Release says that what HandOver returned last is not read any more.
	Release func()
}

// Of returns the peers that p is one of.
func Of[M any](p *bsp.Peer[M]) Peers {
	lo, hi := p.Together()
	return Peers{
		p.Index(), p.N(), hi-lo == p.N(),
		func(ctx context.Context, out [][]byte) ([][]byte, error) { return bsp.HandOver(ctx, p, out) },
		func(ctx context.Context, out [][]byte) error { return bsp.Give(ctx, p, out) },
		func(ctx context.Context) ([][]byte, error) { return bsp.Take(ctx, p) },
		func() { bsp.Release(p) },
	}
}
