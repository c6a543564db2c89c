package tensor_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"scalar/tensor"
)

func TestEmbed(t *testing.T) {
	all := cpus(t)
	r := rand.New(rand.NewPCG(51, 51))
	for _, s := range [][3]int{{0, 3, 2}, {1, 1, 1}, {100, 7, 5}, {200, 50, 600}} {
		n, v, d := s[0], s[1], s[2]
		table, dy, start := normals(r, v, d), normals(r, n, d), normals(r, v, d)
		indices := make([]int32, n)
		want, grad := tensor.New[float32](n, d), clone(t, start)
		for i := range indices {
			indices[i] = int32(r.IntN(v))
			for j := range d {
				row := int(indices[i])
				want.Set(table.At(row, j), i, j)
				grad.Set(grad.At(row, j)+dy.At(i, j), row, j)
			}
		}
		for _, c := range all {
			out, got := normals(r, n, d), clone(t, start)
			if err := c.Embed(out, table, indices); err != nil {
				t.Fatal(err)
			}
			if err := c.EmbedGrad(got, dy, indices); err != nil {
				t.Fatal(err)
			}
			equalBits(t, "rows", out, want)
			equalBits(t, "gradient", got, grad)
		}
	}
}

func TestEmbedRefuses(t *testing.T) {
	c := cpu(t, tensor.Config{Cores: 1})
	z := tensor.New[float32]
	err := c.Embed(z(2, 3), z(5, 4), []int32{0, 1})
	if want := "tensor: embed: 2 indices, rows 2×3 and table 5×4: want n×d and v×d without gaps"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	for _, x := range []int32{-1, 5} {
		err := c.EmbedGrad(z(5, 3), z(2, 3), []int32{0, x})
		var e *tensor.IndexError
		if !errors.As(err, &e) || e.Row != 1 || e.Index != int(x) || e.Size != 5 {
			t.Error(err)
		}
	}
}
