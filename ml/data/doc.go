// Package data reads rows to learn from and to ask about, and turns them into numbers.
//
//	file ─ Open ─▶ Source ─ Summarise(part) ─▶ Summary ─┐ bytes, over a collective
//	                 │                                   ▼
//	                 │            Merge(all, in order of parts) ─ Transform ─▶ model.json
//	                 │                                   │
//	                 └───────── Read(part) ◀── Encoder ◀─┘
//	                                │
//	                                ▼
//	                    Set ─ Join ─▶ Set: any row at any index
//
// Formats are CSV, LIBSVM (kept sparse), IDX and NPY. A file is read in as many parts as
// the caller likes, each by whoever owns it. What depends on all rows (categories, class
// labels, means, deviations, the number of features) is agreed upon by [Merge], a pure
// function of what the parts say. Sums are exact, so that the result is the same, bit for
// bit, however the file is cut.
//
// A [Transform] is all that is to be kept of the training data: an [Encoder] made of it
// turns a record in the units of the training file into the row that a model takes, in
// training, evaluation, prediction and serving alike.
//
// A [Set] never changes once it is made, and is safe for concurrent use: the peers of a
// task share one.
//
// Errors about the input are a *job.Failure of kind FaultInput, one line with the file,
// the line and the byte, or the number of the element.
package data
