package kernel

// A Copy is what the assembly of packing is told: see gen/pack.go.
type Copy struct {
	to, from   []float32
	fromStride int
	toN        int
	n          int
	groups     int
}

// A Panel is width lines of k values each that are to be packed: value i of line l is
// From[l·Line+i·Step], and goes to place i·width + l.
type Panel struct {
	From       []float32
	Line, Step int // in values, from one line to the next, from one value of a line to the next
	Lines      int // that are there; places of the others become 0
	Width, K   int
}

// Pack packs a panel into to, which has Width·K values.
func (i ISA) Pack(to []float32, p Panel) {
	to = to[:p.Width*p.K]
	if p.K == 0 || p.Lines == 0 {
		clear(to)
		return
	}
	_ = p.From[(p.Lines-1)*p.Line+(p.K-1)*p.Step]
	if p.Lines < p.Width {
		clear(to)
	}
	switch {
	case p.Line == 1 && p.Lines == p.Width && p.gatherable() &&
		i.gather(&Copy{to, p.From, p.Step, p.Width / 8, p.K, 0}):
	case p.Line == 1:
		for k := range p.K {
			copy(to[k*p.Width:][:p.Lines], p.From[k*p.Step:])
		}
	case p.Step == 1:
		i.packLines(to, p)
	default:
		p.plain(to, 0)
	}
}

// Transpose is Pack where values of a line are neighbours and Width is only how far apart the values of a line come to lie: places of other
// lines stay as they are.
func (i ISA) Transpose(to []float32, p Panel) {
	if p.K == 0 || p.Lines == 0 {
		return
	}
	_, _ = p.From[(p.Lines-1)*p.Line+p.K-1], to[(p.K-1)*p.Width+p.Lines-1]
	if p.Lines > p.Width || p.Step != 1 {
		panic("kernel: lines that cannot be transposed")
	}
	i.packLines(to, p)
}

// gatherable reports whether the width is one that assembly is there for.
func (p *Panel) gatherable() bool { return p.Width == 4 || p.Width%8 == 0 && p.Width <= 48 }

// packLines transposes: values of a line are neighbours.
func (i ISA) packLines(to []float32, p Panel) {
	const four, eight = 4, 8 // lines at a time
	blocks := p.K / 8
	if p.Lines < four || blocks == 0 {
		p.plain(to, 0)
		return
	}
	some := func(l, groups int) bool {
		return i.transpose(&Copy{to[l:], p.From[l*p.Line:], p.Line, p.Width, blocks, groups})
	}
	var done bool
	switch groups := p.Lines / eight; {
	case groups == 0:
		done = some(0, 0) && some(p.Lines-four, 0)
	case p.Lines%eight == 0:
		done = some(0, groups)
	case p.Lines%eight <= four:
		done = some(0, groups) && some(p.Lines-four, 0)
	default: // the last again with those before it
		done = some(0, groups) && some(p.Lines-eight, 1)
	}
	if !done {
		p.plain(to, 0)
		return
	}
	p.plain(to, 8*blocks)
}

// plain packs all lines from value k on.
func (p *Panel) plain(to []float32, k int) {
	for l := range p.Lines {
		for i := k; i < p.K; i++ {
			to[i*p.Width+l] = p.From[l*p.Line+i*p.Step]
		}
	}
}
