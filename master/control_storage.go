package master

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/master/fsm"
)

// choreKey names work on storage. A groom answers with the same pair, so it
// tells apart what one job needs done: its output committed has the attempt's
// epoch, what it left removed has epoch 0, an old checkpoint removed has
// dropEpoch plus its superstep.
type choreKey struct {
	job   job.ID
	epoch job.Epoch
}

const dropEpoch job.Epoch = 1 << 31

// liveChore is work on storage that a groom has been asked for.
type liveChore struct {
	groom       string
	incarnation uint64
	ended       *wire.StorageStatus // its last word; the groom then gets orders without it and forgets
}

// chore has an order carried out by one groom, and returns its status once it
// is done or failed. When the groom is lost, another gets the order.
func (t *turn) chore(j *fsm.Job, order wire.StorageOrder) (wire.StorageStatus, bool) {
	key := choreKey{order.Job, order.Epoch}
	c := t.chores[key]
	if c != nil && c.ended != nil {
		return *c.ended, true
	}
	if c == nil || !t.grooms[c.groom].current(c.incarnation) {
		if c = t.chooseGroom(j); c == nil {
			return wire.StorageStatus{}, false // the first that registers gets it
		}
		t.chores[key] = c
	}
	for _, s := range t.grooms[c.groom].report.Storage {
		if s.Job == key.job && s.Epoch == key.epoch && (s.Done || s.Failure != nil) {
			c.ended = &s
			return s, true
		}
	}
	w := t.wantsOf(c.groom)
	w.storage = append(w.storage, key)
	w.orders = append(w.orders, order)
	return wire.StorageStatus{}, false
}

// chooseGroom prefers a groom of the job's tasks.
func (t *turn) chooseGroom(j *fsm.Job) *liveChore {
	for _, task := range j.Tasks {
		if t.grooms[task.Groom].current(task.Incarnation) {
			return &liveChore{groom: task.Groom, incarnation: task.Incarnation}
		}
	}
	for g := range t.state.Grooms() {
		if !g.Lost && t.grooms[g.Facts.Name].current(g.Facts.Incarnation) {
			return &liveChore{groom: g.Facts.Name, incarnation: g.Facts.Incarnation}
		}
	}
	return nil
}

// tmpURL is the folder that the tasks of an attempt write.
func tmpURL(j *fsm.Job, epoch job.Epoch) string {
	return fmt.Sprintf("%s.tmp-%s-%d", strings.TrimRight(j.Output, "/"), j.ID, epoch)
}

func (c *controlCore) checkpointDir(id job.ID) string {
	if c.cfg.store == "" {
		return ""
	}
	return c.cfg.store + "/checkpoints/" + string(id)
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
	var urls []string
	for epoch := job.Epoch(1); epoch <= j.Epoch; epoch++ {
		urls = append(urls, tmpURL(j, epoch))
	}
	if dir := t.checkpointDir(j.ID); dir != "" {
		urls = append(urls, dir)
	}
	// A failure leaves the folders to a person; the groom has logged it.
	if _, ok := t.chore(j, wire.StorageOrder{Job: j.ID, Remove: urls}); ok {
		t.propose(key, cleaned)
	}
}

// stillRuns reports whether tasks of a final job may not have ended yet: a groom
// has not applied orders without them, or still lists one.
func (t *turn) stillRuns(j *fsm.Job) bool {
	for _, task := range j.Tasks {
		g := t.grooms[task.Groom]
		if !g.current(task.Incarnation) {
			continue
		}
		if g.wants.has(j.ID) || g.report.OrdersTerm != t.cfg.term || g.report.OrdersSeq < g.seq {
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

// removeFiles removes files that nothing needs any more; a failure is no harm,
// the job's end removes the whole folder.
func (t *turn) removeFiles(j *fsm.Job, key choreKey, urls []string) {
	if _, ok := t.chore(j, wire.StorageOrder{Job: key.job, Epoch: key.epoch, Remove: urls}); ok {
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
