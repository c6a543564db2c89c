package limit

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// PageRank ranks the vertices of an edge list as algo.PageRank does: float64,
// Jacobi, dangling mass spread evenly, distinct ids found in the text. It pulls
// along one CSR in shared memory. It takes lines "src dst" only, ids below 2^32
// and not much sparser than the edges, and checks little else.
type PageRank struct {
	Iterations int
	Damping    float64
	Workers    int
}

// Times are the seconds of the phases.
type Times struct {
	Load    float64 `json:"load"`
	Compute float64 `json:"compute"`
	Write   float64 `json:"write"`
}

// Run reads the file input and writes "id TAB rank" lines into the new folder output,
// a file a worker.
func (c PageRank) Run(input, output string) (t Times, err error) {
	start := time.Now()
	text, err := mapped(input)
	if err != nil {
		return t, err
	}
	g, err := load(text, c.Workers)
	if err := unix.Munmap(text); err != nil {
		return t, err
	}
	if err != nil {
		return t, fmt.Errorf("%s: %w", input, err)
	}
	t.Load = time.Since(start).Seconds()

	start = time.Now()
	ranks := c.rank(g)
	t.Compute = time.Since(start).Seconds()

	start = time.Now()
	err = c.write(output, g, ranks)
	t.Write = time.Since(start).Seconds()
	return t, err
}

func mapped(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // read only
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return unix.Mmap(int(f.Fd()), 0, int(st.Size()), unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_POPULATE)
}

// rank runs the iterations. One pass an iteration reads the shares of the last and
// writes those of the next.
func (c PageRank) rank(g *csr) []float64 {
	n := len(g.ids)
	ranks, shares, next := make([]float64, n), make([]float64, n), make([]float64, n)
	dangling := 0.0
	for v := range ranks {
		ranks[v] = 1 / float64(n)
		if d := g.degrees[v]; d > 0 {
			shares[v] = ranks[v] / float64(d)
		} else {
			dangling += ranks[v]
		}
	}
	for range c.Iterations {
		base := (1 - c.Damping + c.Damping*dangling) / float64(n)
		lost := make([]float64, c.Workers)
		var chunks atomic.Int64
		parallel(c.Workers, func(w int) {
			const chunk = 4096
			mass := 0.0
			for lo := int(chunks.Add(chunk)) - chunk; lo < n; lo = int(chunks.Add(chunk)) - chunk {
				for v := lo; v < min(lo+chunk, n); v++ {
					sum := 0.0
					for _, u := range g.sources[g.offsets[v]:g.offsets[v+1]] {
						sum += shares[u]
					}
					r := base + c.Damping*sum
					ranks[v] = r
					if d := g.degrees[v]; d > 0 {
						next[v] = r / float64(d)
					} else {
						mass += r
					}
				}
			}
			lost[w] = mass
		})
		dangling = 0
		for _, x := range lost {
			dangling += x
		}
		shares, next = next, shares
	}
	return ranks
}

func (c PageRank) write(output string, g *csr, ranks []float64) error {
	if err := os.Mkdir(output, 0o755); err != nil {
		return err
	}
	var group errgroup.Group
	for w := range c.Workers {
		group.Go(func() error {
			lo, hi := len(ranks)*w/c.Workers, len(ranks)*(w+1)/c.Workers
			buf := make([]byte, 0, 32*(hi-lo))
			for v := lo; v < hi; v++ {
				buf = append(strconv.AppendUint(buf, uint64(g.ids[v]), 10), '\t')
				buf = append(strconv.AppendFloat(buf, ranks[v], 'g', -1, 64), '\n')
			}
			return os.WriteFile(filepath.Join(output, fmt.Sprintf("part-%05d", w)), buf, 0o644)
		})
	}
	return group.Wait()
}

// parallel runs f for every worker and waits.
func parallel(workers int, f func(w int)) {
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() { f(w) })
	}
	wg.Wait()
}
