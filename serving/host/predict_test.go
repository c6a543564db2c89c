package host_test

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"scalar/ml/data"
	"scalar/ml/model"
	"scalar/serving/host"
	"scalar/serving/protocol"
	"scalar/tensor"
)

// executor is model's own.
func executor(tb testing.TB, folder string) *model.Executor {
	tb.Helper()
	m, tensors, err := model.Open(context.Background(), folder)
	if err != nil {
		tb.Fatal(err)
	}
	cpu, err := tensor.NewCPU(tensor.Config{Cores: 1})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(cpu.Close)
	p, err := model.NewPredictor(cpu, m, tensors)
	if err != nil {
		tb.Fatal(err)
	}
	return p.NewExecutor(cpu)
}

func dense(tb testing.TB, rows int, x []float32) tensor.Dense[float32] {
	tb.Helper()
	d, err := tensor.From(x, rows, len(x)/rows)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// oracle answers with model's own executor, all rows at once.
func oracle(tb testing.TB, folder string, rows int, x []float32) *model.Answer {
	tb.Helper()
	m, err := model.OpenModel(context.Background(), folder)
	if err != nil {
		tb.Fatal(err)
	}
	encoder, err := data.NewEncoder(m.Transform)
	if err != nil {
		tb.Fatal(err)
	}
	x = slices.Clone(x)
	if err := encoder.Batch(x); err != nil {
		tb.Fatal(err)
	}
	a, err := executor(tb, folder).Predict(dense(tb, rows, x))
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

func golden(tb testing.TB, name string) string {
	tb.Helper()
	path, err := filepath.Abs("../../ml/model/testdata/v1/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

// status returns the status of an error, 200 of none.
func status(err error) int {
	if err == nil {
		return 200
	}
	e, ok := errors.AsType[*protocol.Error](err)
	if !ok {
		return -1
	}
	return e.Status
}

func refused(tb testing.TB, err error, want int, text string) {
	tb.Helper()
	if status(err) != want || !strings.Contains(err.Error(), text) || strings.Contains(err.Error(), "\n") {
		tb.Errorf("%d, %v: want %d, %q in one line", status(err), err, want, text)
	}
}

// All kinds of models answer as model's executor does.
func TestPredictKinds(t *testing.T) {
	h := start(t, host.Config{Cores: 1})
	predict := func(name string, r *protocol.Request) *protocol.Answer {
		load(t, h, name, "1", golden(t, name))
		l := acquire(t, h, name, "", "")
		defer l.Release()
		a := &protocol.Answer{}
		for range 2 { // the second time in the same memory
			if err := l.Predict(t.Context(), time.Time{}, r, a); err != nil {
				t.Fatal(name, err)
			}
		}
		return a
	}
	const rows = 700 // several chunks
	x := random(rows*64, 1)
	for i := range x {
		x[i] = 8 + 8*x[i]
	}
	before := slices.Clone(x)
	a, want := predict("digits", request(rows, x)), oracle(t, golden(t, "digits"), rows, x)
	if a.Rows != rows || !slices.Equal(a.Outputs[0].F32, want.Probabilities.Values()) || !slices.Equal(a.Outputs[1].Classes, want.Classes) {
		t.Error("digits: other answers")
	}
	if !slices.Equal(x, before) {
		t.Error("the request was changed")
	}
	x = []float32{0, 0, 99, 98, 3, 5}
	a, want = predict("points", request(3, x)), oracle(t, golden(t, "points"), 3, x)
	if a.Rows != 3 || !slices.Equal(a.Outputs[0].I64, want.Clusters) || !slices.Equal(a.Outputs[1].F32, want.Distances) {
		t.Errorf("points: %+v, want %+v", a, want)
	}
	cells := []protocol.Cell{
		{Kind: protocol.Number, Number: 100},
		{Kind: protocol.Number, Number: 4},
		{Text: []byte("north")},
		{Kind: protocol.Number, Number: 65},
		{Kind: protocol.Missing},
		{Text: []byte("south")},
	}
	a = predict("houses", &protocol.Request{Rows: 2, Cells: cells})
	if p := a.Outputs[0].F32; len(p) != 2 || math.Abs(float64(p[0])-290) > 10 || math.Abs(float64(p[1])-170) > 25 {
		t.Errorf("houses of 290 and 170 cost %v", p)
	}
	l := acquire(t, h, "houses", "", "")
	defer l.Release()
	cells[5].Text = []byte("west")
	refused(t, l.Predict(t.Context(), time.Time{}, &protocol.Request{Rows: 2, Cells: cells}, a), 400, `row 1: "west" is no value that column "district" had`)
	if s := l.Signature(); !slices.Equal(s.Columns, []string{"size", "rooms", "district"}) || !slices.Equal(s.Texts, []bool{false, false, true}) || s.Platform != "scalar_linear" {
		t.Errorf("signature %+v", s)
	}
	l2 := acquire(t, h, "digits", "", "")
	defer l2.Release()
	if s := l2.Signature(); len(s.Outputs[1].Labels) != 10 || s.Outputs[1].Labels[3] != "3" {
		t.Errorf("labels %v", s.Outputs[1].Labels)
	}
}

// What is wrong with a row is said with its number in the request.
func TestPredictWrong(t *testing.T) {
	h := start(t, host.Config{Cores: 1})
	load(t, h, "m", "1", sum(t, t.TempDir(), 0))
	l := acquire(t, h, "m", "", "")
	defer l.Release()
	for _, r := range []*protocol.Request{request(1, make([]float32, 5)), request(2, make([]float32, 4)), request(0, nil), {Rows: 1, Cells: make([]protocol.Cell, 4)}} {
		refused(t, l.Predict(t.Context(), time.Time{}, r, &protocol.Answer{}), 400, "want rows of 4")
	}
	x := random(4*600, 1)
	x[4*500+1] = float32(math.NaN())
	_, _, err := ask(h, "a", time.Time{}, x...)
	refused(t, err, 400, "row 500: ")
	for i := range 4 {
		x[4*500+i] = math.MaxFloat32
	}
	_, _, err = ask(h, "a", time.Time{}, x...)
	refused(t, err, 400, "row 500: its numbers are too large")
}

// A model that panics is an error 500 of that request, and the next one is answered.
func TestPredictPanics(t *testing.T) {
	h := start(t, host.Config{Cores: 1})
	load(t, h, "m", "1", sum(t, t.TempDir(), 5))
	l := acquire(t, h, "m", "", "")
	defer l.Release()
	host.Break(l.Version)
	_, _, err := ask(h, "a", time.Time{}, 1, 2, 3, 4)
	refused(t, err, 500, "the model panicked")
	got, _, err := ask(h, "a", time.Time{}, 1, 2, 3, 4)
	if err != nil || got[0] != 15 {
		t.Errorf("%v, %v", got, err)
	}
}

// Where an executor is free nothing is allocated.
func TestPredictAllocates(t *testing.T) {
	h := start(t, host.Config{Cores: 1, Models: map[string]host.ModelConfig{"split": {Traffic: map[string]float64{"1": 50, "2": 50}}}})
	folder := mlp(t, t.TempDir(), 20, []int{16}, 1)
	for _, name := range []string{"plain", "split"} {
		load(t, h, name, "1", folder)
		load(t, h, name, "2", mlp(t, t.TempDir(), 20, []int{16}, 2))
	}
	load(t, h, "points", "1", golden(t, "points"))
	load(t, h, "houses", "1", golden(t, "houses"))
	cells := []protocol.Cell{{Kind: protocol.Number, Number: 100}, {Kind: protocol.Number, Number: 4}, {Text: []byte("north")}}
	for _, c := range []struct {
		name, version string
		r             *protocol.Request
	}{
		{"plain", "", request(3, random(60, 1))},
		{"plain", "1", request(3, random(60, 1))},
		{"split", "", request(1, random(20, 1))},
		{"points", "", request(1, random(2, 1))},
		{"houses", "", &protocol.Request{Rows: 1, Cells: cells}},
	} {
		name, version, a, deadline := []byte(c.name), []byte(c.version), &protocol.Answer{}, time.Now().Add(time.Hour)
		if n := testing.AllocsPerRun(200, func() {
			l, err := h.Acquire("a", name, version, nil)
			if err == nil {
				err = l.Predict(context.Background(), deadline, c.r, a)
			}
			if err != nil {
				t.Fatal(err)
			}
			l.Release()
		}); n != 0 {
			t.Errorf("%s %s: %v allocations", c.name, c.version, n)
		}
	}
}

// Requests that queue are computed together, each with the bits that it has alone; an executor
// that is given up by one who is late goes on to the next.
func TestBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, host.Batches(host.Config{Cores: 1}, 16))
		folder := mlp(t, t.TempDir(), 30, []int{40, 20}, 7)
		load(t, h, "m", "1", folder)
		l := acquire(t, h, "m", "", "")
		defer l.Release()
		give := host.Seize(l.Version)
		const requests = 12
		var all sync.WaitGroup
		for i := range requests {
			all.Go(func() {
				rows := 1 + i%3
				x := random(rows*30, uint64(i))
				want := oracle(t, folder, rows, x)
				r, a := request(rows, x), &protocol.Answer{}
				one := acquire(t, h, "m", "", "")
				defer one.Release()
				if err := one.Predict(t.Context(), time.Time{}, r, a); err != nil {
					t.Error(err)
					return
				}
				if a.Rows != rows || !slices.Equal(a.Outputs[0].F32, want.Probabilities.Values()) || !slices.Equal(a.Outputs[1].Classes, want.Classes) {
					t.Errorf("request %d: other bits in a batch", i)
				}
			})
		}
		synctest.Wait()
		if s := h.Models("a")[0].Versions[0]; s.Waiting != 24 {
			t.Errorf("%d rows wait, want 24", s.Waiting)
		}
		give()
		all.Wait()
		s := l.Stats()
		if s.Requests != requests || s.Rows != 24 || s.Batches != 2 || s.Batched != requests || s.Queued != requests || host.Free(l.Version) != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// What is wrong with a row of a batch is no other request's.
func TestBatchWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, host.Batches(host.Config{Cores: 1}, 16))
		load(t, h, "m", "1", sum(t, t.TempDir(), 5))
		l := acquire(t, h, "m", "", "")
		defer l.Release()
		for _, panics := range []bool{false, true} {
			if panics {
				host.Break(l.Version)
			}
			give := host.Seize(l.Version)
			var all sync.WaitGroup
			for i := range 8 {
				all.Go(func() {
					x := []float32{float32(i), 0, 0, 0, 0, 0, 0, 0}
					if i == 3 {
						x[4], x[5] = math.MaxFloat32, math.MaxFloat32
					}
					got, _, err := ask(h, "a", time.Time{}, x...)
					switch {
					case i == 3:
						refused(t, err, 400, "row 1: its numbers are too large")
					case err != nil || !slices.Equal(got, []float32{float32(i) + 5, 5}):
						t.Errorf("request %d: %v, %v", i, got, err)
					}
				})
			}
			synctest.Wait()
			give()
			all.Wait()
			if host.Free(l.Version) != 1 {
				t.Error("the executor is lost")
			}
		}
	})
}
