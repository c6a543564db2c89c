package table

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"

	"scalar/bsp/job"
	"scalar/bsp/wire"
)

// ErrStale refuses orders that a newer leader, or the same one later, has
// overtaken.
var ErrStale = errors.New("stale orders")

// maxEnded bounds the keys remembered after they left both orders and reports.
// It matters only if a master lists an ended key again much later.
const maxEnded = 1 << 16

// Table is what runs on a groom and what should: orders come in, statuses go out.
// It starts and kills nothing itself; the groom's loop takes pending work from it.
// Its methods are safe for concurrent use.
type Table struct {
	changed chan struct{} // to the link: report at once; size 1, a token is enough
	moved   chan struct{} // to the link: report soon; as changed
	pending chan struct{} // to the groom's loop: work waits; as changed

	mu          sync.Mutex // guards what follows
	cluster     string
	term, seq   uint64 // of the last orders applied
	tasks       map[wire.TaskKey]*Task
	ended       map[wire.TaskKey]bool
	endedOrder  []wire.TaskKey // oldest first, of ended
	newTasks    []*Task
	storage     map[workKey]*Work
	newStorage  []*Work
	saveCluster func(id string) error
}

// Task is one ordered task. What is not exported is guarded by Table.mu.
type Task struct {
	Order wire.TaskOrder
	Addrs chan []string // the data addresses of all, once; size 1; sent by Apply, never closed
	Stop  chan struct{} // closed by Apply when the task is ordered to end at its next barrier

	status wire.TaskStatus
	told   bool // addrs was sent
	asked  bool // Stop is closed
	listed bool // by the last orders
	cancel func(error)
	fenced bool // killed by order, before or after it was started
	over   bool // process, folder and cgroup are gone
}

// New returns an empty table. cluster is the UUID that the groom's folder belongs to,
// "" if none yet: then saveCluster is called with the first that masters tell.
func New(cluster string, saveCluster func(string) error) *Table {
	return &Table{
		changed: make(chan struct{}, 1), moved: make(chan struct{}, 1), pending: make(chan struct{}, 1),
		cluster: cluster, saveCluster: saveCluster,
		tasks: map[wire.TaskKey]*Task{}, ended: map[wire.TaskKey]bool{}, storage: map[workKey]*Work{},
	}
}

// Changed holds a value while a report is due at once. One reader takes it.
func (tb *Table) Changed() <-chan struct{} { return tb.changed }

// Moved holds a value while a report is due soon. One reader takes it.
func (tb *Table) Moved() <-chan struct{} { return tb.moved }

// Pending holds a value while Take has something to give. One reader takes it.
func (tb *Table) Pending() <-chan struct{} { return tb.pending }

// signal leaves a token in c.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // one is there
	}
}

// Apply makes what is ordered and what is here the same. It is idempotent. Orders
// that a newer leader, or the same one later, has overtaken are refused with
// [ErrStale], and orders of another cluster's masters are too.
func (tb *Table) Apply(o wire.Orders) error {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	if o.Term < tb.term || o.Term == tb.term && o.Seq < tb.seq {
		return fmt.Errorf("%w: term %d seq %d after term %d seq %d", ErrStale, o.Term, o.Seq, tb.term, tb.seq)
	}
	if err := tb.join(o.Cluster); err != nil {
		return err
	}
	tb.term, tb.seq = o.Term, o.Seq
	for _, t := range tb.tasks {
		t.listed = false
	}
	for _, order := range o.Tasks {
		tb.want(order)
	}
	for key, t := range tb.tasks {
		switch {
		case t.listed:
		case t.over:
			delete(tb.tasks, key)
		default:
			t.fence()
		}
	}
	tb.applyStorage(o.Storage)
	signal(tb.changed)
	signal(tb.pending)
	return nil
}

// join learns the cluster's id once and refuses every other from then on. The
// caller holds tb.mu.
func (tb *Table) join(id string) error {
	if id == "" || id == tb.cluster {
		return nil
	}
	if tb.cluster != "" {
		return fmt.Errorf("this groom's data folder belongs to cluster %s, the master to %s: use another data folder or another cluster's masters", tb.cluster, id)
	}
	// A few bytes, once in the folder's life.
	if err := tb.saveCluster(id); err != nil {
		return err
	}
	tb.cluster = id
	return nil
}

// Learn takes the cluster's id from a ReportReply; as in orders, the first counts.
func (tb *Table) Learn(id string) error {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	return tb.join(id)
}

// want notes one ordered task.
func (tb *Table) want(order wire.TaskOrder) {
	key := order.Start.Key
	t := tb.tasks[key]
	if t == nil {
		if tb.ended[key] {
			return
		}
		t = &Task{Order: order, Addrs: make(chan []string, 1), Stop: make(chan struct{}), status: wire.TaskStatus{Key: key, Phase: wire.Starting}}
		tb.tasks[key] = t
		tb.newTasks = append(tb.newTasks, t)
	}
	t.listed = true
	if len(order.Addrs) > 0 && !t.told {
		t.told = true
		t.Addrs <- slices.Clone(order.Addrs)
	}
	if order.Stop && !t.asked {
		t.asked = true
		close(t.Stop)
	}
}

// ErrFenced ends a task that is no longer ordered.
var ErrFenced = errors.New("no order lists it any more")

// fence kills the task, unless it has said its last word and ends by itself.
func (t *Task) fence() {
	if t.fenced || t.status.Phase >= wire.Done {
		return
	}
	t.fenced = true
	if t.cancel != nil {
		t.cancel(ErrFenced)
	}
}

// Take returns the tasks and the storage work that were ordered since the last
// call.
func (tb *Table) Take() ([]*Task, []*Work) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	tasks, work := tb.newTasks, tb.newStorage
	tb.newTasks, tb.newStorage = nil, nil
	return tasks, work
}

// Begin tells how to kill the task from now on. It returns false if the task has
// been fenced meanwhile.
func (tb *Table) Begin(t *Task, cancel func(error)) bool {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	t.cancel = cancel
	return !t.fenced
}

// Update changes a task's status and has it reported: at once if urgent.
func (tb *Table) Update(t *Task, urgent bool, change func(s *wire.TaskStatus)) {
	tb.mu.Lock()
	change(&t.status)
	tb.mu.Unlock()
	if urgent {
		signal(tb.changed)
	} else {
		signal(tb.moved)
	}
}

// End notes that nothing is left of the task. Its status stays in the reports
// for as long as it is ordered.
func (tb *Table) End(t *Task) {
	tb.mu.Lock()
	t.over = true
	key := t.status.Key
	if !t.listed {
		delete(tb.tasks, key)
	}
	tb.ended[key] = true
	tb.endedOrder = append(tb.endedOrder, key)
	if len(tb.endedOrder) > maxEnded {
		delete(tb.ended, tb.endedOrder[0])
		tb.endedOrder = tb.endedOrder[1:]
	}
	tb.mu.Unlock()
	signal(tb.changed)
}

// Fill writes all that runs here into a report: the same in the same order while
// nothing changes.
func (tb *Table) Fill(r *wire.Report) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	r.Cluster, r.OrdersTerm, r.OrdersSeq = tb.cluster, tb.term, tb.seq
	for _, t := range tb.tasks {
		s := t.status // maps and slices in it are replaced, never changed
		if !t.listed {
			s.Checkpoints, s.Parts, s.Counters, s.Times, s.Note = nil, nil, nil, nil, "" // its room is another task's by now
		}
		r.Tasks = append(r.Tasks, s)
	}
	slices.SortFunc(r.Tasks, func(a, b wire.TaskStatus) int { return compareKeys(a.Key, b.Key) })
	r.Storage = append(r.Storage, tb.storageStatuses()...)
}

// Running reports whether the task's log may still grow.
func (tb *Table) Running(key wire.TaskKey) bool {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	t := tb.tasks[key]
	return t != nil && !t.over
}

// Usage counts tasks by phase, and the slots of those that are not over.
func (tb *Table) Usage() (phases map[wire.Phase]int, slots int) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	phases = map[wire.Phase]int{}
	for _, t := range tb.tasks {
		phases[t.status.Phase]++
		if !t.over {
			slots += t.Peers()
		}
	}
	return phases, slots
}

// Range returns the task's peers; none if the order has no such task.
func (t *Task) Range() job.Range {
	ranges, i := t.Order.Start.Ranges, t.Order.Start.Key.Task
	if i < 0 || i >= len(ranges) {
		return job.Range{}
	}
	return ranges[i]
}

// Peers returns how many slots the task holds.
func (t *Task) Peers() int { return t.Range().N() }

func compareKeys(a, b wire.TaskKey) int {
	return cmp.Or(cmp.Compare(a.Job, b.Job), cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.Task, b.Task))
}

// Jobs returns the jobs that have tasks here.
func (tb *Table) Jobs() map[job.ID]bool {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	out := map[job.ID]bool{}
	for key := range tb.tasks {
		out[key.Job] = true
	}
	return out
}
