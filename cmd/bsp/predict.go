package main

import (
	"bufio"
	"errors"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"scalar/ml/eval"
	"scalar/ml/model"
)

func (a *app) predictCmd() *cobra.Command {
	q := &asked{}
	c := &cobra.Command{
		Use: "predict MODEL --input FILE", Short: "Ask a model about rows", Args: cobra.ExactArgs(1),
		Long: `Ask a model about rows, here, without a cluster. The rows are in a file of a format that
training reads, in the units of the training file; its label may be there or not.

A line a row goes to stdout, ROW<TAB>PREDICTION<TAB>SCORE: the row's number in the file, from 0,
and the likeliest class with its probability, the number that was learnt (without a score), or
the nearest cluster with the distance from its centre.`,
		Example: "  bsp predict ./digits --input test.csv\n  grep -v '?' rows.csv | bsp predict ./prices --input -",
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			ctx, cancel := interruptible(cmd.Context())
			defer cancel()
			i, err := q.open(ctx, a, args[0])
			defer func() { err = errors.Join(err, i.close()) }()
			if err != nil {
				return err
			}
			out := bufio.NewWriterSize(a.stdout, 64<<10)
			m, line := i.p.Model(), []byte(nil)
			err = i.each(ctx, false, func(b *eval.Batch) error {
				line = line[:0]
				for r := range b.Rows {
					line = append(strconv.AppendInt(line, int64(b.Number(r)), 10), '\t')
					line = append(answer(line, m, b.Answer, r), '\n')
				}
				_, err := out.Write(line)
				return err
			})
			return errors.Join(err, out.Flush())
		},
	}
	q.flags(c)
	return c
}

// answer appends what the model says of a row.
func answer(line []byte, m *model.Model, a *model.Answer, row int) []byte {
	switch {
	case m.Clusters != nil:
		line = append(strconv.AppendInt(line, a.Clusters[row], 10), '\t')
		return number(line, a.Distances[row])
	case m.Classifier():
		class := int(a.Classes[row])
		line = append(append(line, field(m.Transform.Label.Classes[class])...), '\t')
		return number(line, a.Probabilities.At(row, class))
	}
	return number(line, a.Predictions[row])
}

// field is a label as one field of a line: as in CSV, in quotes if it has a tab or begins with a quote.
func field(label string) string {
	if strings.Contains(label, "\t") || strings.HasPrefix(label, `"`) {
		return `"` + strings.ReplaceAll(label, `"`, `""`) + `"`
	}
	return label
}

// number appends the shortest decimal that is read as x.
func number(line []byte, x float32) []byte {
	return strconv.AppendFloat(line, float64(x), 'g', -1, 32)
}
