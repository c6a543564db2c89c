package bsp

import (
	"cmp"
	"context"
	"fmt"
	"reflect"

	"scalar/bsp/job"
	"scalar/superstep"
)

// A Program is the code of one peer; every peer of a job runs the same one. M is
// the type of its messages: numbers, arrays and structs of them travel as memory,
// all others as msgpack. ctx ends when the job is stopped or another peer failed.
type Program[M any] func(ctx context.Context, p *Peer[M]) error

// An Option changes how a job runs. It is not generic, so that
// Main(prog, Queue(Sorted)) compiles.
type Option func(*options)

type options struct {
	queue     QueueKind
	every     int
	budget    int64
	spill     int64
	codec     any // superstep.Codec[M]
	combine   any // func(a, b M) M
	compare   any // func(a, b M) int
	partition func(record []byte, n int) int
	files     bool
}

// QueueKind says how an inbox is kept.
type QueueKind uint8

// Kinds of inbox.
const (
	Memory QueueKind = iota // by sender, then sending order
	Sorted                  // by value; needs WithCompare unless messages are numbers or strings
)

// Queue chooses the kind of inbox; the default is Memory.
func Queue(k QueueKind) Option { return func(o *options) { o.queue = k } }

// CheckpointEvery asks for a checkpoint every so many supersteps; the default, 0,
// is the first barrier 30 s after the last one. The job's flag wins.
func CheckpointEvery(supersteps int) Option { return func(o *options) { o.every = supersteps } }

// MemoryBudget is how many bytes of messages each peer's inbox and outbox may hold in
// memory; what is more waits in unnamed files in TMPDIR. The default, 0, is 256 MiB,
// but no more than a quarter of the task's memory limit for all of its peers.
func MemoryBudget(bytes int64) Option { return func(o *options) { o.budget = bytes } }

// SpillLimit is how many bytes of each peer may wait on disk in one superstep; a
// superstep that sends more fails the job. The default, 0, is 64 memory budgets.
func SpillLimit(bytes int64) Option { return func(o *options) { o.spill = bytes } }

// WithCodec sets how messages become bytes. M is the program's message type.
func WithCodec[M any](c superstep.Codec[M]) Option { return func(o *options) { o.codec = c } }

// WithCombiner makes one message of all that a peer sends another in a superstep.
// f is called in sending order and must depend on nothing but its arguments.
func WithCombiner[M any](f func(a, b M) M) Option { return func(o *options) { o.combine = f } }

// WithCompare sorts the inbox: f is negative if a comes before b. Equal messages
// stay by sender, then sending order.
func WithCompare[M any](f func(a, b M) int) Option {
	return func(o *options) { o.queue, o.compare = Sorted, f }
}

// PartitionInput sends every input record to peer f(record, n) before the program
// starts: Next and Lines then give the records of this peer, by the peer that
// read them, then in input order. They are held in memory, and exchanged again
// after a restart. f must depend on nothing but its arguments; a result outside
// [0, n) fails the job. Records() is nil with it.
func PartitionInput(f func(record []byte, n int) int) Option {
	return func(o *options) { o.partition = f }
}

// Files says that the output is the files that peers give to WriteFile, instead of a part
// of each peer: a write to Output fails. From the superstep in which the first peer
// returns no checkpoint is taken any more, so that a fault then runs the program from the
// last one before.
func Files() Option { return func(o *options) { o.files = true } }

// Runner is a program whose message type is forgotten, for registries and task
// processes. Make one with NewRunner. It keeps nothing between runs.
type Runner interface {
	options() *options
	check() error
	run(ctx context.Context, c *core) error
}

type runner[M any] struct {
	prog Program[M]
	opts options
	box  superstep.BoxConfig[M]
	err  error
}

// NewRunner wraps prog with its options. Options for another message type are
// reported by whoever runs it.
func NewRunner[M any](prog Program[M], opts ...Option) Runner {
	r := &runner[M]{prog: prog}
	for _, o := range opts {
		if o != nil {
			o(&r.opts)
		}
	}
	r.box, r.err = boxConfig[M](&r.opts)
	return r
}

func (r *runner[M]) options() *options { return &r.opts }
func (r *runner[M]) check() error      { return r.err }

// run makes the typed peer around c and runs the program, unless a checkpoint
// says that this peer had returned.
func (r *runner[M]) run(ctx context.Context, c *core) error {
	p := &Peer[M]{c: c, box: superstep.NewBox(c.port, r.box)}
	c.inbox = p.box
	if err := c.restore(ctx); err != nil {
		return err
	}
	if err := c.out.begin(ctx); err != nil {
		return err
	}
	if err := c.sameInput(ctx); err != nil {
		return err
	}
	if r.opts.partition != nil && c.split != nil {
		if err := c.partitionInput(ctx, r.opts.partition); err != nil {
			return err
		}
	}
	if c.left {
		return nil
	}
	c.loaded()
	return r.prog(ctx, p)
}

func boxConfig[M any](o *options) (superstep.BoxConfig[M], error) {
	var cfg superstep.BoxConfig[M]
	if o.budget < 0 || o.spill < 0 {
		return cfg, fmt.Errorf("MemoryBudget(%d), SpillLimit(%d): bytes cannot be negative", o.budget, o.spill)
	}
	var ok bool
	if cfg.Codec, ok = typed[superstep.Codec[M]](o.codec); !ok {
		return cfg, fmt.Errorf("WithCodec: %T is no codec for messages of type %v", o.codec, reflect.TypeFor[M]())
	}
	if cfg.Combine, ok = typed[func(a, b M) M](o.combine); !ok {
		return cfg, fmt.Errorf("WithCombiner: %T does not combine messages of type %v", o.combine, reflect.TypeFor[M]())
	}
	if cfg.Compare, ok = typed[func(a, b M) int](o.compare); !ok {
		return cfg, fmt.Errorf("WithCompare: %T does not compare messages of type %v", o.compare, reflect.TypeFor[M]())
	}
	if cfg.Codec == nil {
		if err := superstep.Whole[M](); err != nil {
			return cfg, job.Fail(job.FaultInput, "messages: %v", err)
		}
		cfg.Codec, _ = superstep.CodecOf[M]()
	}
	if o.queue == Sorted && cfg.Compare == nil {
		if cfg.Compare = naturalOrder[M](); cfg.Compare == nil {
			return cfg, fmt.Errorf("Queue(Sorted) needs WithCompare for messages of type %v", reflect.TypeFor[M]())
		}
	}
	return cfg, nil
}

// typed returns v as a T; nil stays the zero T.
func typed[T any](v any) (t T, ok bool) {
	if v == nil {
		return t, true
	}
	t, ok = v.(T)
	return t, ok
}

// naturalOrder compares numbers and strings; nil for other types.
func naturalOrder[M any]() func(a, b M) int {
	if f, ok := orderOf[M, int64](); ok {
		return f
	}
	if f, ok := orderOf[M, float64](); ok {
		return f
	}
	if f, ok := orderOf[M, int](); ok {
		return f
	}
	if f, ok := orderOf[M, string](); ok {
		return f
	}
	switch t := reflect.TypeFor[M](); { // the rest, by reflection
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Int64:
		return func(a, b M) int { return cmp.Compare(reflect.ValueOf(a).Int(), reflect.ValueOf(b).Int()) }
	case t.Kind() >= reflect.Uint && t.Kind() <= reflect.Uintptr:
		return func(a, b M) int { return cmp.Compare(reflect.ValueOf(a).Uint(), reflect.ValueOf(b).Uint()) }
	case t.Kind() == reflect.Float32 || t.Kind() == reflect.Float64:
		return func(a, b M) int { return cmp.Compare(reflect.ValueOf(a).Float(), reflect.ValueOf(b).Float()) }
	case t.Kind() == reflect.String:
		return func(a, b M) int { return cmp.Compare(reflect.ValueOf(a).String(), reflect.ValueOf(b).String()) }
	}
	return nil
}

func orderOf[M any, T cmp.Ordered]() (func(a, b M) int, bool) {
	f, ok := any(cmp.Compare[T]).(func(a, b M) int)
	return f, ok
}
