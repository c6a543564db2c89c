package eval

import (
	"cmp"
	"slices"
)

// auc returns the area under the curve of true over false positives, which is Mann and
// Whitney's statistic over the number of pairs (Fawcett, An introduction to ROC analysis,
// 2006, §7): pairs are counted exactly, in halves. nil: there are no pairs.
func auc(scores []float64, truth []int32, class int32) *float64 {
	type row struct {
		score float64
		is    bool
	}
	rows := make([]row, len(scores))
	for i, s := range scores {
		rows[i] = row{s, truth[i] == class}
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Compare(a.score, b.score) })
	var below, positives, halves uint64
	for i := 0; i < len(rows); {
		var pos, neg uint64
		score := rows[i].score
		for ; i < len(rows) && rows[i].score == score; i++ {
			if rows[i].is {
				pos++
			} else {
				neg++
			}
		}
		halves += pos * (2*below + neg)
		below += neg
		positives += pos
	}
	if below == 0 || positives == 0 {
		return nil
	}
	a := float64(halves) / 2 / (float64(positives) * float64(below))
	return &a
}
