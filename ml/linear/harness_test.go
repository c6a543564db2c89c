package linear_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"scalar/ml/reduce"
	"scalar/ml/train"
)

// stepRows returns all rows of a step.
func stepRows(tb testing.TB, plan *train.Plan, step int) []uint32 {
	tb.Helper()
	tree, err := reduce.NewTree(1, 1)
	if err != nil {
		tb.Fatal(err)
	}
	rows, _ := plan.Shard(step, 0, tree)
	return slices.Clone(rows)
}

// sortEntries puts the entries of LIBSVM lines in order, each column once.
func sortEntries(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		at := func(s string) int {
			name, _, _ := strings.Cut(s, ":")
			n, err := strconv.Atoi(name)
			if err != nil {
				panic(err)
			}
			return n
		}
		entries := fields[1:]
		slices.SortFunc(entries, func(a, b string) int { return at(a) - at(b) })
		entries = slices.CompactFunc(entries, func(a, b string) bool { return at(a) == at(b) })
		b.WriteString(fields[0] + " " + strings.Join(entries, " ") + "\n")
	}
	return b.String()
}
