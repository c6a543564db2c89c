package bsp

const (
	memoryBudget = 256 << 20 // of each peer
	budgetShare  = 4         // of the memory limit, messages may take one in so many
	arenaShare   = 2         // and the arena one in so many
	spillShare   = 64        // memory budgets that may wait on disk in one superstep
)

// budgets returns how many bytes of messages a task of some peers may have in memory,
// and how many may wait on its disk. limit is Go's memory limit, which the groom sets
// below the task's own.
func budgets(o *options, peers int, limit int64) (memory, disk int64) {
	each := o.budget
	if each == 0 {
		each = min(memoryBudget, max(limit/budgetShare/int64(peers), 1<<20))
	}
	spill := o.spill
	if spill == 0 {
		spill = each * spillShare
	}
	return each * int64(peers), spill * int64(peers)
}
