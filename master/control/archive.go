package control

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"scalar/bsp/wire"
	"scalar/master/archive"
	"scalar/master/fsm"
)

// The pace of archiving: 256 objects in a second and a half on a slow disk, where 50
// jobs a second is what the masters take.
const (
	archivePause = time.Second      // between looks at the history
	archiveAgain = 5 * time.Second  // after an error
	archiveBatch = 256              // jobs in one request to a groom, and in one command
	archiveBytes = 4 << 20          // of objects in one request, before the last one
	storeTimeout = 30 * time.Second // for a groom to be done with a request about the store
)

// keepHistory has the finished jobs that the history no longer keeps written into
// archive objects by a groom, and then forgotten, until ctx ends. All it goes by is the
// replicated state: the next leader does again what this one has not finished. It
// runs beside the control loop, which never waits for it: a store that hangs stops
// the archiving and nothing else.
func (c *Plane) keepHistory(ctx context.Context) {
	pause := time.NewTimer(archivePause)
	defer pause.Stop()
	last := "" // the groom that was asked
	for {
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		wait := archivePause
		for state := c.cfg.State(); ; state = c.cfg.State() {
			due := c.due(state)
			if len(due) == 0 {
				break
			}
			var err error
			if last, err = c.archiveJobs(ctx, state.Cluster, last, due); err != nil {
				if ctx.Err() == nil && !errors.Is(err, errNoGroom) {
					c.cfg.Logger.Warn("finished jobs wait for their archive objects", "groom", last, "error", err)
				}
				wait = archiveAgain
				break
			}
			if len(due) < archiveBatch {
				break // those of the next moment go together
			}
		}
		pause.Reset(wait)
	}
}

// due returns the jobs to be archived next: the oldest beyond the number, or past the
// age, that the history keeps.
func (c *Plane) due(state *fsm.State) []*fsm.Job {
	if state.Cluster == "" {
		return nil
	}
	now := c.cfg.Clock()
	_, finished := state.Counts()
	over := finished - c.cfg.HistoryJobs
	var list []*fsm.Job
	for j := range state.History() {
		if len(list) == archiveBatch || len(list) >= over && now.Sub(j.Finished) < c.cfg.HistoryAge {
			break
		}
		list = append(list, j)
	}
	return list
}

// archiveJobs archives a batch: a groom writes the objects, then the jobs are forgotten.
// It asks another groom than the last, if there is one, and returns the one it asked.
func (c *Plane) archiveJobs(ctx context.Context, cluster, last string, due []*fsm.Job) (groom string, err error) {
	ask := wire.Archive{Cluster: cluster}
	size := 0
	for _, j := range due {
		data, err := archive.Encode(c.object(cluster, j))
		if err != nil {
			return last, err
		}
		ask.Objects = append(ask.Objects, wire.ArchiveObject{Job: j.ID, Data: data})
		if size += len(data); size > archiveBytes {
			break
		}
	}
	var reply wire.ArchiveReply
	groom, err = c.askStore(ctx, last, wire.MethodArchive, ask, &reply)
	if err != nil {
		return groom, err
	}
	if len(reply.Done) > 0 {
		result, err := c.cfg.Propose(ctx, fsm.Command{Now: c.cfg.Clock(), Archived: &fsm.Archived{Jobs: reply.Done}})
		if err == nil {
			err = result.Err()
		}
		if err != nil {
			return groom, fmt.Errorf("forget archived jobs: %w", err)
		}
	}
	if reply.Error != "" {
		return groom, errors.New(reply.Error)
	}
	return groom, nil
}

// object returns what is kept of a finished job.
func (c *Plane) object(cluster string, j *fsm.Job) archive.Object {
	c.mu.Lock()
	info := c.info(j)
	c.mu.Unlock()
	return archive.Object{
		Cluster: cluster, Info: info, Spec: j.Spec, EndedBy: j.EndedBy,
		Faults: j.Faults, Losses: j.Losses, Placed: j.Placed, Done: j.Done,
	}
}

// Sweep has a groom remove what is past its time from the store: another one than the
// last, if there is one. It returns the one that it asked.
func (c *Plane) Sweep(ctx context.Context, last string, s wire.Sweep) (groom string, reply wire.SweepReply, err error) {
	groom, err = c.askStore(ctx, last, wire.MethodSweep, s, &reply)
	return groom, reply, err
}

var errNoGroom = errors.New("no groom is there")

// askStore asks one groom to do something in the store. It begins with the one after
// last, so that one where the store hangs is not asked again and again.
func (c *Plane) askStore(ctx context.Context, last string, method uint16, request, reply any) (groom string, err error) {
	list := c.storeGrooms()
	names := slices.Sorted(maps.Keys(list))
	if len(names) == 0 {
		return last, errNoGroom
	}
	at, _ := slices.BinarySearch(names, last+"\x00")
	groom = names[at%len(names)]
	return groom, list[groom].callWithin(ctx, storeTimeout, method, request, reply)
}

// storeGrooms returns the grooms that can be asked for work on the store, those that
// drain only when there are no others.
func (c *Plane) storeGrooms() map[string]*session {
	state := c.cfg.State()
	c.mu.Lock()
	defer c.mu.Unlock()
	ready, draining := map[string]*session{}, map[string]*session{}
	if c.reign == nil {
		return ready
	}
	for name, g := range c.reign.core.grooms {
		known, ok := state.Groom(name)
		s := c.sessions[g.session]
		if !ok || known.Lost || s == nil || !g.current(known.Facts.Incarnation) {
			continue
		}
		if known.Draining {
			draining[name] = s
		} else {
			ready[name] = s
		}
	}
	if len(ready) == 0 {
		return draining
	}
	return ready
}
