package train

import (
	"fmt"
	"time"

	"github.com/dustin/go-humanize"

	"scalar/ml/model"
	"scalar/ml/nn"
	"scalar/ml/reduce"
)

// progress is what people see of training. Nothing that ends in the model depends on it.
type progress struct {
	began time.Time // of this attempt's first step
	first int       // which step that was
	noted time.Time
	told  time.Time
	last  string // what the last epoch came to
}

// noteEvery is how often the live line changes.
const noteEvery = 100 * time.Millisecond

// tellEvery is how often the log has a line about an epoch, but for the last one.
const tellEvery = time.Second

// show tells what a step has lost in this peer's rows.
func (t *trainer) show(step int, lost float64) {
	own := 0
	first, last := t.tree.Owned(t.p.Index())
	for shard := first; shard < last; shard++ {
		lo, hi := reduce.Part(t.plan.batch, shard, t.tree.Shards())
		own += hi - lo
	}
	if t.p.Index() != 0 {
		return
	}
	loss := t.meanLoss(lost, own)
	t.p.Plot("loss/training", loss)
	if time.Since(t.shown.noted) < noteEvery {
		return
	}
	t.shown.noted = time.Now()
	done := float64((step + 1 - t.shown.first) * t.plan.batch)
	t.p.Note(fmt.Sprintf("epoch %d/%d, loss %s, %s%s samples/s", step/t.plan.steps+1, t.o.Epochs, short(loss), t.shown.last, humanize.Comma(int64(done/time.Since(t.shown.began).Seconds()))))
}

// meanLoss is the mean loss of rows whose losses have a sum: nats, or squared error.
func (t *trainer) meanLoss(sum float64, rows int) float64 {
	if t.graph.Loss() == nn.Squared {
		sum *= 2
	}
	return mean(sum, rows)
}

// tell shows the end of an epoch.
func (t *trainer) tell(e model.Epoch) {
	if t.p.Index() != 0 {
		return
	}
	args := []any{"epoch", e.Epoch, "loss", short(e.Loss), "error", short(e.Error)}
	t.shown.last = fmt.Sprintf("error %s, ", t.percent(e.Error))
	t.p.Plot("error/training", e.Error)
	for _, s := range []struct {
		of    string
		score *model.Score
	}{{"validation", e.Validation}, {"test", e.Test}} {
		if s.score != nil {
			args = append(args, s.of+"_loss", short(s.score.Loss), s.of+"_error", short(s.score.Error))
			t.shown.last = fmt.Sprintf("%s error %s, ", s.of, t.percent(s.score.Error))
			t.p.Plot("loss/"+s.of, s.score.Loss)
			t.p.Plot("error/"+s.of, s.score.Error)
		}
	}
	if last := e.Epoch == t.o.Epochs || t.state.Told.Stopped != ""; !last && time.Since(t.shown.told) < tellEvery {
		return
	}
	t.shown.told = time.Now()
	t.p.Log().Info("epoch", append(args, "seconds", time.Since(t.shown.began).Round(time.Millisecond).Seconds())...)
}

// percent is an error of a classifier in percent, and of a regression as it is.
func (t *trainer) percent(x float64) string {
	if t.graph.Loss() == nn.Squared {
		return short(x)
	}
	return fmt.Sprintf("%.2f %%", 100*x)
}

// short is a number with four digits.
func short(x float64) string { return fmt.Sprintf("%.4g", x) }
