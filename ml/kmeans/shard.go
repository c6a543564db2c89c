package kmeans

import (
	"math"

	"scalar/tensor"
)

// A shard is a range of the job's rows, as float32 without gaps.
type shard struct {
	first  int // number of its first row
	x      tensor.Dense[float32]
	labels []int32 // the centre of each row; -1: none yet
}

// newShard returns a shard of n rows of f features, to be filled.
func newShard(first, n, f int) *shard {
	s := &shard{first: first, x: tensor.New[float32](n, f), labels: make([]int32, n)}
	s.unlabel()
	return s
}

// unlabel takes all rows out of their clusters.
func (s *shard) unlabel() {
	for i := range s.labels {
		s.labels[i] = -1
	}
}

func (s *shard) len() int { return len(s.labels) }

// row returns row i of the shard.
func (s *shard) row(i int) []float32 {
	f := s.x.Dim(1)
	return s.x.Values()[i*f : (i+1)*f]
}

// moments adds the sums of the columns and of their squares to a vector of 2·features.
func (s *shard) moments(sums []float64) {
	f := s.x.Dim(1)
	first, second := sums[:f], sums[f:2*f]
	for i := range s.len() {
		for j, v := range s.row(i) {
			x := float64(v)
			first[j] += x
			second[j] += float64(x * x)
		}
	}
}

// subtract takes shift from all rows.
func (s *shard) subtract(shift []float32) {
	for i := range s.len() {
		row := s.row(i)
		for j, v := range shift {
			row[j] -= v
		}
	}
}

// unit makes a vector one of length 1, if it has a direction.
func unit(x []float32) bool {
	length := math.Sqrt(dot(x, x))
	if !(length > 0) {
		return false
	}
	for j, v := range x {
		x[j] = float32(float64(v) / length)
	}
	return true
}

// dot returns the sum of a·b in float64, in order.
func dot(a, b []float32) float64 {
	sum := 0.0
	for j, v := range a {
		sum += float64(float64(v) * float64(b[j]))
	}
	return sum
}

// spread is the sums of a job's rows that shards' moments are, as what is told by them.
type spread struct {
	shift    []float32 // taken from all rows
	variance float64   // mean of the columns' variances
}

// far is how many deviations from 0 a column's mean is at which the column is moved. Below
// it, products in float32 lose no more than six bits by it. From it on, nearly all values
// are within a factor of two of the mean, so that their differences from it are exact
// (Sterbenz's lemma), and the centres are the means of the rows to float64's precision.
const far = 8

// spreadOf makes it from the moments of all n rows.
func spreadOf(moments []float64, n int) spread {
	f := len(moments) / 2
	s := spread{shift: make([]float32, f)}
	for j := range f {
		mean := moments[j] / float64(n)
		variance := max(0, moments[f+j]/float64(n)-float64(mean*mean))
		if math.Abs(mean) > far*math.Sqrt(variance) {
			s.shift[j] = float32(mean)
		}
		s.variance += variance / float64(f)
	}
	return s
}
