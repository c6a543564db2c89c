package linear

import (
	"context"

	"golang.org/x/sync/errgroup"

	"scalar/bsp"
	"scalar/bsp/job"
	"scalar/ml/data"
	"scalar/ml/reduce"
	"scalar/tensor"
)

// A crew is a peer's workers and its shards of the rows that are trained on.
type crew struct {
	peers    reduce.Peers
	tree     reduce.Tree
	training []uint32 // rows of all shards
	lo, hi   int      // the own shards
	cpus     []*tensor.CPU
}

// newCrew cuts rows into shards, 0: as many as peers, and makes as many workers as this peer
// has cores and shards, which share its cores.
func newCrew[M any](p *bsp.Peer[M], rows []uint32, shards int) (*crew, error) {
	if shards == 0 {
		shards = p.N()
	}
	tree, err := reduce.NewTree(shards, p.N())
	if err != nil {
		return nil, job.Usage("--shards: %v", err)
	}
	c := &crew{peers: reduce.Of(p), tree: tree, training: rows}
	c.lo, c.hi = tree.Owned(p.Index())
	cores := p.Cores()
	workers := min(cores, c.hi-c.lo)
	for i := range workers {
		cpu, err := tensor.NewCPU(tensor.Config{Cores: (i+1)*cores/workers - i*cores/workers})
		if err != nil {
			c.close()
			return nil, err
		}
		c.cpus = append(c.cpus, cpu)
	}
	return c, nil
}

func (c *crew) close() {
	for _, cpu := range c.cpus {
		cpu.Close()
	}
}

// rows returns the rows of an own shard.
func (c *crew) rows(shard int) []uint32 {
	lo, hi := reduce.Part(len(c.training), shard, c.tree.Shards())
	return c.training[lo:hi]
}

// size returns how many rows the peer has.
func (c *crew) size() (n int) {
	for s := c.lo; s < c.hi; s++ {
		n += len(c.rows(s))
	}
	return n
}

// sum returns the sum over all shards of what do adds to a vector of zeros, the same at all
// peers. do is called for all own shards, by each worker for one at a time.
func (c *crew) sum(ctx context.Context, size int, do func(worker, shard int, sums []float64) error) ([]float64, error) {
	sums := make([][]float64, c.hi-c.lo)
	var g errgroup.Group
	for w := range c.cpus {
		g.Go(func() error {
			for s := c.lo + w; s < c.hi; s += len(c.cpus) {
				sums[s-c.lo] = make([]float64, size)
				if err := do(w, s, sums[s-c.lo]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return c.tree.Sums(ctx, c.peers, sums)
}

// all returns the numbers of all rows of a set.
func all(set *data.Set) []uint32 {
	rows := make([]uint32, set.Len())
	for i := range rows {
		rows[i] = uint32(i)
	}
	return rows
}
