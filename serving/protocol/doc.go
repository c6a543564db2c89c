// Package protocol turns the bodies of predictions into requests, and answers into bodies.
//
//	body ─ ParseV2, ParseTF, ParseClassify, ParseRegress, ParseNative ─▶ Request ─ (host) ─▶ Answer
//	                                                          │                  │
//	             AppendV2, AppendTF, AppendNative ◀───────────┴──────────────────┘
//
// Three forms are read: the Open Inference Protocol V2 in JSON and with its binary extension, the REST
// bodies of TensorFlow Serving, and a short form of JSON or CSV. The package is pure: it knows a [Signature],
// and neither models nor HTTP. A body is read once; the whole of it is checked, and numbers go straight to
// the request's own float32s. Once a [Request] has seen a body of a size, reading another of that size allocates
// nothing, and neither does writing an answer into a buffer that is large enough.
//
// # What is read
//
// JSON as RFC 8259 has it, and as encoding/json checks it, but for this: a key that an object has
// twice, more than 65,536 keys of objects at once, bytes that are not UTF-8, and brackets nested deeper than 128 are refused. Half of a surrogate pair is read as
// U+FFFD, as encoding/json does. Keys come in any order; those that are not known are checked and skipped.
//
// A number has the value that strconv.ParseFloat(text, 32) gives, to the bit, and one that float32 does not hold, such as
// 1e39, is refused. A null is a missing value: NaN among numbers, [Missing] among cells. An input of
// datatype FP32 takes tensors of FP32, FP64 and all integers, whose values have to be of
// their type; an input of BYTES takes BYTES, which are texts, numbers and nulls in JSON. What V2 lets a request leave out may be null: its
// id, outputs and parameters.
//
// # Errors
//
// All errors are [*Error]: a status of HTTP and one line. What a client did is 400 or 415, never 500.
package protocol
