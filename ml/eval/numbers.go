package eval

import "math"

// A Regressor measures predictions of numbers.
type Regressor struct {
	full           bool
	n              int
	errors, around float64 // sums of squares: of what is wrong, and of values around their mean
	mean           float64
	off, most      float64
}

// NewRegressor begins with no rows.
func NewRegressor(full bool) *Regressor { return &Regressor{full: full} }

// A Regression is how near predictions are.
type Regression struct {
	N        int     `json:"n"`
	Error    float64 `json:"error"`    // root of the mean squared error
	Accuracy float64 `json:"accuracy"` // R²: 1 − squared errors / squares around the mean; of equal values 1 if all are met, else 0
	Loss     float64 `json:"loss"`     // mean squared error
	*Errors
}

// Errors are further measures of what is wrong.
type Errors struct {
	Mean float64 `json:"mean_absolute_error"`
	Max  float64 `json:"max_error"`
}

// Add takes a row: what the model says, and what is true. The mean of values moves as in
// Welford, Technometrics 4(3), 1962.
func (r *Regressor) Add(prediction float32, value float64) {
	r.n++
	off := float64(prediction) - value
	r.errors += float64(off * off)
	r.off, r.most = r.off+math.Abs(off), max(r.most, math.Abs(off))
	d := value - r.mean
	r.mean += d / float64(r.n)
	r.around += float64(d * (value - r.mean))
}

// Result returns the measures, of one row at least.
func (r *Regressor) Result() Regression {
	n := float64(r.n)
	out := Regression{N: r.n, Loss: r.errors / n, Error: math.Sqrt(r.errors / n)}
	switch {
	case r.around > 0:
		out.Accuracy = 1 - r.errors/r.around
	case r.errors == 0:
		out.Accuracy = 1
	}
	if r.full {
		out.Errors = &Errors{r.off / n, r.most}
	}
	return out
}

// A Clusterer measures how near rows are to their centres.
type Clusterer struct {
	n      int
	sum    float64
	square bool
	sizes  []int // nil: not asked for
}

// NewClusterer begins with no rows, of k clusters. Distances are euclidean ones, which count by
// their squares, or cosine ones: what k-means makes small.
func NewClusterer(k int, cosine, full bool) *Clusterer {
	c := &Clusterer{square: !cosine}
	if full {
		c.sizes = make([]int, k)
	}
	return c
}

// A Clustering is how near rows are to their centres.
type Clustering struct {
	N       int     `json:"n"`
	Loss    float64 `json:"loss"`    // the inertia
	Inertia float64 `json:"inertia"` // mean of the squared distances, of cosine ones themselves
	Sizes   []int   `json:"sizes,omitempty"`
}

// Add takes a row: its cluster and its distance from the centre.
func (c *Clusterer) Add(cluster int64, distance float32) {
	c.n++
	d := float64(distance)
	if c.square {
		d *= d
	}
	c.sum += d
	if c.sizes != nil {
		c.sizes[cluster]++
	}
}

// Result returns the measures, of one row at least.
func (c *Clusterer) Result() Clustering {
	inertia := c.sum / float64(c.n)
	return Clustering{c.n, inertia, inertia, c.sizes}
}
