// Package scalar holds the sources that a user's program is built from, embedded
// in the bsp binary: whoever writes a program needs no checkout. This file is written
// by "go test ./cmd/bsp/internal/embed -update", which finds out what the user's
// packages import.
package scalar

import "embed"

// Modules are the paths of the modules that the embedded sources need; go.mod and
// go.sum have their versions and hashes.
var Modules = []string{
	"github.com/KimMachineGun/automemlimit",
	"github.com/klauspost/compress",
	"github.com/pbnjay/memory",
	"github.com/vmihailenco/msgpack/v5",
	"github.com/vmihailenco/tagparser/v2",
	"golang.org/x/sys",
}

// Source holds the packages of the user's API and all that they import, without
// tests, and go.mod and go.sum.
//
//go:embed go.mod go.sum
//go:embed bsp/arena/arena.go
//go:embed bsp/bsptest/bsptest.go
//go:embed bsp/bsptest/doc.go
//go:embed bsp/budget.go
//go:embed bsp/checkpoint.go
//go:embed bsp/checkpointcopy.go
//go:embed bsp/checkpoints.go
//go:embed bsp/clock.go
//go:embed bsp/collective.go
//go:embed bsp/columns.go
//go:embed bsp/core.go
//go:embed bsp/cursor.go
//go:embed bsp/curves.go
//go:embed bsp/doc.go
//go:embed bsp/gang.go
//go:embed bsp/graph/adjacency.go
//go:embed bsp/graph/aggregate.go
//go:embed bsp/graph/algo/bfs.go
//go:embed bsp/graph/algo/bipartite.go
//go:embed bsp/graph/algo/cdlp.go
//go:embed bsp/graph/algo/components.go
//go:embed bsp/graph/algo/corners.go
//go:embed bsp/graph/algo/deltastate.go
//go:embed bsp/graph/algo/deltastep.go
//go:embed bsp/graph/algo/doc.go
//go:embed bsp/graph/algo/hits.go
//go:embed bsp/graph/algo/hook.go
//go:embed bsp/graph/algo/inlinks.go
//go:embed bsp/graph/algo/join.go
//go:embed bsp/graph/algo/kcore.go
//go:embed bsp/graph/algo/level.go
//go:embed bsp/graph/algo/louvain.go
//go:embed bsp/graph/algo/meet.go
//go:embed bsp/graph/algo/mst.go
//go:embed bsp/graph/algo/pagerank.go
//go:embed bsp/graph/algo/scc.go
//go:embed bsp/graph/algo/semicluster.go
//go:embed bsp/graph/algo/sssp.go
//go:embed bsp/graph/algo/talk.go
//go:embed bsp/graph/algo/width.go
//go:embed bsp/graph/binary.go
//go:embed bsp/graph/binaryread.go
//go:embed bsp/graph/block.go
//go:embed bsp/graph/bucket.go
//go:embed bsp/graph/census.go
//go:embed bsp/graph/change.go
//go:embed bsp/graph/chunk.go
//go:embed bsp/graph/convert.go
//go:embed bsp/graph/doc.go
//go:embed bsp/graph/edges.go
//go:embed bsp/graph/fold.go
//go:embed bsp/graph/format.go
//go:embed bsp/graph/free.go
//go:embed bsp/graph/freestate.go
//go:embed bsp/graph/frontier.go
//go:embed bsp/graph/grown.go
//go:embed bsp/graph/header.go
//go:embed bsp/graph/ids.go
//go:embed bsp/graph/input.go
//go:embed bsp/graph/inward.go
//go:embed bsp/graph/json.go
//go:embed bsp/graph/lanes.go
//go:embed bsp/graph/load.go
//go:embed bsp/graph/matrix.go
//go:embed bsp/graph/metis.go
//go:embed bsp/graph/missing.go
//go:embed bsp/graph/namecensus.go
//go:embed bsp/graph/names.go
//go:embed bsp/graph/nameunion.go
//go:embed bsp/graph/once.go
//go:embed bsp/graph/order.go
//go:embed bsp/graph/parse.go
//go:embed bsp/graph/part.go
//go:embed bsp/graph/placing.go
//go:embed bsp/graph/post.go
//go:embed bsp/graph/program.go
//go:embed bsp/graph/pull.go
//go:embed bsp/graph/push.go
//go:embed bsp/graph/read.go
//go:embed bsp/graph/seen.go
//go:embed bsp/graph/share.go
//go:embed bsp/graph/slab.go
//go:embed bsp/graph/state.go
//go:embed bsp/graph/steady.go
//go:embed bsp/graph/sweep.go
//go:embed bsp/graph/triangles.go
//go:embed bsp/graph/union.go
//go:embed bsp/graph/vertex.go
//go:embed bsp/graph/window.go
//go:embed bsp/graph/write.go
//go:embed bsp/input.go
//go:embed bsp/job/doc.go
//go:embed bsp/job/failure.go
//go:embed bsp/job/info.go
//go:embed bsp/job/note.go
//go:embed bsp/job/spec.go
//go:embed bsp/job/state.go
//go:embed bsp/job/trace.go
//go:embed bsp/lines/doc.go
//go:embed bsp/lines/writer.go
//go:embed bsp/local.go
//go:embed bsp/localend.go
//go:embed bsp/main.go
//go:embed bsp/matrix/balance.go
//go:embed bsp/matrix/doc.go
//go:embed bsp/matrix/matmul.go
//go:embed bsp/matrix/order.go
//go:embed bsp/matrix/plan.go
//go:embed bsp/matrix/product.go
//go:embed bsp/matrix/read.go
//go:embed bsp/matrix/rows.go
//go:embed bsp/matrix/sort.go
//go:embed bsp/matrix/spmv.go
//go:embed bsp/matrix/table.go
//go:embed bsp/matrix/write.go
//go:embed bsp/mtx/doc.go
//go:embed bsp/mtx/header.go
//go:embed bsp/mtx/parser.go
//go:embed bsp/output.go
//go:embed bsp/partition.go
//go:embed bsp/peer.go
//go:embed bsp/program.go
//go:embed bsp/restore.go
//go:embed bsp/run.go
//go:embed bsp/scan/doc.go
//go:embed bsp/scan/fault.go
//go:embed bsp/scan/field.go
//go:embed bsp/scan/header.go
//go:embed bsp/state.go
//go:embed bsp/statewalk.go
//go:embed bsp/task.go
//go:embed bsp/taskmain.go
//go:embed bsp/taskproc/doc.go
//go:embed bsp/taskproc/kill.go
//go:embed bsp/taskproc/taskproc.go
//go:embed bsp/times.go
//go:embed bsp/trace.go
//go:embed bsp/wire/doc.go
//go:embed bsp/wire/groom.go
//go:embed bsp/wire/store.go
//go:embed bsp/wire/task.go
//go:embed bsp/wire/times.go
//go:embed internal/bitset/bitset.go
//go:embed internal/memory/memory.go
//go:embed internal/netx/netx.go
//go:embed internal/netx/tcp_linux.go
//go:embed internal/pack/budget.go
//go:embed internal/pack/order.go
//go:embed internal/pack/pack.go
//go:embed internal/pack/scan.go
//go:embed internal/pack/types.go
//go:embed internal/pki/attempt.go
//go:embed internal/pki/ca.go
//go:embed internal/pki/doc.go
//go:embed internal/pki/own.go
//go:embed internal/pki/tls.go
//go:embed internal/pki/verify.go
//go:embed internal/procfs/procfs.go
//go:embed internal/splitmix/splitmix.go
//go:embed storage/blobs.go
//go:embed storage/commit.go
//go:embed storage/doc.go
//go:embed storage/fs.go
//go:embed storage/local.go
//go:embed storage/local_linux.go
//go:embed storage/named.go
//go:embed storage/owner.go
//go:embed storage/part.go
//go:embed storage/records.go
//go:embed storage/source.go
//go:embed storage/splits.go
//go:embed storage/sweep.go
//go:embed superstep/ballot.go
//go:embed superstep/barrier.go
//go:embed superstep/box.go
//go:embed superstep/boxread.go
//go:embed superstep/boxsort.go
//go:embed superstep/chunk.go
//go:embed superstep/codec.go
//go:embed superstep/collective.go
//go:embed superstep/columns.go
//go:embed superstep/compress.go
//go:embed superstep/doc.go
//go:embed superstep/drain.go
//go:embed superstep/errors.go
//go:embed superstep/farewell.go
//go:embed superstep/frame.go
//go:embed superstep/group.go
//go:embed superstep/inbox.go
//go:embed superstep/kernels.go
//go:embed superstep/lane.go
//go:embed superstep/link.go
//go:embed superstep/mark.go
//go:embed superstep/memory.go
//go:embed superstep/mesh.go
//go:embed superstep/mirror.go
//go:embed superstep/port.go
//go:embed superstep/reader.go
//go:embed superstep/relay.go
//go:embed superstep/retire.go
//go:embed superstep/save.go
//go:embed superstep/spill.go
//go:embed superstep/tree.go
//go:embed superstep/writer.go
var Source embed.FS
