package builtin

import (
	"math"

	"scalar/bsp"
	"scalar/bsp/graph"
	"scalar/bsp/graph/algo"
)

// graphOptions are the options of all programs that read a graph.
func graphOptions(own ...Option) []Option {
	return append(own,
		Option{"ids", KindString, "int", "what vertices are called: int or string"},
		Option{"undirected", KindBool, "", "every line counts both ways"},
		Option{"vertices", KindFile, "", "file with one id a line, for vertices without edges"},
	)
}

func (v values) graph() (graph.Input, error) {
	ids, err := graph.ParseIDs(v.String("ids"))
	if err != nil {
		return graph.Input{}, v.program.usage("option --%v", err)
	}
	return graph.Input{IDs: ids, Undirected: v.Bool("undirected"), Vertices: v.String("vertices")}, nil
}

func pagerankProgram() Program {
	p := Program{
		Name: "pagerank", Summary: "ranks the vertices of a graph by the links to them", Input: Required, Output: Optional,
		Options: graphOptions(
			Option{"iterations", KindInt, "30", "updates, exactly so many unless --tolerance ends them"},
			Option{"tolerance", KindFloat, "0", "end when an update changes the ranks by this much in total, Σ|new-old|; 0: off"},
			Option{"damping", KindFloat, "0.85", "probability of following a link"},
		),
	}
	p.New = func(args []string) (bsp.Runner, error) {
		v, err := p.values(args)
		if err != nil {
			return nil, err
		}
		in, err := v.graph()
		if err != nil {
			return nil, err
		}
		iterations, err := v.intRange("iterations", 0, math.MaxInt32)
		if err != nil {
			return nil, err
		}
		rank := algo.PageRank{Iterations: iterations, Damping: v.Float("damping"), Tolerance: v.Float("tolerance")}
		if err := rank.Validate(); err != nil {
			return nil, p.usage("option --%v", err)
		}
		return bsp.NewRunner(rank.Program(in)), nil
	}
	return p
}

func inlinksProgram() Program {
	p := Program{
		Name: "inlinks", Summary: "counts the links to every vertex of a graph", Input: Required, Output: Optional,
		Options: graphOptions(),
	}
	p.New = func(args []string) (bsp.Runner, error) {
		v, err := p.values(args)
		if err != nil {
			return nil, err
		}
		in, err := v.graph()
		if err != nil {
			return nil, err
		}
		return bsp.NewRunner(algo.Inlinks(in)), nil
	}
	return p
}
