package groom

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"scalar/bsp/job"
	"scalar/bsp/taskproc"
	"scalar/bsp/wire"
	"scalar/storage"

	"golang.org/x/sys/unix"
)

const (
	taskNice     = 5       // below the daemons
	maxOpenFiles = 1 << 16 // of one task; less where the groom itself has less
)

// workDir and tmpDir are the two parts of a task's folder.
func (l *life) workDir() string { return filepath.Join(l.folder, "work") }
func (l *life) tmpDir() string  { return filepath.Join(l.folder, "tmp") }

// prepare makes the task's folder, its log and its cgroup, and brings its files.
func (l *life) prepare(ctx context.Context) *job.Failure {
	if err := l.makeFolders(); err != nil {
		return setupFailure(l.key, err)
	}
	var err error
	if l.output, err = createLog(l.logFile, l.task.Order.Limits.LogMax); err != nil {
		return setupFailure(l.key, err)
	}
	if l.group, err = l.cgroups.create(taskName(l.key), l.limits()); err != nil {
		return setupFailure(l.key, err)
	}
	if failure := l.bringFiles(ctx); failure != nil {
		return failure
	}
	if err := l.giveFolders(); err != nil {
		return setupFailure(l.key, err)
	}
	return nil
}

func (l *life) makeFolders() error {
	if err := removeFolder(l.folder); err != nil {
		return err
	}
	for _, dir := range []string{l.folder, l.workDir(), l.tmpDir()} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
	}
	return nil
}

// giveFolders makes the task's folders and files its own, the outermost last: until
// then no other task of the same user can reach into them, to put links there that
// a groom run by root would follow.
func (l *life) giveFolders() error {
	u := l.cfg.TaskUser
	if u == nil {
		return nil
	}
	paths := make([]string, 0, len(l.task.Order.Files)+3)
	for _, f := range l.task.Order.Files {
		paths = append(paths, filepath.Join(l.workDir(), f.Name))
	}
	for _, path := range append(paths, l.workDir(), l.tmpDir(), l.folder) {
		if err := os.Lchown(path, int(u.UID), int(u.GID)); err != nil {
			return err
		}
	}
	return nil
}

// bringFiles puts the job's files into the working folder.
func (l *life) bringFiles(ctx context.Context) *job.Failure {
	files := l.task.Order.Files
	if len(files) == 0 {
		return nil
	}
	blobs, err := storage.OpenBlobs(storeURL(l.cfg.Store, "files"))
	if err != nil {
		return setupFailure(l.key, err)
	}
	for _, f := range files {
		if f.Name == "" || f.Name == "." || f.Name == ".." || strings.ContainsAny(f.Name, "/\x00") {
			return job.Fail(job.FaultInput, "file %q: its name must be plain, without a folder", f.Name)
		}
		path := filepath.Join(l.workDir(), f.Name)
		if err := blobs.Fetch(ctx, f.Digest, path, 0o644); err != nil {
			return programFailure("file "+f.Name, err)
		}
	}
	return nil
}

// start execs the task's program.
func (l *life) start(ctx context.Context) *job.Failure {
	path := ownExecutable(l.cfg.Exe)
	if p := l.task.Order.Program; p.Builtin == "" {
		cached, release, err := l.programs.acquire(ctx, p.Digest)
		if err != nil {
			return programFailure("program "+p.Name, err)
		}
		defer release()
		path = cached
	}
	r, w, err := os.Pipe()
	if err != nil {
		return setupFailure(l.key, err)
	}
	defer func() { _ = w.Close() }() // the task has its own copy
	l.proc, err = l.spawn(ctx, taskproc.Config{Path: path, Env: l.environ(), Dir: l.workDir(), Stdout: w, Stderr: w})
	if err != nil {
		_ = r.Close()
		return l.startFailure(path, err)
	}
	l.pipe, l.drained = r, make(chan struct{})
	go func() { // waited for by drain
		defer close(l.drained)
		_, _ = io.Copy(l.output, r) // the log keeps its own errors; the pipe ends with the task
	}()
	pid := l.proc.PID()
	l.limitResources(pid)
	l.metrics.started.Inc()
	if l.key.Epoch > 1 {
		l.metrics.restarted.Inc()
	}
	l.table.Update(l.task, true, func(s *wire.TaskStatus) { s.PID = pid })
	l.log.Info("task started", "pid", pid)
	return nil
}

// environ returns the task's whole environment: the groom's own stays out of it.
func (l *life) environ() []string {
	env := map[string]string{
		"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"LANG": "C.UTF-8",
	}
	if limit := l.task.Order.Limits.Memory; limit > 0 {
		// The collector works harder before the kernel kills.
		env["GOMEMLIMIT"] = strconv.FormatInt(limit/10*9, 10)
	}
	maps.Copy(env, l.task.Order.Env)
	env["HOME"], env["TMPDIR"] = l.workDir(), l.tmpDir()
	env["BSP_TASK"] = "1"
	env["BSP_TASK_ID"] = taskName(l.key)
	env[markerEnv] = l.folder
	out := make([]string, 0, len(env))
	for name, value := range env {
		out = append(out, name+"="+value)
	}
	slices.Sort(out)
	return out
}

// spawn starts the process from a thread of its own, which is already what the
// task shall be: without a way to more privileges, and of lower priority.
func (l *life) spawn(ctx context.Context, cfg taskproc.Config) (p *taskproc.Proc, err error) {
	onOwnThread(func() {
		if err = lowerThread(); err == nil {
			p, err = l.exec(ctx, cfg)
		}
	})
	return p, err
}

// onOwnThread runs f on an OS thread that ends with it. The process's first thread
// cannot end, so f never gets that one.
func onOwnThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if unix.Gettid() != unix.Getpid() {
			f()
			return
		}
		defer runtime.UnlockOSThread()
		onOwnThread(f) // while this goroutine keeps the first thread busy
	}()
	<-done
}

// lowerThread makes the calling thread what its children shall be.
func lowerThread() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	prio, err := unix.Getpriority(unix.PRIO_PROCESS, 0) // 20 - nice
	if err != nil {
		return fmt.Errorf("priority: %w", err)
	}
	if err := unix.Setpriority(unix.PRIO_PROCESS, 0, min(20-prio+taskNice, 19)); err != nil {
		return fmt.Errorf("priority: %w", err)
	}
	return nil
}

// exec starts the process in its version 2 cgroup where the kernel can, and moves
// it into the others.
func (l *life) exec(ctx context.Context, cfg taskproc.Config) (*taskproc.Proc, error) {
	cfg.Adjust = l.adjust
	p, err := l.execInside(ctx, cfg)
	if errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EINVAL) {
		p, err = startProc(ctx, cfg) // the kernel, or a container's filter, has no clone3
	}
	if err != nil {
		return nil, err
	}
	if err := l.group.add(p.PID()); err != nil {
		err = errors.Join(err, p.Kill())
		_, waitErr := p.Wait()
		return nil, errors.Join(err, waitErr)
	}
	return p, nil
}

// adjust has the task run as its own user.
func (l *life) adjust(a *syscall.SysProcAttr) {
	if u := l.cfg.TaskUser; u != nil {
		a.Credential = &syscall.Credential{Uid: u.UID, Gid: u.GID}
	}
}

// execInside starts the process in its version 2 cgroup, if there is one: not even
// a child that it makes at once is missed then.
func (l *life) execInside(ctx context.Context, cfg taskproc.Config) (*taskproc.Proc, error) {
	unified := l.group.unifiedDir()
	if unified == "" {
		return startProc(ctx, cfg)
	}
	dir, err := os.Open(unified)
	if err != nil {
		return nil, fmt.Errorf("cgroup: %w", err)
	}
	defer func() { _ = dir.Close() }() // read only
	cfg.Adjust = func(a *syscall.SysProcAttr) {
		l.adjust(a)
		a.UseCgroupFD, a.CgroupFD = true, int(dir.Fd())
	}
	return startProc(ctx, cfg)
}

// startProc starts the process. A binary that was just written may be busy: a
// process forked meanwhile holds it open until it has exec'd.
func startProc(ctx context.Context, cfg taskproc.Config) (*taskproc.Proc, error) {
	for wait := time.Millisecond; ; wait *= 2 {
		// The process is killed by attend, not by the end of ctx.
		p, err := taskproc.Start(context.WithoutCancel(ctx), cfg)
		if !errors.Is(err, syscall.ETXTBSY) || wait > time.Second {
			return p, err
		}
		if err := pause(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// limitResources sets the limits that have no cgroup. They follow the start by
// some microseconds; the task waits for its orders meanwhile.
func (l *life) limitResources(pid int) {
	err := unix.Prlimit(pid, unix.RLIMIT_CORE, &unix.Rlimit{}, nil)
	var files unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &files) == nil {
		files.Max = min(files.Max, maxOpenFiles)
		files.Cur = files.Max
		err = errors.Join(err, unix.Prlimit(pid, unix.RLIMIT_NOFILE, &files, nil))
	}
	// The kernel counts this one by user, all that the user runs anywhere: it means
	// something only for a user that nothing else runs as, and it is for all its tasks.
	if l.cfg.TaskUser != nil && !l.cgroups.has(ctlPids) {
		n := uint64(max(l.task.Order.Limits.Procs, l.cfg.Procs*l.cfg.Slots))
		err = errors.Join(err, unix.Prlimit(pid, unix.RLIMIT_NPROC, &unix.Rlimit{Cur: n, Max: n}, nil))
	}
	// Root in a container may have no right to do this to another user's process.
	if errors.Is(err, unix.EPERM) {
		l.log.Warn("the task has no limits of processes, files and core dumps: give the groom CAP_SYS_RESOURCE", "error", err)
	}
}

// limits returns the order's limits, and the groom's own where it has none: a program
// that forks without end must not take the whole machine's processes.
func (l *life) limits() wire.Limits {
	limits := l.task.Order.Limits
	if limits.Procs <= 0 {
		limits.Procs = l.cfg.Procs * max(l.task.Peers(), 1)
	}
	return limits
}

// ownExecutable gives the running binary its name for people, as long as that
// still names the same file.
func ownExecutable(exe string) string {
	if exe != selfExe {
		return exe
	}
	name, err := os.Readlink(selfExe)
	if err != nil {
		return exe
	}
	now, err := os.Stat(name)
	if err != nil {
		return exe
	}
	if self, err := os.Stat(selfExe); err != nil || !os.SameFile(now, self) {
		return exe
	}
	return name
}
