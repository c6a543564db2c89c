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
	if validation == 0 {
		return newPlan(n, batch, seed), nil, nil // without a list of the rows
	}
	training, valid, err := HoldOut(r, validation, seed)
	if err != nil {
		return nil, nil, err
	}
	return NewPlan(training, batch, seed), valid, nil
}

// HoldOut is Split of rows, which leaves some for validation, if a share is, and some to train on.
func HoldOut(r *rows.Rows, share float64, seed uint64) (training, validation []uint32, err error) {
	n := r.Set.Len()
	training, validation = Split(n, share, seed)
	switch {
	case share > 0 && len(validation) == 0:
		err = job.Fail(job.FaultInput, "%s: --validation %g of its %d rows is none: give a larger share", r.URL, share, n)
	case len(training) == 0:
		err = job.Fail(job.FaultInput, "%s: all of its %d rows are for validation: give a smaller --validation", r.URL, n)
	}
	return training, validation, err
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
