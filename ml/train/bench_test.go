package train_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"scalar/ml/data"
	"scalar/ml/nn"
	"scalar/ml/opt"
	"scalar/tensor"
)

// byteSet is rows of random bytes with a class of ten each, read from an array.
func byteSet(b *testing.B, rows, features int) *data.Set {
	b.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	head := fmt.Sprintf("{'descr': '|u1', 'fortran_order': False, 'shape': (%d, %d), }", rows, features+1)
	head += strings.Repeat(" ", 127-10-len(head)) + "\n"
	file := append([]byte("\x93NUMPY\x01\x00"), byte(len(head)), 0)
	file = append(file, head...)
	for range rows {
		for range features {
			file = append(file, byte(r.Uint32()))
		}
		file = append(file, byte(r.IntN(10)))
	}
	name := filepath.Join(b.TempDir(), "rows.npy")
	if err := os.WriteFile(name, file, 0o600); err != nil {
		b.Fatal(err)
	}
	set, _, err := data.Load(b.Context(), data.Input{URL: name, Target: data.Classes, Label: strconv.Itoa(features), Scale: data.Auto})
	if err != nil {
		b.Fatal(err)
	}
	return set
}

// BenchmarkStep is a step of 128 rows with momentum on one core, from bytes to weights.
func BenchmarkStep(b *testing.B) {
	const rows, features, batch = 60_000, 784, 128
	set := byteSet(b, rows, features)
	for _, c := range []struct {
		name string
		spec *nn.Spec
	}{{"mlp", nn.MLP(features, []int{256, 128}, 10)}, {"cnn", nn.LeNet5(10)}, {"softmax", nn.MLP(features, nil, 10)}} {
		b.Run(c.name, func(b *testing.B) {
			g, err := nn.Compile(c.spec)
			if err != nil {
				b.Fatal(err)
			}
			cpu, err := tensor.NewCPU(tensor.Config{Cores: 1})
			if err != nil {
				b.Fatal(err)
			}
			defer cpu.Close()
			o, err := opt.New(opt.Config{Rate: .01, Momentum: .9})
			if err != nil {
				b.Fatal(err)
			}
			exec := nn.NewExecutor(g, cpu)
			array := func(n ...int) tensor.Dense[float32] { return tensor.New[float32](n...) }
			x, weights, grads, velocity := array(batch, features), array(g.Size()), array(g.Size()), array(g.Size())
			g.Init(weights.Values(), 1)
			r, indices, labels := rand.New(rand.NewPCG(3, 4)), make([]uint32, batch), make([]int32, batch)
			for b.Loop() {
				for i := range indices {
					indices[i] = r.Uint32N(rows)
					labels[i] = int32(set.Class(int(indices[i])))
				}
				set.Rows(x.Values(), indices)
				_, err := exec.Train(nn.Batch{Arena: weights.Values(), Grads: grads.Values(), X: x, Labels: labels, Scale: 1. / batch})
				if err != nil {
					b.Fatal(err)
				}
				step := opt.Range{Weights: weights.Values(), Grads: grads.Values(), Slots: [][]float32{velocity.Values()}}
				if err := o.Update(cpu, step, 0, 1); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
