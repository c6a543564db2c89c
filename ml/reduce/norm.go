package reduce

import (
	"context"
	"fmt"
	"math"
)

// root returns the root of the sum of all peers' numbers, in order.
func (a *Arena) root(ctx context.Context, own []float64) (float64, error) {
	out := make([][]byte, a.peers.N)
	for i := range out {
		out[i] = asBytes(own)
	}
	parts, err := a.peers.HandOver(ctx, out)
	if err != nil {
		return 0, err
	}
	sum := 0.0
	for peer, part := range parts {
		lo, hi := a.Range(peer)
		v, err := asNumbers[float64](part, (hi-lo+Block-1)/Block)
		if err != nil {
			return 0, fmt.Errorf("lengths of peer %d: %w", peer, err)
		}
		for _, s := range v {
			sum += s
		}
	}
	return math.Sqrt(sum), nil
}
