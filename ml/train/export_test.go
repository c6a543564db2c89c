package train

import "scalar/ml/reduce"

// Batches returns the rows of every step of some epochs, as one shard has them.
func Batches(rows, batch, epochs int, seed uint64) [][]uint32 {
	training, _ := Split(rows, 0, seed)
	p := NewPlan(training, batch, seed)
	tree, err := reduce.NewTree(1, 1)
	if err != nil {
		panic(err)
	}
	all := make([][]uint32, 0, epochs*p.steps)
	for step := range epochs * p.steps {
		rows, _ := p.Shard(step, 0, tree)
		all = append(all, append([]uint32(nil), rows...))
	}
	return all
}

// BaseOf is baseOf.
var BaseOf = baseOf
