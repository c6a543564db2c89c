package groom_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"scalar/bsp/wire"
	"scalar/internal/rpc"
)

func TestTwoTasksAndRepeatedOrders(t *testing.T) {
	_, m, g := one(t)
	a, b := newKey(), newKey()
	b.Job, b.Task = a.Job, 1
	orders := []wire.TaskOrder{play(a, "stay"), play(b, "stay")}
	for range 3 {
		m.order(orders...)
	}
	first := m.awaitPhase(a, wire.Working)
	second := m.awaitPhase(b, wire.Working)
	if first.PID == second.PID {
		t.Error("one process for two tasks")
	}
	m.order(orders[1])
	m.awaitGone(a)
	if s := m.awaitPhase(b, wire.Working); s.PID != second.PID {
		t.Error("the other task was restarted")
	}
	m.order()
	m.awaitGone(b)
	g.empty()
}

func TestOldOrdersAreRefused(t *testing.T) {
	_, m, _ := one(t)
	key := newKey()
	m.order(play(key, "stay")) // seq 1
	m.awaitPhase(key, wire.Working)
	m.order(play(key, "stay")) // seq 2
	for _, o := range []wire.Orders{{Term: 1, Seq: 1}, {Term: 0, Seq: 9}} {
		o.Cluster = "uuid"
		err := m.call(wire.MethodOrders, o, nil)
		if _, ok := errors.AsType[*rpc.RemoteError](err); !ok || !strings.Contains(err.Error(), "stale orders") {
			t.Errorf("orders of term %d seq %d: %v", o.Term, o.Seq, err)
		}
	}
	if err := m.call(wire.MethodOrders, wire.Orders{Term: 2, Seq: 0, Cluster: "another"}, nil); err == nil || !strings.Contains(err.Error(), "belongs to cluster uuid") {
		t.Errorf("orders of another cluster: %v", err)
	}
	r := m.await("orders applied", func(r wire.Report) bool { return r.OrdersSeq == 2 && r.OrdersTerm == 1 })
	if len(r.Tasks) != 1 || r.Tasks[0].Phase == wire.Dead {
		t.Errorf("tasks %+v", r.Tasks)
	}
	// A newer leader counts from the start.
	must(t, m.call(wire.MethodOrders, wire.Orders{Term: 2, Seq: 1, Cluster: "uuid", Tasks: []wire.TaskOrder{play(key, "stay")}}, nil))
	m.await("orders of term 2", func(r wire.Report) bool { return r.OrdersSeq == 1 && r.OrdersTerm == 2 && len(r.Tasks) == 1 })
}

func TestEndedKeysStayEnded(t *testing.T) {
	_, m, g := one(t)
	key, other := newKey(), newKey()
	m.order(play(key, "stay"))
	m.awaitPhase(key, wire.Working)
	m.order()
	m.awaitGone(key)
	m.order(play(key, "stay"), play(other, "stay"))
	r := m.await("the other works", func(r wire.Report) bool {
		return slices.ContainsFunc(r.Tasks, func(s wire.TaskStatus) bool { return s.Key == other && s.Phase == wire.Working })
	})
	if len(r.Tasks) != 1 {
		t.Errorf("an ended task runs again: %+v", r.Tasks)
	}
	// Killed and listed again: dead for as long as it is listed, or, if it was gone
	// before it was listed again, nothing any more.
	m.order()
	m.order(play(other, "stay"))
	m.mu.Lock()
	seq := m.orders.Seq
	m.mu.Unlock()
	r = m.await("the task has ended", func(r wire.Report) bool {
		return r.OrdersSeq == seq && (len(r.Tasks) == 0 || r.Tasks[0].Phase == wire.Dead)
	})
	if len(r.Tasks) > 0 && !strings.Contains(r.Tasks[0].Failure.Message, "was ended: no order lists it") {
		t.Errorf("failure %+v", r.Tasks[0].Failure)
	}
	m.order()
	m.awaitGone(other)
	g.empty()
}

func TestOrdersThatComeAndGoAtOnce(t *testing.T) {
	_, m, g := one(t)
	keys := make([]wire.TaskKey, 0, 10)
	for range 10 {
		key := newKey()
		keys = append(keys, key)
		m.order(play(key, "stay"))
	}
	m.order()
	for _, key := range keys {
		m.awaitGone(key)
	}
	g.empty()
}
