package eval

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"scalar/bsp/job"
	"scalar/ml/data"
	"scalar/ml/model"
	"scalar/tensor"
)

// A Batch is some rows, in the order of the input, and what the model says of them.
type Batch struct {
	Set    *data.Set
	First  int // of the rows, in the set
	Rows   int
	Answer *model.Answer
	before int // rows of the input before those of the set
}

// Number returns the number of row i of the batch in the input, from 0: rows that were left
// out count.
func (b *Batch) Number(i int) int { return b.before + b.Set.Number(b.First+i) }

// partBytes is about how much of the input is read at once: some parts are read ahead.
const partBytes = 8 << 20

// Each gives all rows of a source with the model's answers to take, in their order. Rows are
// read in parts, as many at once as the cpu has cores, so that an input that can be cut may
// be larger than memory. A batch is valid until take returns.
func Each(ctx context.Context, cpu *tensor.CPU, p *model.Predictor, s *data.Source, take func(b *Batch) error) error {
	size, err := s.Size(ctx)
	if err != nil {
		return err
	}
	parts := int(max(1, size/partBytes))
	e, before := p.NewExecutor(cpu), 0
	read := func(ctx context.Context, i int) (*data.Set, error) { return s.Read(ctx, p.Encoder(), i, parts) }
	return ahead(ctx, parts, cpu.Cores(), read, func(set *data.Set) error {
		for first := 0; first < set.Len(); first += e.Batch() {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			b := &Batch{Set: set, First: first, Rows: min(e.Batch(), set.Len()-first), before: before}
			var err error
			if b.Answer, err = e.PredictRows(set, first, b.Rows); err != nil {
				return b.locate(err)
			}
			if err := take(b); err != nil {
				return err
			}
		}
		before += set.Len() + set.Dropped()
		return nil
	})
}

// locate gives an error about a row of the batch its number in the input.
func (b *Batch) locate(err error) error {
	if row, ok := errors.AsType[*model.RowError](err); ok {
		return job.Fail(job.FaultInput, "row %d of the input: %s", b.Number(row.Row), row.What)
	}
	return fmt.Errorf("predict: %w", err)
}

// ahead reads n things, some at once, and gives them to take in their order. The first error
// in that order ends it.
func ahead[T any](ctx context.Context, n, atOnce int, read func(ctx context.Context, i int) (T, error), take func(T) error) error {
	type result struct {
		got T
		err error
	}
	ctx, cancel := context.WithCancel(ctx)
	results := make(chan chan result, atOnce) // sent and closed by the starter; as many are read as it holds
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() {
		defer close(results)
		for i := range n {
			c := make(chan result, 1)
			select {
			case results <- c:
			case <-ctx.Done():
				return
			}
			running.Go(func() {
				got, err := read(ctx, i)
				c <- result{got, err}
			})
		}
	})
	for c := range results {
		r := <-c
		if r.err != nil {
			return r.err
		}
		if err := take(r.got); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}
