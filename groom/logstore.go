package groom

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"scalar/bsp/wire"
	"scalar/storage"
)

const (
	storeTimeout = 30 * time.Second       // for one log
	storeGrace   = 500 * time.Millisecond // of those when the groom shuts down
)

// keepLog brings the log of a task that is gone to the store.
func (n *node) keepLog(ctx context.Context, key wire.TaskKey) {
	if err := n.storeLog(ctx, key); err != nil {
		n.log.Warn("a task's log is on this node only", "file", logPath(n.dir.logs(), key), "error", err)
	}
}

// storeLog copies what is kept of a task's log to <store>/logs/<job>/ as
// <epoch>-<task>.log. Where rotation has dropped the beginning, a first line says
// how much.
func (n *node) storeLog(ctx context.Context, key wire.TaskKey) error {
	ctx, cancel := graceful(ctx, storeGrace, storeTimeout)
	defer cancel()
	segs := segments(logPath(n.dir.logs(), key))
	if len(segs) == 0 {
		return nil
	}
	fsys, url, err := storage.Resolve(storeURL(n.cfg.Store, "logs", string(key.Job), fmt.Sprintf("%d-%d.log", key.Epoch, key.Task)))
	if err != nil {
		return err
	}
	w, err := fsys.Create(ctx, url)
	if err != nil {
		return fmt.Errorf("copy log: %w", err)
	}
	if segs[0].base > 0 {
		_, err = fmt.Fprintf(w, "[the first %d bytes are not kept]\n", segs[0].base)
	}
	for _, s := range segs {
		if err == nil {
			err = copySegment(ctx, w, s)
		}
	}
	if err != nil {
		return fmt.Errorf("copy log: %w", errors.Join(err, w.Abort()))
	}
	if err := w.Commit(); err != nil {
		return fmt.Errorf("copy log: %w", err)
	}
	if err := restrict(n.cfg.Store, url); err != nil {
		return fmt.Errorf("copy log: %w", err)
	}
	return nil
}

// restrict lets only the groom's user and the group of the store's folder, which the
// masters are in, read a file: a log holds whatever its program wrote.
func restrict(store, file string) error {
	dir, err := storage.Path(store)
	if err != nil {
		return err
	}
	path, err := storage.Path(file)
	if err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		_ = os.Chown(path, -1, int(st.Gid)) // the groom may not be in that group
	}
	return os.Chmod(path, 0o640)
}

func copySegment(ctx context.Context, w io.Writer, s segment) error {
	f, err := os.Open(s.path)
	if err != nil {
		return err
	}
	const piece = 1 << 20
	for err == nil && ctx.Err() == nil {
		_, err = io.CopyN(w, f, piece)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	} else if err == nil {
		err = context.Cause(ctx)
	}
	return errors.Join(err, f.Close())
}

// graceful returns a context that ends after limit, and soon after ctx has ended.
func graceful(ctx context.Context, grace, limit time.Duration) (context.Context, context.CancelFunc) {
	out, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	stop := context.AfterFunc(ctx, func() {
		t := time.AfterFunc(grace, cancel)
		<-out.Done()
		t.Stop()
	})
	return out, func() { stop(); cancel() }
}
