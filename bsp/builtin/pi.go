package builtin

import (
	"context"
	"math"
	"math/rand/v2"

	"scalar/bsp"
)

func piProgram() Program {
	p := Program{
		Name: "pi", Summary: "estimates π by random points in a square", Input: None, Output: Optional,
		Options: []Option{{Name: "samples", Kind: KindInt, Default: "1000000", Help: "points that each peer draws"}},
	}
	p.New = func(args []string) (bsp.Runner, error) {
		v, err := p.Values(args)
		if err != nil {
			return nil, err
		}
		samples, err := v.IntRange("samples", 1, math.MaxInt64)
		if err != nil {
			return nil, err
		}
		return bsp.NewRunner(pi(int64(samples))), nil
	}
	return p
}

// piBatch is how many points are drawn between two looks at ctx.
const piBatch = 1 << 20

// pi draws samples points on each peer in superstep 0, the same ones in every run.
func pi(samples int64) bsp.Program[int64] {
	return func(ctx context.Context, p *bsp.Peer[int64]) error {
		var state struct{} // all that is known after the barrier is in the messages
		if _, err := p.State(&state); err != nil {
			return err
		}
		if p.Superstep() == 0 {
			rng := rand.NewPCG(0, uint64(p.Index()))
			inside := int64(0)
			for left := samples; left > 0; left -= piBatch {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				inside += countInside(rng, min(left, piBatch))
			}
			p.Send(0, inside)
			if err := p.Sync(ctx); err != nil {
				return err
			}
		}
		if p.Index() != 0 {
			return nil
		}
		inside := int64(0)
		for n := range p.Messages() {
			inside += n
		}
		p.Write("pi", 4*float64(inside)/(float64(samples)*float64(p.N())))
		return nil
	}
}

// countInside draws n points, 32 bits a coordinate, and counts those within the
// quarter of the circle.
func countInside(rng *rand.PCG, n int64) (inside int64) {
	const unit = 1.0 / (1 << 32)
	for range n {
		r := rng.Uint64()
		x, y := float64(uint32(r))*unit, float64(r>>32)*unit
		if x*x+y*y < 1 {
			inside++
		}
	}
	return inside
}
