package builtin

import (
	"math"
	"slices"
	"strings"

	"scalar/bsp"
	"scalar/bsp/graph"
	"scalar/bsp/graph/algo"
)

// iterations is the option of programs that do something over and over.
const iterations = "iterations"

// graphOptions are the options of all programs that read a graph.
func graphOptions(own ...Option) []Option {
	return append(own,
		Option{Name: "format", Kind: KindString, Default: "edges", Help: "of the input: edges, adjacency, json, metis or mtx; a binary graph is known by itself"},
		Option{Name: "ids", Kind: KindString, Default: "int", Help: "what vertices are called: int or string"},
		Option{Name: "undirected", Kind: KindBool, Help: "every line counts both ways"},
		Option{Name: "vertices", Kind: KindFile, Help: "file with one id a line, for vertices without edges"},
	)
}

func (v Values) graph() (graph.Input, error) {
	ids, err := graph.ParseIDs(v.String("ids"))
	if err != nil {
		return graph.Input{}, v.program.Usage("option --%v", err)
	}
	format, err := graph.ParseFormat(v.String("format"))
	if err != nil {
		return graph.Input{}, v.program.Usage("option --%v", err)
	}
	in := graph.Input{Format: format, IDs: ids, Undirected: v.Bool("undirected"), Vertices: v.String("vertices")}
	if err := in.Validate(); err != nil {
		return graph.Input{}, v.program.Usage("options --format %s, --%v", v.String("format"), err)
	}
	return in, nil
}

func pagerankProgram() Program {
	return graphProgram("pagerank", "ranks the vertices of a graph by the links to them",
		[]Option{
			{Name: iterations, Kind: KindInt, Default: "30", Help: "updates, exactly so many unless --tolerance ends them"},
			{Name: "tolerance", Kind: KindFloat, Default: "0", Help: "end when an update changes the ranks by this much in total, Σ|new-old|; 0: off"},
			{Name: "damping", Kind: KindFloat, Default: "0.85", Help: "probability of following a link"},
			{Name: "personalize", Kind: KindString, Help: "ids, separated by commas: jumps go to these vertices only"},
		},
		func(v Values, in graph.Input) (bsp.Runner, error) {
			n, err := v.IntRange(iterations, 0, math.MaxInt32)
			if err != nil {
				return nil, err
			}
			rank := algo.PageRank{Iterations: n, Damping: v.Float("damping"), Tolerance: v.Float("tolerance")}
			if ids := v.String("personalize"); ids != "" {
				rank.Personalize = strings.Split(ids, ",")
			}
			if slices.Contains(rank.Personalize, "") {
				return nil, v.program.Usage("option --personalize %q: want ids, separated by commas", v.String("personalize"))
			}
			if err := rank.Validate(); err != nil {
				return nil, v.program.Usage("option --%v", err)
			}
			return bsp.NewRunner(rank.Program(in)), nil
		})
}

// graphProgram is a built-in on graphs; make gets its checked options.
func graphProgram(name, summary string, own []Option, run func(v Values, in graph.Input) (bsp.Runner, error)) Program {
	p := Program{Name: name, Summary: summary, Input: Required, Output: Optional, Options: graphOptions(own...)}
	p.New = func(args []string) (bsp.Runner, error) {
		v, err := p.Values(args)
		if err != nil {
			return nil, err
		}
		in, err := v.graph()
		if err != nil {
			return nil, err
		}
		return run(v, in)
	}
	return p
}

// plain is what most algorithms need: nothing but the graph.
func plain[M any](program func(graph.Input) bsp.Program[M]) func(Values, graph.Input) (bsp.Runner, error) {
	return func(_ Values, in graph.Input) (bsp.Runner, error) { return bsp.NewRunner(program(in)), nil }
}

// from is what algorithms need that begin at a vertex.
func from[M any](program func(graph.Input, string) bsp.Program[M]) func(Values, graph.Input) (bsp.Runner, error) {
	return func(v Values, in graph.Input) (bsp.Runner, error) {
		return bsp.NewRunner(program(in, v.String("source"))), nil
	}
}

func graphPrograms() []Program {
	source := []Option{{Name: "source", Kind: KindString, Help: "id of the vertex to begin at", Needed: true}}
	return []Program{
		pagerankProgram(),
		graphProgram("bfs", "counts the steps from one vertex to all others", source, from(algo.BFS)),
		graphProgram("sssp", "finds the shortest paths from one vertex to all others, by weight", source, from(algo.SSSP)),
		graphProgram("wcc", "finds what is connected: the smallest id in every vertex's weak component", nil, plain(algo.Components)),
		graphProgram("mdst", "finds the smallest id that every vertex is connected with, as wcc does", nil, plain(algo.Components)),
		graphProgram("cdlp", "finds communities by label propagation",
			[]Option{{Name: iterations, Kind: KindInt, Default: "10", Help: "updates of all labels, exactly so many"}},
			func(v Values, in graph.Input) (bsp.Runner, error) {
				n, err := v.IntRange(iterations, 0, math.MaxInt32-1)
				if err != nil {
					return nil, err
				}
				return bsp.NewRunner(algo.CDLP(in, n)), nil
			}),
		graphProgram("hits", "scores the vertices of a graph as authorities and hubs",
			[]Option{{Name: iterations, Kind: KindInt, Default: "30", Help: "updates of both scores, exactly so many"}},
			func(v Values, in graph.Input) (bsp.Runner, error) {
				n, err := v.IntRange(iterations, 0, math.MaxInt32/2-2)
				if err != nil {
					return nil, err
				}
				return bsp.NewRunner(algo.HITS(in, n)), nil
			}),
		graphProgram("scc", "finds the smallest id in every vertex's strongly connected component", nil, plain(algo.SCC)),
		graphProgram("louvain", "finds communities of high modularity: the smallest id in every vertex's", nil, plain(algo.Louvain)),
		graphProgram("mst", "finds the minimum spanning forest: every vertex's parent and the weight of the edge to it", nil, plain(algo.MST)),
		graphProgram("bipartite", "finds a maximal matching of the two sides of a graph",
			[]Option{
				{Name: "left", Kind: KindFile, Help: "file with the ids of one side, one a line", Needed: true},
				{Name: "seed", Kind: KindInt, Default: "1", Help: "of the choices among several partners"},
			},
			func(v Values, in graph.Input) (bsp.Runner, error) {
				return bsp.NewRunner(algo.Bipartite(in, v.String("left"), uint64(v.Int("seed")))), nil
			}),
		graphProgram("lcc", "finds how close every vertex's neighbours are to a clique", nil, plain(algo.LCC)),
		graphProgram("triangles", "counts the triangles at every vertex", nil, plain(algo.Triangles)),
		graphProgram("kcore", "finds every vertex's core number", nil, plain(algo.KCore)),
		semiclusterProgram(),
		graphProgram("inlinks", "counts the links to every vertex of a graph", nil, plain(algo.Inlinks)),
	}
}

func semiclusterProgram() Program {
	return graphProgram("semicluster", "finds groups of vertices with many edges among them, which may overlap",
		[]Option{
			{Name: "clusters", Kind: KindInt, Default: "10", Help: "groups that a vertex keeps"},
			{Name: "members", Kind: KindInt, Default: "10", Help: "vertices of a group at most"},
			{Name: "boundary", Kind: KindFloat, Default: "0.5", Help: "what an edge that leaves a group costs, 0 to 1"},
			{Name: iterations, Kind: KindInt, Default: "30", Help: "rounds at most"},
		},
		func(v Values, in graph.Input) (bsp.Runner, error) {
			c := algo.SemiClusters{Boundary: v.Float("boundary")}
			for name, n := range map[string]*int{"clusters": &c.Clusters, "members": &c.Members, iterations: &c.Iterations} {
				var err error
				if *n, err = v.IntRange(name, 0, math.MaxInt32-1); err != nil {
					return nil, err
				}
			}
			if err := c.Validate(); err != nil {
				return nil, v.program.Usage("option --%v", err)
			}
			return bsp.NewRunner(c.Program(in)), nil
		})
}
