package graph

import "fmt"

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

// Input says how the job's input is read as a graph: a line "src dst [weight]" an
// edge, fields separated by blanks or tabs; a field that begins with "#" begins a
// comment; empty lines are skipped. Edges that repeat stay parallel edges, loops
// stay.
type Input struct {
	IDs         IDs  // default Integers
	Undirected  bool // each line counts both ways, a loop once
	Weights     bool // keep the third column for SendWeighted (8 bytes an edge); an edge without one weighs 1
	NonNegative bool // a weight below 0 is malformed
	// Order gives names ids in the order of the names, over all peers; with whole
	// numbers they always are. It costs every peer a look at all names, and works
	// with Sweep only.
	Order bool
	// Distinct leaves one of several edges between two vertices, and no loops. It works
	// with Sweep only.
	Distinct bool
	Vertices string // absolute path or URL of a file with one id a line: vertices that may have no edge; empty: none

	ways   bool // keep in the place of weights which way an edge goes; with Undirected
	single bool // with ways: lines are edges one way all the same
}
