package control_test

import (
	"testing"
	"testing/synctest"
	"time"

	"scalar/bsp/job"
	"scalar/master/archive"
	"scalar/master/fsm"
)

// finish submits so many jobs and ends them at once.
func (w *world) finish(n int) (ids []job.ID) {
	w.t.Helper()
	for range n {
		id := w.submit(job.Spec{Peers: 1, Env: map[string]string{"SECRET": "x"}})
		w.apply(fsm.Command{Stop: &fsm.Stop{Job: id, By: "ann"}})
		w.apply(fsm.Command{Cleaned: &fsm.Cleaned{Job: id}})
		ids = append(ids, id)
	}
	return ids
}

// historyWorld has masters that keep three finished jobs, and a cluster with a name.
func historyWorld(t *testing.T, grooms ...string) *world {
	t.Helper()
	w := newWorldKeeping(t, 3, 2, grooms...)
	w.apply(fsm.Command{Bootstrap: &fsm.Bootstrap{Cluster: "uuid"}})
	return w
}

func (w *world) finished() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, n := w.state.Counts()
	return n
}

// The oldest jobs beyond the bound get their objects and are forgotten, in batches.
func TestFinishedJobsAreArchived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := historyWorld(t, "a")
		defer w.end()
		ids := w.finish(700)
		w.lead(0)
		time.Sleep(3 * time.Second)
		if n := w.finished(); n != 3 {
			t.Errorf("%d finished jobs in the state", n)
		}
		g := w.grooms["a"]
		if len(g.objects) != 697 || len(g.batches) != 3 {
			t.Errorf("%d objects in batches of %v", len(g.objects), g.batches)
		}
		for i, id := range ids {
			data, archived := g.objects[id]
			if _, known := w.masters[0].Info(id); known == archived || archived != (i < 697) {
				t.Errorf("%s: archived %t, known %t", id, archived, known)
			}
			if !archived {
				continue
			}
			o, err := archive.Decode(data)
			if err != nil || o.Info.ID != id || o.Info.State != job.Stopped || o.EndedBy != "ann" || o.Cluster != "uuid" || o.Spec.Env != nil {
				t.Fatalf("%+v, %v", o, err)
			}
		}
	})
}

// Jobs past the age go too, however few there are, and not before.
func TestOldJobsAreArchived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := historyWorld(t, "a")
		defer w.end()
		w.lead(0)
		w.finish(2)
		time.Sleep(time.Hour - 2*time.Second)
		if n := w.finished(); n != 2 {
			t.Errorf("%d finished jobs a moment before their time", n)
		}
		time.Sleep(5 * time.Second)
		if n := w.finished(); n != 0 || len(w.grooms["a"].objects) != 2 {
			t.Errorf("%d finished jobs after their time, %d objects", n, len(w.grooms["a"].objects))
		}
	})
}

// A job is never forgotten without its object: the leader may end, Raft refuse, the store
// hang and an object fail. What is left over is done by whoever leads next.
func TestArchivingSurvives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := historyWorld(t)
		defer w.end()
		ids := w.finish(40)
		check := func(when string) {
			t.Helper()
			for _, id := range ids {
				_, a := w.grooms["a"].objects[id]
				_, b := w.grooms["b"].objects[id]
				if _, known := w.masters[0].Info(id); !known && !a && !b {
					t.Errorf("%s: %s is nowhere", when, id)
				}
			}
		}
		w.lead(0)
		time.Sleep(20 * time.Second)
		if n := w.finished(); n != 40 {
			t.Fatalf("without a groom %d of 40 are left", n)
		}
		w.startGroom("a")
		w.startGroom("b")
		w.grooms["a"].hangs, w.grooms["b"].poison = true, ids[7]
		w.mu.Lock()
		w.refuse = true
		w.mu.Unlock()
		for range 2 {
			time.Sleep(40 * time.Second) // both grooms have been asked
		}
		check("while Raft refuses")
		if n := w.finished(); n != 40 {
			t.Errorf("%d of 40 are left while Raft refuses", n)
		}
		w.lead(1)
		w.mu.Lock()
		w.refuse = false
		w.mu.Unlock()
		begin := time.Now()
		in := w.wait(w.submit(job.Spec{Peers: 1, Tasks: 1}))
		if took := time.Since(begin); in.State != job.Succeeded || took > time.Second {
			t.Errorf("with a store that hangs on one groom a job took %v: %+v", took, in)
		}
		time.Sleep(2 * time.Minute)
		check("after a change of leaders")
		if n := w.finished(); n != 4 { // the poisoned one, and three
			t.Errorf("%d jobs are left", n)
		}
		w.grooms["a"].mu.Lock()
		w.grooms["a"].hangs = false
		w.grooms["a"].mu.Unlock()
		time.Sleep(2 * time.Minute)
		check("at the end")
		if n := w.finished(); n != 3 {
			t.Errorf("%d jobs are left at the end", n)
		}
	})
}

// 50 jobs a second are kept up with when each request takes a second.
func TestArchivingKeepsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := historyWorld(t, "a")
		defer w.end()
		w.grooms["a"].slow = time.Second
		w.lead(0)
		most := 0
		for range 100 {
			w.finish(10)
			time.Sleep(200 * time.Millisecond)
			most = max(most, w.finished())
		}
		if most > 3+4*50 {
			t.Errorf("%d finished jobs at once", most)
		}
	})
}
