package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"scalar/bench"
	"scalar/bsp/job"
)

// An ended is what a job has come to that was waited for.
type ended struct {
	info job.Info
	took time.Duration
	peak float64 // the most memory, in MB, that bsp or one of the processes it has waited for had resident
	log  string  // stderr
}

// peakOf is toEnd without an environment of its own.
func (h *harness) peakOf(ctx context.Context, args ...string) (info job.Info, took time.Duration, peak float64, err error) {
	r, err := h.toEnd(ctx, nil, args...)
	return r.info, r.took, r.peak, err
}

// toEnd runs bsp as job does. Linux counts the harness's own peak at the start into a process's, some 20 MB: what holds much
// of its memory is measured after what asks for the peak.
func (h *harness) toEnd(ctx context.Context, env []string, args ...string) (r ended, err error) {
	cmd := exec.CommandContext(ctx, h.bsp, args...)
	cmd.Env = append(plainEnv(), env...)
	var errs strings.Builder
	cmd.Stderr = &errs
	start := time.Now()
	out, err := cmd.Output()
	r.took, r.log = time.Since(start), errs.String()
	if err != nil {
		return r, fmt.Errorf("bsp %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(r.log))
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return r, fmt.Errorf("bsp %s: no usage of resources", args[0])
	}
	r.peak = float64(usage.Maxrss) * 1024 / 1e6
	return r, json.Unmarshal(out, &r.info)
}

// load measures reading a graph: from text, and from the binary form.
func (h *harness) load(ctx context.Context) ([]bench.Figure, error) {
	g, err := h.rmat(ctx, h.scale, false)
	if err != nil {
		return nil, err
	}
	binary, err := h.made(filepath.Base(strings.TrimSuffix(g.path, ".txt"))+".bin", func(path string) error {
		_, _, err := h.bspRun(ctx, nil, "data", "convert", "--to", "graph", g.path, path)
		return err
	})
	if err != nil {
		return nil, err
	}
	text, again, bare := pagerankTrial(1), pagerankTrial(1), floor{}
	if err := h.turns(h.floorOf(ctx, &bare, g.path, rankArgs), h.on(ctx, text, g.path), h.on(ctx, again, binary)); err != nil {
		return nil, err
	}
	f := seconds(fmt.Sprintf("load R-MAT %d from text", h.scale), text.load, h.mark(0.35))
	f.Limit, f.Floor = bare.load, "one process, all cores, finds ids by a bitmap, checks little"
	f.Note = fmt.Sprintf("%.4g M edges, %.4g MB; %s", g.edges/1e6, g.bytes/1e6, text.how())
	b := seconds(fmt.Sprintf("load R-MAT %d from the binary form", h.scale), again.load, 0)
	b.Note = "bsp data convert --to graph; " + again.how()
	peak := bench.Figure{Name: fmt.Sprintf("peak memory of PageRank R-MAT %d", h.scale), Unit: "MB", Samples: text.peak, Mark: h.mark(200)}
	peak.Note = "resident, of the whole process; the text is in the page cache; " + text.how()
	return []bench.Figure{f, b, peak}, nil
}

// idLoads measures what other ids cost: the same graph with its ids spread over 2^62,
// and as strings, each run beside one of the ids from 0 on.
func (h *harness) idLoads(ctx context.Context) (figures []bench.Figure, err error) {
	g, err := h.rmat(ctx, h.scale, false)
	if err != nil {
		return nil, err
	}
	dense := pagerankTrial(1)
	for _, v := range []struct {
		name, how string
		mark      float64
		id        func(dst []byte, id uint64) []byte
		options   []string
	}{
		{"ids spread over 2^62", "every id times an odd number, mod 2^62", 2, func(dst []byte, id uint64) []byte {
			return strconv.AppendUint(dst, id*0x9e3779b97f4a7c15%(1<<62), 10)
		}, nil},
		{"string ids", "user-ID", 4, func(dst []byte, id uint64) []byte {
			return strconv.AppendUint(append(dst, "user-"...), id, 10)
		}, []string{"--ids", "string"}},
	} {
		path, err := h.made(fmt.Sprintf("rmat%d-16-1-%s.txt", h.scale, strings.Fields(v.name)[0]), func(to string) error {
			_, err := rewrite(g.path, to, v.id)
			return err
		})
		if err != nil {
			return nil, err
		}
		other := pagerankTrial(1)
		other.program = append(other.program, v.options...)
		plain := *dense
		if err := h.turns(h.on(ctx, &plain, g.path), h.on(ctx, other, path)); err != nil {
			return nil, err
		}
		f := bench.Figure{Name: fmt.Sprintf("load R-MAT %d, %s", h.scale, v.name), Unit: "times dense ids", Mark: h.mark(v.mark)}
		f.Samples = ratios(other.load, plain.load)
		st, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		f.Note = fmt.Sprintf("%s: %.4g MB in %.3g s beside %.4g MB in %.3g s; %s", v.how, float64(st.Size())/1e6,
			seconds("", other.load, 0).Median(), g.bytes/1e6, seconds("", plain.load, 0).Median(), other.how())
		figures = append(figures, f)
	}
	return figures, nil
}

// ratios divides sample by sample.
func ratios(a, b []float64) []float64 {
	r := make([]float64, len(a))
	for i := range a {
		r[i] = a[i] / b[i]
	}
	return r
}

// rewrite writes an edge list with other ids and returns its lines.
func rewrite(from, to string, id func(dst []byte, id uint64) []byte) (lines int, err error) {
	in, err := os.Open(from)
	if err != nil {
		return 0, err
	}
	defer func() { _ = in.Close() }() // read only
	out, err := os.Create(to)
	if err != nil {
		return 0, err
	}
	w := bufio.NewWriterSize(out, 1<<20)
	var line []byte
	for s := bufio.NewScanner(in); s.Scan(); lines++ {
		src, dst, _ := strings.Cut(s.Text(), " ")
		line = line[:0]
		for i, field := range []string{src, dst} {
			x, err := strconv.ParseUint(field, 10, 64)
			if err != nil {
				return lines, err
			}
			if i > 0 {
				line = append(line, ' ')
			}
			line = id(line, x)
		}
		if _, err := w.Write(append(line, '\n')); err != nil {
			return lines, err
		}
	}
	if err := w.Flush(); err != nil {
		return lines, err
	}
	return lines, out.Close()
}
