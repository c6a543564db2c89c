package sim

import (
	"fmt"
	"hash/fnv"
	"time"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/master/fsm"
)

// checker knows what was promised and looks at everything that happens.
type checker struct {
	w     *World
	state *fsm.State // the newest that any master has applied: what is decided
	index uint64
	logs  []uint64          // hashes of entries and their results, by index
	sums  map[uint64]uint64 // hashes of states, by index

	requests map[string]*request
	made     map[string]job.ID  // jobs by the request that made them
	jobs     map[job.ID]*known  // all jobs of this round
	stopping map[job.ID]bool    // somebody asked for their end
	killed   map[job.ID]int     // tasks that chaos killed
	leads    map[*master]*reign // those that serve as the leader
	resumed  map[*proc]time.Duration
	reign    uint64        // number of the last one
	worst    time.Duration // from a groom's last word until its loss was decided
}

// known is what was last seen of a job.
type known struct {
	epoch      job.Epoch
	checkpoint int
	state      job.State
}

// reign is what a leader has heard, by groom.
type reign struct {
	since time.Duration
	heard map[string]hearing
}

type hearing struct {
	at          time.Duration
	incarnation uint64
}

const (
	lookEvery  = time.Second
	loopSlack  = 100 * time.Millisecond // for a decision that is due
	astrayTime = 20 * time.Second       // for orders to reach a connected groom: one push may be lost, which takes 10 s to be noticed
	sumEvery   = 256                    // a state with its history takes milliseconds to encode
)

func newChecker(w *World) *checker {
	return &checker{
		w: w, state: fsm.New(), sums: map[uint64]uint64{}, requests: map[string]*request{}, made: map[string]job.ID{},
		jobs: map[job.ID]*known{}, stopping: map[job.ID]bool{}, killed: map[job.ID]int{},
		leads: map[*master]*reign{}, resumed: map[*proc]time.Duration{},
	}
}

func (c *checker) start() {
	c.w.after(lookEvery, func() { c.look(); c.start() })
}

// look checks what must hold at any time.
func (c *checker) look() {
	for _, m := range c.w.masters {
		if m.core != nil && !m.p.stopped {
			c.checkLeases(m, loopSlack)
		}
	}
	for _, g := range c.w.grooms {
		c.checkTasks(g)
	}
}

// applied compares an applied entry with what others made of it. The first to apply
// it shows what is decided.
func (c *checker) applied(m *master, index uint64, e entry, before *fsm.State, result fsm.Result) {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d %s %d %s %s", e.term, e.cmd, result.Code, result.Message, result.Job)
	sum := h.Sum64()
	for uint64(len(c.logs)) <= index {
		c.logs = append(c.logs, 0)
	}
	switch c.logs[index] {
	case 0:
		c.logs[index] = sum
	case sum:
	default:
		c.w.fail("masters have different entries or results at index %d: %+v on %d", index, result, m.node)
	}
	if index%sumEvery == 0 {
		c.sum(m, index)
	}
	if index <= c.index {
		return
	}
	if index != c.index+1 {
		c.w.fail("index %d is applied after %d", index, c.index)
	}
	c.index = index
	c.w.trace("applies", m.node, index, "")
	if e.cmd == nil {
		return
	}
	c.w.count("commands")
	cmd, err := fsm.Decode(e.cmd)
	if err != nil {
		c.w.fail("entry %d: %v", index, err)
		return
	}
	if result.Code != 0 {
		c.w.count("commands refused")
		if m.state != before {
			c.w.fail("the refused command %d changed the state", index)
		}
		return
	}
	c.state = m.state
	c.decides(m, cmd, before)
}

// sum compares the bytes of a state with those of other masters at the same index.
func (c *checker) sum(m *master, index uint64) {
	h := fnv.New64a()
	_, _ = h.Write(encode(c.w, m.state))
	if was, ok := c.sums[index]; ok && was != h.Sum64() {
		c.w.fail("the state of master %d at index %d has other bytes than another's", m.node, index)
	}
	c.sums[index] = h.Sum64()
}

// decides checks what a command changed.
func (c *checker) decides(m *master, cmd fsm.Command, before *fsm.State) {
	switch {
	case cmd.Submit != nil && c.state.LastJob > before.LastJob:
		id := job.ID(fmt.Sprintf("sim-%d", c.state.LastJob))
		if other, twice := c.made[cmd.RequestID]; twice {
			c.w.fail("request %s made two jobs, %s and %s", cmd.RequestID, other, id)
		}
		c.made[cmd.RequestID] = id
		c.jobs[id] = &known{checkpoint: -1, state: job.Queued}
		c.w.count("jobs")
	case cmd.CommitCheckpoint != nil:
		c.w.count("checkpoints committed")
		c.checkCheckpoint(cmd.CommitCheckpoint.Checkpoint, cmd.CommitCheckpoint.Job)
	case cmd.Place != nil:
		c.w.count("attempts")
		c.w.counts["placements"] += uint64(len(cmd.Place.Tasks))
	case cmd.Committed != nil:
		j, _ := c.state.Job(cmd.Committed.Job)
		if out, ok := c.w.store.outputs[j.Output]; !ok || out.owner.Job != j.ID || out.owner.Epoch != j.Epoch {
			c.w.fail("job %s succeeds without its output: %+v", j.ID, out.owner)
		}
	case cmd.GroomLost != nil && m.core != nil:
		c.w.count("grooms lost")
		if r := c.leads[m]; r != nil {
			c.worst = max(c.worst, c.w.now-max(r.since, r.heard[cmd.GroomLost.Groom].at))
		}
	case cmd.EndAttempt != nil:
		c.w.count("attempts ended: " + cmd.EndAttempt.Failure.Kind.String())
	}
	c.compare(cmd)
	c.checkClaims()
}

// compare looks at every job that is not cleaned, and at what was known of it.
func (c *checker) compare(cmd fsm.Command) {
	damaged := cmd.EndAttempt != nil && cmd.EndAttempt.Failure.Kind == job.FaultCheckpoint
	for j := range c.state.Active() {
		k := c.jobs[j.ID]
		switch {
		case k == nil:
			c.w.fail("job %s came from nowhere", j.ID)
			return
		case j.Epoch < k.epoch || j.Epoch > k.epoch+1:
			c.w.fail("job %s goes from epoch %d to %d", j.ID, k.epoch, j.Epoch)
		case j.Checkpoint < k.checkpoint && (!damaged || cmd.EndAttempt.Job != j.ID):
			c.w.fail("the checkpoint of job %s goes back from %d to %d", j.ID, k.checkpoint, j.Checkpoint)
		case k.state.Final() && j.State != k.state:
			c.w.fail("job %s was %s and is %s", j.ID, k.state, j.State)
		case j.State.Final() && !k.state.Final():
			c.ended(j)
		}
		k.epoch, k.checkpoint, k.state = j.Epoch, j.Checkpoint, j.State
	}
}

// ended checks that there is a reason for how a job ended.
func (c *checker) ended(j *fsm.Job) {
	c.w.count("jobs " + j.State.String())
	c.w.trace("job ends", -1, uint64(j.Epoch), string(j.ID)+" "+j.State.String())
	p := planOf(j.Spec.Args)
	fine := true
	switch j.State {
	case job.Stopped:
		fine = c.stopping[j.ID]
	case job.TimedOut:
		fine = j.Spec.Timeout > 0
	case job.Succeeded:
		fine = p.bug == 0
	case job.Failed:
		switch j.Failure.Kind {
		case job.FaultProgram:
			fine = j.Faults >= j.MaxAttempts() && (p.bug > 0 || c.killed[j.ID] >= j.Faults)
		case job.FaultOutput:
			fine = c.w.store.refused[j.ID]
		default:
			fine = j.Losses >= job.MaxGroomLosses
		}
	default:
	}
	if !fine {
		c.w.fail("job %s has no reason to be %s: %+v, %d faults, %d losses, %d tasks killed", j.ID, j.State, j.Failure, j.Faults, j.Losses, c.killed[j.ID])
	}
}

// checkCheckpoint: all files of a committed checkpoint are there and of one superstep.
func (c *checker) checkCheckpoint(k wire.Checkpoint, id job.ID) {
	j, _ := c.state.Job(id)
	if len(k.Files) != j.Peers {
		c.w.fail("the checkpoint of superstep %d of job %s has %d files for %d peers", k.Superstep, id, len(k.Files), j.Peers)
	}
	for i, part := range k.Files {
		f, ok := c.w.store.file(part.Path)
		if !ok || f.superstep != k.Superstep || part.Peer != i {
			c.w.fail("the committed checkpoint of superstep %d of job %s has %+v: there %t, of superstep %d", k.Superstep, id, part, ok, f.superstep)
		}
	}
}

// checkClaims: what grooms have given away is what running tasks hold, and no more
// than they have.
func (c *checker) checkClaims() {
	held := map[string]fsm.Claim{}
	for j := range c.state.Active() {
		if j.State == job.Running {
			for _, t := range j.Tasks {
				held[t.Groom] = held[t.Groom].Plus(t.Claim)
			}
		}
	}
	for g := range c.state.Grooms() {
		if g.Used != held[g.Facts.Name] || !g.Facts.Capacity().Covers(g.Used) {
			c.w.fail("groom %s has %+v, gave away %+v, and %+v is held", g.Facts.Name, g.Facts.Capacity(), g.Used, held[g.Facts.Name])
		}
	}
}
