//go:build e2e

package e2e_test

import (
	"testing"
	"time"

	"scalar/bsp/job"
)

// healing is how long anything may take to be whole again after a healing.
const healing = 15 * time.Second

// cut has one daemon lose what it sends to another one, without a sign to anybody,
// until the returned function mends it.
func (n *network) cut(t *testing.T, from, to string) (mend func()) {
	t.Helper()
	n.ip(t, from, "route", "add", "blackhole", n.hosts[to]+"/32")
	return func() {
		t.Helper()
		n.ip(t, from, "route", "del", "blackhole", n.hosts[to]+"/32")
	}
}

// leaderFromOne cuts the leader off from one follower, in both directions and then in
// each: most masters hear it, so it leads on, and the follower disturbs nobody.
func (n *network) leaderFromOne(t *testing.T, _ job.ID) {
	t.Helper()
	leader := n.masterIn(t, "leader", "")
	follower := n.masterIn(t, "follower", "")
	var ids []job.ID
	for _, way := range [][2]bool{{true, true}, {true, false}, {false, true}} {
		var mends []func()
		if way[0] {
			mends = append(mends, n.cut(t, leader, follower))
		}
		if way[1] {
			mends = append(mends, n.cut(t, follower, leader))
		}
		for start := time.Now(); time.Since(start) < 2*time.Second; {
			ids = append(ids, n.small(t))
		}
		for _, mend := range mends {
			mend()
		}
		n.within(t, healing, follower+" answers", func() bool { return n.answers(t, hub, follower) })
	}
	if now := n.masterIn(t, "leader", ""); now != leader {
		t.Logf("leader %s, was %s: a follower that hears nobody must win a vote for that", now, leader)
	}
	n.kept(t, ids)
}

// leaderMute has the leader lose what it sends to both followers, and hear them: it
// leads no more, another one does, and jobs are accepted.
func (n *network) leaderMute(t *testing.T, _ job.ID) {
	t.Helper()
	leader := n.masterIn(t, "leader", "")
	first := n.masterIn(t, "follower", "")
	second := n.masterIn(t, "follower", first)
	ids := make([]job.ID, 0, 4)
	ids = append(ids, n.small(t))
	mends := []func(){n.cut(t, leader, first), n.cut(t, leader, second)}
	n.within(t, healing, "another one leads", func() bool { return n.masterIn(t, "leader", leader) != "" })
	for range 3 {
		ids = append(ids, n.small(t))
	}
	for _, mend := range mends {
		mend()
	}
	n.within(t, healing, leader+" answers", func() bool { return n.answers(t, hub, leader) })
	n.kept(t, ids)
}

// groomFromLeader cuts a groom with a task off from the leader only.
func (n *network) groomFromLeader(t *testing.T, id job.ID) {
	t.Helper()
	groom, leader := n.running(t, string(id)).Placement[0].Groom, n.masterIn(t, "leader", "")
	n.notHeard(t, id, groom, leader, n.cut(t, groom, leader), n.cut(t, leader, groom))
}

// leaderToGroom has the leader lose what it sends to a groom with a task.
func (n *network) leaderToGroom(t *testing.T, id job.ID) {
	t.Helper()
	groom, leader := n.running(t, string(id)).Placement[0].Groom, n.masterIn(t, "leader", "")
	n.notHeard(t, id, groom, leader, n.cut(t, leader, groom))
}

// groomToLeader has a groom with a task lose what it sends to the leader.
func (n *network) groomToLeader(t *testing.T, id job.ID) {
	t.Helper()
	groom, leader := n.running(t, string(id)).Placement[0].Groom, n.masterIn(t, "leader", "")
	n.notHeard(t, id, groom, leader, n.cut(t, groom, leader))
}

// notHeard waits for what follows when a groom and the leader do not hear each other,
// and mends it.
func (n *network) notHeard(t *testing.T, id job.ID, groom, leader string, mends ...func()) {
	t.Helper()
	n.ends(t, id, groom+" and "+leader+" do not hear each other")
	for _, mend := range mends {
		mend()
	}
	n.within(t, healing, groom+" is ready", func() bool { return n.state(t, groom) == "ready" })
}

// state returns what the masters call a groom.
func (n *network) state(t *testing.T, groom string) string {
	t.Helper()
	for _, node := range n.nodes(t) {
		if node.ID == groom {
			return node.State
		}
	}
	return "unknown"
}
