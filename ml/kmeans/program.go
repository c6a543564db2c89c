package kmeans

import (
	"context"
	"errors"
	"fmt"

	"scalar/bsp"
	"scalar/bsp/job"
	"scalar/ml/data"
	"scalar/ml/model"
	"scalar/ml/reduce"
	"scalar/ml/rows"
	"scalar/tensor"
)

// Program returns the program that looks for clusters. It writes a model: bsp.Files is its
// option.
func Program(o Options) bsp.Program[struct{}] {
	return func(ctx context.Context, p *bsp.Peer[struct{}]) error {
		j := &lloyds{o: o, p: p}
		defer j.close()
		if err := j.load(ctx); err != nil {
			return err
		}
		p.Loaded()
		if err := j.begin(ctx); err != nil {
			return err
		}
		if err := j.run(ctx); err != nil {
			return err
		}
		return j.write(ctx)
	}
}

// state is what a checkpoint holds: the same at all peers.
type state struct {
	Centers []float64 // of the next iteration
	Before  []float64 // of the one before, which rows' labels follow from
	Moves   int       // how often centres have moved
	Done    bool      // they have moved within the tolerance
}

// lloyds is the work of one peer.
type lloyds struct {
	o    Options
	p    *bsp.Peer[struct{}]
	cpus []*tensor.CPU

	rows    *rows.Rows
	fit     *fit
	inits   []float32 // given centres
	state   state
	inertia float64 // of the last centres, exactly
	dropped int
	shards  int
}

func (j *lloyds) close() {
	for _, cpu := range j.cpus {
		cpu.Close()
	}
}

// load reads the rows and takes this peer's shards of them.
func (j *lloyds) load(ctx context.Context) (err error) {
	if j.o.Input.URL == "" {
		j.o.Input.URL = j.p.Input().URL
	}
	if j.rows, err = rows.Read(ctx, j.p, j.o.Input); err != nil {
		return err
	}
	set := j.rows.Set
	j.dropped = set.Dropped()
	if j.shards = j.o.Shards; j.shards == 0 {
		j.shards = j.p.N()
	}
	tree, err := reduce.NewTree(j.shards, j.p.N())
	if err != nil {
		return job.Usage("--shards: %v", err)
	}
	k := j.o.K
	if j.o.Init != "" {
		if k, err = j.readInit(ctx); err != nil {
			return err
		}
	}
	if k > set.Len() {
		return job.Fail(job.FaultInput, "%s: %d clusters of %d rows: give a smaller --k", j.o.Input.URL, k, set.Len())
	}
	j.fit = &fit{crowd: newCrowd(j.p, tree), n: set.Len(), k: k, f: set.Features(), metric: j.o.Metric, seed: j.o.Seed}
	if err := j.takeShards(set, tree); err != nil {
		return err
	}
	j.rows.Forget() // the shards have what is needed
	if err := j.staff(); err != nil {
		return err
	}
	if err = j.fit.prepare(ctx); errors.Is(err, errSquares) {
		err = job.Fail(job.FaultInput, "%s: %v", j.o.Input.URL, err)
	}
	return err
}

// newCrowd returns the peers of a job as a crowd.
func newCrowd[M any](p *bsp.Peer[M], tree reduce.Tree) crowd {
	peers := reduce.Of(p)
	return crowd{
		sum: func(ctx context.Context, mine [][]float64) ([]float64, error) { return tree.Sums(ctx, peers, mine) },
		gather: func(ctx context.Context, b []byte) ([][]byte, error) {
			out := make([][]byte, p.N())
			for i := range out {
				out[i] = b
			}
			return bsp.HandOver(ctx, p, out)
		},
	}
}

// takeShards copies this peer's shards of the rows.
func (j *lloyds) takeShards(set *data.Set, tree reduce.Tree) error {
	lo, hi := tree.Owned(j.p.Index())
	for at := lo; at < hi; at++ {
		first, end := reduce.Part(set.Len(), at, j.shards)
		s := newShard(first, end-first, set.Features())
		for i := range s.len() {
			set.Row(s.row(i), first+i)
			if j.o.Metric == Cosine && !unit(s.row(i)) {
				return job.Fail(job.FaultInput, "%s: row %d, counted from 0, is all zeros: it has no direction, as --metric cosine needs", j.o.Input.URL, set.Number(first+i))
			}
		}
		j.fit.shards = append(j.fit.shards, s)
	}
	return nil
}

// staff makes workers: as many as there are cores and shards, which share the cores.
func (j *lloyds) staff() error {
	cores := j.p.Cores()
	workers := min(cores, len(j.fit.shards))
	for i := range workers {
		cpu, err := tensor.NewCPU(tensor.Config{Cores: (i+1)*cores/workers - i*cores/workers})
		if err != nil {
			return err
		}
		j.cpus = append(j.cpus, cpu)
		j.fit.workers = append(j.fit.workers, &worker{cpu: cpu})
	}
	return nil
}

// readInit reads the first centres, and returns how many there are.
func (j *lloyds) readInit(ctx context.Context) (int, error) {
	src, err := data.OpenFor(ctx, data.Input{URL: j.o.Init}, j.rows.Encoder, false)
	if err != nil {
		return 0, err
	}
	set, err := src.Read(ctx, j.rows.Encoder, 0, 1)
	if err != nil {
		return 0, err
	}
	k := set.Len()
	switch {
	case k == 0:
		return 0, job.Fail(job.FaultInput, "%s: there are no centres in it", j.o.Init)
	case j.o.K != 0 && j.o.K != k:
		return 0, job.Fail(job.FaultInput, "%s: there are %d centres in it, and --k says %d", j.o.Init, k, j.o.K)
	}
	j.inits = make([]float32, k*set.Features())
	for i := range k {
		set.Row(j.inits[i*set.Features():], i)
	}
	return k, nil
}

// begin takes the state of a checkpoint, or chooses the first centres.
func (j *lloyds) begin(ctx context.Context) error {
	resumed, err := j.p.State(&j.state)
	switch {
	case err != nil:
		return err
	case resumed:
		return j.fit.label(j.state.Before)
	case j.inits != nil:
		if j.state.Centers, err = j.fit.given(j.inits); err != nil {
			err = job.Fail(job.FaultInput, "%s: %v", j.o.Init, err)
		}
	default:
		j.state.Centers, err = j.fit.start(ctx)
	}
	return err
}

// run moves centres until they are to stay.
func (j *lloyds) run(ctx context.Context) error {
	st := &j.state
	for !st.Done {
		r, err := j.fit.iterate(ctx, st.Centers)
		if err != nil {
			return err
		}
		j.tell(r)
		if r.changed == 0 || st.Moves == j.o.Iterations {
			break
		}
		st.Before, st.Centers = st.Centers, r.next
		st.Moves++
		st.Done = j.o.Tolerance > 0 && r.moved <= j.o.Tolerance*j.fit.spread.variance
		if err := j.p.Sync(ctx); err != nil {
			return err
		}
	}
	var err error
	j.inertia, err = j.fit.measure(ctx, st.Centers)
	return err
}

// tell says how far it has come.
func (j *lloyds) tell(r round) {
	j.p.Active(int64(j.fit.rows()))
	if j.p.Index() != 0 {
		return
	}
	j.p.Count("reassigned", int64(r.changed))
	j.p.Plot("inertia", r.inertia)
	j.p.Note(fmt.Sprintf("iteration %d/%d, inertia %.4g, %d of %d rows changed", j.state.Moves+1, j.o.Iterations, r.inertia, r.changed, j.fit.n))
}

// write writes the model.
func (j *lloyds) write(ctx context.Context) error {
	if j.p.Index() != 0 {
		return nil
	}
	f := j.fit
	m := &model.Model{
		Kind: "kmeans", Transform: j.rows.Encoder.Transform(), Clusters: &model.Clusters{K: f.k, Metric: string(j.o.Metric)},
		Training: model.Training{
			Program: "kmeans", Options: j.o.Options, Seed: j.o.Seed, Version: j.o.Version,
			Data:   model.Data{URL: j.rows.URL, Digest: j.rows.Digest, Rows: f.n, Dropped: j.dropped},
			Epochs: j.state.Moves, Steps: j.state.Moves, Shards: j.shards,
			Loss: j.inertia / float64(f.n),
		},
	}
	files, err := m.Files([]model.Tensor{{Name: model.CentersTensor, Shape: []int{f.k, f.f}, Data: f.taken()}})
	if err != nil {
		return job.Fail(job.FaultInput, "%v", err)
	}
	for _, file := range files {
		if err := j.p.WriteFile(ctx, file.Name, file.Content); err != nil {
			return err
		}
	}
	return nil
}
