package nn_test

import (
	"math"

	"scalar/ml/nn"
)

// image makes what layers of images, and of a whole batch, do.
func (t *twin) image(l nn.Layer, in twinValue) (twinValue, bool) {
	switch l.Type {
	case nn.Conv2D:
		return t.conv(l, in), true
	case nn.MaxPool, nn.AvgPool:
		return t.pool(l, in), true
	case nn.BatchNorm:
		return t.norm(l, in), true
	}
	return twinValue{}, false
}

// pixel is a value of an image, 0 outside.
func pixel(x []float64, shape []int, c, i, j int) float64 {
	if i < 0 || j < 0 || i >= shape[1] || j >= shape[2] {
		return 0
	}
	return x[(c*shape[1]+i)*shape[2]+j]
}

func (t *twin) conv(l nn.Layer, in twinValue) twinValue {
	w, b := t.params[l.Name+".weight"], t.params[l.Name+".bias"]
	stride := l.Stride
	if stride == (nn.Pair{}) {
		stride = nn.Pair{1, 1}
	}
	s, k := in.shape, l.Kernel
	out := []int{l.Filters, (s[1]+2*l.Pad[0]-k[0])/stride[0] + 1, (s[2]+2*l.Pad[1]-k[1])/stride[1] + 1}
	return each(in, out, func(_ int, x []float64) (y []float64) {
		for f := range out[0] {
			for i := range out[1] {
				for j := range out[2] {
					v := 0.0
					if b != nil {
						v = b[f]
					}
					for c := range s[0] {
						for a := range k[0] {
							for d := range k[1] {
								v += w[((f*s[0]+c)*k[0]+a)*k[1]+d] * pixel(x, s, c, i*stride[0]+a-l.Pad[0], j*stride[1]+d-l.Pad[1])
							}
						}
					}
					y = append(y, v)
				}
			}
		}
		return y
	})
}

func (t *twin) pool(l nn.Layer, in twinValue) twinValue {
	stride := l.Stride
	if stride == (nn.Pair{}) {
		stride = l.Window
	}
	s, k := in.shape, l.Window
	out := []int{s[0], (s[1]-k[0])/stride[0] + 1, (s[2]-k[1])/stride[1] + 1}
	return each(in, out, func(_ int, x []float64) (y []float64) {
		for c := range out[0] {
			for i := range out[1] {
				for j := range out[2] {
					most, sum := math.Inf(-1), 0.0
					for a := range k[0] {
						for d := range k[1] {
							v := pixel(x, s, c, i*stride[0]+a, j*stride[1]+d)
							most, sum = max(most, v), sum+v
						}
					}
					if l.Type == nn.AvgPool {
						most = sum / float64(k[0]*k[1])
					}
					y = append(y, most)
				}
			}
		}
		return y
	})
}

func (t *twin) norm(l nn.Layer, in twinValue) twinValue {
	places := 1
	for _, d := range in.shape[1:] {
		places *= d
	}
	epsilon := l.Epsilon
	if epsilon == 0 {
		epsilon = 1e-5
	}
	mean, variance := t.params[l.Name+".mean"], t.params[l.Name+".variance"]
	if t.factors != nil {
		mean, variance = moments(in, places)
	}
	gamma, beta := t.params[l.Name+".weight"], t.params[l.Name+".bias"]
	return each(in, in.shape, func(_ int, x []float64) (y []float64) {
		for k, v := range x {
			c := k / places
			y = append(y, gamma[c]*(v-mean[c])/math.Sqrt(variance[c]+epsilon)+beta[c])
		}
		return y
	})
}

// moments returns mean and variance, divided by their number, of each channel.
func moments(in twinValue, places int) (mean, variance []float64) {
	n := float64(len(in.rows) * places)
	mean, variance = make([]float64, in.shape[0]), make([]float64, in.shape[0])
	for _, x := range in.rows {
		for k, v := range x {
			mean[k/places] += v / n
		}
	}
	for _, x := range in.rows {
		for k, v := range x {
			variance[k/places] += (v - mean[k/places]) * (v - mean[k/places]) / n
		}
	}
	return mean, variance
}

// merge makes what layers with other shapes or other inputs do.
func (t *twin) merge(l nn.Layer, in []twinValue) twinValue {
	size := len(in[0].rows[0])
	switch l.Type {
	case nn.Flatten:
		return each(in[0], []int{size}, func(_ int, x []float64) []float64 { return append([]float64(nil), x...) })
	case nn.Dropout:
		return each(in[0], in[0].shape, func(r int, x []float64) (y []float64) {
			for k, v := range x {
				if t.factors != nil {
					v *= float64(t.factors[l.Name][r*len(x)+k])
				}
				y = append(y, v)
			}
			return y
		})
	case nn.Embedding:
		table := t.params[l.Name+".weight"]
		return each(in[0], []int{size, l.Units}, func(_ int, x []float64) (y []float64) {
			for _, v := range x {
				y = append(y, table[int(v)*l.Units:][:l.Units]...)
			}
			return y
		})
	case nn.Add:
		return each(in[0], in[0].shape, func(r int, x []float64) []float64 {
			y := make([]float64, len(x))
			for _, v := range in {
				for k := range y {
					y[k] += v.rows[r][k]
				}
			}
			return y
		})
	case nn.Concat:
		shape := append([]int(nil), in[0].shape...)
		for _, v := range in[1:] {
			shape[0] += v.shape[0]
		}
		return each(in[0], shape, func(r int, _ []float64) (y []float64) {
			for _, v := range in {
				y = append(y, v.rows[r]...)
			}
			return y
		})
	}
	panic("the twin knows no " + l.Type)
}
