package groom

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"scalar/bsp/job"
	"scalar/storage"
)

// programs keeps the binaries of recent jobs in a local folder, named by SHA-256
// and checked before first use in this incarnation. It holds at most limit bytes
// beside what is in use right now.
type programs struct {
	dir   string
	store string // URL of the programs folder in the store
	limit int64

	mu      sync.Mutex // guards what follows
	entries map[string]*program
	clock   int64 // grows with every use
	bytes   int64
	fetches int // programs copied from the store
}

// program is one binary, or one on its way.
type program struct {
	ready chan struct{} // closed when size and err are set; nil: from an earlier incarnation, not checked yet
	size  int64
	err   error
	users int   // tasks that are about to exec it
	used  int64 // programs.clock at the last use
}

// openPrograms removes what a broken fetch left and takes over the rest.
func openPrograms(dir, store string, limit int64) (*programs, error) {
	p := &programs{dir: dir, store: storeURL(store, "programs"), limit: limit, entries: map[string]*program{}}
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("program cache: %w", err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err == nil && info.Mode().IsRegular() && digestRule.MatchString(f.Name()) {
			p.entries[f.Name()] = &program{size: info.Size()}
			p.bytes += info.Size()
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, f.Name())); err != nil {
			return nil, fmt.Errorf("program cache: %w", err)
		}
	}
	p.evict()
	return p, nil
}

var digestRule = regexp.MustCompile(`^[0-9a-f]{64}$`)

// intact reports whether the file holds what its name says.
func (p *programs) intact(name string) bool {
	f, err := os.Open(filepath.Join(p.dir, name))
	if err != nil {
		return false
	}
	digest, _, err := storage.Digest(f)
	return errors.Join(err, f.Close()) == nil && digest == name
}

// acquire returns the path of a program, which stays until release is called.
// Any number of callers share one fetch; it belongs to the first of them, and
// when that one gives up the next takes over.
func (p *programs) acquire(ctx context.Context, digest string) (path string, release func(), err error) {
	for {
		e, mine := p.use(digest)
		if mine {
			p.fetch(ctx, digest, e)
		}
		select {
		case <-e.ready:
		case <-ctx.Done():
			p.release(e)
			return "", nil, context.Cause(ctx)
		}
		if e.err == nil {
			return filepath.Join(p.dir, digest), func() { p.release(e) }, nil
		}
		p.release(e)
		if !mine && errors.Is(e.err, context.Canceled) && ctx.Err() == nil {
			continue
		}
		return "", nil, e.err
	}
}

// use counts a user of a program. mine tells the caller to fetch it for all.
func (p *programs) use(digest string) (e *program, mine bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e = p.entries[digest]
	if e == nil {
		e = &program{}
		p.entries[digest] = e
	}
	if mine = e.ready == nil; mine {
		e.ready = make(chan struct{})
		p.bytes -= e.size
		e.size = 0
	}
	p.clock++
	e.users, e.used = e.users+1, p.clock
	return e, mine
}

// fetch copies a program from the store, unless it is there, and closes e.ready.
func (p *programs) fetch(ctx context.Context, digest string, e *program) {
	var err error
	path := filepath.Join(p.dir, digest)
	fetched := !p.intact(digest)
	if fetched {
		var blobs *storage.Blobs
		if blobs, err = storage.OpenBlobs(p.store); err == nil {
			err = blobs.Fetch(ctx, digest, path, 0o555)
		}
	}
	var size int64
	if err == nil {
		var info fs.FileInfo
		if info, err = os.Stat(path); err == nil {
			size = info.Size()
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	e.size, e.err = size, err
	if err != nil {
		delete(p.entries, digest)
	}
	p.bytes += size
	if fetched && err == nil {
		p.fetches++
	}
	close(e.ready)
	p.evict()
}

func (p *programs) release(e *program) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e.users--
	p.evict()
}

// evict removes the programs that were not used for longest until the cache is
// inside its limit. The caller holds p.mu, or is alone.
func (p *programs) evict() {
	for p.bytes > p.limit {
		oldest := ""
		for digest, e := range p.entries {
			if e.users == 0 && e.size > 0 && (oldest == "" || e.used < p.entries[oldest].used) {
				oldest = digest
			}
		}
		if oldest == "" {
			return
		}
		p.bytes -= p.entries[oldest].size
		delete(p.entries, oldest)
		_ = os.Remove(filepath.Join(p.dir, oldest)) // the next start removes it
	}
}

// usage returns the bytes that the cache holds, and how many programs were fetched.
func (p *programs) usage() (bytes int64, fetches int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bytes, p.fetches
}

// programFailure says what to do about a program or file that cannot be had.
func programFailure(what string, err error) *job.Failure {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return job.Fail(job.FaultProgram, "%s is not in the store: submit the job again", what).WithCode(job.ExitNotFound)
	case errors.Is(err, storage.ErrDigest):
		return job.Fail(job.FaultProgram, "%s is damaged in the store: remove it there and submit the job again (%v)", what, err)
	default:
		return job.Fail(job.FaultGroom, "fetch %s: %v", what, err)
	}
}

// storeURL returns the URL of a folder in the store.
func storeURL(store string, elems ...string) string {
	return strings.TrimRight(store, "/") + "/" + strings.Join(elems, "/")
}
