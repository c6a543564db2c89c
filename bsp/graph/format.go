package graph

import (
	"errors"
	"fmt"
)

// Format says how the text of a graph is written; docs/graph-input.md has an example
// of each. A file that Convert has made is known by its first bytes.
type Format uint8

// The formats of text.
const (
	Edges        Format = iota // a line "src dst [weight]" an edge
	Adjacency                  // a line "id n1 n2 …" or "id n1:w1 n2:w2 …" a vertex
	JSON                       // a line [id,value,[[neighbour,weight],…]] a vertex
	METIS                      // METIS graph file; edges are listed at both ends
	MatrixMarket               // coordinate format; rows are sources, columns destinations
)

// ParseFormat reads the value of an option --format.
func ParseFormat(s string) (Format, error) {
	switch s {
	case "", "edges":
		return Edges, nil
	case "adjacency":
		return Adjacency, nil
	case "json":
		return JSON, nil
	case "metis":
		return METIS, nil
	case "mtx":
		return MatrixMarket, nil
	}
	return 0, fmt.Errorf("format %q: want edges, adjacency, json, metis or mtx", s)
}

// numbered reports whether vertices are called 1 to n by their place in the file.
func (f Format) numbered() bool { return f == METIS || f == MatrixMarket }

// Validate says what does not go together.
func (in Input) Validate() error {
	if in.Format.numbered() && in.IDs != Integers {
		return errors.New("ids string: vertices of this format are whole numbers from 1")
	}
	return nil
}
