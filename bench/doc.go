// Package bench holds the benchmark harness: figures are measured through the
// real binary, as medians of repeated runs, printed beside their marks, and
// committed in bench/results with the command and the machine's description.
//
//	cmd/figures ─┬─ bsp            jobs, local and under bsp dev
//	             ├─ cmd/exchange   package superstep between task processes over TCP
//	             ├─ cmd/limit      single-purpose programs (package limit): the floors
//	             ├─ master.test    BenchmarkCommits of package master
//	             └─ peers/raft     bare hashicorp/raft, on our log store and on raft-boltdb
//
// bench/peers is a module of its own: what it needs beside ours, raft-boltdb, is then
// no part of bsp's modules.
//
// What has a limit is measured in turn with it, in the same minutes. Package gang
// starts the processes of exchange and limit.
package bench
