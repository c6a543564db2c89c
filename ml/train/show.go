package train

import (
	"fmt"
	"time"

	"github.com/dustin/go-humanize"

	"scalar/bsp"
	"scalar/ml/model"
	"scalar/ml/nn"
	"scalar/ml/reduce"
)

// A Teller tells people how training goes: on the live line, in the log, and in the curves of the
// page. Nothing that ends in a model depends on it. Of all peers the first one tells.
type Teller struct {
	p       *bsp.Peer[struct{}]
	plan    *Plan
	epochs  int
	numbers bool      // are learnt, not classes
	began   time.Time // of this attempt's first step
	first   int       // which step that was
	epoch   spell     // this one's steps
	fastest float64   // of this attempt's epochs, in samples a second
	noted   time.Time
	told    time.Time
	last    string // what the last epoch came to
}

// A spell is the steps of an epoch, without what comes between epochs.
type spell struct {
	began, ended time.Time
	steps        int
}

// noteEvery is how often the live line changes.
const noteEvery = 100 * time.Millisecond

// tellEvery is how often the log has a line about an epoch, but for the last one.
const tellEvery = time.Second

// NewTeller returns what tells of the steps that come now, of a plan in so many epochs.
func NewTeller(p *bsp.Peer[struct{}], plan *Plan, epochs int, numbers bool) *Teller {
	now := time.Now()
	return &Teller{p: p, plan: plan, epochs: epochs, numbers: numbers, began: now, first: p.Superstep(), epoch: spell{began: now}}
}

// Step tells the mean loss of a step's rows.
func (t *Teller) Step(step int, loss float64) {
	if t.p.Index() != 0 {
		return
	}
	t.p.Plot("loss/training", loss)
	now := time.Now()
	t.epoch.ended = now
	t.epoch.steps++
	if now.Sub(t.noted) < noteEvery {
		return
	}
	t.noted = now
	done := float64((step + 1 - t.first) * t.plan.batch)
	t.p.Note(fmt.Sprintf("epoch %d/%d, loss %s, %s%s samples/s", step/t.plan.steps+1, t.epochs, short(loss), t.last, humanize.Comma(int64(done/now.Sub(t.began).Seconds()))))
}

// Epoch tells what an epoch has come to, and how fast its steps went and those of the fastest so far; last says that none comes after it.
func (t *Teller) Epoch(e model.Epoch, last bool) {
	if t.p.Index() != 0 {
		return
	}
	defer func() { t.epoch = spell{began: time.Now()} }()
	speed := t.speed()
	t.fastest = max(t.fastest, speed)
	args := []any{"epoch", e.Epoch, "loss", short(e.Loss), "error", short(e.Error), "samples_per_second", int64(speed), "fastest", int64(t.fastest)}
	t.last = fmt.Sprintf("error %s, ", t.percent(e.Error))
	t.p.Plot("error/training", e.Error)
	for _, s := range []struct {
		of    string
		score *model.Score
	}{{"validation", e.Validation}, {"test", e.Test}} {
		if s.score != nil {
			args = append(args, s.of+"_loss", short(s.score.Loss), s.of+"_error", short(s.score.Error))
			t.last = fmt.Sprintf("%s error %s, ", s.of, t.percent(s.score.Error))
			t.p.Plot("loss/"+s.of, s.score.Loss)
			t.p.Plot("error/"+s.of, s.score.Error)
		}
	}
	if !last && e.Epoch < t.epochs && time.Since(t.told) < tellEvery {
		return
	}
	t.told = time.Now()
	t.p.Log().Info("epoch", append(args, "seconds", time.Since(t.began).Round(time.Millisecond).Seconds())...)
}

// speed is that of the epoch's steps, in samples a second: of those that this attempt has taken, before a step 0.
func (t *Teller) speed() float64 {
	took := t.epoch.ended.Sub(t.epoch.began).Seconds()
	if took <= 0 {
		return 0
	}
	return float64(t.epoch.steps*t.plan.batch) / took
}

// percent is an error of a classifier in percent, and of a regression as it is.
func (t *Teller) percent(x float64) string {
	if t.numbers {
		return short(x)
	}
	return fmt.Sprintf("%.2f %%", 100*x)
}

// short is a number with four digits.
func short(x float64) string { return fmt.Sprintf("%.4g", x) }

// show tells what a step has lost in this peer's rows.
func (t *trainer) show(step int, lost float64) {
	own := 0
	first, last := t.tree.Owned(t.p.Index())
	for shard := first; shard < last; shard++ {
		lo, hi := reduce.Part(t.plan.batch, shard, t.tree.Shards())
		own += hi - lo
	}
	t.tell.Step(step, t.meanLoss(lost, own))
}

// meanLoss is the mean loss of rows whose losses have a sum: nats, or squared error.
func (t *trainer) meanLoss(sum float64, rows int) float64 {
	if t.graph.Loss() == nn.Squared {
		sum *= 2
	}
	return mean(sum, rows)
}
