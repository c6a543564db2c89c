package protocol

// Skip checks a document of which nothing is wanted.
func Skip(doc []byte) error {
	p := parser{b: doc, r: &Request{}}
	if err := p.skip(); err != nil {
		return err
	}
	return p.end()
}

// Quick reads a number by the fast path alone; false: it leaves it.
func Quick(text string) (float32, int, bool) {
	b := append([]byte(text), make([]byte, window)...)
	x, end := quick(b, 0)
	return x, end, end >= 0
}

// Depth is how deep brackets are nested at most.
const Depth = maxDepth
