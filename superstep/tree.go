package superstep

// Tasks end a superstep in one of two ways. All to all: a mark on every link, T(T-1)
// frames, one hop. Over a tree: T-1 ballots up and T-1 verdicts down, two hops a level,
// and marks on links that need one. docs/decisions/0014-ballots-over-a-tree.md has
// figures.
const (
	treeTasks  = 4       // fewer always tell each other: measured, 3 take a quarter longer over a tree
	treeFan    = 16      // tasks right below one: bounds what it sends and waits for one by one
	treeValues = 1 << 10 // bytes of a task's values in a ballot; more go to everybody by mark, or the root would send them all
)

// tree is a task's place in the tree of all tasks, a function of their number: the
// first task of a range is above the others, which are cut into ranges again. So a task
// and those below it are neighbours, and so are their peers.
type tree struct {
	tasks Range   // the task and all below it
	above int     // the task right above; -1: none, this is the root
	below []Range // a range for each task right below, which is its first
}

func newTree(task, tasks int) tree {
	t := tree{tasks: Range{0, tasks}, above: -1}
	for {
		t.below = cut(Range{t.tasks.Lo + 1, t.tasks.Hi})
		if t.tasks.Lo == task {
			return t
		}
		t.above = t.tasks.Lo
		for _, r := range t.below {
			if r.has(uint32(task)) {
				t.tasks = r
			}
		}
	}
}

// under returns the tasks below which task is the first, if it is right below.
func (t *tree) under(task int) (Range, bool) {
	for _, r := range t.below {
		if r.Lo == task {
			return r, true
		}
	}
	return Range{}, false
}

// cut splits r into at most treeFan ranges, none empty, as equal as can be.
func cut(r Range) (parts []Range) {
	n := min(treeFan, r.len())
	for i := range n {
		parts = append(parts, Range{r.Lo + i*r.len()/n, r.Lo + (i+1)*r.len()/n})
	}
	return parts
}

// treePays chooses the way of the superstep behind one in which so many links needed a
// mark: that with fewer frames. All tasks know both numbers, and so agree.
func treePays(tasks int, links uint64) bool {
	n := uint64(tasks)
	return tasks >= treeTasks && links+2*(n-1) < n*(n-1)
}

// tooLarge says whether a task's values are too much for ballots.
func tooLarge(values [][]byte) bool {
	n := 0
	for _, v := range values {
		n += len(v)
	}
	return n > treeValues
}
