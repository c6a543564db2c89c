package model_test

import "testing"

func TestExecutorBytes(t *testing.T) {
	for name, want := range map[string]int64{
		"digits": 4 * 7 * (64 + 16 + 10 + 10), // the row, both layers, probabilities
		"houses": 4 * 7 * (4 + 1 + 1),
		"points": 4 * 7 * 2,
	} {
		if got := predictor(t, golden(t, name)).ExecutorBytes(7); got != want {
			t.Errorf("%s: %d bytes for 7 rows, want %d", name, got, want)
		}
	}
}
