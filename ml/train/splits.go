package train

import (
	"maps"
	"math"
	"strconv"

	"scalar/bsp/job"
	"scalar/ml/rows"
)

// MakePlan plans steps of up to batch rows for what is not held out, and returns which rows
// are: nil if none.
func MakePlan(r *rows.Rows, validation float64, batch int, seed uint64) (*Plan, []uint32, error) {
	n := r.Set.Len()
	if n > math.MaxUint32 {
		return nil, nil, job.Fail(job.FaultInput, "%s: %d rows, and up to %d can be trained on", r.URL, n, uint32(math.MaxUint32))
	}
	if int(validation*float64(n)+0.5) == 0 {
		return newPlan(n, batch, seed), nil, nil // without a list of the rows
	}
	training, valid := Split(n, validation, seed)
	if len(training) == 0 {
		return nil, nil, job.Fail(job.FaultInput, "%s: all of its %d rows are for validation: give a smaller --validation", r.URL, n)
	}
	return NewPlan(training, batch, seed), valid, nil
}

// Splits returns how many splits the rows are to have: those that are asked for, or, for 0, as
// many as the memory wants.
func (p *Plan) Splits(r *rows.Rows, asked int) (int, error) {
	if asked > p.n {
		return 0, job.Fail(job.FaultInput, "--splits %d: there are %d rows to train on, and each split needs one", asked, p.n)
	}
	if asked > 0 {
		return asked, nil
	}
	return min(r.Splits(), p.n), nil
}

// WithSplits returns the options of a model with the number of splits that it was trained
// in.
func WithSplits(options map[string]string, splits int) map[string]string {
	all := map[string]string{}
	maps.Copy(all, options)
	all["splits"] = strconv.Itoa(splits)
	return all
}
