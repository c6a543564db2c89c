package gen

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"scalar/internal/splitmix"
)

// Limits of an R-MAT graph.
const (
	MaxScale = 31      // vertices are numbered with 31 bits
	MaxEdges = 1 << 34 // drawn; each takes 8 bytes of memory
)

// RMAT describes a recursive-matrix graph (Chakrabarti, Zhan, Faloutsos: R-MAT,
// SDM 2004) with the parameters of Graph500: a=.57, b=.19, c=.19, d=.05.
type RMAT struct {
	Scale      int    // 2^Scale vertices, 1 to MaxScale
	EdgeFactor int    // edges drawn per vertex, at least 1; loops and duplicates among them are dropped
	Seed       uint64 // equal seeds give equal graphs
	Weights    bool   // a third column, whole numbers from 1 to 255
}

// Probabilities of the quadrants in 1/65536, summed up.
const (
	cutA   = 37356 // .57
	cutAB  = 49807 // .76
	cutABC = 62259 // .95
)

const (
	chunkEdges = 1 << 16 // drawn from one random stream
	bucketBits = 9       // of the source: what is sorted at once fits a cache up to scale 20
)

// Validate reports a configuration that cannot be made.
func (g RMAT) Validate() error {
	switch {
	case g.Scale < 1 || g.Scale > MaxScale:
		return fmt.Errorf("scale %d: want 1 to %d", g.Scale, MaxScale)
	case g.EdgeFactor < 1:
		return fmt.Errorf("edge factor %d: want at least 1", g.EdgeFactor)
	case int64(g.EdgeFactor) > MaxEdges>>g.Scale:
		return fmt.Errorf("scale %d with edge factor %d is over the limit of %d edges", g.Scale, g.EdgeFactor, int64(MaxEdges))
	}
	return nil
}

// Write writes the graph as lines "src dst [weight]", sorted by source and then
// destination, and returns the number of edges. It uses all cores.
func (g RMAT) Write(ctx context.Context, w io.Writer) (edges int64, err error) {
	if err := g.Validate(); err != nil {
		return 0, err
	}
	buckets, err := g.draw(ctx)
	if err != nil {
		return 0, err
	}
	texts := make([]chan text, len(buckets))
	for i := range texts {
		texts[i] = make(chan text, 1) // one text each: whoever makes it never waits
	}
	ahead := make(chan struct{}, 4*runtime.GOMAXPROCS(0)) // bounds the texts that wait to be written
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		work := errgroup.Group{}
		work.SetLimit(runtime.GOMAXPROCS(0))
		defer func() { _ = work.Wait() }() // its functions return no errors
		for i, b := range buckets {
			select {
			case ahead <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
			work.Go(func() error {
				texts[i] <- g.format(b)
				return nil
			})
			buckets[i] = nil
		}
		return nil
	})
	group.Go(func() error {
		for _, c := range texts {
			select {
			case t := <-c:
				if _, err := w.Write(t.bytes); err != nil {
					return err
				}
				edges += t.edges
				<-ahead
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	err = group.Wait()
	return edges, err
}

// A bucket holds the edges of one range of sources, src<<32|dst, in pieces.
type bucket [][]uint64

// draw makes all edges, loops and duplicates included, in buckets by source.
func (g RMAT) draw(ctx context.Context) ([]bucket, error) {
	ids := g.shuffle()
	bits := min(g.Scale, bucketBits)
	drawn := int64(g.EdgeFactor) << g.Scale
	chunks := int((drawn + chunkEdges - 1) / chunkEdges)
	workers := min(runtime.GOMAXPROCS(0), chunks)
	pieces := make([][][]uint64, workers) // by worker and bucket
	group, ctx := errgroup.WithContext(ctx)
	for worker := range workers {
		mine := make([][]uint64, 1<<bits)
		for i := range mine {
			mine[i] = make([]uint64, 0, drawn>>bits/int64(workers)*5/4+16)
		}
		pieces[worker] = mine
		group.Go(func() error {
			for c := worker; c < chunks; c += workers {
				if err := ctx.Err(); err != nil {
					return err
				}
				n := min(chunkEdges, drawn-int64(c)*chunkEdges)
				g.drawChunk(c, int(n), func(src, dst uint32) {
					s, d := ids[src], ids[dst]
					b := s >> (g.Scale - bits)
					mine[b] = append(mine[b], uint64(s)<<32|uint64(d))
				})
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	buckets := make([]bucket, 1<<bits)
	for _, mine := range pieces {
		for i, piece := range mine {
			buckets[i] = append(buckets[i], piece)
		}
	}
	return buckets, nil
}

// shuffle returns a permutation of the vertices, so that the id of a vertex says
// nothing of its degree.
func (g RMAT) shuffle() []uint32 {
	rng := rand.NewPCG(g.Seed, ^uint64(0))
	ids := make([]uint32, 1<<g.Scale)
	for i := range ids {
		j := uint32(rng.Uint64() >> 32 * uint64(i+1) >> 32)
		ids[i] = ids[j]
		ids[j] = uint32(i)
	}
	return ids
}

// drawChunk draws n edges of one chunk without loops: four levels of the
// recursion a random number, 16 bits each.
func (g RMAT) drawChunk(chunk, n int, edge func(src, dst uint32)) {
	rng := rand.NewPCG(g.Seed, uint64(chunk))
	for range n {
		var src, dst uint32
		var r uint64
		for level := range g.Scale {
			if level%4 == 0 {
				r = rng.Uint64()
			}
			q := uint32(r & 0xffff)
			r >>= 16
			// Bits of comparisons without branches: a difference below zero borrows.
			a, ab, abc := 1-(q-cutA)>>31, 1-(q-cutAB)>>31, 1-(q-cutABC)>>31
			src = src<<1 | ab
			dst = dst<<1 | (a ^ ab | abc)
		}
		if src != dst {
			edge(src, dst)
		}
	}
}

// A text is the lines of one bucket.
type text struct {
	bytes []byte
	edges int64
}

func (g RMAT) format(b bucket) text {
	keys := slices.Concat(b...)
	slices.Sort(keys)
	keys = slices.Compact(keys)
	perLine := 2*(g.Scale*3/10+1) + 2
	if g.Weights {
		perLine += 4
	}
	t := text{bytes: make([]byte, 0, len(keys)*perLine), edges: int64(len(keys))}
	var src []byte
	last := ^uint64(0)
	for _, k := range keys {
		if k>>32 != last {
			last = k >> 32
			src = append(appendUint(src[:0], last), ' ')
		}
		t.bytes = append(t.bytes, src...)
		t.bytes = appendUint(t.bytes, k&0xffffffff)
		if g.Weights {
			t.bytes = append(t.bytes, ' ')
			t.bytes = appendUint(t.bytes, weight(g.Seed, k))
		}
		t.bytes = append(t.bytes, '\n')
	}
	return t
}

// weight is a function of seed and edge, so that it does not depend on the order in
// which edges are drawn.
func weight(seed, key uint64) uint64 { return splitmix.Mix(seed^key*splitmix.Gamma)%255 + 1 }

func appendUint(b []byte, x uint64) []byte {
	var digits [20]byte
	i := len(digits)
	for {
		i--
		digits[i] = byte('0' + x%10)
		x /= 10
		if x == 0 {
			return append(b, digits[i:]...)
		}
	}
}
