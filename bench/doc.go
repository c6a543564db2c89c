// Package bench holds the benchmark harness: figures are measured through the
// real binary, as medians of repeated runs, printed beside their marks, and
// committed in bench/results with the command and the machine's description.
//
//	cmd/figures ─┬─ bsp            jobs, local and under bsp dev
//	             ├─ cmd/exchange   package superstep between task processes over TCP
//	             ├─ cmd/limit      single-purpose programs (package limit): the floors
//	             ├─ master.test    BenchmarkCommits of package master
//	             ├─ peers/raft     bare hashicorp/raft, on our log store and on raft-boltdb
//	             ├─ peers/NAME     other graph engines and servers, if they are installed
//	             ├─ wrk            load in closed loop
//	             └─ cmd/openloop   load at set times (package openloop)
//
// bench/peers is a module of its own: what it needs beside ours, raft-boltdb, is then
// no part of bsp's modules. A graph engine there has a folder with two scripts: install
// CACHE, and run CACHE INPUT OUTPUT ITERATIONS THREADS, which ranks the vertices of an
// edge list, writes lines "id TAB rank" and prints a line of JSON with the seconds load,
// compute and write. Its ranks are compared with ours before it is measured.
//
// A server there has install CACHE, and serve CACHE MODEL WORK PORT WORKERS, which answers with the net in a model's folder. Its
// answer is compared with ours before it is measured.
//
// What has a limit is measured in turn with it, in the same minutes. Package gang
// starts the processes of exchange and limit.
package bench
