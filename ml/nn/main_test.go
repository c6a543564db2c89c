package nn_test

import (
	"math/rand/v2"
	"testing"

	"go.uber.org/goleak"

	"scalar/ml/nn"
	"scalar/tensor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type array = tensor.Dense[float32]

// cpu returns a CPU that ends with the test.
func cpu(t *testing.T, cores int) *tensor.CPU {
	t.Helper()
	c, err := tensor.NewCPU(tensor.Config{Cores: cores})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func compile(t *testing.T, s *nn.Spec) *nn.Graph {
	t.Helper()
	g, err := nn.Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func newRand() *rand.Rand { return rand.New(rand.NewPCG(7, 8)) }
