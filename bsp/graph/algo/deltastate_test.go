package algo_test

import (
	"bytes"
	"math"
	"testing"

	"scalar/bsp/graph/algo"
)

func TestStepperState(t *testing.T) {
	s := algo.NewStepper()
	s.Shorten(1, 300)
	s.Shorten(1, 2.5)
	s.Best()[2] = 7
	enc, err := s.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	back := algo.NewStepper()
	if err := back.UnmarshalBinary(enc); err != nil {
		t.Fatal(err)
	}
	if again, _ := back.MarshalBinary(); !bytes.Equal(again, enc) {
		t.Errorf("encoded again: %x, was %x", again, enc)
	}
	if got, best := back.Nearest(), back.Best(); got != 2 || best[1] != 2.5 || best[2] != 7 || !math.IsInf(best[0], 1) {
		t.Errorf("bucket %d, distances %v", got, best)
	}
}

func FuzzStepperState(f *testing.F) {
	s := algo.NewStepper()
	s.Shorten(0, 1)
	enc, _ := s.MarshalBinary()
	f.Add(enc)
	f.Add(enc[:len(enc)-1])
	f.Add([]byte{1})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		s := algo.NewStepper()
		if s.UnmarshalBinary(b) != nil {
			return
		}
		again, err := s.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		back := algo.NewStepper()
		if err := back.UnmarshalBinary(again); err != nil {
			t.Fatalf("%x was taken, %x is not: %v", b, again, err)
		}
	})
}

// TestBuckets: buckets keep the order of distances, of any width, and are few.
func TestBuckets(t *testing.T) {
	ds := []float64{0, math.SmallestNonzeroFloat64, 1e-300, 1e-9, 0.3, 0.5, 1, 1.5, 255, 255.9, 256, 257, 1e6, 1e18, 1e300, math.MaxFloat64, math.Inf(1)}
	for _, width := range []float64{math.Ldexp(1, -1000), 0x1p-20, 1, 0x1p20, math.Ldexp(1, 1000)} {
		last := 0
		for _, d := range ds {
			b := algo.BucketOf(d, width)
			if b < last || b > 1<<19 {
				t.Errorf("width %v: %v is in bucket %d, after %d", width, d, b, last)
			}
			if whole := d / width; whole < 256 && b != int(whole) {
				t.Errorf("width %v: %v is in bucket %d", width, d, b)
			}
			last = b
		}
	}
}

func TestWidth(t *testing.T) {
	for _, row := range []struct {
		weights []float64
		degree  float64
		want    float64
	}{
		{nil, 10, 1},
		{[]float64{128}, 25, 4},
		{[]float64{1, 1e300, 1}, 1, 1},
		{[]float64{math.SmallestNonzeroFloat64}, 1, math.Ldexp(1, -1000)},
		{[]float64{math.MaxFloat64}, 0, math.Ldexp(1, 1000)},
	} {
		if got := algo.WidthOf(row.weights, row.degree); got != row.want {
			t.Errorf("weights %v, degree %v: %v, want %v", row.weights, row.degree, got, row.want)
		}
	}
	if got := algo.Typical([]float64{0, 3, 0, 2, 5}); got != 3 {
		t.Errorf("typical weight %v, want 3", got)
	}
}
