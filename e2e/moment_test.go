//go:build e2e

package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"scalar/bsp/job"
)

// held is a job in which time stands still at a moment: the processes that would
// leave it are stopped.
type held struct {
	what   string
	missed bool     // it was over before all stood still
	task   int      // pid of one in the middle of it, if there is one
	grooms []string // those that have to do with it
	thaw   func()   // has those that are left go on
}

// inBarrier stops one task, so that the other one waits for it in a barrier.
func (c *cluster) inBarrier(t *testing.T, id job.ID, _ string) held {
	t.Helper()
	placed := c.running(t, string(id)).Placement
	thaw := freeze(t, placed[1].PID)
	step := -1
	c.until(t, "the job stands still", func() bool {
		was := step
		time.Sleep(200 * time.Millisecond) // more than between two reports
		step = c.inspect(t, id).Supersteps
		return step == was
	})
	return held{what: fmt.Sprintf("barrier of superstep %d", step), task: placed[0].PID, grooms: []string{placed[0].Groom}, thaw: thaw}
}

// inWrite stops the tasks when a checkpoint's folder is there and its files are not.
func (c *cluster) inWrite(t *testing.T, id job.ID, _ string) held {
	t.Helper()
	placed, news := c.spyOnCheckpoints(t, id)
	for {
		step := c.nextCheckpoint(t, news)
		thaw := freeze(t, placed[0].PID, placed[1].PID)
		files := c.peerFiles(t, id, step)
		for i, p := range placed { // two peers each
			if !files[fmt.Sprintf("peer-%d", 2*i)] || !files[fmt.Sprintf("peer-%d", 2*i+1)] {
				return held{what: fmt.Sprintf("checkpoint %d with files %v", step, files), task: p.PID, grooms: []string{p.Groom}, thaw: thaw}
			}
		}
		thaw()
	}
}

// inCommit stops the grooms when all files of a checkpoint are there and the masters
// do not know of it yet.
func (c *cluster) inCommit(t *testing.T, id job.ID, _ string) held {
	t.Helper()
	placed, news := c.spyOnCheckpoints(t, id)
	for {
		step := c.nextCheckpoint(t, news)
		c.wholeOnDisk(t, id, step)
		thaw := freeze(t, c.pid("g1"), c.pid("g2"))
		if info := c.inspect(t, id); info.Checkpoint < step {
			return held{what: fmt.Sprintf("checkpoint %d on disk, %d committed", step, info.Checkpoint), task: placed[0].PID, grooms: []string{placed[0].Groom}, thaw: thaw}
		}
		thaw()
	}
}

// inRaft stops the followers when all files of a checkpoint are there: the leader can
// have the commit in its log, and nobody else has.
func (c *cluster) inRaft(t *testing.T, id job.ID, _ string) held {
	t.Helper()
	placed, news := c.spyOnCheckpoints(t, id)
	var followers []int
	for _, n := range c.nodes(t) {
		if n.Role == "master" && n.State == "follower" {
			followers = append(followers, c.pid(n.ID))
		}
	}
	step := c.nextCheckpoint(t, news)
	c.wholeOnDisk(t, id, step)
	thaw := freeze(t, followers...)
	time.Sleep(50 * time.Millisecond) // for the report to come to the leader, which gives up after 400 ms
	return held{what: fmt.Sprintf("checkpoint %d on disk, followers stopped", step), task: placed[0].PID, grooms: []string{placed[0].Groom}, thaw: thaw}
}

// inOutput stops the tasks when their peers write the output.
func (c *cluster) inOutput(t *testing.T, id job.ID, out string) held {
	t.Helper()
	placed := c.running(t, string(id)).Placement
	news := spyOn(t, c.unfinished(t, out, id), unix.IN_MODIFY)
	if news.next(t, patience) == "" {
		t.Fatal("nobody writes the output")
	}
	thaw := freeze(t, placed[0].PID, placed[1].PID)
	for _, p := range placed {
		if alive(p.PID) {
			return held{what: "output is being written", task: p.PID, grooms: []string{p.Groom}, thaw: thaw}
		}
	}
	return held{what: "both tasks had ended", missed: true, thaw: thaw}
}

// inRename stops the grooms when one of them makes the output whole, and it is not
// in its place yet.
func (c *cluster) inRename(t *testing.T, id job.ID, out string) held {
	t.Helper()
	c.running(t, string(id))
	news := spyOn(t, c.unfinished(t, out, id), unix.IN_CREATE)
	for name := ""; name != "_SUCCESS"; {
		if name = news.next(t, patience); name == "" {
			t.Fatal("no output is committed")
		}
	}
	thaw := freeze(t, c.pid("g1"), c.pid("g2"))
	_, err := os.Stat(out)
	return held{what: "output with _SUCCESS", missed: err == nil, grooms: []string{"g1", "g2"}, thaw: thaw}
}

// afterRename stops the grooms when the output is in its place, and the masters do
// not know yet.
func (c *cluster) afterRename(t *testing.T, id job.ID, out string) held {
	t.Helper()
	c.running(t, string(id))
	news := spyOn(t, filepath.Dir(out), unix.IN_MOVED_TO)
	for name := ""; name != filepath.Base(out); {
		if name = news.next(t, patience); name == "" {
			t.Fatal("no output is committed")
		}
	}
	thaw := freeze(t, c.pid("g1"), c.pid("g2"))
	state := c.inspect(t, id).State
	return held{what: fmt.Sprintf("output in its place, job %v", state), missed: state != job.Committing, grooms: []string{"g1", "g2"}, thaw: thaw}
}

// unfinished returns where the first attempt's output grows, once the tasks have made it.
func (c *cluster) unfinished(t *testing.T, out string, id job.ID) string {
	t.Helper()
	dir := fmt.Sprintf("%s.tmp-%s-1", out, id)
	c.until(t, dir+" is there", func() bool {
		parts, err := filepath.Glob(filepath.Join(dir, "part-*"))
		return err == nil && len(parts) == 4
	})
	return dir
}

// spyOnCheckpoints waits for the first one, and watches for more.
func (c *cluster) spyOnCheckpoints(t *testing.T, id job.ID) ([]job.Placed, *spy) {
	t.Helper()
	info := c.running(t, string(id))
	c.until(t, "a checkpoint is committed", func() bool { return c.inspect(t, id).Checkpoint > 0 })
	return info.Placement, spyOn(t, c.checkpoints(id), unix.IN_CREATE)
}

// nextCheckpoint waits for a checkpoint's folder to be made and returns its superstep.
func (c *cluster) nextCheckpoint(t *testing.T, news *spy) int {
	t.Helper()
	news.drop(t)
	name := news.next(t, patience)
	step, err := strconv.Atoi(name)
	if err != nil {
		t.Fatalf("no checkpoint within %s, but %q", patience, name)
	}
	return step
}

// wholeOnDisk waits, without a break, until a checkpoint has all of its files.
func (c *cluster) wholeOnDisk(t *testing.T, id job.ID, step int) {
	t.Helper()
	for deadline := time.Now().Add(patience); len(c.peerFiles(t, id, step)) < 4; {
		if time.Now().After(deadline) {
			t.Fatalf("checkpoint %d has %v after %s", step, c.peerFiles(t, id, step), patience)
		}
	}
}

// peerFiles returns the files of a checkpoint that have their names already.
func (c *cluster) peerFiles(t *testing.T, id job.ID, step int) map[string]bool {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(c.checkpoints(id), strconv.Itoa(step)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]bool{}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "peer-") {
			files[e.Name()] = true
		}
	}
	return files
}
