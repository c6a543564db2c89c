package master

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/master/archive"
	"scalar/master/fsm"
	"scalar/storage"
)

// maxScan bounds the archive objects that one call of the list reads: of a namespace with
// few jobs among many a page may be short, and says where the next one begins.
const maxScan = 2000

// archives reads what is kept of jobs that the state no longer has.
type archives struct {
	dir   string // of the archive, in the store
	aside *asides
}

func openArchives(store string, aside *asides) (*archives, error) {
	root, err := storage.Path(store)
	if err != nil {
		return nil, err
	}
	return &archives{dir: filepath.Join(root, string(wire.StoreArchive)), aside: aside}, nil
}

// find returns a job's object. One that is not there is fs.ErrNotExist.
func (a *archives) find(ctx context.Context, id job.ID) (*archive.Object, error) {
	name, ok := wire.ArchiveName(id)
	if !ok {
		return nil, fs.ErrNotExist
	}
	return look(ctx, a.aside, func(context.Context) (*archive.Object, error) { return a.read(id, name) })
}

// read reads one object.
func (a *archives) read(id job.ID, name string) (*archive.Object, error) {
	path := filepath.Join(a.dir, name)
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > archive.MaxPacked {
		return nil, fmt.Errorf("%s: %w: %d bytes", path, archive.ErrObject, info.Size())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	o, err := archive.Decode(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if o.Info.ID != id {
		return nil, fmt.Errorf("%s: %w: it is of job %q", path, archive.ErrObject, o.Info.ID)
	}
	return &o, nil
}

// page is a part of a list.
type page struct {
	jobs []job.Info
	next job.ID // the page after begins before this job; empty: there is none
}

// list returns the newest archived jobs with a number below the given one that want takes,
// at most limit.
func (a *archives) list(ctx context.Context, below uint64, limit int, want func(job.Info) bool) (page, error) {
	return look(ctx, a.aside, func(ctx context.Context) (page, error) {
		p := page{jobs: []job.Info{}}
		folders, err := names(a.dir)
		if err != nil {
			return p, err
		}
		scanned := 0
		for _, folder := range slices.Backward(folders) {
			ids, err := a.folder(folder, below)
			if err != nil {
				return p, err
			}
			for _, id := range ids {
				if len(p.jobs) == limit || scanned == maxScan {
					return p, nil
				}
				scanned++
				p.next = id
				name, _ := wire.ArchiveName(id)
				o, err := a.read(id, name)
				switch {
				case errors.Is(err, fs.ErrNotExist): // past its time just now
				case err != nil:
					return p, err
				case want(o.Info):
					p.jobs = append(p.jobs, o.Info)
				}
				if ctx.Err() != nil {
					return p, ctx.Err()
				}
			}
		}
		p.next = ""
		return p, nil
	})
}

// folder returns the jobs in one folder with numbers below the given one, newest first.
func (a *archives) folder(folder string, below uint64) ([]job.ID, error) {
	files, err := names(filepath.Join(a.dir, folder))
	if err != nil {
		return nil, err
	}
	type numbered struct {
		id     job.ID
		number uint64
	}
	var list []numbered
	for _, f := range files {
		id, ok := wire.ArchivedJob(folder + "/" + f)
		if n, _ := wire.JobNumber(id); ok && n < below {
			list = append(list, numbered{id, n})
		}
	}
	slices.SortFunc(list, func(a, b numbered) int { return int(int64(b.number) - int64(a.number)) })
	ids := make([]job.ID, len(list))
	for i, n := range list {
		ids[i] = n.id
	}
	return ids, nil
}

// names returns the names in a folder, in the order of their numbers where they are
// numbers: by length first. A folder that is not there is empty.
func names(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	list := make([]string, len(entries))
	for i, e := range entries {
		list[i] = e.Name()
	}
	slices.SortFunc(list, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	return list, nil
}

// asJob returns what package master needs of an archived job to tell its logs.
func asJob(o *archive.Object) *fsm.Job {
	j := &fsm.Job{ID: o.Info.ID, Spec: o.Spec, State: o.Info.State, Epoch: job.Epoch(max(0, o.Info.Attempts)), Output: o.Info.Output}
	for _, p := range o.Info.Placement {
		j.Tasks = append(j.Tasks, fsm.Assignment{Peers: p.Peers, Groom: p.Groom})
	}
	return j
}

// found is a job that the state or the archive has.
type found struct {
	info     job.Info
	archived *archive.Object // nil: the state has it
}

// ownResult reports whether what the peers wrote is in the store, and where.
func (a *api) ownResult(f found) (url string, own bool) {
	if f.archived != nil {
		return f.info.Output, f.archived.Spec.Output == ""
	}
	j, known := a.node.State().Job(f.info.ID)
	return f.info.Output, known && j.Spec.Output == ""
}

// find is job for reads: it looks into the archive too.
func (a *api) find(ctx context.Context, c *call) (found, error) {
	info, err := a.job(c)
	if err == nil {
		return found{info: info}, nil
	}
	if e, ok := errors.AsType[*apiError](err); !ok || e.status != http.StatusNotFound {
		return found{}, err
	}
	id := job.ID(c.r.PathValue("id"))
	if _, known := a.node.State().Job(id); known {
		return found{}, err // in another namespace
	}
	o, lookErr := a.archives.find(ctx, id)
	switch {
	case errors.Is(lookErr, fs.ErrNotExist):
		return found{}, err
	case lookErr != nil:
		return found{}, fmt.Errorf("look up archived job %s: %w", id, lookErr)
	case !inNamespace(c.token, o.Info.Namespace):
		return found{}, err
	}
	return found{info: o.Info, archived: o}, nil
}
