package nn

import "slices"

// A Graph is a net that is ready to run. It is immutable, and safe for concurrent use.
type Graph struct {
	spec    *Spec
	nodes   []node // in the order in which they run; the first is the input
	output  int    // the node of the logits in training
	answer  int    // and in inference
	params  []Param
	fills   []fill // one per parameter
	weights int    // values of the arena before the statistics
	size    int
	gaps    [][2]int // ranges of the arena that are no parameter's
	widest  int      // inputs of the node that has most
}

// Spec returns a copy of the net's description, with all names and the loss filled in.
func (g *Graph) Spec() *Spec { return g.spec.clone() }

// Input returns the shape of one row.
func (g *Graph) Input() []int { return slices.Clone(g.spec.Input) }

// Features returns how many values a row has.
func (g *Graph) Features() int { return g.nodes[0].size }

// Outputs returns how many values a row's output has: the columns of the logits.
func (g *Graph) Outputs() int { return g.nodes[g.output].size }

// Loss returns what the net is trained on: [CrossEntropy] or [Squared].
func (g *Graph) Loss() string { return g.spec.Loss }

// A node is an operation, with the activation that follows it.
type node struct {
	name   string // of its layer
	op     op     // nil: the input
	from   []ref  // whose values it takes in training
	seen   []ref  // in inference, where dropout does nothing
	shape  []int  // of what a row becomes
	size   int
	params []int // indices of its parameters

	active bool // there is an activation
	act    activation
	fused  bool // the operation applies it itself

	learns bool   // its gradient is wanted: weights lie in it or before it
	first  []bool // whether the gradient of an input is the first that reaches that node
}

// A ref is a node's value, seen in a shape of its own.
type ref struct {
	node  int
	shape []int
}

// An op is what a node computes. It is immutable; what changes is in the cell.
type op interface {
	// forward sets c.out from c.in.
	forward(e *Executor, c *cell) error
	// backward sets the gradients of parameters, and those of c.dins that are not zero, from
	// c.dout, which it may overwrite.
	backward(e *Executor, c *cell) error
}

// A keeper is an op that keeps so many values besides its output for its gradient, in
// cell.kept.
type keeper interface {
	keeps(n *node, rows int) int
}

// volume returns the number of values of a shape.
func volume(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}
