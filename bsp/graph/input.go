package graph

import (
	"errors"
	"fmt"
)

// IDs says what the ids of vertices are.
type IDs uint8

// The kinds of ids.
const (
	Integers IDs = iota // whole numbers from 0 to MaxID
	Strings             // any bytes without blanks, at most MaxString, not beginning with "#"
)

// Limits of ids.
const (
	MaxID     = 1<<63 - 1
	MaxString = 1 << 16 // bytes
)

// ParseIDs reads the value of an option --ids.
func ParseIDs(s string) (IDs, error) {
	switch s {
	case "", "int":
		return Integers, nil
	case "string":
		return Strings, nil
	}
	return 0, fmt.Errorf("ids %q: want int or string", s)
}

// Input says how the job's input is read as a graph: with the Format Edges a line
// "src dst [weight]" an edge, fields separated by blanks or tabs; a field that begins
// with "#" begins a comment; empty lines are skipped. Edges that repeat stay parallel
// edges, loops stay.
//
// While a graph is loaded, a vertex is a number of 32 bits, of which some name its owner.
// Let S be the number of peers, rounded up to a power of two. Of the ids of each owner a
// peer may read 4,294,967,294/S distinct ones; of text it reads its share, of a binary
// graph all ids. All peers together may tell an owner of 4,294,967,294 ids, of which one
// that several of them have read counts several times. A job with more fails with "N
// vertices on one peer: use more peers". docs/graph.md has all limits.
type Input struct {
	Format      Format // of text, default Edges
	IDs         IDs    // default Integers
	Undirected  bool   // each edge counts both ways, a loop once; one of a format that is undirected by itself does in any case
	Weights     bool   // keep weights for SendWeighted and Arrays.Weights (8 bytes an edge); an edge without one weighs 1
	NonNegative bool   // a weight below 0 is malformed
	// Order gives names ids in the order of the names, over all peers; with whole
	// numbers they always are. It costs every peer a look at all names, and works
	// with Sweep only.
	Order bool
	// AsRead numbers a peer's vertices in the order in which they are read, where ids are large, and no longer in the order
	// of ids: those that many edges lead to come first, as a rule, so that less of what is looked at lies apart. A graph of
	// a million vertices, ids spread over 2^62, loads in three quarters of the time. It goes without saying with Compute,
	// which sees no numbers. Names are numbered in their order all the same.
	AsRead bool
	// Distinct leaves one of several edges between two vertices, and no loops. It works
	// with Sweep only.
	Distinct bool
	Vertices string // absolute path or URL of a file with one id a line: vertices that may have no edge; empty: none
	// Marked is a file as Vertices is; Arrays.Marked says which vertices are in it. It
	// works with Sweep only.
	Marked string
	// Ways gives every vertex its edges either way: Arrays.Sources has the other ends of
	// edges to it and from it, Arrays.Ways says which is which, and Arrays.Degrees counts
	// both. It works with Sweep only, and not with Weights.
	Ways bool
	// Neighbours makes Arrays.Neighbour known (8 bytes a vertex of All). It works with
	// Sweep only.
	Neighbours bool

	single   bool // with Ways: lines are edges one way all the same
	outward  bool // rows by source, of LoadOut
	inward   bool // with Algorithm.Once: edges are kept at both ends
	gathered bool // rows are gathered from, and nothing else looks at them
}

// loaded returns how an input is loaded, to be pulled or pushed: Ways need every line at
// both of its ends.
func (in Input) loaded(pulled bool) (Input, error) {
	switch {
	case in.Weights && (in.Ways || in.Distinct):
		return in, errors.New("graph: an input keeps no Weights with Ways or Distinct")
	case !pulled && (in.Order || in.Distinct || in.Ways || in.Neighbours || in.Marked != ""):
		return in, errors.New("graph: Order, Distinct, Ways, Neighbours and Marked of an Input work with Sweep and with Load only")
	}
	in.gathered = in.gathered && !in.Ways && !in.Distinct && !in.Neighbours && !in.Weights
	if in.Ways {
		in.single = !in.Undirected
		in.Undirected = true
	}
	return in, nil
}

// once reports whether of an edge that stands for both ways one is enough, since it
// is turned around later.
func (in Input) once() bool { return in.Undirected && !in.single }
