package control

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/master/fsm"
)

// choreKey names work on storage. A groom answers with the same pair, so it
// tells apart what one job needs done: its output committed has the attempt's
// epoch, what it left removed has epoch 0 and cleanEpoch plus a number for what is
// more than one order takes, an old checkpoint removed has dropEpoch plus its
// superstep, and what a stray task wrote has lateEpoch plus a number.
type choreKey struct {
	job   job.ID
	epoch job.Epoch
}

const (
	cleanEpoch job.Epoch = 1 << 30
	dropEpoch  job.Epoch = 1 << 31
)

// Bounds of work on storage.
const (
	maxRemove  = 256              // URLs in one order
	choreLimit = 30 * time.Second // for a groom to be done, before another one is asked too
)

// liveChore is work on storage that grooms have been asked for.
type liveChore struct {
	by    []choreGroom        // in the order in which they were asked
	next  time.Time           // when another one is asked too
	ended *wire.StorageStatus // the last word of the first that was done; all then get orders without it and forget
	groom string              // that had the last word
}

// choreGroom is one life of a groom.
type choreGroom struct {
	groom       string
	incarnation uint64
}

// chore has an order carried out, and returns its status once it is done or
// failed. When the groom is lost, another gets the order, and when it takes too
// long, another gets it too: it may hang, and the work may be done twice.
func (t *turn) chore(j *fsm.Job, order wire.StorageOrder) (wire.StorageStatus, bool) {
	key := choreKey{order.Job, order.Epoch}
	c := t.chores[key]
	if c == nil {
		c = &liveChore{}
		t.chores[key] = c
	}
	if c.ended == nil && storageSize(order) > maxItem {
		f := job.Fail(job.FaultOutput, "the list of the parts is too long: use fewer peers or a shorter output path")
		c.ended = &wire.StorageStatus{Job: key.job, Epoch: key.epoch, Failure: f}
	}
	if c.ended != nil {
		return *c.ended, true
	}
	c.by = slices.DeleteFunc(c.by, func(g choreGroom) bool { return !t.grooms[g.groom].current(g.incarnation) })
	if len(c.by) == 0 || !t.now.Before(c.next) {
		t.chooseGroom(j, c)
	}
	for _, by := range c.by {
		for _, s := range t.grooms[by.groom].report.Storage {
			if s.Job == key.job && s.Epoch == key.epoch && (s.Done || s.Failure != nil) {
				c.ended, c.groom = &s, by.groom
				return s, true
			}
		}
	}
	for _, by := range c.by {
		w := t.wantsOf(by.groom)
		w.storage = append(w.storage, key)
		w.orders = append(w.orders, order)
	}
	if len(c.by) > 0 {
		t.at(c.next)
	}
	return wire.StorageStatus{}, false
}

// chooseGroom adds a groom to those that are asked. It prefers one of the job's
// tasks, and asks one that drains only when there is no other: it is to be idle.
func (t *turn) chooseGroom(j *fsm.Job, c *liveChore) {
	var all []choreGroom
	for _, task := range j.Tasks {
		all = append(all, choreGroom{task.Groom, task.Incarnation})
	}
	for g := range t.state.Grooms() {
		all = append(all, choreGroom{g.Facts.Name, g.Facts.Incarnation})
	}
	for _, draining := range []bool{false, true} {
		for _, by := range all {
			g, known := t.state.Groom(by.groom)
			if known && !g.Lost && g.Draining == draining && t.grooms[by.groom].current(by.incarnation) && !slices.Contains(c.by, by) {
				c.by, c.next = append(c.by, by), t.now.Add(choreLimit)
				return
			}
		}
	}
	c.next = t.now.Add(choreLimit) // there is no other: the first that comes gets it
}

// tmpURL is the folder that the tasks of an attempt write.
func tmpURL(j *fsm.Job, epoch job.Epoch) string {
	return fmt.Sprintf("%s.tmp-%s-%d", strings.TrimRight(j.Output, "/"), j.ID, epoch)
}

func (c *Core) checkpointDir(id job.ID) string {
	if c.cfg.Store == "" {
		return ""
	}
	return c.cfg.Store + "/checkpoints/" + string(id)
}

// commitOutput drives the output of a finished attempt until it is visible. The
// next leader drives it again: the order is idempotent.
func (t *turn) commitOutput(j *fsm.Job) {
	s, ok := t.chore(j, wire.StorageOrder{Job: j.ID, Epoch: j.Epoch, Commit: &wire.OutputCommit{
		Tmp: tmpURL(j, j.Epoch), Output: strings.TrimRight(j.Output, "/"), Parts: j.Result.Parts,
	}})
	key := fmt.Sprintf("committed/%s/%d", j.ID, j.Epoch)
	switch {
	case !ok:
	case s.Done:
		t.propose(key, fsm.Command{Committed: &fsm.Committed{Job: j.ID, Epoch: j.Epoch}})
	default:
		f := *s.Failure
		f.Kind, f.Task, f.Groom = job.FaultOutput, -1, t.chores[choreKey{j.ID, j.Epoch}].groom
		if f.Code <= 0 || f.Code > job.ExitInternal {
			f.Code = job.ExitFailed
		}
		f.Message, f.Detail = cut(f.Message, 2048), cut(f.Detail, 4096)
		t.propose(key, fsm.Command{EndAttempt: &fsm.EndAttempt{Job: j.ID, Epoch: j.Epoch, Failure: f}})
	}
}

// clean removes what a final job left on storage, once its tasks have ended.
func (t *turn) clean(j *fsm.Job) {
	cleaned := fsm.Command{Cleaned: &fsm.Cleaned{Job: j.ID}}
	key := "cleaned/" + string(j.ID)
	if j.Epoch == 0 {
		t.propose(key, cleaned) // never placed: there is nothing
		return
	}
	if end := j.Finished.Add(cleanWait); t.now.Before(end) && t.stillRuns(j) {
		t.at(end)
		return
	}
	number := func(part int) job.Epoch {
		if part == 0 {
			return 0
		}
		return cleanEpoch + job.Epoch(part)
	}
	if t.removeLeftovers(j, number) {
		t.propose(key, cleaned)
	}
}

// leftovers returns the folders that the attempts of j may have made.
func (c *Core) leftovers(j *fsm.Job) (urls []string) {
	for epoch := job.Epoch(1); epoch <= j.Epoch; epoch++ {
		urls = append(urls, tmpURL(j, epoch))
	}
	if dir := c.checkpointDir(j.ID); dir != "" {
		urls = append(urls, dir)
	}
	return urls
}

// removeLeftovers has the folders of j removed, in chores of the given numbers, and
// reports whether all are done. A failure leaves folders to a person; the groom has
// logged it.
func (t *turn) removeLeftovers(j *fsm.Job, number func(part int) job.Epoch) bool {
	done, part := true, 0
	for urls := range slices.Chunk(t.leftovers(j), maxRemove) {
		_, ok := t.chore(j, wire.StorageOrder{Job: j.ID, Epoch: number(part), Remove: urls})
		done = done && ok
		part++
	}
	return done
}

// stillRuns reports whether tasks of a final job may not have ended yet: a groom
// has not applied orders without them, or still lists one.
func (t *turn) stillRuns(j *fsm.Job) bool {
	for _, task := range j.Tasks {
		g := t.grooms[task.Groom]
		if !g.current(task.Incarnation) {
			continue
		}
		if g.wants.has(j.ID) || g.report.OrdersTerm != t.cfg.Term || g.report.OrdersSeq < g.seq {
			return true
		}
		for key, s := range g.tasks {
			if key.Job == j.ID && s.Phase < wire.Done {
				return true
			}
		}
	}
	return false
}

// removeCheckpoint removes a folder that nothing needs any more; a failure is no
// harm, the job's end removes the whole of them.
func (t *turn) removeCheckpoint(j *fsm.Job, key choreKey, url string) {
	if _, ok := t.chore(j, wire.StorageOrder{Job: key.job, Epoch: key.epoch, Remove: []string{url}}); ok {
		delete(t.dropped, key)
		delete(t.chores, key)
	}
}

func sortedChores[V any](m map[choreKey]V) []choreKey {
	keys := make([]choreKey, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b choreKey) int {
		return cmp.Or(cmp.Compare(a.job, b.job), cmp.Compare(a.epoch, b.epoch))
	})
	return keys
}
