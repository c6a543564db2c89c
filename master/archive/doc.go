// Package archive has the format of what is kept of a job that the masters no longer
// remember: one object in the store, STORE/archive/NUMBER/JOB.json.zst, zstd around
// JSON (docs/formats.md).
//
//	master/control: Object ─Encode─▶ bytes ─▶ a groom ─▶ store ─▶ bytes ─Decode─▶ Object: master's API
//
// Encode and Decode are pure. Decode takes bytes that anybody may have written: it
// has limits, and its errors wrap [ErrObject]. Nothing here reads or writes the store.
package archive
