package control

import (
	"maps"
	"slices"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/internal/pack"
	"scalar/master/fsm"
)

// groomWants is what a groom should do, short: full orders are made only when
// it changes.
type groomWants struct {
	tasks   []taskWant
	storage []choreKey
	orders  []wire.StorageOrder // of storage
}

type taskWant struct {
	key     wire.TaskKey
	connect bool // the addresses of all tasks are known
	stop    bool // it shall end at its next barrier
}

func (w *groomWants) same(v groomWants) bool {
	return slices.Equal(w.tasks, v.tasks) && slices.Equal(w.storage, v.storage)
}

func (w *groomWants) has(id job.ID) bool {
	return slices.ContainsFunc(w.tasks, func(t taskWant) bool { return t.key.Job == id })
}

func (t *turn) wantsOf(groom string) *groomWants {
	w := t.wants[groom]
	if w == nil {
		w = &groomWants{}
		t.wants[groom] = w
	}
	return w
}

// makeOrders tells every groom whose wants changed, or that came over a new
// connection, all that it should do.
func (t *turn) makeOrders() {
	for known := range t.state.Grooms() {
		name, incarnation := known.Facts.Name, known.Facts.Incarnation
		g := t.grooms[name]
		if known.Lost || !g.current(incarnation) {
			continue
		}
		w := t.wantsOf(name)
		changed := g.told != g.session || g.seqFor != incarnation || !w.same(g.wants)
		if !changed && !g.partial {
			continue
		}
		if g.seqFor != incarnation {
			g.sent = nil
		}
		list, whole := t.load(g, w)
		if !changed && maps.Equal(list, g.sent) {
			continue // there is no room yet for the rest
		}
		g.told, g.seqFor, g.wants, g.sent, g.partial = g.session, incarnation, *w, list, !whole
		g.seq++
		t.out.Orders = append(t.out.Orders, GroomOrders{g.session, t.ordersFor(known, g, w)})
	}
}

// ordersBudget bounds what new tasks, addresses and work on storage take of one
// message. A message over pack.MaxOrders would never reach the groom, and no
// later one either.
const ordersBudget = pack.MaxOrders / 2

// maxItem bounds one item, which goes alone if it is over the budget. What is
// larger fails its job: it would cut the groom off from all orders.
const maxItem = pack.MaxOrders - 1<<20

// item is a task, or work on storage, that orders list.
type item struct {
	task  wire.TaskKey
	chore choreKey
}

// load chooses what the next orders list, and of tasks whether with the addresses
// of all: whatever the groom may have already, since what is not listed is ended,
// and of the rest what fits. The rest follows once the groom has reported these
// tasks: then they take no room.
func (t *turn) load(g *liveGroom, w *groomWants) (list map[item]bool, whole bool) {
	list, whole = map[item]bool{}, true
	room := ordersBudget
	fits := func(size int) bool {
		if size > room && room < ordersBudget {
			whole = false
			return false
		}
		room -= size
		return true
	}
	had := func(i item) bool { _, sent := g.sent[i]; return sent || g.tasks[i.task] != nil }
	for _, mayHave := range []bool{true, false} {
		for _, want := range w.tasks {
			i := item{task: want.key}
			if had(i) != mayHave {
				continue
			}
			if size := t.startSize(g, want.key); mayHave {
				room -= size
			} else if !fits(size) {
				continue
			}
			list[i] = t.needsAddresses(g, want) && fits(t.addressesSize(want.key))
		}
		for k, key := range w.storage {
			i := item{chore: key}
			if had(i) != mayHave {
				continue
			}
			if size := storageSize(w.orders[k]); mayHave {
				room -= size
			} else if !fits(size) {
				continue
			}
			list[i] = false
		}
	}
	return list, whole
}

// needsAddresses reports whether a task is to be told where the others listen. One
// that works has been.
func (t *turn) needsAddresses(g *liveGroom, want taskWant) bool {
	s := g.tasks[want.key]
	return want.connect && (s == nil || s.Phase < wire.Working)
}

func (t *turn) addressesSize(key wire.TaskKey) int {
	j, ok := t.state.Job(key.Job)
	if !ok {
		return 0
	}
	size := 0
	for _, task := range j.Tasks {
		size += 16 + len(task.Host)
	}
	return size
}

// startSize estimates what the order of a task takes beside what is small.
func (t *turn) startSize(g *liveGroom, key wire.TaskKey) int {
	j, ok := t.state.Job(key.Job)
	if !ok || g.tasks[key] != nil {
		return 0
	}
	return newTaskSize(j)
}

func newTaskSize(j *fsm.Job) int {
	const (
		base = 4 << 10 // certificates, a key and what is small
		each = 64      // around an element
	)
	size := base + each*len(j.Tasks)
	for _, task := range j.Tasks {
		size += len(task.Host)
	}
	for _, arg := range j.Spec.Args {
		size += each + len(arg)
	}
	for k, v := range j.Spec.Env {
		size += each + len(k) + len(v)
	}
	for _, f := range j.Spec.Files {
		size += 2*each + len(f.Name)
	}
	if len(j.Checkpoints) > 0 {
		size += fsm.FilesSize(j.Checkpoints[0].Files)
	}
	return size
}

func storageSize(o wire.StorageOrder) int {
	size := 0
	for _, url := range o.Remove {
		size += 8 + len(url)
	}
	if o.Commit != nil {
		size += fsm.FilesSize(o.Commit.Parts)
	}
	return size
}

func (t *turn) ordersFor(known *fsm.Groom, g *liveGroom, w *groomWants) wire.Orders {
	o := wire.Orders{Term: t.cfg.Term, Seq: g.seq, Cluster: t.state.Cluster}
	for i, key := range w.storage {
		if _, listed := g.sent[item{chore: key}]; listed {
			o.Storage = append(o.Storage, w.orders[i])
		}
	}
	for _, want := range w.tasks {
		j, ok := t.state.Job(want.key.Job)
		addresses, listed := g.sent[item{task: want.key}]
		if !ok || j.Tasks[want.key.Task].Incarnation != known.Facts.Incarnation || !listed {
			continue
		}
		if g.tasks[want.key] == nil && (j.Stopping != nil || t.lacksKeys(j)) {
			continue // it shall not, or could not, start; its attempt is being ended
		}
		o.Tasks = append(o.Tasks, t.taskOrder(j, want.key, g, addresses))
	}
	return o
}

// taskOrder says all of a new task. One that the groom has reported has read its
// start: only its name travels again, and the addresses of the others.
func (t *turn) taskOrder(j *fsm.Job, key wire.TaskKey, g *liveGroom, addresses bool) wire.TaskOrder {
	o := wire.TaskOrder{Start: wire.TaskStart{Key: key}}
	if g.tasks[key] == nil {
		o = t.newTask(j, key)
	}
	if addresses {
		o.Addrs = t.addresses(j)
	}
	o.Stop = j.Stopping != nil
	return o
}

func (t *turn) newTask(j *fsm.Job, key wire.TaskKey) wire.TaskOrder {
	i := key.Task
	start := wire.TaskStart{
		Key: key, Name: j.Spec.Name, Builtin: j.Spec.Program.Builtin, Args: j.Spec.Args,
		Input: j.Spec.Input, OutputTmp: tmpURL(j, j.Epoch),
		CheckpointDir: t.checkpointDir(j.ID), CheckpointEvery: j.Spec.CheckpointEvery,
		DataPlane: t.cfg.Plane, Compression: t.cfg.Compression, Listen: j.Tasks[i].Host,
		Trace: j.Spec.Report,
	}
	for _, task := range j.Tasks {
		start.Ranges = append(start.Ranges, task.Peers)
		start.Hosts = append(start.Hosts, task.Host)
	}
	if len(j.Checkpoints) > 0 {
		start.Restore = &j.Checkpoints[0]
	}
	if k := t.keys[j.ID]; len(j.CA) > 0 && k.ca == string(j.CA) {
		start.Credentials = &k.tasks[i]
	}
	o := wire.TaskOrder{Start: start, Program: j.Spec.Program, Files: j.Spec.Files, Env: j.Spec.Env}
	// What a task claims of a groom's memory is its limit, asked for or its slots'
	// share: a program that allocates without end must not take its node with it.
	// Cores that nobody else uses are anybody's, unless the job asked for a number.
	o.Limits.Memory = j.Tasks[i].Claim.Memory
	if j.Spec.Cores > 0 {
		o.Limits.Cores = float64(j.Tasks[i].Claim.MilliCores) / 1000
	}
	return o
}

func (t *turn) addresses(j *fsm.Job) []string {
	addrs := make([]string, len(j.Tasks))
	for i, s := range t.statuses(j) {
		if s.TaskStatus != nil {
			addrs[i] = s.Addr
		}
	}
	return addrs
}
