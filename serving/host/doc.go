// Package host keeps models in memory and answers with them.
//
//	folders ─ Watcher ─▶ Load ─▶ Version, warm ─▶ snapshot, swapped
//	                                                 │ one atomic load
//	request ─ Acquire ─▶ Lease ─ Predict ─▶ a free executor, on the caller's goroutine
//	                       │                    └ none free: the queue ─▶ batches
//	                       └ Release: the last one's lets the version's memory go
//
// A model has versions, numbers from 1; a request names one, or a label, or neither: then the
// model's traffic decides, and a share of these requests is predicted by a shadow too. A version has as
// many executors as there are cores; each computes on one core, for one goroutine at a time. A request takes
// a free one and neither waits nor changes goroutines. Only where all are busy does it queue: one that becomes free is
// given to the request whose turn it is, which computes what else has queued along with its own rows, where that
// was faster when the version was warmed up.
//
// # What is promised
//
// A row has the same bits alone or in any batch. A version answers until its last lease is released, whatever is loaded
// or unloaded meanwhile; a lease is of a version that is whole and warm. What cannot be loaded
// changes nothing but the state of its version. Predict uses nothing of a request after it has returned.
//
// The queue is fair between namespaces, counted in rows: one that asks for less than its share goes before who always has something
// in it, up to 32 rows in a row, and before what has an executor and has not begun. Where the queue is full, who has most in it gives way. A
// request that cannot make its deadline, by the time that rows took of late, is refused at
// once, and leaves the queue when its deadline passes.
//
// It knows neither HTTP nor who may ask what, but for the namespaces that a model is there for.
package host
