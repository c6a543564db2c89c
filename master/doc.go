// Package master is the control daemon of a cluster. Usually three run; one of
// them, elected by Raft, leads.
//
//	client ──HTTPS──▶ api ──(a follower proxies to the leader)──▶ api of the leader
//	                                                                 │ Propose
//	gossip: who exists ─▶ roster ─▶ bootstrap, join                  ▼
//	other masters ◀──TLS "bsp-raft"──▶ consensus (raft, raft-wal) ─▶ fsm.Apply ─▶ State
//	                                                                 │ Changed
//	grooms ◀──TLS "bsp-groom", rpc──▶ control.Plane: leases, schedule, orders
//
// New opens the data folder and the listeners, Run serves until its context
// ends. cmd/bsp and testcluster call it; clients reach it by the HTTPS API that
// openapi.yaml describes.
//
// It promises: a write that was acknowledged survives the loss of any minority
// of the masters, kill -9 and power loss; a request id sent again gives the
// first answer; without a token nothing but the API's description is told; every
// write call is in the audit log. A disk that hangs ends the process, so that
// another master can lead.
//
// It does not carry data of jobs: messages go from task to task, results and
// programs through the store.
package master
