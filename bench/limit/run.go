package limit

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// Times are the seconds of the phases.
type Times struct {
	Load    float64 `json:"load"`
	Compute float64 `json:"compute"`
	Write   float64 `json:"write"`
}

// line appends the text of a vertex's value.
type line func(dst []byte, v int) []byte

// run reads the file input, computes and writes "id TAB value" lines into the new
// folder output, a file a worker.
func run(input, output string, workers int, keep want, compute func(*csr) (line, error)) (t Times, err error) {
	start := time.Now()
	text, err := mapped(input)
	if err != nil {
		return t, err
	}
	g, err := load(text, workers, keep)
	if err := unix.Munmap(text); err != nil {
		return t, err
	}
	if err != nil {
		return t, fmt.Errorf("%s: %w", input, err)
	}
	t.Load = time.Since(start).Seconds()

	start = time.Now()
	value, err := compute(g)
	if err != nil {
		return t, err
	}
	t.Compute = time.Since(start).Seconds()

	start = time.Now()
	err = write(output, g, workers, value)
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

func write(output string, g *csr, workers int, value line) error {
	if err := os.Mkdir(output, 0o755); err != nil {
		return err
	}
	var group errgroup.Group
	for w := range workers {
		group.Go(func() error {
			lo, hi := len(g.ids)*w/workers, len(g.ids)*(w+1)/workers
			buf := make([]byte, 0, 32*(hi-lo))
			for v := lo; v < hi; v++ {
				buf = append(appendUint(buf, g.ids[v]), '\t')
				buf = append(value(buf, v), '\n')
			}
			return os.WriteFile(filepath.Join(output, fmt.Sprintf("part-%05d", w)), buf, 0o644)
		})
	}
	return group.Wait()
}

// at returns the number of the vertex that has an id.
func (g *csr) at(id uint32) (uint32, error) {
	v, ok := slices.BinarySearch(g.ids, id)
	if !ok {
		return 0, fmt.Errorf("no vertex %d in the graph", id)
	}
	return uint32(v), nil
}

// parallel runs f for every worker and waits.
func parallel(workers int, f func(w int)) {
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() { f(w) })
	}
	wg.Wait()
}
