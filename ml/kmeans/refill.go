package kmeans

import (
	"cmp"
	"slices"
)

// A remote is a row far from its centre, a candidate for a cluster that has none.
type remote struct {
	Row      int
	Cluster  int
	Distance float64
	X        []float32
}

func byDistance(a, b remote) int {
	return cmp.Or(cmp.Compare(b.Distance, a.Distance), cmp.Compare(a.Row, b.Row))
}

// farthest returns the n rows of a shard that are farthest from their centres, the farthest
// first, of equally far ones the first. Rows at their centre do not count.
func (s *shard) farthest(c *centers, n int) []remote {
	var all []remote
	for i, j := range s.labels {
		d := c.distance(s.row(i), int(j))
		if d > 0 && (len(all) < 2*n || d >= all[n-1].Distance) {
			all = append(all, remote{Row: s.first + i, Cluster: int(j), Distance: d, X: s.row(i)})
		}
		if len(all) > 4*n {
			slices.SortFunc(all, byDistance)
			all = all[:n]
		}
	}
	slices.SortFunc(all, byDistance)
	return all[:min(n, len(all))]
}

// empty returns how many clusters have no members.
func (c *centers) empty(totals []float64) int {
	n := 0
	for _, count := range c.counts(totals) {
		if count == 0 {
			n++
		}
	}
	return n
}

// refill gives each cluster without members one of the rows that are farthest from their
// centres, as scikit-learn does: first cluster, farthest row. The row leaves its own cluster,
// which must keep another. A cluster for which there is no row keeps its centre. rows are
// those of all shards that farthest has returned.
func (c *centers) refill(totals []float64, rows []remote) {
	slices.SortFunc(rows, byDistance)
	counts := c.counts(totals)
	for j := range counts {
		if counts[j] != 0 {
			continue
		}
		for len(rows) > 0 && counts[rows[0].Cluster] < 2 {
			rows = rows[1:]
		}
		if len(rows) == 0 {
			return
		}
		from, to := totals[rows[0].Cluster*c.f:], totals[j*c.f:]
		for i, v := range rows[0].X {
			from[i] -= float64(v)
			to[i] = float64(v)
		}
		counts[rows[0].Cluster]--
		counts[j]++
		rows = rows[1:]
	}
}
