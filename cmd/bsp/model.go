package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"scalar/cmd/bsp/internal/fault"
	"scalar/ml/data"
	"scalar/ml/model"
	"scalar/ml/nn"
)

func (a *app) modelCmd() *cobra.Command {
	return group("model", "Show and evaluate models", a.modelShowCmd(), a.modelEvalCmd())
}

func (a *app) modelShowCmd() *cobra.Command {
	return a.outputFlag(&cobra.Command{
		Use: "show MODEL", Short: "Show what a model is", Args: cobra.ExactArgs(1),
		Long: `Show what a model is: what it takes and gives, how it was trained, and how good it was then.
MODEL is its folder or URL: a name with a slash in it, or one that begins with a dot.

With -o json that is model.json, and small models have their parameters in clear, in the units of
the data: centers, or coefficients and intercepts.`,
		Example: "  bsp model show ./digits\n  bsp model show -o json ./clusters",
		RunE: func(cmd *cobra.Command, args []string) error {
			url, err := modelURL(args[0])
			if err != nil {
				return err
			}
			ctx, cancel := interruptible(cmd.Context())
			defer cancel()
			m, tensors, err := model.Open(ctx, url)
			if err != nil {
				return err
			}
			c, err := m.Clear(tensors)
			if err != nil {
				return err
			}
			return a.print(c, func() rows { return summary(m) })
		},
	})
}

// summary is a model for people.
func summary(m *model.Model) rows {
	r, t := rows{}, &m.Training
	r.add("kind", m.Kind)
	r.add("takes", takes(m.Transform))
	r.add("gives", gives(m))
	if m.Clusters != nil {
		r.add("clusters", fmt.Sprintf("%d, %s", m.Clusters.K, m.Clusters.Metric))
	} else {
		r.add("net", layers(m.Net))
	}
	r.add("weights", humanize.IBytes(uint64(max(0, m.Weights.Bytes))))
	learnt := t.Data.Rows
	if t.Validation != nil {
		learnt -= t.Validation.Rows
	}
	trained := fmt.Sprintf("%s rows of %s", humanize.Comma(int64(learnt)), orDash(t.Data.URL))
	unit, loss, score := "epoch", "loss, error", fmt.Sprintf("%.4g, %.4g", t.Loss, t.Error)
	if m.Clusters != nil {
		unit, loss, score = "iteration", "inertia", fmt.Sprintf("%.4g", t.Loss)
	}
	if t.Epochs > 0 {
		trained += ", " + count(t.Epochs, unit)
	}
	r.add("trained on", trained)
	r.add(loss, score)
	for _, s := range []struct {
		name  string
		score *model.Score
	}{{"of validation", t.Validation}, {"of test", t.Test}} {
		if s.score != nil {
			r.add(s.name, fmt.Sprintf("%.4g, %.4g (%s rows)", s.score.Loss, s.score.Error, humanize.Comma(int64(s.score.Rows))))
		}
	}
	if t.Stopped != "" {
		r.add("stopped", t.Stopped)
	}
	r.add("digest", m.Digest)
	return r
}

// takes says what a record is.
func takes(t *data.Transform) string {
	s := fmt.Sprintf("%d columns", t.Columns)
	if t.Columns == 1 {
		s = "1 column"
	}
	if len(t.Names) > 0 {
		s += ": " + some(t.Names)
	}
	switch t.Scale.Kind {
	case data.Bytes:
		s += "; scaled by one mean and deviation"
	case data.Columns:
		s += "; each scaled by its mean and deviation"
	default:
	}
	return s
}

func gives(m *model.Model) string {
	label := ""
	if m.Transform.Label != nil && m.Transform.Label.Name != "" {
		label = m.Transform.Label.Name + ", "
	}
	switch {
	case m.Clusters != nil:
		return "the nearest cluster and the distance from its centre"
	case m.Classifier():
		classes := m.Transform.Label.Classes
		return fmt.Sprintf("%sone of %d classes: %s", label, len(classes), some(classes))
	}
	return label + "a number"
}

// some shows the first few texts.
func some(texts []string) string {
	if len(texts) > 8 {
		return strings.Join(texts[:8], " ") + " …"
	}
	return strings.Join(texts, " ")
}

// layers names a net's layers in their order.
func layers(s *nn.Spec) string {
	var names []string
	for _, l := range s.Layers {
		name := l.Type
		if n := l.Units + l.Filters; n > 0 {
			name += fmt.Sprintf(" %d", n)
		}
		if l.Activation != "" {
			name += " " + l.Activation
		}
		names = append(names, name)
	}
	if len(names) > 12 {
		names = append(append(names[:6:6], "…"), names[len(names)-5:]...)
	}
	return strings.Join(names, ", ")
}

func (a *app) modelEvalCmd() *cobra.Command {
	q, full := &asked{}, false
	c := a.outputFlag(&cobra.Command{
		Use: "eval MODEL --input FILE", Short: "Say how good a model is", Args: cobra.ExactArgs(1),
		Long: `Say how good a model is on rows with labels, here, without a cluster. One object goes to stdout:
n, error (1 - accuracy; of a regression the root of the mean squared error), accuracy (of a
regression R²), loss (mean nats or squared error). Of clusters: n and inertia, the mean of the
squared distances.`,
		Example: "  bsp model eval ./digits --input test.csv\n  bsp model eval ./digits --input test.csv --full",
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if !cmd.Flags().Changed("output-format") {
				a.format = formatJSON
			}
			ctx, cancel := interruptible(cmd.Context())
			defer cancel()
			i, err := q.open(ctx, a, args[0])
			defer func() { err = errors.Join(err, i.close()) }()
			if err != nil {
				return err
			}
			m, err := newMeasure(i.p.Model(), full)
			if err != nil {
				return err
			}
			if err := i.each(ctx, i.p.Model().Clusters == nil, m.add); err != nil {
				return err
			}
			if m.rows == 0 {
				return fault.Failed("%s has no rows", q.input)
			}
			return m.print(a)
		},
	})
	c.Flags().Lookup("output-format").DefValue = formatJSON
	c.Flags().BoolVar(&full, "full", false, "also the confusion matrix, precision, recall, F1 and AUC; of a regression the mean and largest error; the sizes of clusters")
	c.Flags().StringVar(&q.labels, "labels", "", "file with the labels of --input, IDX or NPY")
	q.flags(c)
	return c
}
