package eval_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"scalar/bsp/job"
	"scalar/ml/data"
	"scalar/ml/eval"
	"scalar/ml/model"
	"scalar/tensor"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func cpu(t *testing.T, cores int) *tensor.CPU {
	t.Helper()
	c, err := tensor.NewCPU(tensor.Config{Cores: cores})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// lines is a predictor of two clusters of a column, around 0 and 1000, that leaves rows out.
func lines(t *testing.T) *model.Predictor {
	t.Helper()
	m := &model.Model{
		Kind: "kmeans", Clusters: &model.Clusters{K: 2, Metric: model.Euclidean},
		Transform: &data.Transform{Columns: 2, Missing: data.MissingDrop, Scale: data.Scale{Kind: data.None}},
	}
	tensors := []model.Tensor{{Name: model.CentersTensor, Shape: []int{2, 2}, Data: []float32{0, 0, 1000, 0}}}
	if _, err := m.Files(tensors); err != nil {
		t.Fatal(err)
	}
	p, err := model.NewPredictor(cpu(t, 1), m, tensors)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func source(t *testing.T, p *model.Predictor, text string) *data.Source {
	t.Helper()
	file := filepath.Join(t.TempDir(), "a.csv")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := data.OpenFor(t.Context(), data.Input{URL: file}, p.Encoder(), false)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Rows come in the order of the file, with their numbers in it, from an input of many parts.
func TestEach(t *testing.T) {
	text, want, rows := strings.Builder{}, []int{}, 0
	for text.Len() < 40<<20 {
		switch {
		case rows%1000 < 3:
			text.WriteString("?,0\n")
		default:
			fmt.Fprintf(&text, "%d,%0100d\n", rows%1001, 0)
			want = append(want, rows)
		}
		rows++
	}
	p := lines(t)
	s := source(t, p, text.String())
	var got []int
	err := eval.Each(t.Context(), cpu(t, 2), p, s, func(b *eval.Batch) error {
		for i := range b.Rows {
			n := b.Number(i)
			got = append(got, n)
			if x := n % 1001; (b.Answer.Clusters[i] == 1) != (x > 500) {
				t.Fatalf("row %d of %d is in cluster %d", n, x, b.Answer.Clusters[i])
			}
		}
		return nil
	})
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%d rows, want %d: %v", len(got), len(want), err)
	}
	stop := errors.New("enough")
	if err := eval.Each(t.Context(), cpu(t, 2), p, s, func(*eval.Batch) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	seen := 0
	err = eval.Each(ctx, cpu(t, 2), p, s, func(*eval.Batch) error { seen++; cancel(); return nil })
	if !errors.Is(err, context.Canceled) || seen > 1 {
		t.Errorf("%d batches after the end: %v", seen, err)
	}
}

// An error is that of the first bad row, with its number, whatever was read ahead.
func TestEachBad(t *testing.T) {
	p := lines(t)
	filler := strings.Repeat("1,"+strings.Repeat("0", 100)+"\n", 300_000)
	s := source(t, p, "1,2\n?,1\n3e18,3e18\n"+filler+"x,1\n")
	rows := 0
	err := eval.Each(t.Context(), cpu(t, 2), p, s, func(b *eval.Batch) error { rows += b.Rows; return nil })
	if f, ok := errors.AsType[*job.Failure](err); !ok || f.Kind != job.FaultInput || !strings.Contains(f.Message, `"x"`) || rows < 200_000 {
		t.Errorf("%v after %d rows", err, rows)
	}
}
