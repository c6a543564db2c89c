// Package sim runs a whole control plane in virtual time, in one goroutine, from one
// seed. It is there to break: networks, disks, processes and programs fail all the
// time, and after every step what docs/faults.md promises is checked.
//
//	clients ──▶ masters: modelled Raft, real fsm, real control.Core
//	               │ orders ▲ reports      (bytes of bsp/wire, over a bad network)
//	               ▼        │
//	            grooms: real groom/table, modelled tasks ──▶ modelled store
//
// Real are the parts that decide: master/fsm with its encodings and snapshots,
// master/sched, master/control's Core, groom/table, and the messages' bytes. Modelled
// are the parts that carry: Raft (raft.go, the published algorithm), connections,
// processes, tasks that compute numbers, the store.
//
// A World is deterministic: the same [Config] gives the same run, to the last event,
// which [Result.Trace] proves. A violated promise ends it with an error that names the
// seed, the virtual time and the last events. It says nothing about goroutines, locks
// and sockets; the tests on real processes do.
package sim
