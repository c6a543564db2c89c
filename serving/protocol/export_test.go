package protocol

// Skip checks a document of which nothing is wanted.
func Skip(doc []byte) error {
	p := parser{b: doc, r: &Request{}}
	if err := p.skip(); err != nil {
		return err
	}
	return p.end()
}

// Depth is how deep brackets are nested at most.
const Depth = maxDepth
