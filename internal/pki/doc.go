// Package pki makes and checks the certificates of a cluster and of one attempt
// of a job. Keys are ECDSA P-256, links are TLS 1.3 only.
//
//	bsp init ── NewCA ── Issue ──▶ master, groom: bsp://CLUSTER/ROLE/NAME and DNS ROLE.CLUSTER
//	leader ── NewAttempt ── Task ──▶ tasks: bsp-task://JOB/EPOCH/TASK, by a CA of their own
//
// A daemon is who its certificate's URI says, whatever its address: clients ask
// for the name master.CLUSTER, servers for a role. A task accepts only tasks of
// its own attempt, whose CA signed nothing else and whose key is forgotten.
//
// Every connection is checked in tls.Config.VerifyConnection by code of this
// package instead of crypto/tls's own check, so that an expired certificate or
// one of another cluster says so, and which one, in words. The clock is
// tls.Config.Time of the returned configuration, read at each handshake.
package pki
