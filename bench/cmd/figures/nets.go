package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"scalar/bench"
	"scalar/bsp/job"
)

// mnistRows are the rows of MNIST to learn from.
const mnistRows = 60_000

// mnist returns the folder of MNIST, or false: figures of it are left out.
func (h *harness) mnist() (string, bool) {
	dir := os.Getenv("SCALAR_MNIST")
	if dir == "" {
		h.skipped = append(h.skipped, "all on MNIST: SCALAR_MNIST names no folder")
	}
	return dir, dir != ""
}

// A course is one way to train a net: what ours is given and what others are.
type course struct {
	work    string // of the peers
	program []string
	epochs  int
	batch   int
	rate    float64
}

func mlpCourse() course { return course{"mlp", []string{"mlp", "--hidden", "256,128"}, 4, 128, .05} }

func lenetCourse() course {
	return course{"lenet", []string{"cnn"}, 1, 128, .05}
}
func softmaxCourse() course { return course{"softmax", []string{"softmax"}, 2, 128, .02} }

// samples is how many rows a course goes through.
func (c course) samples() float64 { return float64(mnistRows / c.batch * c.batch * c.epochs) }

func (c course) args(seed int, more ...string) []string {
	args := append([]string{c.program[0], "--"}, c.program[1:]...)
	args = append(args, "--epochs", strconv.Itoa(c.epochs), "--batch", strconv.Itoa(c.batch), "--lr", fmt.Sprint(c.rate), "--momentum", "0.9", "--seed", strconv.Itoa(seed))
	return append(args, more...)
}

// A pupil is what ours came to in some runs of a course.
type pupil struct {
	course
	env    []string // GOMAXPROCS, or the cluster
	submit []string // peers and tasks, --local
	more   []string // of the program

	speed              []float64 // of the best epoch, without what is evaluated, as that of others: samples/s
	mean, wall, memory []float64 // of all epochs and what is between them; s; MB
	info               job.Info
}

// learn trains once.
func (h *harness) learn(ctx context.Context, p *pupil, data string, keep bool) error {
	out := h.output()
	args := append([]string{"job", "submit", "-o", "json", "--input", data, "--output", out}, p.submit...)
	end, err := h.toEnd(ctx, p.env, append(args, p.args(1, p.more...)...)...)
	if err != nil {
		return err
	}
	speed, err := h.fastest(ctx, p, end)
	if err != nil {
		return err
	}
	if keep {
		p.speed, p.mean = append(p.speed, speed), append(p.mean, p.samples()/end.info.Seconds.Compute)
		p.wall, p.memory, p.info = append(p.wall, end.took.Seconds()), append(p.memory, end.peak), end.info
	}
	return os.RemoveAll(out)
}

// fastest returns the samples a second of the best epoch, which the task that has peer 0 writes.
func (h *harness) fastest(ctx context.Context, p *pupil, r ended) (speed float64, err error) {
	if slices.Contains(p.submit, "--local") {
		return bestEpoch(r.log)
	}
	logs, _, err := h.bspRun(ctx, p.env, "job", "logs", string(r.info.ID))
	if err != nil {
		return 0, err
	}
	return bestEpoch(string(logs))
}

// bestEpoch returns the last word of a log about the fastest epoch.
func bestEpoch(log string) (speed float64, err error) {
	const name = " fastest="
	at := strings.LastIndex(log, name)
	if at < 0 {
		return 0, errors.New("no line about an epoch in the log")
	}
	word, _, _ := strings.Cut(log[at+len(name):], " ")
	return strconv.ParseFloat(word, 64)
}

// A lesson is what a peer of training prints.
type lesson struct {
	Peer       string
	Speed      float64   `json:"samples_per_second"`
	PerRound   float64   `json:"seconds_per_iteration"`
	Iterations int       `json:"iterations"`
	Error      []float64 `json:"error"`
	Loss       any       `json:"loss"`
	Cost       float64   `json:"cost"`
	PeakMemory float64   `json:"peak_memory"`
}

// trainPeer runs a peer once; nil without an error: it is not installed.
func (h *harness) trainPeer(ctx context.Context, name string, args ...string) (*lesson, error) {
	cache, err := filepath.Abs(filepath.Join(peersDir, ".cache", name))
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(cache, "ready")); errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // none is no error
	}
	var l lesson
	if _, err := h.tool(ctx, &l, filepath.Join(peersDir, name, "train"), append([]string{cache}, args...)...); err != nil {
		return nil, err
	}
	return &l, nil
}

// A rival is a peer in a course, and how many times its speed is asked for.
type rival struct {
	name, title string
	mark        float64
	args        []string // before the data
	batch       int

	speed, memory []float64
	errors        []float64 // of the last epoch
	missing       bool
}

func (h *harness) rivalTurn(ctx context.Context, r *rival, c course, data string, keep bool) error {
	if r.missing {
		return nil
	}
	args := append(append([]string{}, r.args...), data, "--epochs", strconv.Itoa(c.epochs), "--batch", strconv.Itoa(cmp.Or(r.batch, c.batch)), "--rate", fmt.Sprint(c.rate))
	l, err := h.trainPeer(ctx, r.name, args...)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", r.name, err)
	case l == nil:
		r.missing = true
		h.skipped = append(h.skipped, r.title+" ("+c.work+")")
	case keep:
		r.title = l.Peer
		r.speed, r.memory = append(r.speed, l.Speed), append(r.memory, l.PeakMemory/1e6)
		r.errors = append(r.errors, l.Error[len(l.Error)-1])
	}
	return nil
}

// nets measures MLP, LeNet-5 and softmax regression on one core beside PyTorch and TensorFlow.
func (h *harness) nets(ctx context.Context) (figures []bench.Figure, err error) {
	data, ok := h.mnist()
	if !ok {
		return nil, nil
	}
	for _, n := range []struct {
		course
		mark   float64
		memory bool
		errors []errorMark
	}{
		{mlpCourse(), 1.6, true, []errorMark{{3, .03}, {4, .027}}},
		{lenetCourse(), 1.3, false, []errorMark{{1, .025}}},
		{softmaxCourse(), 1, false, []errorMark{{2, .087}}},
	} {
		f, err := h.net(ctx, n.course, n.mark, n.memory, data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", n.work, err)
		}
		figures = append(figures, f...)
		for _, e := range n.errors {
			f, err := h.errorsAfter(ctx, n.course, e, data)
			if err != nil {
				return nil, err
			}
			figures = append(figures, f)
		}
	}
	return figures, nil
}

func (h *harness) net(ctx context.Context, c course, mark float64, memory bool, data string) ([]bench.Figure, error) {
	ours := &pupil{course: c, env: []string{"GOMAXPROCS=1"}, submit: []string{"--local", "--peers", "1"}}
	rivals := []*rival{
		{name: "pytorch", title: "PyTorch", mark: mark, args: []string{c.work}},
		{name: "tensorflow", title: "TensorFlow", mark: mark, args: []string{c.work}},
	}
	each := make([]func(keep bool) error, 0, 1+len(rivals))
	each = append(each, func(keep bool) error { return h.learn(ctx, ours, data, keep) })
	for _, r := range rivals {
		each = append(each, func(keep bool) error { return h.rivalTurn(ctx, r, c, data, keep) })
	}
	if err := h.turns(each...); err != nil {
		return nil, err
	}
	name := c.work + " on MNIST, one core"
	figures := []bench.Figure{{Name: name, Unit: "samples/s", AtLeast: true, Samples: ours.speed, Note: fmt.Sprintf("best of %d epoch(s), as of all others; %.4g in the mean; %.0f MB", c.epochs, bench.Figure{Samples: ours.mean}.Median(), bench.Figure{Samples: ours.memory}.Median())}}
	for _, r := range rivals {
		if len(r.speed) == 0 {
			continue
		}
		figures = append(figures, bench.Figure{
			Name: name + " beside " + r.title, Unit: "times", AtLeast: true, Mark: r.mark, Samples: ratios(ours.speed, r.speed),
			Note: fmt.Sprintf("theirs %.0f samples/s in the best epoch, error %.4f, %.0f MB", bench.Figure{Samples: r.speed}.Median(), bench.Figure{Samples: r.errors}.Median(), bench.Figure{Samples: r.memory}.Median()),
		})
		if memory && r.name == "pytorch" {
			figures = append(figures, bench.Figure{Name: name + ", peak memory beside " + r.title, Unit: "of theirs", Mark: .25, Samples: ratios(ours.memory, r.memory)})
		}
	}
	return figures, nil
}

// An errorMark is the largest error on the test rows after so many epochs.
type errorMark struct {
	epochs int
	most   float64
}

// errorSeeds were not used while the programs were written.
func errorSeeds() []int { return []int{101, 102, 103} }

func (h *harness) errorsAfter(ctx context.Context, c course, m errorMark, data string) (bench.Figure, error) {
	c.epochs = m.epochs
	f := bench.Figure{Name: fmt.Sprintf("%s on MNIST, error on the test rows after %d epoch(s)", c.work, m.epochs), Unit: "of the rows", Mark: m.most, Note: "seeds 101, 102, 103"}
	for _, seed := range errorSeeds() {
		out := h.output()
		if _, _, err := h.job(ctx, nil, append([]string{"job", "submit", "-o", "json", "--local", "--peers", "1", "--input", data, "--output", out}, c.args(seed)...)...); err != nil {
			return f, err
		}
		e, err := h.errorOf(ctx, out, data)
		if err != nil {
			return f, err
		}
		f.Samples = append(f.Samples, e)
	}
	return f, nil
}

// errorOf evaluates a model.
func (h *harness) errorOf(ctx context.Context, model, data string) (float64, error) {
	b, _, err := h.bspRun(ctx, nil, "model", "eval", model, "--input", data)
	if err != nil {
		return 0, err
	}
	var score struct{ Error float64 }
	return score.Error, json.Unmarshal(b, &score)
}

// A gathering is several peers at one batch size: what each way of running them came to.
type gathering struct {
	batch                  int
	alone, two, tasks, tls *pupil
	ddp                    *rival
	machine                []float64 // what twice says
}

// together measures several peers: in one process, in two, beside DDP, and then over TLS on a
// cluster, which has daemons that would disturb the others.
func (h *harness) together(ctx context.Context) (figures []bench.Figure, err error) {
	data, ok := h.mnist()
	if !ok {
		return nil, nil
	}
	var all []*gathering
	for _, batch := range []int{128, 512} {
		g, err := h.gather(ctx, batch, data)
		if err != nil {
			return nil, err
		}
		all = append(all, g)
	}
	dev, err := h.dev(ctx, 2)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dev.stop()) }()
	for _, g := range all {
		g.tls = &pupil{course: g.tasks.course, env: dev.env, submit: []string{"--peers", "2", "--tasks", "2"}}
		if err := h.turns(func(keep bool) error { return h.learn(ctx, g.tls, data, keep) }); err != nil {
			return nil, err
		}
		figures = append(figures, g.figures()...)
	}
	return figures, nil
}

// gather measures what runs on this machine without a cluster.
func (h *harness) gather(ctx context.Context, batch int, data string) (*gathering, error) {
	c := mlpCourse()
	c.batch, c.epochs = batch, 3
	g := &gathering{
		batch: batch,
		alone: &pupil{course: c, env: []string{"GOMAXPROCS=1"}, submit: []string{"--local", "--peers", "1"}},
		two:   &pupil{course: c, submit: []string{"--local", "--peers", "2"}},
		tasks: &pupil{course: c, submit: []string{"--local", "--peers", "2", "--tasks", "2"}},
		ddp:   &rival{name: "pytorch", title: "PyTorch DDP and gloo", args: []string{"ddp"}},
	}
	each := []func(keep bool) error{}
	for _, p := range []*pupil{g.alone, g.two, g.tasks} {
		each = append(each, func(keep bool) error { return h.learn(ctx, p, data, keep) })
	}
	each = append(each, func(keep bool) error {
		t, err := twice(ctx)
		if keep {
			g.machine = append(g.machine, t)
		}
		return err
	}, func(keep bool) error { return h.rivalTurn(ctx, g.ddp, c, data, keep) })
	return g, h.turns(each...)
}

func (g *gathering) figures() []bench.Figure {
	name := fmt.Sprintf("mlp on MNIST, batch %d, ", g.batch)
	marks := map[int][3]float64{128: {1.4, 0, 2.5}, 512: {0, 1.4, 0}}[g.batch]
	beside := func(what, of string, a, b []float64, mark float64, note string) bench.Figure {
		return bench.Figure{Name: name + what + " beside " + of, Unit: "times", AtLeast: true, Mark: mark, Samples: ratios(a, b), Note: note}
	}
	limited := func(f bench.Figure) bench.Figure {
		f.Limit, f.Floor = g.machine, "products of two cores with nothing in common beside those of one"
		return f
	}
	unix, tls := "two tasks over "+g.tasks.info.DataPlane, "two tasks over "+g.tls.info.DataPlane
	figures := []bench.Figure{
		{Name: name + "one core", Unit: "samples/s", AtLeast: true, Samples: g.alone.speed},
		{Name: name + unix, Unit: "samples/s", AtLeast: true, Samples: g.tasks.speed},
		limited(beside("two peers in one process", "one core", g.two.speed, g.alone.speed, marks[0], "")),
		limited(beside(unix, "one core", g.tasks.speed, g.alone.speed, marks[1], "")),
		beside(tls, "one core", g.tls.speed, g.alone.speed, 0, "two grooms of bsp dev"),
	}
	if len(g.ddp.speed) > 0 {
		note := fmt.Sprintf("theirs %.0f samples/s in the best epoch, error %.4f, %.0f MB each", bench.Figure{Samples: g.ddp.speed}.Median(), bench.Figure{Samples: g.ddp.errors}.Median(), bench.Figure{Samples: g.ddp.memory}.Median())
		figures = append(figures,
			beside(unix, g.ddp.title+" DDP and gloo", g.tasks.speed, g.ddp.speed, marks[2], note),
			beside(tls, g.ddp.title+" DDP and gloo", g.tls.speed, g.ddp.speed, 0, note))
	}
	return figures
}

// soon measures how long it takes from submit to a model with an error of 3 % at most.
func (h *harness) soon(ctx context.Context) (figures []bench.Figure, err error) {
	data, ok := h.mnist()
	if !ok {
		return nil, nil
	}
	dev, err := h.dev(ctx, 2)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dev.stop()) }()
	f := bench.Figure{Name: "from submit to an mlp of MNIST at 97 %", Unit: "s", Mark: 1.5}
	worst := 0.0
	samples, err := h.repeat(h.runs, func() (float64, error) {
		out, c := h.output(), mlpCourse()
		c.epochs, c.rate = 2, .05
		start := time.Now()
		if _, _, err := h.job(ctx, dev.env, append([]string{"job", "submit", "-o", "json", "--peers", "2", "--tasks", "1", "--input", data, "--output", out}, c.args(1, "--schedule", "linear")...)...); err != nil {
			return 0, err
		}
		took := time.Since(start).Seconds()
		e, err := h.errorOf(ctx, out, data)
		worst = max(worst, e)
		return took, err
	})
	f.Samples, f.Note = samples, fmt.Sprintf("bsp dev, two peers in one task, 2 epochs, linear schedule; error %.4f", worst)
	if worst > .03 {
		f.Note += ": MORE THAN 3 %"
	}
	return []bench.Figure{f}, err
}
