// Package openloop asks a server at set times, whatever its answers do.
//
//	Schedule ─ set times ─▶ pacer ─▶ the next free connection ─▶ server
//	                                                  └─▶ Record: from the set time to the answer's end
//
// A generator that waits for an answer before it asks again asks a slow server less, and does not see what
// others would have waited for ("coordinated omission"; Tene 2013). Here a request that finds no free connection,
// or a generator that is late, counts from the time that was set for it. Percentiles are exact: all records are kept.
package openloop
