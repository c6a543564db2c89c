// Package control runs the jobs of a cluster for the master that leads.
//
//	grooms ──Report──▶ session ─▶ Core (pure): Decide(now, State) ─▶ commands ──▶ Raft
//	       ◀──Orders──────────────────┘                           ◀── Changed ─────┘
//
// [Core] decides: it has no clock, I/O or goroutine, so that scripts and
// simulations drive it. [Plane] gives it the clock, the grooms' connections and
// Raft, and answers questions about jobs. Each master has one Plane; only the
// leader's has a Core.
//
// It promises that both directions are level-triggered (decision 1): a repeated,
// late or lost message changes nothing for good, and what is not ordered is
// killed. It does not decide where tasks go (package sched) nor what a command
// does (package fsm).
package control
