// Pi estimates π: each peer throws darts at a square and tells peer 0 how many hit
// the circle. Run it with go run ./examples/pi --peers 4, or on a cluster with
// bsp job submit examples/pi.
package main

import (
	"context"
	"math/rand/v2"

	"scalar/bsp"
)

const darts = 1_000_000 // of each peer

func pi(ctx context.Context, p *bsp.Peer[int64]) error {
	random := rand.New(rand.NewPCG(1, uint64(p.Index())))
	var hits int64
	for range darts {
		if x, y := random.Float64(), random.Float64(); x*x+y*y < 1 {
			hits++
		}
	}
	p.Send(0, hits)
	if err := p.Sync(ctx); err != nil || p.Index() > 0 {
		return err
	}
	var sum int64
	for m := range p.Messages() {
		sum += m
	}
	p.Write("pi", 4*float64(sum)/float64(darts*p.N()))
	return nil
}

func main() { bsp.Main(pi) }
