package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"scalar/bench"
)

// drawn returns a folder of rows that mldata/make.py draws from a seed, made once.
func (h *harness) drawn(ctx context.Context, work string) (string, bool, error) {
	python, err := filepath.Abs(filepath.Join(peersDir, ".cache", "sklearn", "bin", "python"))
	if err != nil {
		return "", false, err
	}
	_, err = os.Stat(python)
	if errors.Is(err, fs.ErrNotExist) {
		h.skipped = append(h.skipped, work+" beside scikit-learn and Spark: rows are drawn by scikit-learn's Python")
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	dir, err := h.made("ml-"+work, func(path string) error {
		out, err := exec.CommandContext(ctx, python, filepath.Join(peersDir, "mldata", "make.py"), work, path).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("make.py %s: %w: %s", work, err, out)
		}
		return err
	})
	return dir, err == nil, err
}

// A classicTurn is what one of them came to in some runs.
type classicTurn struct {
	loop, wall []float64
	rounds     float64 // of the last run
	loss       float64
}

func (t *classicTurn) keep(loop, wall, rounds, loss float64) {
	t.loop, t.wall, t.rounds, t.loss = append(t.loop, loop), append(t.wall, wall), rounds, loss
}

// trained is what of a model.json is looked at.
type trained struct {
	Training struct {
		Loss  float64
		Steps int
	}
}

func (h *harness) classicOurs(ctx context.Context, t *classicTurn, keep bool, args ...string) error {
	out := h.output()
	info, took, err := h.job(ctx, nil, append([]string{"job", "submit", "-o", "json", "--local", "--output", out}, args...)...)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(filepath.Join(out, "model.json"))
	if err != nil {
		return err
	}
	var m trained
	if err := json.Unmarshal(b, &m); err != nil {
		return err
	}
	if keep {
		t.keep(info.Seconds.Compute, took.Seconds(), float64(max(m.Training.Steps, 1)), m.Training.Loss)
	}
	return os.RemoveAll(out)
}

func (h *harness) classicPeer(ctx context.Context, t *classicTurn, keep bool, name string, args ...string) error {
	start := time.Now()
	l, err := h.trainPeer(ctx, name, args...)
	if err != nil || l == nil {
		return err
	}
	if !keep {
		return nil
	}
	loss := l.Cost
	if all, ok := l.Loss.([]any); ok && len(all) > 0 {
		loss, _ = all[0].(float64)
	}
	t.keep(l.PerRound*float64(l.Iterations), time.Since(start).Seconds(), float64(l.Iterations), loss)
	return nil
}

// classic measures k-means and logistic regression beside scikit-learn and Spark.
func (h *harness) classic(ctx context.Context) (figures []bench.Figure, err error) {
	points, ok, err := h.drawn(ctx, "kmeans")
	if err != nil || !ok {
		return nil, err
	}
	for _, k := range []int{10, 100} {
		f, err := h.clusters(ctx, points, k)
		if err != nil {
			return nil, err
		}
		figures = append(figures, f...)
	}
	rows, _, err := h.drawn(ctx, "logistic")
	if err != nil {
		return nil, err
	}
	f, err := h.logistic(ctx, rows)
	return append(figures, f...), err
}

// clusters measures iterations of Lloyd's algorithm from the same centres.
func (h *harness) clusters(ctx context.Context, dir string, k int) ([]bench.Figure, error) {
	const rounds = 20
	first := filepath.Join(h.scratch, fmt.Sprintf("start-%d.csv", k))
	if err := head(filepath.Join(dir, "start.csv"), first, k); err != nil {
		return nil, err
	}
	var ours, sklearn, spark classicTurn
	args := []string{"--k", strconv.Itoa(k), "--iterations", strconv.Itoa(rounds), "--threads", strconv.Itoa(cores)}
	each := []func(keep bool) error{
		func(keep bool) error {
			return h.classicOurs(ctx, &ours, keep, "--peers", strconv.Itoa(cores), "--input", filepath.Join(dir, "points.npy"), "kmeans", "--", "--init", first, "--iterations", strconv.Itoa(rounds))
		},
		func(keep bool) error {
			return h.classicPeer(ctx, &sklearn, keep, "sklearn", append([]string{"kmeans", dir}, args...)...)
		},
	}
	if k == 10 {
		each = append(each, func(keep bool) error {
			return h.classicPeer(ctx, &spark, keep, "spark", append([]string{"kmeans", dir}, args...)...)
		})
	}
	if err := h.turns(each...); err != nil {
		return nil, err
	}
	name := fmt.Sprintf("k-means, 100,000×50, k = %d", k)
	perRound := func(t classicTurn) (all []float64) {
		for _, s := range t.loop {
			all = append(all, s/t.rounds*1e3)
		}
		return all
	}
	figures := []bench.Figure{{Name: name, Unit: "ms an iteration", Samples: perRound(ours), Note: fmt.Sprintf("%d peers in one process, NPY, %.0f iterations", cores, ours.rounds)}}
	for _, o := range []struct {
		title string
		t     classicTurn
		mark  float64
	}{{"scikit-learn (Lloyd, float32)", sklearn, .8}, {"Spark MLlib", spark, 25}} {
		if len(o.t.loop) == 0 {
			continue
		}
		figures = append(figures, bench.Figure{
			Name: name + " beside " + o.title, Unit: "times faster", AtLeast: true, Mark: o.mark, Samples: ratios(perRound(o.t), perRound(ours)),
			Note: fmt.Sprintf("theirs %.3g ms an iteration, %.0f iterations; sum of squares %.6g, ours %.6g", bench.Figure{Samples: perRound(o.t)}.Median(), o.t.rounds, o.t.loss, ours.loss*1e5),
		})
	}
	return figures, nil
}

// logistic measures L-BFGS to the same loss.
func (h *harness) logistic(ctx context.Context, dir string) ([]bench.Figure, error) {
	const rounds = "20"
	var ours, sklearn, spark classicTurn
	threads := []string{"--iterations", rounds, "--threads", strconv.Itoa(cores)}
	err := h.turns(
		func(keep bool) error {
			return h.classicOurs(ctx, &ours, keep, "--peers", strconv.Itoa(cores), "--input", filepath.Join(dir, "rows.csv"), "logistic", "--", "--optimizer", "lbfgs", "--iterations", rounds, "--tolerance", "1e-12", "--scale", "none")
		},
		func(keep bool) error {
			return h.classicPeer(ctx, &sklearn, keep, "sklearn", append([]string{"logistic", dir}, threads...)...)
		},
		func(keep bool) error {
			return h.classicPeer(ctx, &spark, keep, "spark", append([]string{"logistic", dir}, threads...)...)
		},
	)
	if err != nil {
		return nil, err
	}
	name := "logistic regression by L-BFGS, 100,000×50"
	figures := []bench.Figure{{Name: name + ", loop", Unit: "s", Samples: ours.loop, Note: fmt.Sprintf("%d peers in one process, CSV; loss %.6f", cores, ours.loss)}}
	for _, o := range []struct {
		title string
		t     classicTurn
		mark  float64
	}{{"scikit-learn", sklearn, 0}, {"Spark MLlib", spark, 15}} {
		if len(o.t.loop) == 0 {
			continue
		}
		note := fmt.Sprintf("theirs loss %.6f in %.0f iterations, ours %.6f", o.t.loss, o.t.rounds, ours.loss)
		if math.Abs(o.t.loss-ours.loss) > 1e-3*o.t.loss {
			note += ": NOT EQUAL"
		}
		figures = append(figures,
			bench.Figure{Name: name + ", loop, beside " + o.title, Unit: "times faster", AtLeast: true, Mark: o.mark, Samples: ratios(o.t.loop, ours.loop), Note: note},
			bench.Figure{Name: name + ", process to process, beside " + o.title, Unit: "times faster", AtLeast: true, Mark: o.mark, Samples: ratios(o.t.wall, ours.wall), Note: "theirs with all that it does to print its figures"})
	}
	return figures, nil
}

// head copies the first lines of a file.
func head(from, to string, lines int) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	at := 0
	for i, c := range b {
		if c == '\n' {
			if lines--; lines == 0 {
				at = i + 1
				break
			}
		}
	}
	return os.WriteFile(to, b[:at], 0o600)
}
