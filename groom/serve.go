package groom

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"scalar/bsp/wire"
	"scalar/internal/pack"
)

// serve answers the calls of a master.
func (n *node) serve(ctx context.Context, method uint16, body []byte) ([]byte, error) {
	switch method {
	case wire.MethodOrders:
		var o wire.Orders
		if err := pack.Unmarshal(body, &o); err != nil {
			return nil, err
		}
		return nil, n.table.Apply(o)
	case wire.MethodProbe:
		var p wire.Probe
		if err := pack.Unmarshal(body, &p); err != nil {
			return nil, err
		}
		reply, err := n.prober.run(ctx, p)
		if err != nil {
			return nil, err
		}
		return pack.Marshal(reply)
	case wire.MethodLog:
		var r wire.LogRequest
		if err := pack.Unmarshal(body, &r); err != nil {
			return nil, err
		}
		reply, err := n.readLog(r)
		if err != nil {
			return nil, err
		}
		return pack.Marshal(reply)
	case wire.MethodArchive, wire.MethodSweep:
		return n.keeper.call(ctx, method, body)
	}
	return nil, fmt.Errorf("a groom of version %q does not know method %d", n.cfg.Version, method)
}

// readLog answers from disk, whether the task runs, has ended, or belonged to an
// earlier incarnation.
func (n *node) readLog(r wire.LogRequest) (wire.LogReply, error) {
	if !safeID(r.Key.Job) || r.Key.Task < 0 {
		return wire.LogReply{Gone: true}, nil
	}
	limit := maxLogReply
	if r.Max > 0 {
		limit = min(r.Max, maxLogReply)
	}
	// Asked first: what is written after it was running is read below, or later.
	running := n.table.Running(r.Key)
	data, offset, err := readLog(logPath(n.dir.logs(), r.Key), max(r.Offset, 0), limit)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return wire.LogReply{Gone: !running, Offset: r.Offset}, nil
	case err != nil:
		return wire.LogReply{}, err
	}
	size := n.logSize(r.Key)
	ends := offset+int64(len(data)) >= size
	return wire.LogReply{Data: data, Offset: offset, Size: size, EOF: !running && len(data) < limit && ends}, nil
}

// logSize returns how many bytes a task has written by now, kept or not.
func (n *node) logSize(key wire.TaskKey) int64 {
	segs := segments(logPath(n.dir.logs(), key))
	if len(segs) == 0 {
		return 0
	}
	last := segs[len(segs)-1]
	return last.base + last.size
}
