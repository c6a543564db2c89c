package linear_test

import (
	"testing"

	"scalar/ml/linear"
)

// BenchmarkEvaluate is the loss and its gradient over 100,000 dense rows of 50 features, on one
// core.
func BenchmarkEvaluate(b *testing.B) {
	for _, c := range []struct {
		name           string
		classes, first int
	}{{"logistic", 2, 1}, {"softmax of 10", 10, 0}} {
		b.Run(c.name, func(b *testing.B) {
			set := newExample(100_000, 50, c.classes, 0).set(b, false)
			goal, _ := linear.NewGoal(newCPU(b), set, linear.Form{Features: 50, Outputs: c.classes, First: c.first}, 0)
			point := make([]float64, 51*(c.classes-c.first))
			for b.Loop() {
				if _, _, err := goal.Evaluate(point); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
