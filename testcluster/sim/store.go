package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"scalar/bsp/job"
	"scalar/groom/table"
)

// store is the storage that all daemons share: folders with files of one number each.
type store struct {
	w       *World
	bad     bool // its operations fail
	folders map[string]map[string]file
	outputs map[string]output // committed, by URL
	refused map[job.ID]bool   // jobs with an order that failed
	late    map[string]late   // folders written after the end of their job
}

// late says who wrote what nobody waits for, and under which leader.
type late struct {
	by    *proc
	reign uint64
}

type file struct {
	value     uint64
	superstep int
	epoch     job.Epoch
	damaged   bool
}

// output is what a committed one holds.
type output struct {
	owner table.Owner
	files map[string]file
}

func newStore(w *World) *store {
	return &store{w: w, folders: map[string]map[string]file{}, outputs: map[string]output{}, refused: map[job.ID]bool{}, late: map[string]late{}}
}

// write puts a peer's file into a folder and returns its URL.
func (s *store) write(by *proc, dir string, peer int, f file) string {
	if s.folders[dir] == nil {
		s.folders[dir] = map[string]file{}
	}
	name := partName(peer)
	s.folders[dir][name] = f
	s.w.trace("writes", -1, uint64(peer), dir)
	if j, ok := s.w.check.state.Job(jobIn(dir)); ok && j.State.Final() {
		s.late[dir] = late{by, s.w.check.reign}
		s.w.count("files written after the job's end by a task not yet reached")
	}
	return dir + "/" + name
}

func partName(peer int) string { return fmt.Sprintf("part-%05d", peer) }

// file returns a file as it was written; false: it is not there.
func (s *store) file(path string) (file, bool) {
	slash := strings.LastIndexByte(path, '/')
	f, ok := s.folders[path[:slash]][path[slash+1:]]
	return f, ok
}

// read is file for one who checks sums.
func (s *store) read(path string) (file, bool) {
	f, ok := s.file(path)
	return f, ok && !f.damaged
}

// do carries out an order about storage.
func (s *store) do(g *groom, k *table.Work) *job.Failure {
	f := s.try(g, k)
	if f != nil {
		s.refused[k.Order.Job] = true
	}
	return f
}

func (s *store) try(g *groom, k *table.Work) *job.Failure {
	if s.bad && s.w.chance(0.5) || g.bad && s.w.chance(0.2) {
		s.w.count("storage orders that failed")
		return job.Fail(job.FaultOutput, "input/output error")
	}
	if k.Order.Commit != nil {
		return s.commit(k)
	}
	for _, url := range k.Order.Remove {
		s.remove(url)
	}
	return nil
}

func (s *store) remove(url string) {
	s.w.trace("removes", -1, 0, url)
	maps.DeleteFunc(s.folders, func(dir string, _ map[string]file) bool {
		is := dir == url || strings.HasPrefix(dir, url+"/")
		if _, late := s.late[dir]; is && late {
			s.w.count("folders with such files removed when the task was reached")
			delete(s.late, dir)
		}
		return is
	})
}

// commit makes a temporary folder an output, as storage.CommitOutput does.
func (s *store) commit(k *table.Work) *job.Failure {
	c := k.Order.Commit
	if done, ok := s.outputs[c.Output]; ok {
		if done.owner == k.Owner {
			s.w.count("commits repeated")
			return nil
		}
		return job.Fail(job.FaultOutput, "output %s exists", c.Output).WithCode(job.ExitUsage)
	}
	tmp := s.folders[c.Tmp]
	out := output{k.Owner, map[string]file{}}
	for _, p := range c.Parts {
		name := p.Path[strings.LastIndexByte(p.Path, '/')+1:]
		f, ok := tmp[name]
		if !ok || uint32(f.value) != p.CRC {
			return job.Fail(job.FaultOutput, "part %s: not as it was written", p.Path)
		}
		out.files[name] = f
	}
	delete(s.folders, c.Tmp)
	s.outputs[c.Output] = out
	s.w.trace("output committed", -1, uint64(k.Order.Epoch), string(k.Order.Job))
	s.w.count("outputs committed")
	s.w.check.committed(k, out)
	return nil
}

// damage flips a bit in one of the checkpoints' files.
func (s *store) damage() {
	var dirs []string
	for dir := range s.folders {
		if strings.HasPrefix(dir, storeURL+"/checkpoints/") {
			dirs = append(dirs, dir)
		}
	}
	if len(dirs) == 0 {
		return
	}
	slices.Sort(dirs)
	dir := dirs[s.w.rng.IntN(len(dirs))]
	names := slices.Sorted(maps.Keys(s.folders[dir]))
	name := names[s.w.rng.IntN(len(names))]
	f := s.folders[dir][name]
	f.damaged = true
	s.folders[dir][name] = f
	s.w.count("checkpoint files damaged")
	s.w.trace("damaged", -1, 0, dir)
}

// left says what of jobs that have ended is there still; "": nothing but outputs, and
// what masters do not promise to remove: after a removal that failed, and what a task
// wrote after the end of its job when its groom died before any leader heard of that,
// or the leader that had heard was followed by another.
func (s *store) left() string {
	for _, dir := range slices.Sorted(maps.Keys(s.folders)) {
		late, is := s.late[dir]
		if s.refused[jobIn(dir)] || is && (late.by.dead || late.reign != s.w.check.reign) {
			continue
		}
		return "folder " + dir + " is left"
	}
	return ""
}

// jobIn returns the job that a folder is of.
func jobIn(dir string) job.ID {
	if rest, ok := strings.CutPrefix(dir, storeURL+"/checkpoints/"); ok {
		id, _, _ := strings.Cut(rest, "/")
		return job.ID(id)
	}
	_, rest, _ := strings.Cut(dir, ".tmp-")
	return job.ID(rest[:strings.LastIndexByte(rest, '-')])
}

// clear removes everything; people have taken their outputs.
func (s *store) clear() {
	for range s.folders {
		s.w.count("folders left")
	}
	clear(s.folders)
	clear(s.outputs)
	clear(s.refused)
	clear(s.late)
}
