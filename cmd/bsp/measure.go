package main

import (
	"fmt"
	"strconv"

	"scalar/cmd/bsp/internal/fault"
	"scalar/ml/eval"
	"scalar/ml/model"
)

// A measure adds up how good a model is: one of the three is there.
type measure struct {
	rows       int
	classifier *eval.Classifier
	regressor  *eval.Regressor
	clusterer  *eval.Clusterer
}

func newMeasure(m *model.Model, full bool) (*measure, error) {
	switch {
	case m.Clusters != nil:
		return &measure{clusterer: eval.NewClusterer(m.Clusters.K, m.Clusters.Metric == model.Cosine, full)}, nil
	case m.Classifier():
		classes := m.Transform.Label.Classes
		if full && len(classes) > eval.MaxFull {
			return nil, fault.Usage("--full: the model has %d classes, and a confusion matrix has at most %d", len(classes), eval.MaxFull)
		}
		return &measure{classifier: eval.NewClassifier(classes, full)}, nil
	}
	return &measure{regressor: eval.NewRegressor(full)}, nil
}

func (m *measure) add(b *eval.Batch) error {
	m.rows += b.Rows
	for r := range b.Rows {
		switch {
		case m.clusterer != nil:
			m.clusterer.Add(b.Answer.Clusters[r], b.Answer.Distances[r])
		case m.classifier != nil:
			m.classifier.Add(b.Answer.Logits.Row(r).Values(), b.Set.Class(b.First+r))
		default:
			m.regressor.Add(b.Answer.Predictions[r], b.Set.Value(b.First+r))
		}
	}
	return nil
}

// print writes the result as -o asks.
func (m *measure) print(a *app) error {
	switch {
	case m.clusterer != nil:
		c := m.clusterer.Result()
		return a.print(c, func() rows {
			r := rows{head: words("n inertia")}
			r.add(c.N, short(c.Inertia))
			if c.Sizes != nil {
				r.head, r.body[0] = append(r.head, "sizes"), append(r.body[0], fmt.Sprint(c.Sizes))
			}
			return r
		})
	case m.regressor != nil:
		g := m.regressor.Result()
		return a.print(g, func() rows {
			r := rows{head: words("n error accuracy loss")}
			r.add(g.N, short(g.Error), short(g.Accuracy), short(g.Loss))
			if g.Errors != nil {
				r.head = append(r.head, words("mean_absolute_error max_error")...)
				r.body[0] = append(r.body[0], short(g.Mean), short(g.Max))
			}
			return r
		})
	}
	c := m.classifier.Result()
	if a.format != formatTable {
		return a.print(c, nil)
	}
	return printClasses(a, c)
}

// printClasses writes a table of the figures, and with full ones a second table, a line a
// class.
func printClasses(a *app, c eval.Classification) error {
	r := rows{head: words("n error accuracy loss")}
	r.add(c.N, short(c.Error), short(c.Accuracy), short(c.Loss))
	if c.Full == nil {
		return r.write(a.stdout)
	}
	r.head = append(r.head, words("macro_F1 AUC")...)
	r.body[0] = append(r.body[0], short(c.MacroF1), area(c.AUC))
	if err := r.write(a.stdout); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(a.stdout); err != nil {
		return err
	}
	by := rows{head: words("class precision recall F1"), labels: c.Classes}
	if c.AUCs != nil {
		by.head = append(by.head, "AUC")
	}
	for k, name := range c.Classes {
		line := []any{name, short(c.Precision[k]), short(c.Recall[k]), short(c.F1[k])}
		if c.AUCs != nil {
			line = append(line, area(c.AUCs[k]))
		}
		for _, n := range c.Confusion[k] {
			line = append(line, n)
		}
		by.add(line...)
	}
	return by.write(a.stdout)
}

func short(x float64) string { return strconv.FormatFloat(x, 'g', 4, 64) }

func area(x *float64) string {
	if x == nil {
		return "-"
	}
	return short(*x)
}
