package tensor

import (
	"fmt"

	"scalar/tensor/internal/kernel"
)

// Embed sets row i of out, n×d, to row indices[i] of the table, v×d, both without gaps. The
// error is a [ShapeError], or an [IndexError].
func (c *CPU) Embed(out, table Dense[float32], indices []int32) error {
	if err := embeddable(out, table, indices); err != nil {
		return err
	}
	p := c.begin(embed, matrixOf(out), matrixOf(table))
	p.labels = indices
	c.pool.run(p, units64(len(indices)))
	p.end()
	return nil
}

// EmbedGrad adds row i of dy to row indices[i] of the table's gradient, in the order of i.
func (c *CPU) EmbedGrad(dtable, dy Dense[float32], indices []int32) error {
	if err := embeddable(dy, dtable, indices); err != nil {
		return err
	}
	p := c.begin(embedGrad, matrixOf(dtable), matrixOf(dy))
	p.labels = indices
	c.pool.run(p, (dy.shape[1]+sumColumns-1)/sumColumns)
	p.end()
	return nil
}

func embeddable(rows, table Dense[float32], indices []int32) error {
	if rows.rank != 2 || table.rank != 2 || rows.shape[1] != table.shape[1] || rows.shape[0] != len(indices) || !rows.Contiguous() || !table.Contiguous() {
		return &ShapeError{"embed", fmt.Sprintf("%d indices, rows %s and table %s: want n×d and v×d without gaps", len(indices), rows.dims(), table.dims())}
	}
	return within("embed", indices, table.shape[0])
}

func embed(p *rowsOf, _ *kernel.Map, unit int) {
	for i := unit * rowsAtOnce; i < min((unit+1)*rowsAtOnce, len(p.labels)); i++ {
		copy(p.out.data[i*p.out.cols:][:p.out.cols], p.x.data[int(p.labels[i])*p.x.cols:])
	}
}

// embedGrad adds some columns of all rows.
func embedGrad(p *rowsOf, m *kernel.Map, unit int) {
	from, to := unit*sumColumns, min((unit+1)*sumColumns, p.x.cols)
	m.Op = kernel.Add
	for i, row := range p.labels {
		m.Out = p.out.data[int(row)*p.x.cols+from : int(row)*p.x.cols+to]
		m.X, m.Y = m.Out, p.x.data[i*p.x.cols+from:i*p.x.cols+to]
		p.isa.Map(m)
	}
}
