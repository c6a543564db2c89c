package main

import (
	"context"
	"os"
	"strconv"

	"scalar/bench"
)

// start measures what a newcomer meets first.
func (h *harness) start(ctx context.Context) ([]bench.Figure, error) {
	st, err := os.Stat(h.bsp)
	if err != nil {
		return nil, err
	}
	size := bench.Figure{Name: "static binary", Unit: "MB", Samples: []float64{float64(st.Size()) / 1e6}, Mark: 40}

	version := bench.Figure{Name: "bsp version", Unit: "ms", Mark: 20}
	version.Samples, err = h.repeat(4*h.runs, func() (float64, error) {
		_, took, err := h.bspRun(ctx, nil, "version")
		return took.Seconds() * 1e3, err
	})
	if err != nil {
		return nil, err
	}

	dev := bench.Figure{Name: "bsp dev ready", Unit: "s", Mark: 3, Note: "3 masters, 4 grooms, until `node list` shows all"}
	for range h.runs {
		c, err := h.dev(ctx, 4)
		if err != nil {
			return nil, err
		}
		dev.Samples = append(dev.Samples, c.ready.Seconds())
		if err := c.stop(); err != nil {
			return nil, err
		}
	}
	return []bench.Figure{size, version, dev}, nil
}

// local measures the engine without a cluster.
func (h *harness) local(ctx context.Context) ([]bench.Figure, error) {
	const supersteps = 200_000
	empty := bench.Figure{Name: "empty superstep", Unit: "µs", Mark: 5, Peers: "Hama local 12–15", Note: "2 peers in one process, in-process, randcomm --messages 0"}
	var err error
	empty.Samples, err = h.repeat(h.runs, func() (float64, error) {
		info, _, err := h.job(ctx, nil, "job", "submit", "--local", "--peers", "2", "-o", "json",
			"randcomm", "--", "--size", "16", "--messages", "0", "--supersteps", strconv.Itoa(supersteps))
		return info.Seconds.Compute / supersteps * 1e6, err
	})
	if err != nil {
		return nil, err
	}

	figures := []bench.Figure{empty}
	for _, scale := range h.scales {
		f, err := h.pagerank(ctx, scale)
		if err != nil {
			return nil, err
		}
		figures = append(figures, f...)
	}
	return figures, nil
}

// cluster measures a job's way through masters and grooms.
func (h *harness) cluster(ctx context.Context) ([]bench.Figure, error) {
	c, err := h.dev(ctx, 4)
	if err != nil {
		return nil, err
	}
	plane := ""
	trivial := bench.Figure{Name: "trivial job, submit → exit", Unit: "ms", Mark: 150, Peers: "Hama 3,300, Spark 7,500, Ray 8,000"}
	trivial.Samples, err = h.repeat(10*h.runs, func() (float64, error) {
		info, took, err := h.job(ctx, c.env, "job", "submit", "--peers", "2", "-o", "json", "pi", "--", "--samples", "1000")
		plane = info.DataPlane
		return took.Seconds() * 1e3, err
	})
	trivial.Note = "pi --samples 1000, 2 peers, warm bsp dev (3 masters, 4 grooms), " + plane
	if err != nil {
		_ = c.stop() // the first error counts
		return nil, err
	}
	return []bench.Figure{trivial}, c.stop()
}
