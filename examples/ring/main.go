// Ring passes tokens around: each peer starts with its index, adds up the tokens that
// come from the left and passes them on to the right. It keeps its state in
// checkpoints, so that a job whose task is killed goes on from the last one:
//
//	go run ./examples/ring --peers 4 --tasks 2 --checkpoint-every 10
package main

import (
	"context"

	"scalar/bsp"
)

const rounds = 100

func ring(ctx context.Context, p *bsp.Peer[int]) error {
	var state struct{ Sum int }
	if _, err := p.State(&state); err != nil {
		return err
	}
	for p.Superstep() < rounds {
		token := p.Index()
		for m := range p.Messages() {
			token = m
			state.Sum += m
		}
		p.Send((p.Index()+1)%p.N(), token)
		if err := p.Sync(ctx); err != nil {
			return err
		}
	}
	p.Write(p.Index(), state.Sum)
	return nil
}

func main() { bsp.Main(ring, bsp.CheckpointEvery(10)) }
