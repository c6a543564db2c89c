// Package storage reads input, writes output and keeps blobs and checkpoints,
// behind URLs. Only local files (file:// URLs and bare absolute paths) are here;
// drivers for HDFS and S3 come as sub-packages.
//
//	input:       Splits ── one Split a peer ──▶ OpenRecords ──▶ Next | Block
//	output:      CreatePart | ResumePart ──▶ OUT.tmp-JOB-EPOCH/part-NNNNN ──▶ CommitOutput ──▶ OUT/
//	checkpoints: WriteBlob ──▶ (size, CRC-32C) ──▶ OpenBlob
//	programs:    Blobs.Put ──▶ FOLDER/<sha256> ──▶ Blobs.Fetch
//
// Called by bsp (tasks), groom (commit, program cache) and master (uploads,
// results).
//
// # Input
//
// A file or folder is one virtual concatenation: its files in name order,
// without hidden files and files whose name begins with "_". A folder with other
// folders in it, or with parts of an output and no _SUCCESS, is refused. Peer i of
// n gets the bytes [size·i/n, size·(i+1)/n) of it, and of those the lines whose
// first byte is inside; a file always begins a line. So every line belongs to
// exactly one peer, and each peer finds its lines without asking another. A
// .gz or .zst file counts with its compressed size, cannot be cut, and is read
// whole by the peer whose range holds its first byte.
//
// # Promises
//
// What Sync, Close, Commit, CommitOutput, Put and WriteBlob report as written
// has been fsynced, file and folder. An output becomes visible whole, by one
// rename that never replaces anything, and only with _SUCCESS in it. Bytes read
// back for a checkpoint, a resumed part or a blob are checked before use.
//
// It does not lock: two writers of one name are the caller's fault, except for
// CommitOutput and Put, which any number may repeat at once.
package storage
