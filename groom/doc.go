// Package groom is the node daemon: it runs the tasks that a master orders, keeps
// them inside their limits, and leaves nothing behind when they end.
//
//	gossip ─▶ which masters exist
//	             │ one RPC link to the leader (TLS, role groom)
//	  Report ────┤  all that runs here: on every change, and every 400 ms
//	  Orders ◀───┘  all that should run here: compared, then started or killed
//	             │
//	  task: folder + cgroup + process, control messages on descriptor 3, log file
//
// Both directions are level-triggered. Orders of an older leader or an older
// sequence number are refused; a key that has ended is never started again by
// this incarnation; what is not ordered is killed. Without a master the tasks
// keep running.
//
// Everything of a task lives in one folder, <data>/tasks/<job>-<epoch>-<task>, in
// one cgroup per hierarchy that the machine offers, and in one process session
// whose members carry the folder's name in their environment. At a task's end all
// three are emptied, so that no process, folder or file outlives it. What an
// incarnation that was killed left behind is removed by the next one.
//
// A [Groom] is made by [New] and lives in [Groom.Run]. It knows the storage
// folder that all daemons share, never the programs' meaning.
package groom
