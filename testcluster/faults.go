package testcluster

import (
	"strconv"
	"strings"
	"time"

	"scalar/bsp/job"
)

// patience is how long a test waits for what comes within a second as a rule: a busy machine may stand
// still for many.
const patience = time.Minute

// Eventually waits until ok holds, for a minute at most.
func (c *Cluster) Eventually(what string, ok func() bool) {
	c.tb.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.tb.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// Disturb ends the groom of the job's last task ("groom"), or the master that
// leads ("leader"). It returns what starts it again.
func (c *Cluster) Disturb(role string, info job.Info) (back func()) {
	c.tb.Helper()
	if role == "groom" {
		if len(info.Placement) == 0 {
			c.tb.Fatalf("%s has no placement", info.ID)
		}
		i := index(info.Placement[len(info.Placement)-1].Groom)
		c.StopGroom(i)
		return func() { c.StartGroom(i) }
	}
	nodes, err := c.Client().Nodes(c.tb.Context())
	if err != nil {
		c.tb.Fatal(err)
	}
	for _, n := range nodes {
		if n.State == role {
			i := index(n.ID)
			c.StopMaster(i)
			return func() { c.StartMaster(i) }
		}
	}
	c.tb.Fatalf("no %s among %+v", role, nodes)
	return nil
}

// index returns the number in a daemon's name, from 0.
func index(name string) int {
	_, number, _ := strings.Cut(name, "-")
	number, _, _ = strings.Cut(number, "-")
	n, err := strconv.Atoi(number)
	if err != nil {
		panic("testcluster: no number in " + name)
	}
	return n - 1
}
