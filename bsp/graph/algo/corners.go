package algo

import (
	"strconv"

	"scalar/bsp"
	"scalar/bsp/graph"
)

// LCC returns the bsp program that gives every vertex its local clustering coefficient
// (Watts and Strogatz, 1998) as LDBC Graphalytics defines it: of the edges that could be
// between its neighbours, one each way, the share that there are. Neighbours are
// distinct, either way along edges, without the vertex itself; with fewer than two the
// coefficient is 0.
func LCC(in graph.Input) bsp.Program[graph.Direct[int64]] {
	return graph.Triangles(in, func(c graph.Corner) float64 {
		if c.Neighbours < 2 {
			return 0
		}
		return float64(c.Links) / float64(c.Neighbours*(c.Neighbours-1))
	}, func(dst []byte, x float64) []byte { return strconv.AppendFloat(dst, x, 'g', -1, 64) })
}

// Triangles returns the bsp program that counts the triangles at every vertex: pairs of
// neighbours that are neighbours of each other, where neighbours are distinct, either
// way along edges, without the vertex itself.
func Triangles(in graph.Input) bsp.Program[graph.Direct[int64]] {
	return graph.Triangles(in, func(c graph.Corner) int64 { return c.Triangles }, strconvInt)
}

func strconvInt(dst []byte, x int64) []byte { return strconv.AppendInt(dst, x, 10) }
